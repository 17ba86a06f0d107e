"""What a notice says: as an e-mail and as a Telegram message, in the person's language. Pure, but for the catalogue."""

import datetime as dt
import gettext
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from babel.dates import format_datetime

from bpmn.errors import N_

HERE = Path(__file__).parent
CATALOGUES = HERE.parent / "webui" / "translations"  # there is one for the whole application
MOST_ITEMS = 40  # of one message; the rest is counted
LONGEST_TELEGRAM = 4000  # characters; Telegram takes 4,096

HEADLINES = {
    "task": N_("Tugas untuk Anda: %(task)s"),
    "due-soon": N_("Segera jatuh tempo: %(task)s"),
    "overdue": N_("Terlambat: %(task)s"),
    "escalation": N_("Tugas terlambat di bagian Anda: %(task)s"),
    "mention": N_("%(by)s menyebut Anda: %(task)s"),
    "returned": N_("Dikembalikan: %(task)s"),
    "published": N_("Sudah terbit: %(title)s"),
    "drifted": N_("%(channel)s: tidak lagi seperti yang disetujui"),
    "report": N_("Laporan terjadwal dari Terbit"),
    "channel-broken": N_("Kanal %(channel)s tidak siap menerbitkan"),
    "channel-expiring": N_("Sandi kanal %(channel)s segera berakhir"),
    "channel-expired": N_("Sandi kanal %(channel)s sudah berakhir"),
    "sign-in-expiring": N_("Izin kanal %(channel)s segera berakhir: masuklah sekali lagi di halamannya"),
    "sign-in-expired": N_("Izin kanal %(channel)s sudah berakhir: masuklah sekali lagi di halamannya"),
    "test": N_("Percobaan pemberitahuan dari Terbit"),
    "password": N_("Kata sandi baru untuk Terbit"),
    "invitation": N_("Akun Anda di Terbit"),
}
ACTIONS = {"password": N_("Tetapkan kata sandi"), "invitation": N_("Tetapkan kata sandi"), "report": N_("Atur atau berhenti menerima")}
LINES = {
    "report": N_("Laporannya terlampir, dibuat menurut hak Anda saat ini."),
    "password": N_("Seseorang, mungkin Anda, menyatakan lupa kata sandi. Dengan tautan ini Anda menetapkan yang baru; ia berlaku sekali, "
                   "selama satu jam. Bila bukan Anda, abaikan saja: tidak ada yang berubah."),
    "invitation": N_("Dengan tautan ini Anda menetapkan kata sandi Anda; ia berlaku sekali, selama tujuh hari."),
}


@dataclass(frozen=True)
class Item:
    """One notice, with what it tells of as that is now."""

    kind: str
    task_id: str | None
    instance_id: str | None
    task: str
    business_key: str
    title: str
    due_at: dt.datetime | None
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    subject: str
    text: str
    html: str
    telegram: str


@dataclass(frozen=True)
class Reader:
    """Whom it is written for."""

    locale: str
    zone: ZoneInfo
    office: str
    base_url: str


def compose(items: Sequence[Item], reader: Reader) -> Message:
    """One message of all of these."""
    _ = translator(reader.locale)
    shown = [_shown(item, reader) for item in items[:MOST_ITEMS]]
    left = len(items) - len(shown)
    more = _(N_("Dan %(count)s lagi di Terbit.")) % {"count": left} if left else ""
    subject = shown[0]["subject"] if len(items) == 1 else _(N_("%(count)s pemberitahuan dari Terbit")) % {"count": len(items)}
    settings_url = f"{reader.base_url}/preferences/notices"
    settings_label = _(N_("Atur pemberitahuan"))
    blocks = ["\n".join([each["headline"], *each["lines"], *([each["url"]] if each["url"] else [])]) for each in shown]
    text = "\n\n".join([*blocks, *([more] if more else []), f"--\n{reader.office}\n{settings_label}: {settings_url}"]) + "\n"
    page = _template().render(items=shown, more=more, subject=subject, office=reader.office, locale=reader.locale,
                              settings_url=settings_url, settings_label=settings_label)
    return Message(one_line(subject), text, page, _telegram(shown, more))


def translator(locale: str) -> Any:
    """Return a function that puts an Indonesian msgid into a language; where it has no words for it, it stays Indonesian."""
    return _catalogue(locale).gettext


def one_line(text: str, most: int = 200) -> str:
    """Fit for a header: one line of printable characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:most]


def _shown(item: Item, reader: Reader) -> dict[str, Any]:
    _ = translator(reader.locale)
    words = {"task": item.task or item.title, "title": item.title, "by": str(item.data.get("by") or "Terbit"),
             "channel": str(item.data.get("channel") or "")}
    headline = one_line(_(HEADLINES.get(item.kind, N_("Pemberitahuan: %(task)s"))) % words)
    case = one_line(" · ".join(part for part in (item.business_key, item.title) if part), 500)
    lines = [case] if case else []
    if item.due_at:
        lines.append(_(N_("Batas waktu: %(moment)s")) % {"moment": _moment(item.due_at, reader)})
    if item.data.get("until"):
        lines.append(_(N_("Berakhir: %(moment)s")) % {"moment": _moment(dt.datetime.fromisoformat(item.data["until"]), reader)})
    if item.data.get("text"):
        lines.append(one_line(str(item.data["text"]), 500))
    if item.kind == "test":
        lines.append(_(N_("Bila ini sampai, pemberitahuan Anda sudah benar.")))
    if item.kind in LINES:
        lines.append(_(LINES[item.kind]))
    if item.data.get("path"):
        return {"headline": headline, "lines": lines, "url": reader.base_url + str(item.data["path"]), "subject": headline,
                "action": _(ACTIONS.get(item.kind, N_("Buka kanal")))}
    path = f"/tasks/{item.task_id}" if item.task_id else f"/cases/{item.instance_id}" if item.instance_id else ""
    subject = one_line(f"{headline} ({item.business_key})" if item.business_key else headline)
    return {"headline": headline, "lines": lines, "url": reader.base_url + path if path else "", "subject": subject,
            "action": _(N_("Buka tugas")) if item.task_id else _(N_("Buka berkas"))}


def _moment(moment: dt.datetime, reader: Reader) -> str:
    return format_datetime(moment, "EEEE, d MMMM y HH:mm", tzinfo=reader.zone, locale=reader.locale)


def _telegram(shown: Sequence[Mapping[str, Any]], more: str) -> str:
    """In Telegram's HTML, whole items only, as many as it takes."""
    text = ""
    for each in shown:
        link = f'<a href="{html.escape(each["url"])}">{html.escape(each["action"])}</a>' if each["url"] else ""
        block = "\n".join([f"<b>{html.escape(each['headline'])}</b>", *map(html.escape, each["lines"]), *([link] if link else [])])
        if len(text) + len(block) + len(more) > LONGEST_TELEGRAM:
            return text + "\n\n…"
        text += ("\n\n" if text else "") + block
    return text + (f"\n\n{html.escape(more)}" if more else "")


@cache
def _catalogue(locale: str) -> gettext.NullTranslations:
    return gettext.translation("messages", CATALOGUES, [locale], fallback=True)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True)
    return environment.get_template("notice.html")
