"""The Ketua Divisi's look at published news, and the orders that start from there and from a published case's page."""

import datetime as dt
import re

import pytest

from engine import channels, commands, corrections, handlers, installation, jobs, queries
from tests.webui.scenes import ASKED, DRAFT, form_data

TITLE = DRAFT["judul"]
RALAT = {"alasan_ralat": "Nama pulaunya keliru."}
PENURUNAN = {"dasar_penurunan": "tidak-benar", "alasan_penurunan": "Tidak pernah diputuskan."}


@pytest.fixture
def procedures(pe, people, now):
    handlers.load()
    channels.seed_channels(pe, now, "kpu")
    for key in ("penerbitan-informasi", "ralat", "penurunan"):
        installation.deploy_shipped(pe, now, installation.MODELS / key)


@pytest.fixture
def work(pe):
    """A function that does what is due in the hours to come: the web's clock is the machine's."""
    def do():
        at = dt.datetime.now(dt.timezone.utc)
        for hour in range(10):
            jobs.run_due(pe, lambda at=at + dt.timedelta(hours=hour): at)
    return do


@pytest.fixture
def publish(pe, people, procedures, now, work):
    """A function that lets a piece of news be published on the website: its case's id."""
    def make(**changed):
        id = commands.start(pe, people["ketua"], now, key="penerbitan-informasi").id
        steps = (("ketua", ASKED | {"kanal": ["website"]}), ("kasubbag", {"penulis": None, "arahan": ""}),
                 ("penulis", DRAFT | {"jenis": "berita"} | changed), ("webadmin", {"terbit_pada": None}))
        for who, values in steps:
            commands.complete(pe, people[who], now, queries.tasks(pe, people["admin"], instance_id=id).rows[0]["id"], values)
        work()
        assert queries.instance(pe, people["ketua"], id)["ended_at"]
        return id
    return make


def order(browser, case, kind, values, **more):
    return browser.post(f"/cases/{case}/order/{kind}", form_data(values) | more, token_from=f"/cases/{case}/order/{kind}")


def test_the_ketua_sees_what_was_published_until_marked_as_seen(publish, signed_in):
    first, second = publish(), publish(judul="Berita kedua di Pulau Panggang", isi="Isi <script>alert(1)</script> **kedua**.")
    ketua = signed_in("ketua")
    page = ketua.get("/news").text
    assert page.index("Berita kedua") < page.index(TITLE) and "2 berita belum" in page
    assert "<strong>kedua</strong>" in page and "<script>alert" not in page
    assert re.search(r'href="http://127\.0\.0\.1:8000/situs/[^"]+"', page)
    assert '"news": 2' in ketua.get("/inbox/counts").headers["X-Terbit-Counts"]
    assert ketua.post("/news/seen", {"id": [first]}, token_from="/news").headers["Location"] == "/news"
    assert "1 berita belum" in ketua.get("/news").text
    ketua.post("/news/seen", {"id": [first, second, "apa saja"]}, token_from="/news")
    assert "Semua berita sudah" in ketua.get("/news").text


def test_it_stands_in_the_menu_of_the_ketua_only(procedures, signed_in):
    assert 'href="/news"' in signed_in("ketua").get("/").text
    for who in ("kasubbag", "webadmin", "admin"):
        assert 'href="/news"' not in signed_in(who).get("/").text


def test_without_news_the_page_says_so(procedures, signed_in):
    assert "Belum ada berita yang terbit" in signed_in("ketua").get("/news").text


def test_the_list_costs_no_more_with_more_news(publish, signed_in, statements):
    publish()
    ketua = signed_in("ketua")
    ketua.get("/news")
    with statements() as one:
        ketua.get("/news")
    for n in range(3):
        publish(judul=f"Berita nomor {n} hari ini")
    with statements() as four:
        ketua.get("/news")
    assert len(four) == len(one) <= 9


def test_a_ralat_is_ordered_from_the_case_with_a_reason_and_both_pages_show_it(pe, publish, signed_in, people, now):
    case = publish()
    ketua = signed_in("ketua")
    assert f"/cases/{case}/order/ralat" in ketua.get(f"/cases/{case}").text
    refused = order(ketua, case, "ralat", {"alasan_ralat": ""})
    assert refused.status_code == 400 and "Wajib diisi" in refused.text
    done = order(ketua, case, "ralat", RALAT, once="a1")
    assert done.status_code == 303
    again = order_again(ketua, case, "ralat", RALAT, once="a1")
    assert again.headers["Location"] == done.headers["Location"]
    page = ketua.get(done.headers["Location"]).text
    assert "RLT-" in page and "INF-" in page and RALAT["alasan_ralat"] in page and f"/cases/{case}" in page
    original = ketua.get(f"/cases/{case}").text
    assert "Ralat sedang dikerjakan" in original and f"/cases/{case}/order/" not in original
    assert len(corrections.family(pe, people["ketua"], now, case).orders) == 1


def order_again(browser, case, kind, values, **more):
    return browser.post(f"/cases/{case}/order/{kind}", form_data(values) | more, token_from="/news")


def test_the_second_of_two_orders_is_told_which_one_runs(publish, signed_in):
    case = publish()
    ketua = signed_in("ketua")
    order(ketua, case, "ralat", RALAT)
    refused = order_again(ketua, case, "penurunan", PENURUNAN)
    assert refused.status_code == 409 and "RLT-" in refused.text
    assert ketua.get(f"/cases/{case}/order/penurunan").headers["Location"] == f"/cases/{case}"


@pytest.mark.parametrize("who", ["penulis", "kasubbag", "webadmin"])
def test_nobody_else_orders(publish, signed_in, who):
    case = publish()
    browser = signed_in(who)
    assert "/order/" not in browser.get(f"/cases/{case}").text
    assert browser.get(f"/cases/{case}/order/ralat").status_code == 404
    assert order_again(browser, case, "ralat", RALAT).status_code == 404


def test_neither_is_offered_on_the_start_page(procedures, signed_in):
    for who in ("ketua", "admin"):
        browser = signed_in(who)
        page = browser.get("/start").text
        assert "/start/penerbitan-informasi" in page and "/start/ralat" not in page and "/start/penurunan" not in page
        assert browser.get("/start/ralat").status_code == 404


def test_the_pelaksana_gets_the_published_text_and_the_reason(pe, publish, signed_in, people):
    case = publish()
    ralat = order(signed_in("ketua"), case, "ralat", RALAT).headers["Location"].rsplit("/", 1)[1]
    task = queries.tasks(pe, people["penulis"], instance_id=ralat).rows[0]["id"]
    page = signed_in("penulis").get(f"/tasks/{task}").text
    assert RALAT["alasan_ralat"] in page and DRAFT["isi"] in page and "Catatan ralat untuk publik" in page


def test_a_withdrawn_page_is_gone_with_410_and_leaves_index_feed_and_sitemap(pe, publish, signed_in, work, stranger, people):
    case = publish()
    address = re.search(r"/situs/[^/\"]+/", signed_in("ketua").get("/news").text)[0]
    assert TITLE in stranger.get(address).text
    order(signed_in("ketua"), case, "penurunan", PENURUNAN)
    work()
    gone = stranger.get(address)
    assert gone.status_code == 410 and "Informasi ini telah ditarik" in gone.text and TITLE not in gone.text
    assert "default-src 'none'" in gone.headers["Content-Security-Policy"]
    for path in ("/situs/", "/situs/feed.xml", "/situs/sitemap.xml"):
        answer = stranger.get(path)
        assert answer.status_code == 200 and TITLE not in answer.text and address not in answer.text
    page = signed_in("ketua").get(f"/cases/{case}").text
    assert "Diturunkan pada" in page and "/order/" not in page
    assert "Diturunkan" in signed_in("ketua").get("/news").text


def test_by_hand_the_system_looks_whether_the_title_is_gone(pe, publish, signed_in, work, people, now, admin, monkeypatch):
    from tests.engine.web_page import serve

    case = publish()
    channels.save_channel(pe, admin, now, id="website", name="Website", connector="manual", config={})
    order(signed_in("ketua"), case, "penurunan", PENURUNAN)
    work()
    (task,) = queries.tasks(pe, people["webadmin"], task_definition_key="turunkan_manual").rows
    browser = signed_in("webadmin")
    page = browser.get(f"/tasks/{task['id']}").text
    assert "/situs/" in page and PENURUNAN["alasan_penurunan"] in page
    with serve() as elsewhere:
        pe.config["ALLOWED_PRIVATE_HOSTS"] = [elsewhere.host]
        url = elsewhere.page("/x", f"<h1>{TITLE}</h1>")
        seen = queries.task_variables
        monkeypatch.setattr(queries, "task_variables", lambda *args: seen(*args) | {"tautan": url})
        send = {"v-halaman_kini": "Sudah kosong."}
        refused = browser.post(f"/tasks/{task['id']}", send)
        assert refused.status_code == 400 and "masih ada di halaman itu" in refused.text
        elsewhere.page("/x", "<h1>Tidak ada</h1>")
        assert browser.post(f"/tasks/{task['id']}", send).status_code == 303
    work()
    assert corrections.family(pe, people["ketua"], now, case).orders[0]["end_reason"] == "completed"
