"""Plh. and Plt. in the pages, a task delegated and given back, the page of a lane's head."""

import datetime as dt
import re

import pytest

from engine import commands, queries, substitutions
from engine import people as accounts
from tests.webui.test_inbox import titles

DAY = dt.timedelta(days=1)
SAID = "Kasubbag Demo (Plh. Ketua Divisi, menggantikan Ketua Demo, SP 12/2026)"


@pytest.fixture
def today():
    return dt.datetime.now(dt.timezone.utc)


@pytest.fixture
def stands_in(pe, people, today):
    """kasubbag stands in for ketua."""
    return substitutions.appoint(pe, people["admin"], today, kind="plh", group_id="ketua-divisi", substitute_id="kasubbag", absent_id="ketua",
                                 decree="SP 12/2026", starts_at=today - DAY, ends_at=today + DAY)


@pytest.fixture
def head(pe, people, now):
    accounts.set_groups(pe, people["admin"], now, "ketua", ["ketua-divisi"], ["ketua-divisi"])


def given(today, **changed):
    return {"kind": "plh", "group_id": "ketua-divisi", "absent_id": "ketua", "substitute_id": "kasubbag", "decree": "SP 12/2026",
            "starts_on": f"{today - DAY:%Y-%m-%d}", "ends_on": f"{today + DAY:%Y-%m-%d}"} | changed


def test_a_decision_in_stead_is_shown_as_such(signed_in, stands_in, case_at):
    task = case_at("putuskan")
    browser = signed_in("kasubbag")
    inbox = browser.get("/?tab=group").text
    assert titles(inbox) == [task] and "Anda Plh. Ketua Divisi s.d." in inbox and "SP 12/2026" in inbox
    page = browser.get(f"/tasks/{task}").text
    assert f"Tercatat sebagai {SAID}." in page
    browser.post(f"/tasks/{task}/claim", token_from=f"/tasks/{task}")
    assert SAID in signed_in("ketua").get(f"/tasks/{task}").text
    answer = browser.post(f"/tasks/{task}", {"v-keputusan": "tidak", "v-catatan": "Belum tepat."}, token_from=f"/tasks/{task}")
    assert answer.status_code == 303
    assert SAID in signed_in("ketua").get(f"/tasks/{task}").text  # that it is done, and by whom
    case = re.search(r"/cases/([\w-]+)", browser.get(f"/tasks/{task}").text)[1]
    assert SAID in signed_in("ketua").get(f"/cases/{case}").text
    assert f"TIDAK: dikembalikan oleh {SAID}" in signed_in("ketua").get(answer.location.split("?")[0]).text or "TIDAK: catatan Anda" in browser.get(
        answer.location).text


def test_a_case_started_in_stead_is_shown_as_such(pe, signed_in, stands_in, sop, today):
    assert f"Tercatat sebagai {SAID}." in signed_in("kasubbag").get("/start/penerbitan-informasi").text
    assert "Tercatat sebagai" not in signed_in("ketua").get("/start/penerbitan-informasi").text
    case = commands.start(pe, accounts.actor(pe, "kasubbag", now=today), today, key="penerbitan-informasi").id
    assert SAID in signed_in("ketua").get(f"/cases/{case}").text
    assert "Plh. Ketua Divisi, menggantikan Ketua Demo, SP 12/2026" in signed_in("admin").get("/audit?kind=instance.started").text


def test_an_admin_appoints_and_revokes(signed_in, today, pe):
    browser = signed_in("admin")
    assert 'href="/substitutions"' in browser.get("/people").text
    answer = browser.post("/substitutions/new", given(today), token_from="/substitutions/new")
    assert answer.location == "/substitutions?state=current&saved=1"
    page = browser.get("/substitutions").text
    assert "Kasubbag Demo – Plh. Ketua Divisi" in page and "menggantikan Ketua Demo" in page
    [row] = substitutions.find(pe, accounts.actor(pe, "admin"), today).rows
    assert row["starts_at"].astimezone(dt.timezone(dt.timedelta(hours=7))).hour == 0
    assert browser.post(f"/substitutions/{row['id']}/revoke", token_from="/substitutions").status_code == 303
    assert "Dicabut oleh Admin Demo" in browser.get("/substitutions?state=past").text
    assert browser.post(f"/substitutions/{row['id']}/revoke", token_from="/substitutions/new").status_code == 409


@pytest.mark.parametrize("changed, field", [
    ({"ends_on": "2020-01-01"}, "ends_on"), ({"starts_on": "besok"}, "starts_on"), ({"ends_on": "9999-12-31"}, "ends_on"), ({"decree": ""}, "decree"),
    ({"group_id": "admin"}, "group_id"), ({"group_id": ""}, "group_id"), ({"substitute_id": "ketua"}, "substitute_id"),
    ({"absent_id": "penulis"}, "absent_id"), ({"kind": "x"}, "kind")])
def test_what_is_wrong_stands_at_its_field(signed_in, today, changed, field):
    answer = signed_in("admin").post("/substitutions/new", given(today, **changed), token_from="/substitutions/new")
    assert answer.status_code == 400 and f'id="{field}-error"' in answer.text


def test_who_may_not_appoint(signed_in, today, stands_in, head):
    for user in ("penulis", "kasubbag", "pemilik"):  # kasubbag stands in, and hands that on to nobody
        browser = signed_in(user)
        assert browser.get("/substitutions").status_code == browser.get("/substitutions/new").status_code == 403
        assert browser.post(f"/substitutions/{stands_in}/revoke").status_code in (403, 404)
    head = signed_in("ketua")
    assert head.get("/substitutions").status_code == 200
    answer = head.post("/substitutions/new", given(today, group_id="sub-bagian", absent_id="kasubbag", substitute_id="penulis"),
                       token_from="/substitutions/new")
    assert answer.status_code == 400 and 'id="group_id-error"' in answer.text


def test_a_task_is_delegated_and_comes_back_with_what_was_typed(pe, people, now, signed_in, case_at):
    task = case_at("siapkan")
    commands.claim(pe, people["penulis"], now, task)
    owner, delegate = signed_in("penulis"), signed_in("analis")
    page = owner.get(f"/tasks/{task}").text
    assert f'action="/tasks/{task}/delegate"' in page and '<option value="analis">' in page
    assert owner.post(f"/tasks/{task}/delegate", {"user_id": "analis"}).location == "/"
    assert f'action="/tasks/{task}/resolve"' in owner.get(f"/tasks/{task}").text  # to take it back
    page = delegate.get(f"/tasks/{task}").text
    assert "Serahkan kembali" in page and "Selesaikan</button>" not in page and "Lepaskan" not in page
    assert delegate.post(f"/tasks/{task}", {"v-judul": "Judul", "v-ringkasan": "R", "v-isi": "I", "v-jenis": "pengumuman",
                                            "v-klasifikasi": "berkala"}).status_code == 409
    assert delegate.post(f"/tasks/{task}/resolve", {"v-judul": "Judul dari analis"}).location == "/"
    page = owner.get(f"/tasks/{task}").text
    assert "sudah dikerjakan orang yang Anda delegasikan" in page
    assert "Judul dari analis" in owner.get(f"/tasks/{task}?draft=1").text
    assert owner.post(f"/tasks/{task}/delegate", {"user_id": "tidak-ada"}).status_code == 400


def test_the_head_sees_the_lane_and_hands_tasks_on(pe, people, now, signed_in, sop, head, stands_in, statements):
    for _ in range(2):
        commands.start(pe, people["ketua"], now, key=sop)
    ids = [row["id"] for row in queries.tasks(pe, people["ketua"], candidate=True).rows]
    commands.claim(pe, people["ketua"], now, ids[0])
    browser = signed_in("ketua")
    assert 'href="/lane"' in browser.get("/").text
    browser.get("/lane")
    with statements() as found:
        page = browser.get("/lane").text
    assert len([s for s in found if s.lstrip().startswith("SELECT")]) == 5, found  # account, groups, tasks, load twice
    assert set(re.findall(r'name="ids" value="([^"]+)"', page)) == set(ids) and "Kasubbag Demo" in page and "Beban kerja" in page
    assert re.findall(r'name="ids" value="([^"]+)"', browser.get("/lane?holder=ketua").text) == [ids[0]]
    asked = browser.post("/inbox/bulk", {"action": "assign", "ids": ids, "lane": "ketua-divisi"}, token_from="/lane").text
    assert "Belum ada yang berubah" in asked and "Sudah dipegang Ketua Demo" in asked and '<option value="kasubbag">' in asked
    done = browser.post("/inbox/bulk/do", {"action": "assign", "ids": ids, "lane": "ketua-divisi", "user_id": "kasubbag"}, token_from="/lane").text
    assert "2 dari 2 tugas diserahkan kepada Kasubbag Demo." in done and "/lane?group=ketua-divisi" in done
    assert all(queries.task(pe, people["ketua"], id)["assignee"] == "kasubbag" for id in ids)
    for path in ("/lane?group=sub-bagian", "/lane?group=admin"):
        assert browser.get(path).status_code == 403
    assert signed_in("penulis").get("/lane").status_code == 403 and signed_in("admin").get("/lane?group=pelaksana").status_code == 200
