"""The public website at /situs: open to all, and nothing in it can run or lead out of it."""

import datetime as dt
import os
from dataclasses import replace

import pytest
import sqlalchemy as sa

from connectors import Failure, Request
from engine import channels
from engine.store import run
from engine.tables import tenant


@pytest.fixture
def situs(pe):
    folder = pe.folder / "situs"
    files = {"index.html": "<h1>Indeks</h1>", "feed.xml": "<feed/>", "sitemap.xml": "<urlset/>", "gaya.css": "h1{}",
             "judul-a/index.html": "<h1>Judul A</h1>", "judul-a/foto.jpg": "jpg", "judul-a/surat.docx": "docx",
             "judul-a/x.svg": "<svg/>", "judul-a/surat.pdf": "%PDF-1.7", ".tersembunyi": "x", "judul-a/.tmp-1": "x"}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_strangers_read_pages_without_a_cookie(stranger, situs):
    for path in ("/situs/", "/situs/judul-a/"):
        answer = stranger.get(path)
        assert answer.status_code == 200 and answer.mimetype == "text/html"
        assert "Set-Cookie" not in answer.headers


def test_a_folder_without_its_slash_is_sent_on(stranger, situs):
    for path in ("/situs", "/situs/judul-a"):
        answer = stranger.get(path)
        assert answer.status_code == 308 and answer.headers["Location"].endswith(f"{path}/")


@pytest.mark.parametrize("name, kind", [("feed.xml", "application/atom+xml"), ("sitemap.xml", "application/xml"), ("gaya.css", "text/css"),
                                        ("judul-a/foto.jpg", "image/jpeg")])
def test_each_file_has_its_type(stranger, situs, name, kind):
    answer = stranger.get(f"/situs/{name}")
    assert answer.status_code == 200 and answer.mimetype == kind
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_could_run_is_saved_not_opened(stranger, situs):
    for name in ("judul-a/surat.docx", "judul-a/x.svg"):
        assert stranger.get(f"/situs/{name}").headers["Content-Disposition"].startswith("attachment")


def test_the_policy_lets_nothing_run(stranger, situs):
    policy = stranger.get("/situs/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "sandbox" in policy and "form-action 'none'" in policy
    pdf = stranger.get("/situs/judul-a/surat.pdf").headers["Content-Security-Policy"]
    assert "default-src 'none'" in pdf and "script-src" not in pdf and "sandbox" not in pdf  # see tests/browser/test_situs_pdf.py


def test_a_page_is_revalidated_and_a_file_kept_for_an_hour(stranger, situs):
    page = stranger.get("/situs/judul-a/")
    assert "no-cache" in page.headers["Cache-Control"]
    assert stranger.get("/situs/judul-a/", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
    image = stranger.get("/situs/judul-a/foto.jpg").headers["Cache-Control"]
    assert "max-age=3600" in image and "public" in image and "no-cache" not in image
    (situs / "judul-a/index.html").write_text("<h1>Judul A, ralat</h1>")
    assert stranger.get("/situs/judul-a/", headers={"If-None-Match": page.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("path", ["../secret.key", "..%2fsecret.key", "%2e%2e/secret.key", "judul-a/../../secret.key", "..\\secret.key",
                                  "/etc/passwd", "//etc/passwd", ".tersembunyi", "judul-a/.tmp-1", "keluar", "keluar/secret.key", "a%00b",
                                  "tidak-ada/", "judul-a/index.html/", "x" * 3000, "x/" * 900], ids=lambda path: path[:20])
def test_there_is_no_way_out(stranger, situs, pe, path):
    pe.secret("flask")
    os.symlink(pe.folder, situs / "keluar")
    answer = stranger.get(f"/situs/{path}")
    assert answer.status_code in (404, 308) or answer.status_code < 400 and "secret" not in answer.text
    if answer.status_code == 308:
        assert "secret" not in stranger.get(answer.headers["Location"], follow_redirects=True).text
    assert (pe.folder / "secret.key").read_text() not in answer.text


def test_before_the_first_post_it_says_so(stranger):
    answer = stranger.get("/situs/")
    assert answer.status_code == 404 and "Belum ada informasi" in answer.text


def test_nobody_writes_to_it(stranger, situs):
    for call in (stranger.client.post, stranger.client.put, stranger.client.delete):
        assert call("/situs/index.html").status_code in (400, 405)


NOW = dt.datetime(2026, 11, 24, 2, 30, tzinfo=dt.timezone.utc)


@pytest.fixture
def offices(pe, people):
    """The sites of the installation's first office and of a second one."""
    run(pe, lambda db: db.execute(sa.insert(tenant), {"id": "kpu-lain", "name": "KPU Kota Lain"}))
    for id in ("kpu", "kpu-lain"):
        channels.seed_channels(pe, NOW, id)
    return {id: channels.connector_for(pe, id, "website") for id in ("kpu", "kpu-lain")}


def request(key, title):
    return Request(key=key, title=title, summary="", body="Isi.", kind="berita", now=NOW, business_key="INF-2026-0001")


def test_each_office_has_a_site_of_its_own(stranger, offices):
    """The same case number, the same key even: nothing of one office gets into the other's pages."""
    first = offices["kpu"].publish(request("a", "Pleno di pulau"))
    second = offices["kpu-lain"].publish(request("a", "Lomba di kota"))
    assert "/situs/pleno-di-pulau-inf-2026-0001/" in first.url
    assert "/situs/kantor/kpu-lain/lomba-di-kota-inf-2026-0001/" in second.url
    for page in ("", "feed.xml", "sitemap.xml", "jenis/berita/", "robots.txt"):
        ours, theirs = stranger.get(f"/situs/{page}"), stranger.get(f"/situs/kantor/kpu-lain/{page}")
        assert ours.status_code == theirs.status_code == 200
        assert "lomba" not in ours.text.lower() and "kantor/" not in ours.text and "pleno" not in theirs.text.lower(), page
    for result in (first, second):
        assert stranger.get("/situs/" + result.url.partition("/situs/")[2]).status_code == 200
    assert "KPU Kota Lain" in stranger.get("/situs/kantor/kpu-lain/").text
    assert "KPU Kota Lain" not in stranger.get("/situs/").text


def test_one_office_neither_changes_nor_withdraws_what_is_anothers(stranger, offices):
    standing = offices["kpu"].publish(request("a", "Pleno di pulau"))
    for attempt in (lambda: offices["kpu-lain"].withdraw(standing.platform_id, standing.url, "b"),
                    lambda: offices["kpu-lain"].update(request("b", "Diubah"), standing.platform_id, standing.url)):
        with pytest.raises(Failure):
            attempt()
    assert "Pleno di pulau" in stranger.get("/situs/pleno-di-pulau-inf-2026-0001/").text


def test_no_post_takes_the_place_of_the_other_offices(offices):
    assert offices["kpu"].publish(replace(request("a", "Kantor"), business_key="")).platform_id == "kantor-2"


def test_the_first_offices_empty_site_shows_nothing_of_anothers(stranger, offices):
    offices["kpu-lain"].publish(request("a", "Lomba di kota"))
    assert stranger.get("/situs/").status_code == 404 and "lomba" not in stranger.get("/situs/").text.lower()
    assert stranger.get("/situs/kantor/").status_code == 404
