"""The inbox's tabs, filters and marks; many tasks at once; and what it all costs."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest

import webui
from engine import commands, queries
from tests.webui.scenes import ASKED
from tests.webui.test_inbox import titles


@pytest.fixture
def mine(pe, people, now, case_at):
    """A task that kasubbag has taken."""
    task = case_at("periksa")
    commands.claim(pe, people["kasubbag"], now, task)
    return task


@pytest.fixture
def waiting(pe, people, now, sop):
    """Three tasks that wait for the Ketua Divisi."""
    for _ in range(3):
        commands.start(pe, people["ketua"], now, key=sop)
    return [row["id"] for row in queries.tasks(pe, people["ketua"], candidate=True).rows]


def test_a_task_is_put_off_and_taken_back(signed_in, mine):
    browser = signed_in("kasubbag")
    assert 'name="until"' in browser.get(f"/tasks/{mine}").text
    tomorrow = (dt.datetime.now() + dt.timedelta(days=1)).strftime("%Y-%m-%dT08:00")
    answer = browser.post(f"/tasks/{mine}/defer", {"until": tomorrow})
    assert (answer.status_code, answer.location) == (303, "/?tab=mine")
    assert titles(browser.get("/?tab=mine").text) == []
    later = browser.get("/?tab=later").text
    assert titles(later) == [mine] and "08.00 WIB" in later
    assert "Ditunda sampai" in browser.get(f"/tasks/{mine}").text
    assert json.loads(browser.get("/inbox/counts").headers["X-Terbit-Counts"])["later"] == 1
    assert browser.post(f"/tasks/{mine}/defer", {"until": ""}).location == "/?tab=later"
    assert titles(browser.get("/?tab=mine").text) == [mine]


@pytest.mark.parametrize("until", ["besok", "2020-01-01T08:00", "9999-12-31T23:59", "0001-01-01T00:00", "2026-13-01T00:00", "x" * 5000])
def test_a_wrong_time_is_refused(signed_in, mine, until):
    assert signed_in("kasubbag").post(f"/tasks/{mine}/defer", {"until": until}).status_code == 400


def test_what_i_did_is_under_done(pe, people, now, signed_in, mine):
    commands.complete(pe, people["kasubbag"], now, mine)
    done = titles(signed_in("kasubbag").get("/?tab=done").text)
    assert mine in done and len(done) == 2  # and the instruction before it
    assert titles(signed_in("ketua").get("/?tab=done&q=tak+ada").text) == []
    assert mine not in signed_in("penulis").get("/?tab=done").text


def test_a_task_is_new_until_it_is_opened(signed_in, case_at):
    task = case_at("periksa")
    browser = signed_in("kasubbag")
    assert 'class="new-mark">baru' in browser.get("/").text
    browser.get(f"/tasks/{task}")
    assert "new-mark" not in browser.get("/").text


def test_the_letter_finds_the_task(pe, people, now, sop, signed_in):
    case = commands.start(pe, people["ketua"], now, key=sop)
    commands.start(pe, people["ketua"], now, key=sop)
    task = queries.tasks(pe, people["ketua"], instance_id=case.id).rows[0]["id"]
    commands.complete(pe, people["ketua"], now, task, ASKED | {"nomor_surat": "77/PR.01/2026"})
    assert len(titles(signed_in("kasubbag").get("/?q=77/pr.01").text)) == 1
    assert titles(signed_in("ketua").get("/?tab=done&q=77/PR").text) == [task]


def test_overdue_and_todays_tasks_are_filtered(pe, people, now, sop, signed_in):
    commands.start(pe, people["ketua"], now, key=sop)  # months ago
    browser = signed_in("ketua")
    assert len(titles(browser.get("/?tab=group&due=late").text)) == len(titles(browser.get("/?due=today&tab=group").text)) == 1
    commands.start(pe, people["ketua"], dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=8), key=sop)
    assert len(titles(browser.get("/?tab=group&due=late").text)) == 1
    assert len(titles(browser.get("/?tab=group&due=nonsense").text)) == 2


def test_a_filter_is_saved_opened_and_forgotten(signed_in, waiting):
    browser = signed_in("ketua")
    answer = browser.post("/inbox/filters", {"name": "Jadwal <b>", "query": "tab=group&q=INF-&after=x&evil=1"})
    assert (answer.status_code, answer.location) == (303, "/?tab=group&q=INF-")
    page = browser.get("/").text
    assert 'href="/?tab=group&amp;q=INF-">Jadwal &lt;b&gt;</a>' in page
    saved = re.search(r"/inbox/filters/([^/]+)/delete", page)[0]
    assert signed_in("kasubbag").post(saved).status_code == 404
    assert browser.post(saved).status_code == 303
    assert "Jadwal" not in browser.get("/").text
    assert browser.post("/inbox/filters", {"name": " ", "query": ""}).status_code == 400


def test_many_are_claimed_after_the_list_is_seen(pe, people, signed_in, waiting):
    browser = signed_in("ketua")
    asked = browser.post("/inbox/bulk", {"action": "claim", "ids": waiting[:2]}).text
    assert re.findall(r'name="ids" value="([^"]+)"', asked) == waiting[:2] and "Ambil 2 tugas?" in asked
    assert queries.task_counts(pe, people["ketua"])["mine"] == 0  # nothing has happened yet
    done = browser.post("/inbox/bulk/do", {"action": "claim", "ids": waiting[:2]}).text
    assert "2 dari 2 tugas diambil" in done
    assert queries.task_counts(pe, people["ketua"])["mine"] == 2


def test_one_that_is_refused_keeps_none_of_the_others(pe, people, now, signed_in, waiting, case_at):
    strange = case_at("periksa")  # seen by the Ketua Divisi, but not theirs
    commands.claim(pe, people["admin"], now, waiting[0])
    done = signed_in("ketua").post("/inbox/bulk/do", {"action": "claim", "ids": [waiting[0], strange, waiting[1], "tidak-ada"]}).text
    assert "1 dari 4 tugas diambil" in done
    assert "sudah diambil oleh admin" in done and "tidak berhak" in done and "Tugas yang sudah tidak ada" in done


def test_a_head_hands_out_to_the_groups_own_people(pe, people, now, signed_in, case_at):
    from engine.people import create_user, set_groups

    tasks = [case_at("siapkan"), case_at("siapkan")]
    assert signed_in("penulis").get("/?tab=group").text.count('value="assign"') == 0
    create_user(pe, people["admin"], now, id="baru", name="Orang Baru", password="terbit-demo", groups=["pelaksana"])
    set_groups(pe, people["admin"], now, "webadmin", ["pelaksana", "web-admin"], heads=["pelaksana"])
    browser = signed_in("webadmin")
    assert 'value="assign"' in browser.get("/?tab=group").text
    asked = browser.post("/inbox/bulk", {"action": "assign", "ids": tasks}).text
    assert set(re.findall(r'<option value="([^"]*)"', asked)) == {"", "baru", "penulis", "webadmin"}
    assert browser.post("/inbox/bulk/do", {"action": "assign", "ids": tasks}).status_code == 400
    done = browser.post("/inbox/bulk/do", {"action": "assign", "ids": tasks, "user_id": "baru"}).text
    assert "2 dari 2 tugas diserahkan kepada Orang Baru" in done
    assert len(titles(signed_in("baru").get("/").text)) == 2
    refused = browser.post("/inbox/bulk/do", {"action": "assign", "ids": tasks, "user_id": "kasubbag"}).text
    assert "0 dari 2" in refused


@pytest.mark.parametrize("data", [{}, {"action": "claim"}, {"action": "burn", "ids": ["x"]}, {"action": "claim", "ids": ["x" * 40]},
                                  {"action": "claim", "ids": [str(n) for n in range(101)]}, {"action": "claim", "ids": ["a\0b"]}])
def test_a_wrong_choice_is_refused(signed_in, sop, data):
    for path in ("/inbox/bulk", "/inbox/bulk/do"):
        assert signed_in("ketua").post(path, data).status_code == 400


def test_a_tab_costs_the_same_with_two_hundred_tasks(pe, people, now, sop, signed_in, statements):
    ketua, later = people["ketua"], dt.datetime.now(dt.timezone.utc)
    for _ in range(200):
        commands.start(pe, ketua, now, key=sop)
    for n, row in enumerate(queries.tasks(pe, ketua, candidate=True, limit=200).rows[:90]):
        if n % 3 == 0:
            commands.complete(pe, ketua, now, row["id"], ASKED)
            continue
        commands.claim(pe, ketua, now, row["id"])
        if n % 3 == 2:
            commands.defer(pe, ketua, later, row["id"], later + dt.timedelta(days=1))
    browser = signed_in("ketua")
    browser.get("/")
    for tab, most in (("mine", 5), ("group", 7), ("later", 4), ("done", 4)):
        with statements() as found:
            page = browser.get(f"/?tab={tab}").text
        assert len(titles(page)) == 25 and len(found) <= most, (tab, found)
    chosen = re.findall(r'name="ids" value="([^"]+)"', browser.get("/?tab=group").text)
    with statements() as found:
        browser.client.post("/inbox/bulk", data={"csrf_token": browser.token(), "action": "claim", "ids": chosen})
    assert len(found) <= 4 + 7, found  # and the inbox, for its token


def test_scripts_are_light():
    dist = Path(webui.__file__).parent / "static/dist"
    names = json.loads((dist / "manifest.json").read_text())
    first = dist / names["app.js"]
    size = first.stat().st_size + sum((dist / chunk).stat().st_size for chunk in set(re.findall(
        r'from"\./(chunk-[^"]+)"', first.read_text("utf-8"))))
    assert size < 100_000, size


def test_the_admin_says_who_leads_a_group(pe, people, signed_in):
    from engine.people import account

    browser = signed_in("admin")
    form = {"name": "Kasubbag", "title": "", "email": "", "groups": ["sub-bagian"], "heads": ["sub-bagian", "ketua-divisi"]}
    assert browser.post("/people/kasubbag", form).status_code == 303
    assert account(pe, "kasubbag")["heads"] == {"sub-bagian"}
    assert re.search(r'name="heads" value="sub-bagian" checked', browser.get("/people/kasubbag").text)
