"""Addresses at which a platform fetches what is being published: Instagram and Threads take no bytes, only an address.

Nothing is there but what a connector has just asked an address for, as it goes out. It lies for a day in `<folder>/public`, by its
hash, and is reached by `<BASE_URL>/media/<token>.<extension>` alone: the token names that file and the moment until which it is
shown, and is signed by the installation's key. Web and worker need the folder and the key, and no other word between them.
"""

import base64
import binascii
import datetime as dt
import hmac
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bpmn.errors import N_
from connectors import Attachment, Failure, http
from engine import files
from engine.process_engine import ProcessEngine

FOLDER = "public"  # below the instance folder, laid out as `engine.files` does
SHOWN = dt.timedelta(days=1)  # a platform's container lives no longer
SLACK = dt.timedelta(hours=1)  # between the clocks of the machines that write, show and sweep
SWEPT = 500  # files at a time
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "video/mp4": "mp4"}
TYPES = {extension: media_type for media_type, extension in EXTENSIONS.items()}
PRIVATE = {"localhost", "local", "localdomain", "internal", "intranet", "private", "lan", "home", "corp", "test", "invalid", "arpa"}
_LENGTH = 96  # of a token: 32 bytes of the file's hash, 8 of its end, 32 of the signature

Clock = Callable[[], dt.datetime]


def _clock() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)  # noqa: TID251 - an address ends by the clock of the web that shows it


def publisher(pe: ProcessEngine, base_url: str, clock: Clock = _clock) -> Callable[[Attachment], str] | None:
    """As `connectors.Context.public`; None where nobody outside could fetch from `base_url`."""
    return partial(put, pe, base_url, clock=clock) if is_reachable(base_url) else None


def is_reachable(base_url: str) -> bool:
    """It is https at a name, or address, of the public internet, as far as the name tells."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme != "https":
        return False
    ending = host.rpartition(".")[2]
    return http.is_public(host) or ("." in host and not ending.isdigit() and ending not in PRIVATE)


def put(pe: ProcessEngine, base_url: str, file: Attachment, clock: Clock = _clock) -> str:
    """Show these bytes for a day; return where. Raises Failure (permanent) for a type that no platform fetches."""
    extension = EXTENSIONS.get(file.media_type)
    if extension is None:
        raise Failure(N_("Berkas %(name)s tidak dapat diambil oleh kanal: jenisnya tidak diterima."), name=file.name)
    kept = files.keep_bytes(pe.folder / FOLDER, file.content)
    named = bytes.fromhex(kept.sha256) + int((clock() + SHOWN).timestamp()).to_bytes(8)
    token = base64.urlsafe_b64encode(named + _signature(pe, named, extension)).decode()
    return f"{base_url}/media/{token}.{extension}"


def find(pe: ProcessEngine, name: str, now: dt.datetime) -> tuple[Path, str] | None:
    """The file of an address's last part, and its media type; None for whatever is not an address of now."""
    token, _, extension = name.partition(".")
    if len(token) != _LENGTH or extension not in TYPES:
        return None
    try:
        said = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    named, signature = said[:40], said[40:]
    if not hmac.compare_digest(signature, _signature(pe, named, extension)):
        return None
    if int.from_bytes(named[32:]) <= now.timestamp():
        return None
    path = files.path(pe.folder / FOLDER, named[:32].hex())
    return (path, TYPES[extension]) if path.is_file() else None


def sweep(pe: ProcessEngine, now: dt.datetime) -> int:
    """Take away what is shown no more, a bounded number; return how many."""
    folder, before = pe.folder / FOLDER, now - SHOWN - SLACK
    old = (path for path in (folder / "archive").glob("*/*") if _is_older(path, before))
    return sum(_remove(folder, path, before) for path in itertools.islice(old, SWEPT))


def _is_older(path: Path, before: dt.datetime) -> bool:
    try:
        return path.stat().st_mtime < before.timestamp()
    except FileNotFoundError:  # another sweep was first
        return False


def _remove(folder: Path, path: Path, before: dt.datetime) -> bool:
    if path.parent.name == "incoming":  # of a worker that died while it wrote
        path.unlink(missing_ok=True)
        return True
    return path.suffix == "" and files.remove(folder, path.name, before)


def _signature(pe: ProcessEngine, named: bytes, extension: str) -> bytes:
    return hmac.digest(pe.secret("public files"), named + extension.encode(), "sha256")
