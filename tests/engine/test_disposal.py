"""Cases whose time of keeping is over go wholly, nothing else goes, and both chains are verified after it."""

import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import archive, audit_chain, disposal, files, ids, keeping, sessions, settings
from engine import people as accounts
from engine.process_engine import Actor
from engine.store import record, run
from engine.tables import (
    activity,
    comment,
    disposal_file,
    document,
    event,
    incident,
    job,
    metadata,
    notice,
    process_instance,
    publication,
    seen,
)
from tests.conftest import on_databases
from tests.engine.a_case import DEFINITION, make_case, make_definition, make_task

DAY = dt.timedelta(days=1)
KEY = "penerbitan-informasi"


@pytest.fixture
def office(pe, people, now):
    """A procedure whose cases are kept for 30 days."""
    make_definition(pe, now - 900 * DAY)
    keeping.set_rule(pe, people["admin"], now - 100 * DAY, KEY, days=30, published=False, reason="JRA 2026")
    return people["admin"]


def ended(pe, now, number, days=40, text=None, **values):
    """A case that ended so many days ago, with a row in each table that a case has."""
    begun = now - (days + 1) * DAY
    case = make_case(pe, begun, business_key=f"INF-2026-{number:04}")
    task = make_task(pe, begun, case)
    content = (text or f"isi {number}").encode()
    kept = files.keep_bytes(pe.folder, content)
    named = {"name": "isi.txt", "sha256": kept.sha256, "size": kept.size}

    def write(db):
        db.execute(sa.insert(document), {"id": ids.new_id(begun), "tenant_id": "kpu", "instance_id": case, "variable": "naskah",
                                         "media_type": "text/plain", "uploaded_at": begun, **named})
        archive.append(db, "kpu", begun, "document", case, {"n": number}, [named])
        record(db, Actor.system(), begun, "instance.started", instance_id=case)
        record(db, Actor.system(), begun, "task.completed", instance_id=case, activity_instance_id=task)
        db.execute(sa.insert(comment), {"id": ids.new_id(begun), "tenant_id": "kpu", "instance_id": case, "author": "ketua", "text": "x",
                                        "mentions": [], "created_at": begun})
        db.execute(sa.insert(notice), {"id": ids.new_id(begun), "tenant_id": "kpu", "key": task, "user_id": "ketua", "channel": "email",
                                       "kind": "task", "task_id": task, "data": {}, "state": "sent", "due_at": begun})
        db.execute(sa.insert(seen), {"user_id": "ketua", "kind": "task", "subject_id": task, "at": begun})
        db.execute(sa.insert(publication), {"id": ids.new_id(begun), "tenant_id": "kpu", "instance_id": case, "channel_id": "website",
                                            "connector": "site", "state": "withdrawn", "content_sha256": "0" * 64, "updated_at": begun})
        db.execute(sa.update(activity).where(activity.c.id == task).values(ended_at=now - days * DAY))
        db.execute(sa.update(process_instance).where(process_instance.c.id == case).values(
            **{"ended_at": now - days * DAY, "end_reason": "completed", "counted": True, "state": None} | values))

    run(pe, write)
    return case


def age_files(pe, now):
    """As though all bytes had been kept long ago."""
    import os
    for path in (pe.folder / "archive").glob("??/*"):
        os.utime(path, ((now - 50 * DAY).timestamp(),) * 2)


def dispose(pe, admin, now, **kwargs):
    made = disposal.freeze(pe, admin, now, **kwargs)
    disposal.start(pe, admin, now, made, "JRA 2026")
    age_files(pe, now)
    finish(pe, now)
    return made


def finish(pe, now):
    ticks = iter(range(10_000))
    disposal.work(pe, lambda: now + dt.timedelta(milliseconds=next(ticks)))


def there(pe):
    with pe.db.connect() as db:
        return set(db.scalars(sa.select(process_instance.c.id)))


@on_databases
def test_a_case_goes_with_all_that_names_it_and_both_chains_hold(pe, now, office):
    goes, shares, stays = ended(pe, now, 1), ended(pe, now, 2, text="sama"), ended(pe, now, 3, days=20, text="sama")
    audit_chain.seal(pe, now)
    made = dispose(pe, office, now)
    assert there(pe) == {stays}
    with pe.db.connect() as db:
        tasks = set(db.scalars(sa.select(activity.c.id)))
        for table in metadata.sorted_tables:
            for column in ("instance_id", "task_id", "subject_id"):
                if column in table.c and table.name not in ("archive_entry", "disposal_case", "batch_item"):
                    left = set(db.scalars(sa.select(table.c[column]))) - {None, stays} - tasks
                    assert left <= ({goes, shares} if table.name == "event" else set()), table.name
        assert set(db.scalars(sa.select(event.c.type).where(event.c.instance_id.in_([goes, shares])))) == {"archive.appended"}
        told = db.execute(sa.select(event.c.data).where(event.c.type == "instance.disposed")).scalars().all()
        bytes_of = dict(db.execute(sa.select(disposal_file.c.name, disposal_file.c.state).where(
            disposal_file.c.disposal_id == made, disposal_file.c.sha256 == files.hashlib.sha256(b"isi 1").hexdigest())).all())
    assert {each["case"] for each in told} == {"INF-2026-0001", "INF-2026-0002"} and all(len(each["events"]) == 2 for each in told)
    assert bytes_of == {"isi.txt": "gone"}
    assert files.fault(pe.folder, files.hashlib.sha256(b"isi 1").hexdigest()) == "missing"
    assert files.fault(pe.folder, files.hashlib.sha256(b"sama").hexdigest()) is None  # another case names it, too
    found = disposal.get(pe, office, made)
    assert (found["state"], found["total"], found["gone"], found["kept"], found["files_gone"], found["files_kept"]) == ("done", 2, 2, 0, 1, 1)
    assert list(audit_chain.verify(pe)) == [] and archive.verify(pe) == []
    audit_chain.seal(pe, now)
    assert list(audit_chain.verify(pe)) == []
    assert {row["business_key"] for row in disposal.export(pe, office, now, made)} == {"INF-2026-0001", "INF-2026-0002"}
    files.path(pe.folder, files.hashlib.sha256(b"sama").hexdigest()).unlink()  # a loss is found as before
    assert {each.code for each in archive.verify(pe)} == {"missing-file"}


@on_databases
def test_whatever_speaks_for_a_case_keeps_it(pe, now, office):
    kept = {"early": ended(pe, now, 1, days=29), "running": ended(pe, now, 2, ended_at=None, state="{}"),
            "uncounted": ended(pe, now, 3, counted=False)}
    for number, why in enumerate(("held", "incident", "owes", "referred", "published"), 4):
        kept[why] = ended(pe, now, number)
    about = ended(pe, now, 20, days=3, about_id=kept["referred"])
    common = {"id": ids.new_id(now), "tenant_id": "kpu"}
    with pe.db.begin() as db:
        db.execute(sa.insert(incident), {**common, "instance_id": kept["incident"], "type": "failedJob", "message": "x", "opened_at": now})
        db.execute(sa.insert(job), {**common, "instance_id": kept["owes"], "type": "message", "payload": {}, "state": "open",
                                    "due_at": now, "retries": 1, "created_at": now})
        db.execute(sa.update(publication).where(publication.c.instance_id == kept["published"]).values(state="published"))
    hold = keeping.hold(pe, office, now, case="INF-2026-0004", reason="sengketa")
    with pe.db.connect() as db:
        why = dict(db.execute(sa.select(process_instance.c.id, keeping.why_not(now, keeping.rules(db, "kpu")))).all())
    assert {id: name for name, id in kept.items()} | {about: "early"} == why
    mine = next(each for each in keeping.due(pe, office, now) if each["key"] == KEY)
    assert (mine["due"], mine["days"], mine["own"]) == (0, 30, True)
    assert mine["kept"] == dict.fromkeys(("held", "incident", "owes", "referred", "published", "uncounted"), 1)
    with pytest.raises(Conflict):
        disposal.freeze(pe, office, now)
    keeping.lift(pe, office, now, hold, "sengketa selesai")
    hold = keeping.hold(pe, office, now, key=KEY, reason="audit BPK")
    with pytest.raises(Conflict):
        disposal.freeze(pe, office, now)
    keeping.lift(pe, office, now, hold, "audit selesai")
    assert {(row["reason"], row["lift_reason"]) for row in keeping.holds(pe, office).rows} == {
        ("sengketa", "sengketa selesai"), ("audit BPK", "audit selesai")}
    keeping.set_rule(pe, office, now, KEY, days=30, published=True, reason="halaman ikut turun")
    dispose(pe, office, now)
    assert there(pe) == set(kept.values()) - {kept["held"], kept["published"]} | {about}


@on_databases
def test_what_changed_since_the_list_was_frozen_stays(pe, now, office):
    goes, held, corrected = (ended(pe, now, number) for number in (1, 2, 3))
    made = disposal.freeze(pe, office, now)
    late = ended(pe, now, 4)  # not in the list: never touched
    keeping.hold(pe, office, now, case="INF-2026-0002", reason="sengketa")
    about = ended(pe, now, 5, ended_at=None, state="{}", about_id=corrected)
    disposal.start(pe, office, now, made, "JRA 2026")
    finish(pe, now)
    assert there(pe) == {held, corrected, late, about} and goes not in there(pe)
    assert {row["instance_id"]: row["why"] for row in disposal.cases(pe, office, made, state="kept").rows} == {
        held: "held", corrected: "referred"}


def test_a_list_is_stopped_gone_on_with_and_dropped(pe, now, office, monkeypatch):
    for number in range(5):
        ended(pe, now, number)
    monkeypatch.setattr(disposal, "CASES", 2)
    made = disposal.freeze(pe, office, now)
    finish(pe, now)
    assert len(there(pe)) == 5  # only shown
    disposal.start(pe, office, now, made, "JRA 2026")
    run(pe, lambda db: disposal._some_cases(db, now, made, "kpu"))
    disposal.stop(pe, office, now, made)
    finish(pe, now)
    assert len(there(pe)) == 3 and disposal.get(pe, office, made)["state"] == "stopped"
    disposal.start(pe, office, now, made, "lanjut")
    finish(pe, now)
    assert there(pe) == set() and disposal.get(pe, office, made)["state"] == "done"
    with pytest.raises(Conflict):
        disposal.start(pe, office, now, made, "sekali lagi")
    ended(pe, now, 9)
    other = disposal.freeze(pe, office, now)
    disposal.drop(pe, office, now, other)
    finish(pe, now)
    assert len(there(pe)) == 1


def test_what_fails_midway_leaves_the_case_whole(pe, now, office, monkeypatch):
    ended(pe, now, 1)
    made = disposal.freeze(pe, office, now)
    disposal.start(pe, office, now, made, "JRA 2026")
    real, monkeypatched = disposal._delete, monkeypatch

    def broken(db, of, events):
        real(db, of, events)
        raise RuntimeError("power is out")

    monkeypatched.setattr(disposal, "_delete", broken)
    with pytest.raises(RuntimeError):
        finish(pe, now)
    assert len(there(pe)) == 1 and disposal.get(pe, office, made)["open"] == 1
    monkeypatched.setattr(disposal, "_delete", real)
    finish(pe, now)
    assert there(pe) == set() and list(audit_chain.verify(pe)) == []


def test_bytes_that_came_again_just_now_stay(pe, now, office):
    ended(pe, now, 1)
    made = disposal.freeze(pe, office, now)
    disposal.start(pe, office, now, made, "JRA 2026")
    finish(pe, now)  # the bytes were kept a moment ago, as when somebody uploads the same file
    assert files.fault(pe.folder, files.hashlib.sha256(b"isi 1").hexdigest()) is None
    assert disposal.get(pe, office, made)["files_kept"] == 1


@pytest.mark.service
@pytest.mark.parametrize("pe", ["postgres"], indirect=True)
def test_who_corrects_a_case_at_the_same_moment_keeps_it(pe, now, office):
    case = ended(pe, now, 1)
    made = disposal.freeze(pe, office, now)
    disposal.start(pe, office, now, made, "JRA 2026")
    with pe.db.connect() as correcting:  # as `commands.instances.check_about` does
        correcting.execute(sa.select(process_instance.c.id).where(process_instance.c.id == case).with_for_update(key_share=True))
        worker = threading.Thread(target=finish, args=(pe, now))
        worker.start()
        worker.join(0.3)
        assert worker.is_alive()
        correcting.execute(sa.insert(process_instance), {
            "id": ids.new_id(now), "tenant_id": "kpu", "definition_id": DEFINITION, "definition_key": KEY, "business_key": "RAL-1",
            "version": 1, "state": "{}", "variables": "{}", "started_at": now, "about_id": case})
        correcting.commit()
        worker.join()
    assert case in there(pe)


@on_databases
@pytest.mark.parametrize("said", [lambda *of: keeping.hold(*of, key=KEY, reason="Sengketa"),
                                  lambda *of: keeping.set_rule(*of, KEY, days=900, published=False, reason="JRA baru")])
def test_once_a_procedure_is_held_or_kept_longer_no_case_of_it_goes(pe, now, office, monkeypatch, said):
    for number in range(3):
        ended(pe, now, number)
    monkeypatch.setattr(disposal, "CASES", 1)
    made = disposal.freeze(pe, office, now)
    disposal.start(pe, office, now, made, "JRA")
    thread, let_go, waited = threading.Thread(target=said, args=(pe, office, now)), disposal._let_go, []

    def meanwhile(*args):  # the case was looked at and may go
        thread.start()
        thread.join(0.3)
        waited.append(thread.is_alive())
        let_go(*args)

    with monkeypatch.context() as patched:
        patched.setattr(disposal, "_let_go", meanwhile)
        run(pe, lambda db: disposal._some_cases(db, now, made, "kpu"))
    thread.join()
    finish(pe, now)
    assert waited == [True] and len(there(pe)) == 2  # it was in force only after that case had gone, and then none went


def test_it_goes_by_itself_once_a_day_only_where_that_was_switched_on(pe, now, office):
    ended(pe, now, 1)
    assert disposal.start_by_itself(pe, now) == 0
    settings.change(pe, office, now, "housekeeping", {"automatic": True})
    assert disposal.start_by_itself(pe, now) == 1
    ended(pe, now, 2)
    assert disposal.start_by_itself(pe, now + DAY / 2) == 0
    finish(pe, now)
    assert len(there(pe)) == 1
    assert disposal.start_by_itself(pe, now + 2 * DAY) == 1


def test_rules_holds_and_lists_are_an_admins_and_refuse_nonsense(pe, now, office, people):
    pemilik = people["pemilik"]
    for call in (lambda: keeping.due(pe, pemilik, now), lambda: disposal.freeze(pe, pemilik, now),
                 lambda: keeping.hold(pe, pemilik, now, key=KEY, reason="x"), lambda: disposal.lists(pe, pemilik)):
        with pytest.raises(Forbidden):
            call()
    for days, reason in ((0, "x"), (36_501, "x"), (30, " ")):
        with pytest.raises(Invalid):
            keeping.set_rule(pe, office, now, KEY, days=days, published=False, reason=reason)
    for case, key in (("", ""), ("INF", KEY), ("INF-0000", ""), ("\0", "")):
        with pytest.raises(Invalid):
            keeping.hold(pe, office, now, case=case, key=key, reason="x")
    with pytest.raises(NotFound):
        keeping.hold(pe, office, now, key="lain\0", reason="x")
    for call in (disposal.stop, disposal.drop):
        with pytest.raises(NotFound):
            call(pe, office, now, "tidak-ada")
    keeping.remove_rule(pe, office, now, KEY, "ikut diagram")
    mine = next(each for each in keeping.due(pe, office, now) if each["key"] == KEY)
    assert (mine["days"], mine["own"]) == (3650, False)  # as the shipped diagram says


def test_notices_that_went_out_long_ago_are_swept(pe, now, office):
    ended(pe, now, 1, days=100)
    ended(pe, now, 2, days=20)
    assert keeping.sweep(pe, now) == 1 and keeping.sweep(pe, now) == 0


def test_sessions_that_are_over_are_swept_though_their_person_never_returns(pe, now, office):
    account = accounts.account(pe, office.id)
    secret = sessions.begin(pe, account, now, method="password")
    assert keeping.sweep(pe, now + dt.timedelta(hours=23)) == 0 and sessions.find(pe, secret, now)
    assert keeping.sweep(pe, now + dt.timedelta(hours=25)) == 1 and keeping.sweep(pe, now + dt.timedelta(hours=25)) == 0
