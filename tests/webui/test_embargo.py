"""The page of embargo and masa tenang, and what tasks and the board say of it."""

import datetime as dt

from engine import commands, queries, settings
from tests.webui.scenes import ASKED

PAGE = "/publications/embargo"
HOSTILE = "Masa tenang <script>alert(1)</script>"


def sent(**changed):
    day = dt.datetime.now().date()
    return {"from": f"{day - dt.timedelta(days=1)}T00:00", "to": f"{day + dt.timedelta(days=3)}T00:00", "reason": HOSTILE} | changed


def test_an_admin_sets_a_window_which_tasks_say_and_takes_it_away(pe, people, sop, now, signed_in):
    admin = signed_in("admin")
    assert admin.post(PAGE, sent(), token_from=PAGE).status_code == 303
    page = admin.get(PAGE).text
    assert "Sedang berlaku" in page and "Semua kanal" in page and "<script>alert" not in page and "&lt;script&gt;" in page
    kept, = settings.get(pe, "kpu")["embargo"]["windows"]
    id = commands.start(pe, people["ketua"], now, key="penerbitan-informasi").id
    commands.complete(pe, people["ketua"], now, queries.tasks(pe, people["admin"], instance_id=id).rows[0]["id"], ASKED | {"kanal": ["website"]})
    task = queries.tasks(pe, people["admin"], instance_id=id).rows[0]["id"]
    assert "Penerbitan ditahan sampai" in signed_in("kasubbag").get(f"/tasks/{task}").text
    gone = {name: kept[name] for name in ("from", "to", "reason")}
    for _ in range(2):  # pressed twice
        assert admin.post(f"{PAGE}/remove", gone, token_from=PAGE).status_code == 303
    assert settings.get(pe, "kpu")["embargo"]["windows"] == []
    assert "Penerbitan ditahan" not in signed_in("kasubbag").get(f"/tasks/{task}").text


def test_what_is_wrong_is_said_at_its_field_and_stays_typed(signed_in):
    admin = signed_in("admin")
    for wrong, field in (({"from": "kapan-kapan"}, "from"), ({"to": "2001-01-01T00:00"}, "to"), ({"reason": ""}, "reason")):
        answer = admin.post(PAGE, sent(**wrong), token_from=PAGE)
        assert answer.status_code == 400 and f'id="{field}-error"' in answer.text
    assert "Tidak ada. Yang disetujui" in admin.get(PAGE).text
    assert signed_in("webadmin").get(PAGE).status_code == 403
