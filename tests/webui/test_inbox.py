"""The inbox: whose tasks, in which order, page by page, and at what cost."""

import json
import re

from engine import commands, queries


def titles(page):
    return re.findall(r'class="row-title" href="/tasks/([^"]+)"', page)


def test_a_task_waits_for_its_group_and_nobody_else(signed_in, case_at):
    task = case_at("periksa")
    assert titles(signed_in("kasubbag").get("/").text) == [task]
    assert titles(signed_in("penulis").get("/").text) == []
    assert "Tidak ada tugas untuk Anda" in signed_in("penulis").get("/").text


def test_a_claimed_task_is_mine_and_no_longer_the_groups(pe, people, now, signed_in, case_at):
    from engine.people import create_user

    task = case_at("periksa")
    create_user(pe, people["admin"], now, id="wakil", name="Wakil", password="terbit-demo", groups=["sub-bagian"])
    commands.claim(pe, people["kasubbag"], now, task)
    mine = signed_in("kasubbag").get("/").text
    assert titles(mine) == [task] and titles(signed_in("kasubbag").get("/?tab=group").text) == []
    assert titles(signed_in("wakil").get("/").text) == []


def test_the_search_finds_by_title_number_and_task(signed_in, case_at):
    first, second = case_at("periksa", judul="Pemutakhiran data pemilih"), case_at("periksa", judul="Lomba jurnalistik")
    browser = signed_in("kasubbag")
    assert titles(browser.get("/?q=pemutakhiran").text) == [first]
    assert titles(browser.get("/?q=LOMBA").text) == [second]
    assert len(titles(browser.get("/?q=INF-").text)) == 2
    nothing = browser.get("/?q=%25").text
    assert titles(nothing) == [] and "Tidak ada tugas yang cocok" in nothing


def test_every_task_is_on_one_page_and_only_one(pe, people, now, sop, signed_in):
    for _ in range(60):
        commands.start(pe, people["ketua"], now, key=sop)
    browser, path, seen = signed_in("ketua"), "/", []
    while path:
        page = browser.get(path).text
        seen += titles(page)
        more = re.search(r'class="row-more"><a class="[^"]*" href="([^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else None
    assert len(seen) == len(set(seen)) == 60


def test_the_counts_come_in_a_header(signed_in, case_at):
    case_at("periksa")
    answer = signed_in("kasubbag").get("/inbox/counts")
    assert answer.status_code == 204
    assert json.loads(answer.headers["X-Terbit-Counts"])["open"] == 1


def test_the_page_costs_the_same_for_one_task_and_for_many(pe, people, now, sop, signed_in, statements):
    browser = signed_in("ketua")
    browser.get("/")
    commands.start(pe, people["ketua"], now, key=sop)
    with statements() as few:
        browser.get("/")
    for _ in range(20):
        commands.start(pe, people["ketua"], now, key=sop)
    with statements() as many:
        browser.get("/")
    assert len(few) == len(many) <= 7, many


def test_a_poll_of_the_counts_is_two_statements(signed_in, case_at, statements):
    case_at("periksa")
    browser = signed_in("kasubbag")
    with statements() as found:
        browser.get("/inbox/counts")
    assert len(found) <= 2, found


def test_after_completing_one_is_told_who_has_it_now(pe, people, now, signed_in, case_at):
    task = case_at("periksa")
    instance = queries.task(pe, people["kasubbag"], task)["instance_id"]
    commands.complete(pe, people["kasubbag"], now, task, {})
    page = signed_in("kasubbag").get(f"/?done={task}").text
    assert "Memeriksa bahan informasi" in page and "Memutuskan penerbitan" in page and "Ketua Divisi" in page
    assert "just-done" not in signed_in("penulis").get(f"/?done={task}").text  # it was not theirs
    assert instance in page
