"""The lembar dokumentasi as PDF: facts into words, words as JSON into typst.

What people wrote reaches typst only as JSON strings (`sys.inputs`), never as its source, so that nothing in it is obeyed.
"""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typst

from bpmn.errors import N_
from bpmn.printed.form import MONTHS
from engine.substitutions import in_words

TEMPLATES = Path(__file__).parent / "templates"
ZONES = {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}
STATES = {
    "published": N_("terbit"), "scheduled": N_("terjadwal"), "manual": N_("menunggu tangan"), "failed": N_("gagal"),
    "unknown": N_("tidak pasti"), "attempted": N_("sedang dicoba"),
    "planned": N_("terjadwal"), "held": N_("ditahan"),
    "withdrawn": N_("diturunkan"),
}
KINDS = {
    "peraturan": N_("Peraturan"), "surat-edaran": N_("Surat edaran"), "laporan-keuangan": N_("Laporan keuangan"),
    "juknis-juklak": N_("Juknis/Juklak"), "pengumuman": N_("Pengumuman"), "berita": N_("Berita"),
}
GROUNDS = {  # as the start form of `penurunan` words them
    "tidak-benar": N_("informasi tidak benar atau menyesatkan"), "dikecualikan": N_("informasi yang dikecualikan (Pasal 17 UU 14/2008)"),
    "data-pribadi": N_("memuat data pribadi (UU 27/2022)"), "hak-cipta": N_("melanggar hak pihak lain"),
    "perintah": N_("perintah pejabat atau putusan pengadilan"), "lain": N_("lainnya"),
}
MOST_DOCUMENTS = 12  # listed on the sheet; the archive has them all


def render(facts: Mapping[str, Any]) -> bytes:
    """The sheet as PDF (A4), from what `engine.documentation` gathered. It is an official record, so in Indonesian always."""
    words = json.dumps(_words(facts), ensure_ascii=False)
    made_at = int(facts["made_at"].timestamp())
    return typst.compile(
        str(TEMPLATES / "lembar-dokumentasi.typ"), root=str(TEMPLATES), format="pdf", ignore_system_fonts=True,
        sys_inputs={"words": words}, timestamp=made_at)


def _words(facts: Mapping[str, Any]) -> dict[str, Any]:
    zone = ZoneInfo(facts["timezone"])
    documents = facts["documents"]
    return {
        **{key: str(facts[key]) for key in ("office", "unit", "business_key", "title", "letter", "procedure", "number", "version", "hash")},
        "earlier_hash": str((facts.get("about") or {}).get("hash") or ""),
        "about": _about(facts.get("about") or {}, zone),
        "kind": KINDS.get(facts["kind"], facts["kind"]),
        "started_at": moment(facts["started_at"], zone), "made_at": moment(facts["made_at"], zone),
        "approver": _who(facts["approval"]), "approved_at": moment(facts["approval"].get("at"), zone),
        "approved_sha256": facts["approved_sha256"], "as_approved": facts["as_approved"],
        "publications": [_publication(row, zone) for row in facts["publications"]],
        "documents": [{"name": file["name"], "sha256": file["sha256"], "size": _size(file["size"])} for file in documents[:MOST_DOCUMENTS]],
        "more_documents": max(0, len(documents) - MOST_DOCUMENTS),
        "entries": str(facts["first"]) if facts["first"] == facts["last"] else f"{facts['first']}–{facts['last']}",
    }


def _about(about: Mapping[str, Any], zone: ZoneInfo) -> list[tuple[str, str]]:
    """What a correction or takedown is about, as (name, words)."""
    if not about:
        return []
    ground = GROUNDS.get(about.get("dasar_penurunan", ""), "")
    reason = about.get("alasan_ralat") or "; ".join(part for part in (ground, about.get("alasan_penurunan")) if part)
    said = [("Tentang berkas", f"{about['business_key']} {about['title']}".strip()), ("Diperintahkan oleh", _who(about["ordered_by"])),
            ("Diperintahkan pada", moment(about["ordered_at"], zone)), ("Alasan", reason), ("Ralat", about.get("catatan_ralat", ""))]
    return [(name, words) for name, words in said if words]


def _publication(row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    page = row["page"]
    url = row["url"] or ""
    return {
        "channel": row["channel_name"], "state": STATES[row["state"]], "ok": row["state"] in ("published", "scheduled", "withdrawn"),
        "url": url, "link": url if url.startswith(("https://", "http://")) else "", "platform_id": row["platform_id"] or "",
        "published_at": moment(row["published_at"], zone),
        "by": _who(row["published_by"] or {}) if row["by_hand"] else "Terbit",
        "page_sha256": page.get("sha256", ""), "seen": _seen(row, page, zone),
    }


def _seen(row: Mapping[str, Any], page: Mapping[str, Any], zone: ZoneInfo) -> str:
    """In a sentence, what was found when the page was fetched back."""
    if "sha256" in page:
        found = "judul ditemukan" if page["holds_title"] else "judul tidak ditemukan"
        found = f"{found}, server menjawab {page['status']}" if page.get("status", 200) != 200 else found
        text = f"diambil {moment(page['fetched_at'], zone)}, {found}"
    else:
        text = f"tidak diambil: {page.get('error') or row['error'] or ''}".rstrip(": ")
    if row.get("gone"):
        text = f"{text}; yang kini tampil: {row['gone']}"
    return f"{text}; alasan tanpa periksa: {row['unchecked']}" if row["unchecked"] else text


def _who(person: Mapping[str, Any]) -> str:
    """'Ani, Ketua Divisi'; of a substitute 'Budi (Plh. Ketua Divisi, menggantikan Ani, SP 12/2026)'."""
    if stead := in_words(person.get("in_stead_of")):
        return f"{person.get('name') or ''} ({stead})"
    return ", ".join(part for part in (person.get("name"), person.get("title")) if part) or "–"


def moment(value: dt.datetime | str | None, zone: ZoneInfo) -> str:
    """As an office writes it: 2 Maret 2026, 08.00 WIB."""
    if not value:
        return "–"
    at = (dt.datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(zone)
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}, {at:%H.%M} {ZONES.get(zone.key, at.tzname())}"


def _size(size: int) -> str:
    if size >= 1 << 20:
        return f"{size / (1 << 20):.1f} MB".replace(".", ",")
    return f"{max(1, round(size / 1024))} KB"
