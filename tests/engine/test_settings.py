"""An office's settings: defaults, what is refused, who may change them, how fresh they are."""

import pytest
import sqlalchemy as sa

from bpmn.errors import Forbidden, Invalid, NotFound
from engine import settings
from engine.store import read
from engine.tables import event
from tests.conftest import on_databases

TENANT = "kpu"


def problems(pe, admin, now, section, value):
    with pytest.raises(Invalid) as caught:
        settings.change(pe, admin, now, section, value)
    return {problem.where["field"] for problem in caught.value.problems or [caught.value]}


@on_databases
def test_what_is_not_set_is_the_default_and_a_change_holds_at_once(pe, people, now):
    before = settings.get(pe, TENANT)
    assert before.keys() == settings.DEFAULTS.keys()
    assert before["phrases"]["return"] and before["reminders"]["before_percent"] == 80
    settings.change(pe, people["admin"], now, "phrases", {"return": ["  Ulangi.  ", ""]})
    after = settings.get(pe, TENANT)["phrases"]
    assert after["return"] == ["Ulangi."] and after["approve"] == before["phrases"]["approve"]


def test_a_change_is_recorded_with_what_was(pe, people, now):
    settings.change(pe, people["admin"], now, "letterhead", {"place": "Jakarta"})
    settings.change(pe, people["admin"], now, "letterhead", {"place": "Pulau Pramuka"})
    with read(pe) as db:
        last = db.execute(sa.select(event.c.type, event.c.actor, event.c.data).order_by(event.c.id.desc())).first()
    assert last == ("settings.changed", "admin", {"section": "letterhead", "from": {"place": "Jakarta"}, "to": {"place": "Pulau Pramuka"}})


def test_only_an_admin_changes_settings(pe, people, now):
    for name in ("ketua", "pemilik", "analis"):
        with pytest.raises(Forbidden):
            settings.change(pe, people[name], now, "letterhead", {"place": "Jakarta"})
    with pytest.raises(NotFound):
        settings.change(pe, people["admin"], now, "rahasia", {})


@pytest.mark.parametrize("section, value, fields", [
    ("letterhead", {"place": "a\nb"}, {"place"}),
    ("letterhead", {"lines": "KPU"}, {"lines"}),
    ("letterhead", {"logo": "x"}, {"logo"}),
    ("letterhead", {"lines": ["x"] * 7}, {"lines"}),
    ("letterhead", {"seal": "x"}, {"letterhead"}),
    ("numbering", {"nota-dinas": "ND/{tahun}"}, {"nota-dinas"}),
    ("phrases", {"return": ["x" * 501]}, {"return"}),
    ("phrases", {"return": ["x"] * 51}, {"return"}),
    ("reminders", {"before_percent": 100, "escalate_minutes": -1}, {"before_percent", "escalate_minutes"}),
    ("reminders", {"before_percent": True, "at_due": 1}, {"before_percent", "at_due"}),
    ("calendar", {"zone": "Asia/Atlantis"}, {"zone"}),
    ("calendar", {"week": [[["07:30", "16:00"]]] * 6}, {"week"}),
    ("calendar", {"week": [[["07:30", "7"]]] + [[]] * 6}, {"week-0"}),
    ("calendar", {"week": [[["07:30", "12:00"], ["11:00", "16:00"]], *[[]] * 6]}, {"week-0"}),
    ("calendar", {"ramadan_week": [[]] * 7}, {"ramadan_week-0"}),
    ("calendar", {"days": {"2026-02-30": {"name": "Libur", "spans": []}}}, {"date"}),
    ("calendar", {"days": {"2026-02-20": {"name": " ", "spans": []}}}, {"name"}),
    ("calendar", {"days": {"2026-02-20": {"name": "Lembur", "spans": [["12:00", "08:00"]]}}}, {"day-2026-02-20"}),
])
def test_what_makes_no_sense_is_refused_by_field(pe, people, now, section, value, fields):
    before = settings.get(pe, TENANT)
    assert problems(pe, people["admin"], now, section, value) == fields
    assert settings.get(pe, TENANT) == before


def test_what_is_kept_is_asked_for_again_after_some_seconds(pe, people, now, monkeypatch):
    settings.get(pe, TENANT)
    count = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda *a: count.append(a[2]))
    settings.get(pe, TENANT)
    assert not count
    ahead = settings.time.monotonic() + settings.KEPT_SECONDS + 1
    monkeypatch.setattr(settings.time, "monotonic", lambda: ahead)
    settings.get(pe, TENANT)
    assert len(count) == 1
