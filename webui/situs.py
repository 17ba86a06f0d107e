"""The static website that the connector `site` writes, as the public reads it: `/situs/…`, without sign-in or cookie.

What lies there came from people, so nothing of it may run: no script, no form, no frame, whatever its type.
"""

import mimetypes
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, redirect, render_template, send_file, url_for
from werkzeug.security import safe_join

from connectors.site import WITHDRAWN

blueprint = Blueprint("situs", __name__)

POLICY = ("default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; font-src 'self'; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-top-navigation-by-user-activation")
# Older Chromium shows no PDF in a sandbox (156 does), and its viewer styles itself. A PDF is never a page: what it is served as says so.
PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
OPENED = {".html", ".css", ".xml", ".txt", ".ico", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".pdf", ".mp4", ".webm", ".mp3"}
FEEDS = {"feed.xml": "application/atom+xml", "sitemap.xml": "application/xml"}
PAGE_AGE, FILE_AGE = 0, 3600  # seconds; a page is asked about every time (by its ETag), an image or attachment hourly


@blueprint.get("/situs")
def root():
    return redirect(url_for("situs.page", name=""), code=308)


@blueprint.get("/situs/")
@blueprint.get("/situs/<path:name>")
def page(name: str = ""):
    """One file of the site; of a folder its `index.html`. NotFound for whatever is not plainly inside the site.
    The page of a withdrawn post says so, with 410: search engines then forget it."""
    folder = Path(current_app.extensions["terbit"].folder) / "situs"
    found = _find(folder, name)
    if found is None:
        abort(404)
    if found.is_dir() or not name:  # before the first post there is no folder
        if name and not name.endswith("/"):
            return redirect(url_for("situs.page", name=name + "/"), code=308)
        found = found / "index.html"
        if not found.is_file():
            return _empty() if not name else abort(404)
    if (found.parent / WITHDRAWN).exists():
        return _public(Response(found.read_bytes(), status=410, mimetype="text/html", headers={"Cache-Control": "no-store"}))
    return _send(found)


def _find(folder: Path, name: str) -> Path | None:
    """The file or folder, or None: no way out by `..` or a symbolic link, and no hidden or half-written file."""
    joined = safe_join(str(folder), name)
    if joined is None or "\0" in name or any(part.startswith(".") for part in Path(name).parts):
        return None
    path = Path(joined)
    try:
        inside = path.resolve(strict=bool(name)).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # there is none; the name is too long; links go in a circle
        return None
    return path if inside else None


def _send(path: Path) -> Response:
    kind = FEEDS.get(path.name) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    age = PAGE_AGE if path.suffix in (".html", ".xml") else FILE_AGE
    response = send_file(path, mimetype=kind, conditional=True, max_age=age, as_attachment=path.suffix.lower() not in OPENED,
                         download_name=path.name)
    response.cache_control.public = True
    response.cache_control.no_cache = True if age == 0 else None
    return _public(response)


def _empty() -> Response:
    return _public(Response(render_template("situs_empty.html"), status=404))


def _public(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = PDF_POLICY if response.mimetype == "application/pdf" else POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
