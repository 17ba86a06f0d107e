"""When an approved case is to appear, over REST: told, moved once, by who may."""

import datetime as dt

import pytest

from engine import channels, commands, installation, queries
from tests.webui.scenes import ASKED, DRAFT, SOP

DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
WHY = "Bersamaan dengan rapat."


def text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


@pytest.fixture
def case(pe, people, rest):
    """One that waits at its timer for the day after tomorrow."""
    channels.seed_channels(pe, NOW, "kpu")
    installation.deploy_shipped(pe, NOW, installation.MODELS / SOP)
    id = commands.start(pe, people["ketua"], NOW, key=SOP).id
    for who, values in (("ketua", ASKED | {"kanal": ["website"]}), ("kasubbag", {"penulis": None, "arahan": ""}), ("penulis", DRAFT | {"jenis": "berita"}),
                        ("webadmin", {"terbit_pada": (NOW + 2 * DAY).isoformat()})):
        commands.complete(pe, people[who], NOW, queries.tasks(pe, people["admin"], instance_id=id).rows[0]["id"], values)
    return f"/process-instance/{id}/publication-time"


def test_a_case_is_moved_by_who_decides_on_it_and_once(rest, case):
    told = rest.get(case, "webadmin")
    assert told == {"at": text(NOW + 2 * DAY), "channels": [{"id": "website", "name": "Website"}], "problem": None}
    wanted = {"at": text(NOW + 3 * DAY), "was": told["at"], "reason": WHY}
    done = rest("PUT", case, "webadmin", json=wanted)
    assert (done.status_code, done.json) == (200, {"at": wanted["at"], "changed": True, "held": []})
    assert rest("PUT", case, "webadmin", json=wanted).json["changed"] is False and rest.get(case, "webadmin")["at"] == wanted["at"]
    late = wanted | {"at": text(NOW + 4 * DAY)}  # somebody else who saw the first time
    assert "dipindahkan" in rest.refused(409, "PUT", case, "webadmin", json=late)
    assert rest.get(case, "webadmin")["at"] == wanted["at"]


def test_a_bad_time_is_told_at_its_field_and_changes_nothing(rest, case):
    good = {"at": text(NOW + 3 * DAY), "reason": WHY}
    for wrong, field in (({"at": text(NOW - DAY)}, "at"), ({"at": "besok"}, "at"), ({"at": "9999-12-31T23:59:59-14:00"}, "at"),
                         ({"at": "2027-01-01T09:00:00"}, "at"), ({"was": "kemarin"}, "was"), ({"reason": " "}, "reason")):
        answer = rest("PUT", case, "webadmin", json=good | wrong)
        assert (answer.status_code, answer.json["field"]) == (400, field), wrong
    for wrong in ({"at": 7}, {"reason": None}, {"alasan": "x"}):
        rest.refused(400, "PUT", case, "webadmin", json=good | wrong)
    assert rest.get(case, "webadmin")["at"] == text(NOW + 2 * DAY)


def test_who_does_not_decide_may_not_and_a_stranger_to_the_case_knows_nothing_of_it(rest, case):
    wanted = {"at": text(NOW + 3 * DAY), "reason": WHY}
    rest.refused(403, "PUT", case, "penulis", json=wanted)
    rest.refused(403, "GET", case, "penulis")
    rest.refused(404, "PUT", "/process-instance/tidak-ada/publication-time", "webadmin", json=wanted)
    rest.refused(401, "PUT", case, None, json=wanted)
