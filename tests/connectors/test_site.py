import multiprocessing
import os
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

import pytest
from lxml import etree
from lxml import html as lxml_html
from publications import NOW, picture

from connectors import Attachment, Context, Correction, Failure, NotYet
from connectors.http import contains_title
from connectors.site import Site

ATOM = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture
def site(context):
    return Site({"office": "KPU <Uji> & Kawan", "address": "Jalan Uji 1"}, {}, context)


def page(context, path=""):
    return (context.folder / "situs" / path / "index.html").read_text()


def posts(context):
    return sorted(path.name for path in (context.folder / "situs").iterdir() if path.is_dir() and path.name not in ("jenis", "halaman"))


def feed(context):
    return etree.fromstring((context.folder / "situs/feed.xml").read_bytes())


def test_a_post_stands_on_its_page_in_the_lists_the_feed_and_the_sitemap(site, context, ask):
    result = site.publish(ask())
    slug = "pengumuman-jadwal-pleno-rekapitulasi-inf-2026-0001"
    assert (result.url, result.published_at, result.scheduled) == (f"http://kantor.example/situs/{slug}/", NOW, False)
    written = page(context, slug)
    assert contains_title(written, ask().title)
    assert "<strong>terbuka</strong>" in written and 'alt="Dermaga di waktu pagi"' in written
    assert "Selasa, 24 November 2026, 09.30 WIB" in written
    assert (context.folder / "situs" / slug / "surat-edaran-no-12.pdf").read_bytes() == ask().attachments[0].content
    assert all(slug in page(context, path) for path in ("", "jenis/pengumuman"))
    assert slug not in page(context, "jenis/berita")
    assert slug in (context.folder / "situs/sitemap.xml").read_text()
    assert [e.text for e in feed(context).xpath("//a:entry/a:title", namespaces=ATOM)] == [ask().title]
    assert "sitemap.xml" in (context.folder / "situs/robots.txt").read_text()


def test_the_same_key_gives_the_same_post(site, context, ask):
    first = site.publish(ask())
    before = {path: path.read_bytes() for path in (context.folder / "situs").rglob("*") if path.is_file()}
    assert site.publish(ask(now=NOW + timedelta(hours=3))) == first
    assert {path: path.read_bytes() for path in (context.folder / "situs").rglob("*") if path.is_file()} == before


def test_another_key_is_another_post_also_with_the_same_title(site, context, ask):
    urls = {site.publish(ask(key)).url for key in ("a", "b", "c")}
    assert len(urls) == len(posts(context)) == 3


def test_before_its_time_nothing_is_shown(site, context, ask):
    request = ask(publish_at=NOW + timedelta(hours=2))
    with pytest.raises(NotYet) as waiting:
        site.publish(request)
    assert (waiting.value.kind, waiting.value.retry_after) == ("temporary", 7200)
    assert not (context.folder / "situs").exists()
    assert not site.publish(replace(request, now=NOW + timedelta(hours=2))).scheduled


def dies_at(n, context, request):
    """Publish in a process that dies at its n-th change to the disk, as by kill -9."""
    count = 0

    def counted(real):
        def change(*args, **named):
            nonlocal count
            count += 1
            if count == n:
                os._exit(9)
            return real(*args, **named)

        return change

    os.replace, os.rename, os.mkdir, os.fsync = map(counted, (os.replace, os.rename, os.mkdir, os.fsync))
    Site({}, {}, context).publish(request)
    os._exit(0)


def in_process(target, *args):
    process = multiprocessing.get_context("fork").Process(target=target, args=args)
    process.start()
    return process


def test_killed_at_any_moment_and_published_again_it_is_one_whole_post(tmp_path, ask):
    whole, n, code = None, 0, 9
    while code == 9:
        n += 1
        context = Context(tmp_path / str(n), "http://kantor.example")
        context.folder.mkdir()
        process = in_process(dies_at, n, context, ask())
        process.join()
        code = process.exitcode
        Site({}, {}, context).publish(replace(ask(), now=NOW + timedelta(minutes=5)))
        other = Site({}, {}, context).publish(ask("lain", title="Lain"))
        assert len(posts(context)) == 2
        there = {str(p.relative_to(context.folder)) for p in context.folder.rglob("*") if p.is_file()}
        whole = whole or there
        assert there == whole and other.url.endswith("/lain-inf-2026-0001/")
    assert n > 30 and code == 0


def publishes(context, keys, ask):
    for key in keys:
        Site({}, {}, context).publish(ask(key, title=f"Tulisan {key}"))


def test_processes_publishing_at_once_lose_and_double_nothing(context, ask):
    processes = [in_process(publishes, context, ["bersama", *(f"{n}-{i}" for i in range(5))], ask) for n in range(4)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert len(posts(context)) == 21
    listed = "".join(page(context, path) for path in ("", "halaman/2"))
    assert all(slug in listed for slug in posts(context))


def test_lists_come_in_pages_the_newest_first(site, context, ask):
    for n in range(26):
        site.publish(ask(str(n), title=f"Nomor {n}", now=NOW + timedelta(hours=n), images=[], attachments=[]))
    pages = [page(context, path) for path in ("", "halaman/2", "halaman/3")]
    titles = [lxml_html.fromstring(p).xpath("//h2/a/text()") for p in pages]
    assert list(chain(*titles)) == [f"Nomor {n}" for n in reversed(range(26))]
    assert 'href="../../"' in pages[1] and 'href="../../halaman/3/"' in pages[1] and 'rel="next"' not in pages[2]
    assert not (context.folder / "situs/halaman/4").exists()


def test_a_kind_that_the_office_added_has_its_list_too(site, context, ask):
    site.publish(ask("a", title="Satu", kind="siaran-pers"))
    site.publish(ask("b", title="Dua", kind=""))
    site.publish(ask("c", title="Tiga", kind="lain"))
    added = page(context, "jenis/siaran-pers")
    assert ">Siaran pers</h1>" in added and "Satu" in added
    assert all(title in page(context, "jenis/lain") for title in ("Dua", "Tiga"))
    assert 'aria-current' not in page(context, "jenis/lain") and page(context).count("aria-current") == 1


def test_every_link_between_the_pages_leads_somewhere(site, context, ask):
    for n in range(14):
        site.publish(ask(str(n), kind=["pengumuman", "hal lain/../x", ""][n % 3]))
    root = context.folder / "situs"
    for file in root.rglob("*.html"):
        for _, _, link, _ in lxml_html.fromstring(file.read_bytes()).iterlinks():
            if link.startswith(("http://kantor.example/situs/", "#")):
                link = link.removeprefix("http://kantor.example/situs/")
                target = root / link if not link.startswith("#") else file
            else:
                target = file.parent / link.split("?")[0]
            assert (target / "index.html" if target.is_dir() else target).is_file(), (file, link)


def test_the_feed_is_what_rfc_4287_asks_for(site, context, ask):
    site.build()
    valid(feed(context), 0)
    for n in range(25):
        body = "Teks <script>alert(1)</script> \x00"
        site.publish(ask(str(n), title=f"Isi <b>&amp; {n}\x0b", summary="", body=body, now=NOW + timedelta(hours=n)))
    valid(feed(context), 20)
    ids = feed(context).xpath("//a:entry/a:id/text()", namespaces=ATOM)
    moved = Site({}, {}, replace(context, base_url="https://lain.example/terbit/"))
    moved.build()
    assert feed(context).xpath("//a:entry/a:id/text()", namespaces=ATOM) == ids  # 4.2.6: an id never changes


def valid(root, entries):
    """4.1.1, 4.1.2: what a feed and an entry must have, once."""

    def one(element, path):
        (found,) = element.xpath(path, namespaces=ATOM)
        return found

    def timed(text):
        assert datetime.fromisoformat(text).tzinfo

    assert root.tag == "{http://www.w3.org/2005/Atom}feed"
    for element in (root, *root.xpath("a:entry", namespaces=ATOM)):
        assert one(element, "a:id/text()") and one(element, "a:title/text()")
        timed(one(element, "a:updated/text()"))
        assert one(element, "a:link[@rel='alternate']/@href").startswith("http")
    assert one(root, "a:author/a:name/text()") and one(root, "a:link[@rel='self']/@href").endswith("/situs/feed.xml")
    found = root.xpath("a:entry", namespaces=ATOM)
    assert len(found) == entries == len({one(entry, "a:id/text()") for entry in found})
    for entry in found:
        assert one(entry, "a:content[@type='html']/text()") and one(entry, "a:category/@term")
        assert "<script" not in one(entry, "a:content/text()")


def test_hostile_words_and_names_stay_words_and_names(site, context, ask):
    title = '"><script>alert(1)</script> {{ 7*7 }} \ud800'
    hostile = ("../../../x.txt", "/etc/passwd.csv", "gambar-1.jpg", "a.txt", "A.TXT", ".txt.txt")
    files = [Attachment(name, "text/plain", b"x", "") for name in hostile]
    photo = Attachment('"><script>.png', "image/png", picture((20, 10), "PNG"), '" onerror="alert(1)')
    words = {"title": title, "summary": title, "kind": "../../" + title, "business_key": "../" + title}
    result = site.publish(ask(**words, images=[photo], attachments=files))
    root = context.folder / "situs"
    assert {path.name for path in context.folder.iterdir()} == {"situs", "situs-posts"}
    names = sorted(path.name for path in (root / result.platform_id).iterdir())
    assert names == ["a-2.txt", "a.txt", "gambar-1.png", "index.html", "lampiran-gambar-1.jpg", "passwd.csv", "txt.txt", "x.txt"]
    for file in root.rglob("*.html"):
        tree = lxml_html.fromstring(file.read_bytes())
        assert not tree.xpath("//script | //@style | //@*[starts-with(name(), 'on')]")
        assert "49" not in file.read_text()


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.exe", "a.js", "a.pdf.htm", "a", "", ".pdf/..", "a.xhtml", "a.shtml", "a.php"])
def test_what_a_browser_would_run_is_no_attachment(site, context, ask, name):
    with pytest.raises(Failure) as failure:
        site.publish(ask(attachments=[Attachment(name, "application/pdf", b"x", "")]))
    assert failure.value.kind == "permanent"
    assert not (context.folder / "situs").exists()


def test_a_new_name_of_the_office_reaches_the_pages_that_stand(site, context, ask):
    slug = site.publish(ask()).platform_id
    Site({"office": "Kantor Baru"}, {}, context).build()
    assert "Kantor Baru" in page(context, slug) and "Kantor Baru" in page(context)


def test_a_site_without_posts_can_be_opened(site, context):
    assert site.check(NOW)
    assert "Belum ada informasi" in page(context) and "KPU &lt;Uji&gt; &amp; Kawan" in page(context)


# Corrected and withdrawn ------------------------------------------------------------------------------------------------

LATER = NOW + timedelta(days=2)
NOTE = Correction(LATER, "Semula tertulis Senin & <b>salah</b>.")


def corrected(ask, key="ralat:website:2", **different):
    return ask(key, **{"body": "Rapat hari **Selasa**.", "now": LATER, "corrections": (NOTE,)} | different)


def everything(context):
    return {path: path.read_bytes() for path in context.folder.rglob("*") if path.is_file()}


def test_a_correction_changes_the_page_at_its_address_and_says_so_with_its_date(site, context, ask):
    first = site.publish(ask())
    other = site.publish(ask("lain", title="Lain", now=NOW + timedelta(hours=1)))
    result = site.update(corrected(ask, images=[], attachments=[]), first.platform_id, first.url)
    assert (result.url, result.platform_id, result.published_at) == (first.url, first.platform_id, LATER)
    written = page(context, first.platform_id)
    assert "<strong>Selasa</strong>" in written and "terbuka" not in written
    (note,) = lxml_html.fromstring(written).xpath("//p[@class='ralat']")
    assert " ".join(note.text_content().split()) == "Ralat 26 November 2026: Semula tertulis Senin & <b>salah</b>."
    assert [path.name for path in (context.folder / "situs" / first.platform_id).iterdir()] == ["index.html"]
    entry = feed(context).xpath("//a:entry[2]", namespaces=ATOM)[0]  # where it was: by its first day
    assert entry.xpath("string(a:updated)", namespaces=ATOM) == LATER.isoformat()
    assert entry.xpath("string(a:published)", namespaces=ATOM) == NOW.isoformat()
    said = entry.xpath("string(a:content)", namespaces=ATOM)
    assert "Selasa" in said and "&lt;b&gt;salah" in said
    assert feed(context).xpath("string(/a:feed/a:updated)", namespaces=ATOM) == LATER.isoformat()
    assert f"<lastmod>{LATER.isoformat()}" in (context.folder / "situs/sitemap.xml").read_text()
    assert "terbuka" in page(context, other.platform_id)


def test_the_same_correction_again_changes_nothing(site, context, ask):
    first = site.publish(ask())
    result = site.update(corrected(ask), first.platform_id, first.url)
    before = everything(context)
    assert site.update(corrected(ask, now=LATER + timedelta(hours=5)), first.platform_id, first.url) == result
    assert everything(context) == before and site.publish(ask()).url == first.url


def test_a_withdrawn_post_leaves_a_notice_and_nothing_else(site, context, ask):
    first = site.publish(ask())
    site.publish(ask("lain", title="Lain"))
    for _ in range(2):
        site.withdraw(first.platform_id, first.url, "penurunan:website")
    folder = context.folder / "situs" / first.platform_id
    assert sorted(path.name for path in folder.iterdir()) == [".ditarik", "index.html"]
    notice = page(context, first.platform_id)
    assert "Informasi ini telah ditarik" in notice and "noindex" in notice and not contains_title(notice, ask().title)
    for path in ("index.html", "feed.xml", "sitemap.xml", "jenis/pengumuman/index.html"):
        text = (context.folder / "situs" / path).read_text()
        assert first.platform_id not in text and "lain" in text
    site.publish(ask("baru"))  # the same title: its address is another
    assert "Informasi ini telah ditarik" in page(context, first.platform_id)


def test_what_is_withdrawn_or_was_never_there_cannot_be_corrected(site, ask):
    first = site.publish(ask())
    site.withdraw(first.platform_id, first.url, "x")
    for call in (lambda: site.update(corrected(ask), first.platform_id, first.url), lambda: site.update(corrected(ask), "tidak-ada", ""),
                 lambda: site.withdraw("tidak-ada", "", "x")):
        with pytest.raises(Failure) as failure:
            call()
        assert failure.value.kind == "permanent"


def test_a_changed_look_reaches_corrected_and_withdrawn_pages(context, ask):
    old = Site({"office": "Kantor Lama"}, {}, context)
    kept, gone = old.publish(ask()), old.publish(ask("b", title="Hilang"))
    old.update(corrected(ask), kept.platform_id, kept.url)
    old.withdraw(gone.platform_id, gone.url, "x")
    Site({"office": "Kantor Baru"}, {}, context).check(NOW)
    assert "Kantor Baru" in page(context, kept.platform_id) and "ralat" in page(context, kept.platform_id)
    assert "Kantor Baru" in page(context, gone.platform_id) and "Hilang" not in page(context, gone.platform_id)


def changes_at(n, context, what, request, slug):
    """Correct or withdraw in a process that dies at its n-th change to the disk."""
    count = 0

    def counted(real):
        def change(*args, **named):
            nonlocal count
            count += 1
            if count == n:
                os._exit(9)
            return real(*args, **named)

        return change

    os.replace, os.unlink, os.fsync = map(counted, (os.replace, os.unlink, os.fsync))
    change(Site({}, {}, context), what, request, slug)
    os._exit(0)


def change(site, what, request, slug):
    site.update(request, slug, "") if what == "update" else site.withdraw(slug, "", "x")


@pytest.mark.parametrize("what", ["update", "withdraw"])
def test_killed_at_any_moment_and_changed_again_it_is_changed_whole_and_never_away(tmp_path, ask, what):
    whole, n, code = None, 0, 9
    while code == 9:
        n += 1
        context = Context(tmp_path / str(n), "http://kantor.example")
        slug = Site({}, {}, context).publish(ask()).platform_id
        process = in_process(changes_at, n, context, what, corrected(ask, images=[]), slug)
        process.join()
        code = process.exitcode
        assert (context.folder / "situs" / slug / "index.html").is_file()  # at its address there is always something
        change(Site({}, {}, context), what, corrected(ask, images=[]), slug)
        there = {str(p.relative_to(context.folder)) for p in context.folder.rglob("*") if p.is_file()}
        whole = whole or there
        assert there == whole
        assert ("Selasa" in page(context, slug)) == (what == "update")
    assert n > 8 and code == 0
