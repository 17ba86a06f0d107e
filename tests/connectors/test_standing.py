"""Whether a post still stands: read back from servers that keep what they are told, and from pages of every sort."""

import time

import fake_server
import mastodon_server
import pytest

from connectors import Context, Failure, rules, standing
from connectors.facebook import Facebook
from connectors.mastodon import Mastodon
from connectors.site import Site
from connectors.testing import proxy

PAGE, TOKEN = "546349135390552", "EAAGm0PX4ZCpsBApageTokenOfTheOffice"
TEXT = {"title": "Pengumuman “Jadwal” Pleno", "summary": "Dibuka untuk umum & gratis.", "images": [], "attachments": []}


def mastodon(url, context):
    return Mastodon({"url": url}, {"token": mastodon_server.TOKEN}, context)


def facebook(url, context):
    return Facebook({"page": PAGE, "api": url}, {"token": TOKEN}, context)


@pytest.mark.parametrize(("script", "connect"), [("mastodon_server", mastodon), ("facebook_server", facebook)])
def test_it_is_read_back_by_its_id_changed_gone_and_out_of_reach(script, connect, ask, tmp_path):
    with fake_server.running(script) as server, proxy.faulty(server.url) as between:
        connector = connect(between.url, Context(tmp_path, "http://kantor.example", frozenset({between.host})))
        request = ask(**TEXT, link="https://kpu.example/berita/pleno-1")
        done = connector.publish(request)
        assert connector.verify(request, done.platform_id, done.url) == standing.STANDS
        connector.update(ask(**TEXT | {"summary": "Ditutup untuk umum."}, link=request.link), done.platform_id, done.url)
        found = connector.verify(request, done.platform_id, done.url)
        assert found.state == "changed" and "Dibuka" in found.params["approved"] and "Ditutup" in found.params["now"]
        for fault in (proxy.status(500), proxy.status(403), proxy.silent):
            between.begin(fault)
            with pytest.raises(Failure):
                connector.verify(request, done.platform_id, done.url)
        between.begin()
        connector.withdraw(done.platform_id, done.url, "turun")
        assert connector.verify(request, done.platform_id, done.url).state == "gone"


def test_the_site_s_own_page_is_read_as_visitors_get_it(ask, context):
    site, request = Site({}, {}, context), ask()
    done = site.publish(request)
    page = context.folder / "situs" / done.platform_id / "index.html"
    written = page.read_text()
    assert site.verify(request, done.platform_id, done.url) == standing.STANDS
    for old, new, said in (("hari Senin", "hari Rabu", "Rabu"), ("Jadwal", "Tunda", "Tunda"), ("<p>Rapat", "<p>Tambahan</p><p>Rapat", "Tambahan")):
        page.write_text(written.replace(old, new))
        found = site.verify(request, done.platform_id, done.url)
        assert found.state == "changed" and said in found.params["now"], old
    page.write_text(written.replace("hari Senin", "hari\n <b>Senin</b>"))
    assert site.verify(request, done.platform_id, done.url) == standing.STANDS
    next(page.parent.glob("*.pdf")).unlink()
    assert site.verify(request, done.platform_id, done.url).params["name"].endswith(".pdf")
    page.unlink()
    assert site.verify(request, done.platform_id, done.url).state == "gone"
    assert site.verify(request, "../situs-posts", done.url).state == site.verify(request, "", "").state == "gone"


def test_shortened_links_entities_and_spaces_are_no_change():
    approved = ["Jadwal & tempat:\nlihat https://kpu.go.id/a/b?c=1 atau kpu.go.id/x.\nTerima kasih"]
    for shown in ("Jadwal & tempat: lihat https://t.co/abc atau t.co/def.  Terima\u00a0kasih", "Jadwal & tempat — lihat atau\n\nTerima ka\u00adsih"):
        assert standing.compared(approved, shown) == standing.STANDS
    for shown in ("Jadwal & tempat: lihat atau Terima kasih sekali", "jadwal & tempat: lihat atau Terima kasih", ""):
        assert standing.compared(approved, shown).state == "changed"
    assert standing.compared(approved, "a").found == standing.compared(approved, " a ").found != standing.compared(approved, "b").found
    assert rules.without_addresses("di kpu.go.id/x dan http://127.0.0.1:8/y ya").split() == ["di", "dan", "ya"]


def answers(status, body, *headers):
    return proxy.status(status, "Content-Type: text/html; charset=utf-8", *headers, body=body.encode())


@pytest.mark.parametrize(("fault", "state", "certain"), [
    (answers(200, "<h1>Rapat&nbsp;<i>Pleno</i></h1>"), "stands", True),
    (answers(200, '<meta property="og:description" content="Semua warga diundang ke rapat di balai kota pada hari Senin pagi nanti">'), "stands", True),
    (answers(200, "<h1>Selamat datang</h1>"), "changed", False),
    (answers(200, "<h1>Masuk</h1><input name=pass type='password'>"), "unreachable", True),
    (answers(404, "Tidak ada"), "gone", True), (answers(410, "Rapat Pleno"), "gone", True),
    (answers(403, "Rapat Pleno"), "unreachable", True), (answers(500, ""), "unreachable", True), (answers(429, ""), "unreachable", True),
    (proxy.reset, "unreachable", True)])
def test_a_public_page_shows_it_or_not_or_nobody_can_tell(fault, state, certain):
    text = "Semua warga diundang ke rapat di balai kota pada hari Senin pagi nanti, pukul 9."
    with proxy.faulty() as between:
        between.begin(fault)
        found = standing.page(f"{between.url}/1", "Rapat Pleno", [text], frozenset({between.host}))
    assert (found.state, found.certain) == (state, certain)


def test_a_page_that_never_ends_and_an_address_inside_tell_nothing():
    with proxy.faulty() as between:
        between.begin(proxy.silent)
        assert standing.page(between.url, "Rapat", [], frozenset({between.host}), deadline=0.3).state == "unreachable"
        assert standing.page(between.url, "Rapat", [], frozenset()).state == "unreachable"


def test_a_hostile_page_holds_no_worker_up():
    html = "<input" * 400_000 + "<input " + "type=" * 400_000
    began = time.monotonic()
    with proxy.faulty() as between:
        between.begin(answers(200, html))
        standing.page(between.url, "Rapat", ["Rapat pleno"], frozenset({between.host}))
    assert time.monotonic() - began < 10
