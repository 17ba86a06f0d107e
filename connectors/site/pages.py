"""What the site's pages say: records in, bytes out. No files are written here."""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from html import escape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from lxml import etree

from connectors import content
from connectors.kinds import KINDS, kind_name
from connectors.slugs import slug

PER_PAGE = 12
IN_FEED = 20
IN_SITEMAP = 50_000  # the protocol's bound for one file
RESERVED = {"jenis", "halaman", "gaya", "kantor"}
TEMPLATES = Path(__file__).parent / "templates"

Record = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """What is the same on every page."""

    url: str  # of the site, with a slash at the end
    office: str
    tagline: str
    address: str
    zone: ZoneInfo


@dataclass(frozen=True)
class Listed:
    """One page of a list: where it lies, and what is before and behind it."""

    path: str  # "", "halaman/2/", "jenis/berita/", …
    title: str
    kind: str
    posts: list[Record]
    number: int
    last: int
    base: str

    def at(self, number: int) -> str:
        return self.base if number == 1 else f"{self.base}halaman/{number}/"


def post(look: Look, record: Record, body: str) -> bytes:
    return _render("post.html", look, "../", post=record, body=_scrollable(content.html(body)))


@dataclass(frozen=True)
class Read:
    """What a post's page says, as pieces of HTML, and which files it names."""

    title: str
    body: str
    files: list[str]


def read(page: bytes) -> Read:
    """Read a page that `post` made, or that somebody changed since."""
    tree = etree.fromstring(page or b" ", etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False))
    if tree is None:
        return Read("", "", [])
    title, body = ("".join(etree.tostring(each, encoding="unicode", with_tail=False) for each in tree.xpath(path))
                   for path in ("//article//h1", "//article//div[@class='prose']"))
    files = tree.xpath("//article//img/@src | //article//ul[@class='files']//a/@href")
    return Read(title, body, [str(each) for each in files])


def withdrawn(look: Look) -> bytes:
    """What the address of a withdrawn post says: nothing of the post."""
    return _render("withdrawn.html", look, "../")


def _scrollable(body: str) -> str:
    """A table wider than a phone is moved sideways, by keyboard too (it is sanitised: a <table> is a tag)."""
    opened = body.replace("<table>", '<div class="table" role="group" tabindex="0" aria-label="Tabel"><table>')
    return opened.replace("</table>", "</table></div>")


def _notes(look: Look, record: Record) -> str:
    """Its corrections as HTML, for who reads the feed only."""
    return "".join(f"<p><strong>Ralat</strong> {_date(look, each['at'])}: {escape(each['note'])}</p>\n"
                   for each in record.get("corrections") or [])


def around(look: Look, posts: list[Record], body: Callable[[Record], str]) -> Iterator[tuple[str, bytes]]:
    """Everything but the posts themselves: (path, content). `posts` are the newest first."""
    for page in _lists(posts):
        up = "../" * page.path.count("/")
        yield f"{page.path}index.html", _render("list.html", look, up, page=page)
    entries = [(record, _notes(look, record) + content.html(body(record))) for record in posts[:IN_FEED]]
    updated = max(map(changed_at, posts), key=datetime.fromisoformat) if posts else datetime.fromtimestamp(0, UTC).isoformat()
    yield "feed.xml", _render("feed.xml", look, "", entries=entries, updated=updated)
    yield "sitemap.xml", _render("sitemap.xml", look, "", posts=posts[: IN_SITEMAP - 1])
    yield "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {look.url}sitemap.xml\n".encode()
    yield "gaya.css", _style()
    yield "ikon.svg", (TEMPLATES / "ikon.svg").read_bytes()


@cache
def version() -> str:
    """Changes whenever the templates do: then the posts' pages are written anew."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(TEMPLATES.iterdir()))).hexdigest()[:12]


def changed_at(record: Record) -> str:
    """When it was published, or corrected last."""
    return record.get("updated_at") or record["published_at"]


def kind_path(kind: str) -> str:
    return f"jenis/{slug(kind) or 'lain'}/"


def _lists(posts: list[Record]) -> Iterator[Listed]:
    yield from _paged("", "Informasi terbaru", "", posts)
    by_path: dict[str, tuple[str, list[Record]]] = {kind_path(kind): (kind, []) for kind in KINDS}
    for record in posts:
        by_path.setdefault(kind_path(record["kind"]), (record["kind"], []))[1].append(record)
    for path, (kind, of_kind) in by_path.items():
        yield from _paged(path, kind_name(kind), kind, of_kind)


def _paged(base: str, title: str, kind: str, posts: list[Record]) -> Iterable[Listed]:
    first = PER_PAGE if base else PER_PAGE + 1  # the front page shows its first one large
    pages = [posts[:first], *(posts[at : at + PER_PAGE] for at in range(first, len(posts), PER_PAGE))]
    for number, shown in enumerate(pages, 1):
        path = base if number == 1 else f"{base}halaman/{number}/"
        yield Listed(path, title, kind, shown, number, len(pages), base)


def _render(template: str, look: Look, up: str, **values: Any) -> bytes:
    """`up` leads from the page to the site's root: links are relative, so that the site may stand anywhere."""
    return _environment().get_template(template).render(look=look, up=up, date=partial(_date, look), **values).encode()


def _date(look: Look, iso: str, pattern: str = "d MMMM y") -> str:
    return format_datetime(datetime.fromisoformat(iso), pattern, tzinfo=look.zone, locale="id")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(KINDS=KINDS, kind_name=kind_name, kind_path=kind_path, changed_at=changed_at, version=version())
    environment.filters.update(size=_size, urn=lambda key: uuid.uuid5(uuid.NAMESPACE_URL, f"terbit:{key}").urn)
    return environment


def _size(number: int) -> str:
    if number < 1_000_000:
        return f"{max(1, round(number / 1000))} KB"
    return f"{number / 1_000_000:.1f} MB".replace(".", ",")


@cache
def _style() -> bytes:
    return (TEMPLATES / "gaya.css").read_bytes()
