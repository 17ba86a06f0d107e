"""The words of a printed SOP apart from its table: cover, approval, identity page. Pure; from the process's `camunda:properties`.

| property | where it is printed |
|---|---|
| `nomor`, `nama_sop` | Nomor SOP, Nama SOP (else the process's name) |
| `tanggal_pembuatan`, `tanggal_revisi`, `tanggal_efektif`, `tanggal_pengesahan` | the identity's dates, ISO; each if it is there |
| `disahkan_jabatan`, `disahkan_nama`, `disahkan_nip` | Disahkan oleh |
| `unit` | at the identity page's head |
| `dasar_hukum`, `kualifikasi_pelaksana`, `peralatan`, `pencatatan`, `keterkaitan`, `peringatan` | its blocks, an item a line |
| `judul_sampul`, `tempat` | the cover; none without `judul_sampul` |
| `pengesahan`, `pengesahan_jabatan` | the approval, a clause a line; none without `pengesahan` |
| `judul_flowchart`, `kaki_halaman` | over the table; at the foot of its pages |
| `istilah_asing` | words that are set in italics, separated by commas |
"""

import datetime as dt
import re
from dataclasses import dataclass

from bpmn import model

MONTHS = ("Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September", "Oktober", "November", "Desember")
DATES = (("tanggal_pembuatan", "Tanggal Pembuatan"), ("tanggal_revisi", "Tanggal Revisi"), ("tanggal_efektif", "Tanggal Efektif"),
         ("tanggal_pengesahan", "Tanggal Pengesahan"))
LEFT = (("dasar_hukum", "DASAR HUKUM"), ("keterkaitan", "KETERKAITAN"), ("peringatan", "PERINGATAN"))
RIGHT = (("kualifikasi_pelaksana", "KUALIFIKASI PELAKSANA"),
         ("peralatan", "PERALATAN/PERLENGKAPAN"), ("pencatatan", "PENCATATAN DAN PENDATAAN"))
OPTIONAL = {"keterkaitan", "peringatan"}  # as the office's own paper, which has neither

Run = tuple[str, bool]  # words, and whether they are set in italics


@dataclass(frozen=True)
class Cover:
    title: str
    number: str
    date: str
    place: str
    year: str


@dataclass(frozen=True)
class Approval:
    clauses: tuple[str, ...]
    place: str
    date: str
    position: str
    name: str


@dataclass(frozen=True)
class Block:
    title: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """What is printed around the table. Empty words are fields that the diagram leaves empty."""

    unit: str
    name: str
    fields: tuple[tuple[str, str], ...]
    left: tuple[Block, ...]
    right: tuple[Block, ...]
    heading: str
    footer: str
    foreign: tuple[str, ...]
    cover: Cover | None = None
    approval: Approval | None = None


def read(process: model.Process) -> Form:
    said = {name: value.strip() for name, value in process.properties.items()}
    name = said.get("nama_sop") or process.name or process.key
    fields = [("Nomor SOP", said.get("nomor", "")), *((title, date(said[key])) for key, title in DATES if key in said),
              ("Disahkan oleh", _approver(said)), ("Nama SOP", name)]
    return Form(unit=said.get("unit", ""), name=name, fields=tuple(fields), left=_blocks(LEFT, said), right=_blocks(RIGHT, said),
                heading=said.get("judul_flowchart") or f"FLOWCHART {name.upper()}", footer=said.get("kaki_halaman", ""),
                foreign=model.names(said.get("istilah_asing", "")), cover=_cover(said), approval=_approval(said))


def runs(text: str, foreign: tuple[str, ...]) -> list[Run]:
    """The text in pieces, those that are words of another language in italics; side by side they are one piece."""
    if not foreign:
        return [(text, False)] if text else []
    word = "|".join(re.escape(term) for term in sorted(foreign, key=len, reverse=True))
    pieces = re.split(rf"(?<!\w)((?:{word})(?:\s+(?:{word}))*)(?!\w)", text, flags=re.IGNORECASE)
    return [(piece, at % 2 == 1) for at, piece in enumerate(pieces) if piece]


def date(text: str) -> str:
    """'2022-01-05' as an office writes it, '5 Januari 2022'; what is no date, as it stands."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return text
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _approver(said: dict[str, str]) -> str:
    person = " ".join(part for part in (said.get("disahkan_nama"), said.get("disahkan_nip")) if part)
    return ", ".join(part for part in (said.get("disahkan_jabatan"), person) if part)


def _cover(said: dict[str, str]) -> Cover | None:
    if not said.get("judul_sampul"):
        return None
    return Cover(said["judul_sampul"], said.get("nomor", ""), date(said.get("tanggal_pengesahan", "")), said.get("tempat", ""), _year(said))


def _approval(said: dict[str, str]) -> Approval | None:
    if not said.get("pengesahan"):
        return None
    position = said.get("pengesahan_jabatan") or said.get("disahkan_jabatan", "")
    return Approval(_lines(said["pengesahan"]), said.get("tempat", ""), date(said.get("tanggal_pengesahan", "")), position,
                    said.get("disahkan_nama", ""))


def _year(said: dict[str, str]) -> str:
    found = re.search(r"\d{4}", said.get("tanggal_pengesahan", ""))
    return found[0] if found else ""


def _blocks(names: tuple[tuple[str, str], ...], said: dict[str, str]) -> tuple[Block, ...]:
    return tuple(Block(title, _lines(said.get(name, ""))) for name, title in names if name in said or name not in OPTIONAL)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
