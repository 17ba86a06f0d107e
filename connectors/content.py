"""What people write (Markdown, CommonMark with tables) as safe HTML, as plain text, and as an excerpt."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from itertools import pairwise

import nh3
from babel.dates import format_date
from lxml import etree
from markdown_it import MarkdownIt
from markdown_it.token import Token

TAGS = set("a blockquote br code del em h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul".split())  # noqa: SIM905
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
CLASSES = {"td": {"tengah", "kanan"}, "th": {"tengah", "kanan"}}  # a strict CSP takes no style attribute
SCHEMES = {"http", "https", "mailto", "tel"}

# What XML 1.0, and so a feed, cannot hold; lone surrogates cannot even be encoded.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text without characters that HTML, XML and UTF-8 cannot carry."""
    return _UNFIT.sub("", text)


def html(markdown: str) -> str:
    """Sanitised HTML, fit to stand below a page's own h1: headings begin at h2 and skip no level, raw HTML is
    shown as text, an image becomes a link to it (pictures are published through `images`, which carry their alt text)."""
    tokens = _tokens(markdown)
    rendered = _parser().renderer.render(tokens, _parser().options, {})
    return nh3.clean(
        rendered, tags=TAGS, attributes=ATTRIBUTES, allowed_classes=CLASSES, url_schemes=SCHEMES,
        link_rel="noopener noreferrer",
    )  # fmt: skip


def text(markdown: str) -> str:
    """Plain text to be pasted where no markup is understood: paragraphs apart, lists with marks, links spelt out."""
    lines = "".join(_plain(_tokens(markdown)))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?: \|)?[ \t]+\n", "\n", lines)).strip()


def excerpt(markdown: str, limit: int = 200) -> str:
    """The beginning of the paragraphs on one line, at most `limit` characters, cut between words."""
    tokens = _tokens(markdown)
    paragraphs = ["".join(_plain_inline(inline.children or [])) for before, inline in pairwise(tokens) if before.type == "paragraph_open"]
    line = " ".join(" ".join(paragraphs or [text(markdown)]).split())
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,;:.-") + "…"


def correction(at: datetime, note: str) -> str:
    """A public note as it stands with a post, in plain text: "Ralat, 24 November 2026: …"."""
    return f"Ralat, {format_date(at, 'd MMMM y', locale='id')}: {clean(note).strip()}"


def of_html(html: str) -> str:
    """A piece of a page as plain text, its addresses whole."""
    lines = re.sub(r"(<br\b|</p>)", r"\n\1", clean(html))
    tree = etree.fromstring(f"<div>{lines}</div>".encode(), etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False))
    return "" if tree is None else "".join(map(str, tree.itertext())).strip()


def contains_title(html: str, title: str) -> bool:
    """A page's visible text, <title>, og:title or og:description holds the title: compared by words, so that white space, case,
    entities, mark-up and the typographic quotes and dashes that a CMS puts in make no difference."""
    sought = _words(title)
    tree = etree.fromstring(clean(html).encode() or b" ", etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False))
    if tree is None or not sought.strip():
        return False
    etree.strip_elements(tree, "script", "style", "template", etree.Comment, etree.ProcessingInstruction, with_tail=False)
    pieces = [str(piece) for piece in tree.itertext()]
    metas = " ".join(str(value) for value in tree.xpath("//meta[@property='og:title' or @property='og:description']/@content"))
    # joined both ways: "Pengu<b>muman</b>" is one word, "<h1>Judul</h1><p>Isi" is two
    return any(sought in _words(text) for text in ("".join(pieces), " ".join(pieces), metas))


def _words(text: str) -> str:
    visible = re.sub("[\u00ad\u200b-\u200f\u2060\ufeff]", "", text)  # soft hyphens and the like
    return " " + " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", visible).casefold())) + " "


@cache
def _parser() -> MarkdownIt:
    # breaks: in an office, the Enter key means a new line
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


def _tokens(markdown: str) -> list[Token]:
    tokens = _parser().parse(clean(markdown))
    above: list[str] = []  # the headings that the one at hand stands under
    for token in tokens:
        if token.type == "heading_open":
            above = [tag for tag in above if tag < token.tag] + [token.tag]
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(len(above) + 1, 6)}"
        elif token.type in ("td_open", "th_open"):
            _align(token)
        elif token.type == "inline":
            token.children = list(_without_images(token.children or []))
    return tokens


def _align(token: Token) -> None:
    style = str(token.attrs.pop("style", ""))
    name = {"text-align:center": "tengah", "text-align:right": "kanan"}.get(style)
    if name:
        token.attrSet("class", name)


def _without_images(children: Iterable[Token]) -> Iterable[Token]:
    for child in children:
        if child.type != "image":
            yield child
            continue
        source = str(child.attrGet("src") or "")
        yield Token("link_open", "a", 1, attrs={"href": source})
        yield Token("text", "", 0, content=child.content or source)
        yield Token("link_close", "a", -1)


def _plain(tokens: list[Token]) -> Iterable[str]:
    lists: list[int | None] = []  # of each open list: its next number, None for bullets
    for token in tokens:
        match token.type:
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_open":
                lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
                yield "" if lists else "\n"
            case "list_item_open":
                number = lists[-1]
                lists[-1] = number and number + 1
                yield "   " * (len(lists) - 1) + ("• " if number is None else f"{number}. ")
            case "inline":
                yield "".join(_plain_inline(token.children or []))
            case "paragraph_close" | "heading_close":
                yield "\n" if token.hidden or lists else "\n\n"
            case "fence" | "code_block":
                yield token.content + "\n"
            case "th_close" | "td_close":
                yield " | "
            case "tr_close" | "table_close":
                yield "\n"
            case "hr":
                yield "———\n\n"


def _plain_inline(children: list[Token]) -> Iterable[str]:
    targets: list[tuple[str, list[str]]] = []  # of each open link: its address, and the words read so far
    for child in children:
        if child.type == "link_open":
            targets.append((str(child.attrGet("href") or ""), []))
        elif child.type == "link_close" and targets:
            address, words = targets.pop()
            label = "".join(words)
            said = address.removeprefix("mailto:").removeprefix("tel:")
            whole = label if label in (address, said) or not address else f"{label} ({said})"
            if targets:
                targets[-1][1].append(whole)
            else:
                yield whole
        else:
            piece = "\n" if child.type in ("softbreak", "hardbreak") else child.content
            if child.type in ("text", "code_inline", "softbreak", "hardbreak"):
                if targets:
                    targets[-1][1].append(piece)
                else:
                    yield piece
