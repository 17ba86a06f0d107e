"""A static website in the instance folder, for an office that has none of its own: open it and it is there.

`<folder>/situs` is what visitors see: plain files that any web server can serve, as the folder's `index.html`, and that
need no more of a browser than `default-src 'none'; img-src 'self'; style-src 'self'`.
`<folder>/situs-posts` is what it is made from: one record (JSON) and one text (Markdown) per post, and the lock.
A further office of the installation has the same, by itself, in `kantor/<id>` within each (`Context.place`).
"""

import hashlib
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors import N_, Ability, Context, Failure, Field, Health, NotYet, Request, Result, Standing, standing
from connectors.content import clean, excerpt, html
from connectors.site import files, pages, store
from connectors.slugs import slug

WITHDRAWN = ".ditarik"  # beside the page of a withdrawn post: whoever serves the folder may answer 410 (`webui.situs` does)
GONE = N_("Tulisan ini tidak ada lagi di situs.")


class Site:
    name = "site"
    can: frozenset[Ability] = frozenset({"text", "image", "images", "video", "file", "edit", "delete", "verify"})
    title = N_("Situs bawaan Terbit")
    fields: tuple[Field, ...] = (
        Field("office", N_("Nama kantor"), help=N_("Tampil di kepala setiap halaman.")),
        Field("tagline", N_("Keterangan singkat")),
        Field("address", N_("Alamat kantor"), help=N_("Tampil di kaki setiap halaman.")),
        Field(
            "timezone",
            N_("Zona waktu"),
            "select",
            options=(("Asia/Jakarta", "WIB"), ("Asia/Makassar", "WITA"), ("Asia/Jayapura", "WIT")),
        ),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.root = context.folder / "situs" / context.place
        self.store = store.Store(context.folder / "situs-posts" / context.place)
        self.look = pages.Look(
            url=f"{context.base_url.rstrip('/')}/situs/{context.place}",
            office=clean(config.get("office") or context.office or "KPU Kabupaten Administrasi Kepulauan Seribu"),
            tagline=clean(config.get("tagline") or "Informasi resmi untuk publik"),
            address=clean(config.get("address") or ""),
            zone=ZoneInfo(config.get("timezone") or "Asia/Jakarta"),
        )

    def publish(self, request: Request) -> Result:
        """One post per key: published again, the first one's address is given, and what a crash left undone is done.
        A post whose time has not come is not taken yet (NotYet): a static site has nobody to show it later."""
        if request.publish_at and request.publish_at > request.now:
            raise NotYet((request.publish_at - request.now).total_seconds())
        kept = files.prepare(request.images, request.attachments)
        with self.store.locked():
            record = self.store.find(request.key) or self._record(request, kept)
            folder = self.root / record["slug"]
            if not (folder / "index.html").exists():
                self._write_post(folder, record, kept)
            self._build()
        url = f"{self.look.url}{record['slug']}/"
        return Result(url, record["slug"], datetime.fromisoformat(record["published_at"]), details={"path": record["slug"]})

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        """The page changes in place, with its corrections and their dates on it; so do lists and feed."""
        kept = files.prepare(request.images, request.attachments)
        with self.store.locked():
            record = self._standing(platform_id)
            if record.get("revision") != request.key:
                record = record | self._said(request, kept) | {"revision": request.key, "updated_at": request.now.isoformat()}
                self.store.add(record, clean(request.body))
            self._rewrite_post(self.root / record["slug"], record, kept)
            self._build()
        return Result(f"{self.look.url}{record['slug']}/", record["slug"], datetime.fromisoformat(record["updated_at"]))

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """Its address says in a sentence that it is withdrawn, and nothing of it: no title, picture or attachment is left,
        here or in lists, feed and sitemap."""
        with self.store.locked():
            record = self.store.of_slug(platform_id)
            if record is None:
                raise Failure(GONE, "permanent")
            if not record.get("withdrawn"):
                self.store.add(record | {"withdrawn": key}, self.store.body(record))
            self._withdraw_page(self.root / record["slug"])
            self._build()

    def verify(self, request: Request, platform_id: str, url: str) -> Standing:
        """What visitors are given: the page with its title and body, and every file that it names."""
        folder = self.root / platform_id
        if not platform_id or "/" in platform_id or not (folder / "index.html").is_file():
            return standing.gone()
        if (folder / WITHDRAWN).exists():
            return standing.gone(N_("Tulisan ini sudah diturunkan dari situs."))
        page = pages.read((folder / "index.html").read_bytes())
        approved = [(standing.words(clean(request.title)), page.title), (standing.words_of_html(html(request.body)), page.body)]
        for wanted, shown in approved:
            found = standing.of_words([wanted], standing.words_of_html(shown))
            if found.state != "stands":
                return found
        lost = [name for name in page.files if "/" not in name and not (folder / name).is_file()]
        return standing.changed(N_("Berkas %(name)s tidak ada lagi di halaman itu."), lost, name=lost[0]) if lost else standing.STANDS

    def check(self, now: datetime) -> Health:
        """It can be written to: its lists are, and the pages where its look has changed."""
        with self.store.locked():
            self._build()
        return Health(N_("Situs siap."))

    def build(self) -> None:
        """Write every list, and the pages where the look of the site has changed: also for a site without posts."""
        with self.store.locked():
            self._build()

    def _record(self, request: Request, kept: files.Kept) -> dict[str, Any]:
        """Kept before the page is there: after a crash the same key finds its slug again."""
        title = clean(request.title).strip() or N_("Tanpa judul")
        record = {
            "key": request.key,
            "slug": self._free_slug(title, request.business_key),
            "kind": clean(request.kind),
            "business_key": clean(request.business_key),
            "published_at": request.now.isoformat(),
            **self._said(request, kept),
        }
        self.store.add(record, clean(request.body))
        return record

    def _said(self, request: Request, kept: files.Kept) -> dict[str, Any]:
        """Of a record, what a correction may change."""
        return {
            "title": clean(request.title).strip() or N_("Tanpa judul"),
            "summary": " ".join(clean(request.summary).split()) or excerpt(request.body),
            "images": [image.described for image in kept.images],
            "attachments": [attachment.described for attachment in kept.attachments],
            "corrections": [{"at": each.at.isoformat(), "note": clean(each.note)} for each in request.corrections],
        }

    def _standing(self, slug: str) -> dict[str, Any]:
        record = self.store.of_slug(slug)
        if record is None or record.get("withdrawn"):
            raise Failure(GONE, "permanent")
        return record

    def _free_slug(self, title: str, business_key: str) -> str:
        base = slug(f"{slug(title, 70)} {business_key}") or "tulisan"
        free, n, taken = base, 1, pages.RESERVED | self.store.slugs()
        while free in taken:
            n += 1
            free = f"{base}-{n}"
        return free

    def _write_post(self, folder: Path, record: dict[str, Any], kept: files.Kept) -> None:
        """The whole folder comes to be at once."""
        staging = self.store.staging()
        for file in (*kept.images, *kept.attachments):
            store.write(staging / file.described["file"], file.content, lasting=True)
        store.write(staging / "index.html", self._post(record), lasting=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        staging.rename(folder)
        store.sync(folder.parent)

    def _rewrite_post(self, folder: Path, record: dict[str, Any], kept: files.Kept) -> None:
        """The page is there at every moment: first what it names, then itself, then what nothing names any more goes."""
        for file in (*kept.images, *kept.attachments):
            store.write(folder / file.described["file"], file.content, lasting=True)
        store.write(folder / "index.html", self._post(record), lasting=True)
        named = {"index.html", *(file.described["file"] for file in (*kept.images, *kept.attachments))}
        store.remove(path for path in folder.iterdir() if path.name not in named)

    def _withdraw_page(self, folder: Path) -> None:
        store.write(folder / WITHDRAWN, b"", lasting=True)
        store.write(folder / "index.html", pages.withdrawn(self.look), lasting=True)
        store.remove(path for path in folder.iterdir() if path.name not in (WITHDRAWN, "index.html"))

    def _post(self, record: dict[str, Any]) -> bytes:
        if record.get("withdrawn"):
            return pages.withdrawn(self.look)
        return pages.post(self.look, record, self.store.body(record))

    def _build(self) -> None:
        stamp = hashlib.sha256(repr((self.look, pages.version())).encode()).hexdigest()
        pages_there = [record for record in self.store.records() if (self.root / record["slug"] / "index.html").exists()]
        posts = [record for record in pages_there if not record.get("withdrawn")]
        if self.store.stamp() != stamp:
            for record in pages_there:
                store.write(self.root / record["slug"] / "index.html", self._post(record))
        written = dict(pages.around(self.look, posts, self.store.body))
        for path, content in written.items():
            store.write(self.root / path, content)
        self.store.set_stamp(stamp)
