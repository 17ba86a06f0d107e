"""The files of a model: what they may be called, and all of them as one ZIP, out and in.

A ZIP comes from a person in a browser or from a stranger's repository. It is read in memory and bounded before it is believed:
its entries' number, what they unpack to, and their names; nothing is ever written to a path that it names.
"""

import io
import json
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from bpmn import xml
from bpmn.errors import N_, Invalid

KINDS = ("bpmn", "dmn", "form")
NAME = re.compile(r"[^\W_][\w .()+-]{0,119}\.(?:bpmn|dmn|form)")
MOST_FILES = 100
MOST_BYTES = 20 * 1024 * 1024  # of all files of one model together
FIXED = (1980, 1, 1, 0, 0, 0)  # every entry's time, so that the same files are the same bytes


class Package(NamedTuple):
    files: dict[str, bytes]
    left_out: list[str]  # names of what is no file of a model: a README, pictures


def check_name(name: str) -> str:
    """Return a file's name as it is kept: NFC, without a path, ending in .bpmn, .dmn or .form. Invalid otherwise."""
    kept = unicodedata.normalize("NFC", name.strip())
    if not NAME.fullmatch(kept):
        raise Invalid(N_("Nama file “%(name)s” tidak dapat dipakai: hanya huruf, angka, spasi, titik, dan garis, "
                         "dan berakhir .bpmn, .dmn, atau .form."), field="name", name=name[:80])
    return kept


def check_content(name: str, content: bytes) -> bytes:
    """Return the content of a file that can at least be opened: XML without harm, or a JSON object. Invalid otherwise."""
    if len(content) > xml.MAX_BYTES:
        raise Invalid(N_("File %(name)s terlalu besar: paling banyak %(most)d MB."), file=name, name=name, most=xml.MAX_BYTES >> 20)
    if name.endswith(".form"):
        _check_json(name, content)
    else:
        xml.parse(content, name)
    return content


def check_all(files: Mapping[str, bytes]) -> None:
    """Refuse too many files, too much of them, and names that only differ in capitals. Raises Invalid."""
    if len(files) > MOST_FILES:
        raise Invalid(N_("Terlalu banyak file: paling banyak %(most)d."), field="files", most=MOST_FILES)
    if sum(map(len, files.values())) > MOST_BYTES:
        raise Invalid(N_("Semua file bersama-sama terlalu besar: paling banyak %(most)d MB."), field="files", most=MOST_BYTES >> 20)
    seen: dict[str, str] = {}
    for name in files:
        if (other := seen.setdefault(name.casefold(), name)) != name:
            raise Invalid(N_("File %(name)s ada lebih dari sekali."), field="files", name=f"{other}, {name}")


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the files as a ZIP; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, FIXED), files[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def unpack(content: bytes, name: str = "ZIP") -> Package:
    """Return the files of a model in a ZIP, which may lie in one folder in it. Raises Invalid for what no model's ZIP is."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > 10 * MOST_FILES:
                raise Invalid(N_("Terlalu banyak file: paling banyak %(most)d."), field="files", most=MOST_FILES)
            return _read(archive, [e for e in entries if not e.is_dir()])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as problem:
        raise Invalid(N_("%(name)s bukan ZIP yang dapat dibaca."), file=name, field="files", name=name) from problem


def _read(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> Package:
    for entry in entries:
        _check_path(entry)
    entries = [e for e in entries if not any(part.startswith((".", "__MACOSX")) for part in e.filename.split("/"))]
    folder = _common_folder([e.filename for e in entries])
    files: dict[str, bytes] = {}
    left_out, room = [], MOST_BYTES
    for entry in entries:
        name = entry.filename[len(folder):]
        if not name.lower().endswith(tuple("." + kind for kind in KINDS)):
            left_out.append(name)
            continue
        if "/" in name:
            raise Invalid(N_("File %(name)s dalam ZIP harus di luar folder, atau semuanya di satu folder yang sama."),
                          field="files", name=name[:80])
        kept = check_name(name)
        if kept in files:
            raise Invalid(N_("File %(name)s ada lebih dari sekali."), field="files", name=kept)
        files[kept] = _bounded(archive, entry, room)
        room -= len(files[kept])
    check_all(files)
    return Package(files, sorted(left_out))


def _bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, room: int) -> bytes:
    """Return what an entry unpacks to, believing nothing that its header says of the size."""
    most = min(room, xml.MAX_BYTES)
    with archive.open(entry) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise Invalid(N_("File %(name)s terlalu besar: paling banyak %(most)d MB."), file=entry.filename[:80], field="files",
                      name=entry.filename[:80], most=xml.MAX_BYTES >> 20)
    return content


def _check_path(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = name.split("/")
    if ("\\" in entry.orig_filename or "\0" in entry.orig_filename or name.startswith("/") or ".." in parts or ":" in name
            or not name.isprintable() or stat.S_ISLNK(entry.external_attr >> 16)):
        raise Invalid(N_("ZIP memuat jalur yang tidak diterima: %(name)s"), field="files", name=ascii(name)[1:81])
    if entry.flag_bits & 0x1:
        raise Invalid(N_("ZIP yang dikunci sandi tidak diterima."), field="files")


def _common_folder(names: list[str]) -> str:
    """Return the folder, with its slash, that all of them lie in; '' where there is none."""
    first = {name.partition("/")[0] for name in names}
    return f"{first.pop()}/" if len(first) == 1 and all("/" in name for name in names) else ""


def _check_json(name: str, content: bytes) -> None:
    try:
        schema = json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise Invalid(N_("Formulir %(name)s bukan JSON yang benar: %(problem)s"), file=name, name=name,
                      problem=str(problem)[:200]) from problem
    if not isinstance(schema, dict):
        raise Invalid(N_("Formulir %(name)s bukan skema form-js: tidak ada `components`."), file=name, name=name)
