import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html

from connectors import content

HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<iframe src=javascript:alert(1)>",
    "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](java\nscript:alert(1))", "[x](&#106;avascript:alert(1))",
    "[x](javascript&colon;alert(1))", "[x]( javascript:alert(1))", "[x](\x01javascript:alert(1))", "[x](vbscript:x)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)", "![x](javascript:alert(1))", "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x\" onerror=\"alert(1)](http://x/)", "[x](http://x/ \"t\\\" onmouseover=alert(1) \\\"\")", "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]", "<a href=\"javascript:alert(1)\">x</a>", "<math><mi xlink:href=\"data:x,<script>\">",
    "<!--><script>-->",
    "```<script>\nx\n```", "`<img onerror=x>`", "<style>@import 'x'</style>", "<form action=//evil><input name=a>", "<base href=//evil>",
    "<meta http-equiv=refresh content=0>", "<object data=x>", "<a style=\"position:fixed\">x</a>", "|a|\n|-|\n|<b onclick=x>|",
    "<<script>script>alert(1)<</script>/script>", "\x00<scr\x00ipt>alert(1)</scr\x00ipt>", "\ud800<script>", "# <img src=x onerror=y>",
]  # fmt: skip
ALLOWED = content.TAGS
SCHEMES = ("http://", "https://", "mailto:", "tel:")


def assert_harmless(markdown):
    written = content.html(markdown)
    written.encode()
    for element in lxml_html.fragment_fromstring(written, create_parent="main").iterdescendants():
        assert element.tag in ALLOWED, written
        for name, value in element.attrib.items():
            assert name in ("href", "title", "start", "rel", "class"), written
            if name == "href":
                assert value.lower().startswith(SCHEMES) or ":" not in value.split("/")[0].split("?")[0].split("#")[0], written


@pytest.mark.parametrize("markdown", HOSTILE)
def test_hostile_markdown_comes_out_harmless(markdown):
    assert_harmless(markdown)
    assert_harmless(f"> - {markdown}\n>\n> {markdown}")


MARKS = ["[", "](", ")", "<", ">", '"', "'", "`", "*", "\n", "\n\n", "    ", "|", "\\", "&", "javascript:", "onload="]
PIECES = st.sampled_from([*HOSTILE, *MARKS])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=12).map("".join)))
@example("")
def test_whatever_is_written_comes_out_harmless(markdown):
    assert_harmless(markdown)
    content.text(markdown).encode()
    assert len(content.excerpt(markdown, 50)) <= 50
    etree.fromstring(f"<x>{content.clean(markdown).replace('&', '').replace('<', '')}</x>")


@pytest.mark.parametrize(
    "markdown",
    ["[" * 20_000, "> " * 5_000 + "x", "*a " * 20_000, "`" * 20_000, "![[]()" * 5_000, "<" * 20_000, "|a" * 5_000 + "\n" + "|-" * 5_000],
)
def test_what_is_built_to_take_long_does_not(markdown):
    start = time.monotonic()
    content.html(markdown)
    content.text(markdown)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("written", "read"),
    [("123", "234"), ("2322", "2322"), ("14", "23"), ("3123", "2234"), ("6", "2"), ("123456", "234566")],
)
def test_headings_begin_below_the_pages_own_and_skip_no_level(written, read):
    markdown = "\n\n".join("#" * int(level) + " A" for level in written)
    assert content.html(markdown) == "".join(f"<h{level}>A</h{level}>\n" for level in read)


def test_the_enter_key_means_a_new_line():
    assert content.html("satu\ndua") == "<p>satu<br>\ndua</p>\n"


def test_a_picture_in_the_text_becomes_a_link_to_it():
    assert content.html("![Peta](https://x.id/a.png)") == '<p><a href="https://x.id/a.png" rel="noopener noreferrer">Peta</a></p>\n'


def test_a_table_keeps_its_columns_side_without_a_style():
    assert '<td class="kanan">1</td>' in content.html("|a|\n|-:|\n|1|")


def test_plain_text_can_be_pasted_anywhere():
    lists = "1. satu\n2. dua\n   - rinci\n\n|a|b|\n|-|-|\n|1|2|\n\n> kutip"
    assert content.text(f"# Judul\n\nIsi **tebal** di [laman](https://a.id), <https://b.id>.\n\n{lists}") == (
        "Judul\n\nIsi tebal di laman (https://a.id), https://b.id.\n\n1. satu\n2. dua\n   • rinci\n\na | b\n1 | 2\n\nkutip"
    )


def test_an_excerpt_ends_between_words():
    assert content.excerpt("satu dua tiga, empat", 16) == "satu dua tiga…"
    assert content.excerpt("satu\n\ndua", 16) == "satu dua"
    assert content.excerpt("# Judul\n\nsatu\n\n|a|\n|-|\n|1|\n\ndua") == "satu dua"
    assert content.excerpt("# Judul") == "Judul"


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<h1>Jadwal  Pleno\n &amp; Rekapitulasi</h1>", "jadwal pleno & rekapitulasi"),
        ("<title>Kantor: Jadwal Pleno</title>", "JADWAL PLENO"),
        ("<h1>&#8220;Jadwal&#8221; &#8211; Pleno</h1>", '"Jadwal" - Pleno'),
        ("<h1>Jad<em>wal</em> Pleno</h1>", "Jadwal Pleno"),
        ("<h1>Jadwal Pleno</h1><p>Isi", "Jadwal Pleno"),
        ("<h1>Jad&shy;wal&nbsp;Pleno</h1>", "Jadwal Pleno"),
        ("<meta property='og:title' content='Jadwal Pleno'>", "Jadwal Pleno"),
        ("<?xml version='1.0' encoding='utf-16'?><html><h1>Jadwal Pleno", "Jadwal Pleno"),
        ("<h1>Édaran ＰＬＥＮＯ</h1>", "édaran pleno"),
    ],
)
def test_a_title_is_found_by_its_words(page, title):
    assert content.contains_title(page, title)


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<h1>Jadwal Plenoxx</h1>", "Jadwal Pleno"),
        ("<script>Jadwal Pleno</script>", "Jadwal Pleno"),
        ("<!-- Jadwal Pleno --><h1>Lain</h1>", "Jadwal Pleno"),
        ("<a href='Jadwal Pleno'>x</a>", "Jadwal Pleno"),
        ("", "Jadwal"), ("   ", "Jadwal"), ("\x00\x01", "Jadwal"), ("%PDF-1.4 \ufffd", "Jadwal"),
        ("<h1>Jadwal", ""), ("<h1>Jadwal", " !? "),
    ],
)  # fmt: skip
def test_a_title_that_is_not_there_is_not_found(page, title):
    assert not content.contains_title(page, title)


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text())
def test_no_page_breaks_the_search_for_a_title(page, title):
    content.contains_title(page, title)
