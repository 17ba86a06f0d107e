"""How an office numbers its papers: the pattern of each kind, and the next number, without gaps, anew each year."""

import datetime as dt
import re
from collections.abc import Mapping

import sqlalchemy as sa

from bpmn.errors import N_, Invalid

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
LONGEST = 120  # characters of a pattern: a number must fit on the paper and in its column
PLACES = ("nomor", "nomor:3", "tanggal", "bulan", "bulan romawi", "tahun")  # what a pattern may hold in braces
_PLACE = re.compile(r"\{([^{}]*)\}")
_NUMBER = re.compile(r"nomor(?::([1-9]))?")

_next = sa.text(  # the row is locked until the commit: whoever comes next waits, and takes the same number where that fails
    "INSERT INTO business_key_counter (tenant_id, prefix, last) VALUES (:tenant, :prefix, 1) "
    "ON CONFLICT (tenant_id, prefix) DO UPDATE SET last = business_key_counter.last + 1 RETURNING last")


def check(patterns: Mapping[str, str]) -> None:
    """Invalid, with the kind as `field`, for a pattern that would not give each paper of a year its own number."""
    for kind, pattern in patterns.items():
        if len(pattern) > LONGEST:
            raise Invalid(N_("Pola nomor terlalu panjang: paling banyak %(most)s karakter."), field=kind, most=LONGEST)
        places = _PLACE.findall(pattern)
        unknown = [place for place in places if place not in PLACES and not _NUMBER.fullmatch(place)]
        if unknown or re.search(r"[{}]", _PLACE.sub("", pattern)):
            raise Invalid(N_("Pola nomor memuat %(place)s, yang tidak dikenal. Yang ada: %(places)s."), field=kind,
                          place=f"{{{unknown[0] if unknown else ' '}}}", places=", ".join(f"{{{place}}}" for place in PLACES))
        if not any(_NUMBER.fullmatch(place) for place in places):
            raise Invalid(N_("Pola nomor harus memuat {nomor}."), field=kind)
        if "tahun" not in places:
            raise Invalid(N_("Pola nomor harus memuat {tahun}: nomor dimulai lagi dari 1 setiap tahun."), field=kind)
        if any(pattern == other and kind != name for name, other in patterns.items()):
            raise Invalid(N_("Pola nomor ini sama dengan pola naskah lain."), field=kind)


def written(pattern: str, number: int, day: dt.date) -> str:
    """The number as the pattern has it: '{nomor:3}/ND/{bulan romawi}/{tahun}' → '007/ND/XI/2026'."""
    said = {"tanggal": f"{day.day:02}", "bulan": f"{day.month:02}", "bulan romawi": ROMAN[day.month - 1], "tahun": str(day.year)}

    def place(match: re.Match[str]) -> str:
        width = _NUMBER.fullmatch(match[1])
        return f"{number:0{width[1] or 1}}" if width else said[match[1]]
    return _PLACE.sub(place, pattern)


def take(db: sa.Connection, tenant: str, kind: str, year: int) -> int:
    """The next number of this kind of paper; given back where the transaction fails."""
    return db.execute(_next, {"tenant": tenant, "prefix": f"{kind}/{year}"}).scalar_one()  # a case's prefix ends in '-': never the same
