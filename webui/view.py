"""What templates need: the reader's language and zone, times and sizes in words, assets by their hashed names, the menu."""

import datetime as dt
import json
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask, current_app, request, url_for
from flask_babel import format_date, format_datetime, format_time, get_locale, ngettext
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup, escape

from bpmn import sop
from connectors import content
from engine import tables
from engine.access import SCHEDULERS
from engine.documents import MAX_UPLOAD_BYTES
from webui import db

LOCALES = {"id": "Bahasa Indonesia", "en": "English"}
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True)
class Item:
    """One entry of the menu; shown to whoever is in one of `groups` (empty: everyone), first on a phone when `phone`."""

    endpoint: str
    label: str
    icon: str
    groups: frozenset[str] = frozenset()
    phone: bool = False
    count: str = ""  # a key of `task_counts`
    starts: bool = False  # shown only to who may start something
    heads: bool = False  # shown only to who leads a lane
    parts: tuple[str, ...] = ()  # other blueprints that belong under it

    def is_here(self) -> bool:
        """Whether the page that is asked for lies under this entry."""
        return request.blueprint in (self.endpoint.split(".")[0], *self.parts)


def menu() -> list[Item]:
    """The whole menu in the reader's language; a part that is not there yet is left out."""
    owner, admin, analyst = frozenset({"process-owner", "admin"}), frozenset({"admin"}), frozenset({"analyst", "admin", "process-owner"})
    items = [
        Item("inbox.inbox", _("Tugas"), icon="inbox", phone=True, count="open", parts=("task", "bulk")),
        Item("lane.index", _("Bagian saya"), icon="user-share", heads=True),
        Item("news.index", _("Berita terbit"), icon="news", groups=frozenset({"ketua-divisi"}), phone=True, count="news"),
        Item("cases.index", _("Berkas"), icon="folders", phone=True),
        Item("publications.index", _("Papan publikasi"), icon="layout-board", groups=analyst | {"web-admin"}, parts=("embargo",)),
        Item("schedule.index", _("Kalender terbit"), icon="calendar-event", groups=analyst | SCHEDULERS),
        Item("start.index", _("Mulai"), icon="circle-plus", phone=True, starts=True),
        Item("definitions.index", _("Prosedur"), icon="sitemap", groups=owner, parts=("studio",)),
        Item("evidence.standards", _("Laporan"), icon="chart-bar", groups=analyst, parts=("analyst",)),
        Item("admin.index", _("Pemantauan"), icon="activity", groups=admin),
        Item("channels.index", _("Kanal"), icon="broadcast", groups=admin),
        Item("people.index", _("Pengguna"), icon="users", groups=admin, parts=("substitutions", "people_groups", "people_import")),
        Item("calendar.index", _("Kalender kerja"), icon="calendar", groups=admin),
        Item("office.index", _("Naskah dinas"), icon="file-text", groups=admin),
        Item("audit.index", _("Jejak audit"), icon="history", groups=admin),
        Item("housekeeping.index", _("Masa simpan"), icon="archive", groups=admin),
    ]
    mine = current_user.groups if current_user.is_authenticated else frozenset()
    return [i for i in items if i.endpoint in current_app.view_functions and (not i.groups or i.groups & mine)
            and (not i.heads or current_user.is_authenticated and current_user.actor.heads)
            and (not i.starts or mine & ({"admin"} | _starters(current_user.account["tenant"])))]


def _starters(tenant: str) -> frozenset[str]:
    """The groups that may start something in this office; asked of the database every half minute, not on every page."""
    kept = current_app.extensions.setdefault("terbit.starters", {})
    known_until, groups = kept.get(tenant, (0.0, frozenset()))
    if known_until < time.monotonic():
        query = sa.select(tables.definition_group.c.group_id).distinct().join(
            tables.process_definition, tables.process_definition.c.id == tables.definition_group.c.definition_id).where(
            tables.process_definition.c.tenant_id == tenant, tables.definition_group.c.starts)
        groups = frozenset(db.session.scalars(query))
        kept[tenant] = (time.monotonic() + 30, groups)
    return groups


def locale() -> str:
    """The account's language; of a stranger the one chosen on the sign-in page, else Indonesian."""
    chosen = current_user.locale if current_user and current_user.is_authenticated else request.cookies.get("terbit_locale", "")
    return chosen if chosen in LOCALES else "id"


def timezone() -> str:
    return current_app.config["BABEL_DEFAULT_TIMEZONE"]


def zone() -> ZoneInfo:
    return ZoneInfo(timezone())


def theme() -> str:
    chosen = request.cookies.get("terbit_theme", "auto")
    return chosen if chosen in THEMES else "auto"


def init_app(app: Flask) -> None:
    from webui import hours, names, now

    app.context_processor(lambda: {"menu": menu, "theme": theme(), "locale": str(get_locale() or "id"), "locales": LOCALES, "now": now,
                                     "view_names": current_app.view_functions, "next_morning": next_morning,
                                     "upload_megabytes": upload_megabytes()})
    app.jinja_env.globals.update(asset=asset, due_mark=hours.due, worked=hours.between)
    app.jinja_env.filters.update(moment=moment, day=day, weekday=weekday, day_or_moment=day_or_moment, clock=clock, ago=ago,
                                 duration=duration, file_size=file_size, reason=reason, device=device, initials=initials, iso=iso,
                                 markdown=markdown, in_stead=names.in_stead, last_day=last_day, work=hours.work,
                                 paper_name=lambda kind: _(sop.PAPERS[kind]), group_name=lambda id, groups: groups.get(id, id))


# Assets ---------------------------------------------------------------------------------------------------------------

@lru_cache(maxsize=4)
def _manifest(path: str, changed: float) -> dict:
    return json.loads(Path(path).read_text("utf-8"))


def asset(name: str) -> str:
    """The address of a built asset by its plain name ('app.js'); hashed, so that it can be cached for ever."""
    path = Path(current_app.static_folder or "") / "dist" / "manifest.json"
    names = _manifest(str(path), path.stat().st_mtime) if path.exists() else {}
    return url_for("static", filename=f"dist/{names.get(name, name)}")


def upload_megabytes() -> int:
    """How large one uploaded file may be."""
    return int(current_app.extensions["terbit"].config.get("MAX_UPLOAD_BYTES", MAX_UPLOAD_BYTES)) >> 20


# Words for values -----------------------------------------------------------------------------------------------------

def iso(value: dt.datetime | None) -> str:
    return value.isoformat(timespec="seconds") if value else ""


def next_morning() -> str:
    """What a task is put off to unless something else is said, as a field of local time holds it: when the office opens
    on its next working day, tomorrow at the earliest."""
    from webui import hours, now

    today = now().astimezone(zone()).date()
    opens = hours.calendar().next_opening(today)
    return f"{opens.astimezone(zone()):%Y-%m-%dT%H:%M}" if opens else f"{today + dt.timedelta(days=1):%Y-%m-%d}T08:00"


def reason(kept: str | None) -> str:
    """Why a notice was not sent (`engine.sending.reason`), in the reader's language; what was kept as plain words stays so."""
    try:
        said = json.loads(kept or "")
        return _(said["message"]) % said["params"] if said["params"] else _(said["message"])
    except (ValueError, TypeError, KeyError):
        return kept or ""


def moment(value: dt.datetime | None) -> str:
    """'24 Nov 2026, 13.05 WIB'."""
    return f"{format_datetime(value, 'd MMM y, HH.mm')} {value.astimezone(zone()).tzname()}" if value else "–"


def day(value: dt.datetime | dt.date | None) -> str:
    """'24 November 2026'."""
    return format_date(value, "d MMMM y") if value else "–"


def weekday(value: dt.date) -> str:
    """'Selasa, 24 November'."""
    return format_date(value, "EEEE, d MMMM")


def day_or_moment(value: dt.datetime) -> str:
    """A moment in words; of midnight in the reader's zone, the day that begins then."""
    return day(value) if value.astimezone(zone()).time() == dt.time() else moment(value)


def last_day(ends_at: dt.datetime) -> str:
    """The last whole day before a moment: what ends at midnight ends with the day before."""
    return day(ends_at - dt.timedelta(seconds=1))


def clock(value: dt.datetime | None) -> str:
    return format_time(value, "HH.mm") if value else "–"


def duration(seconds: float | dt.timedelta | None) -> str:
    """'2 hari 3 jam', '5 jam', '10 menit': two units at most."""
    if seconds is None:
        return "–"
    minutes = int(abs(seconds.total_seconds() if isinstance(seconds, dt.timedelta) else seconds) // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [ngettext("%(num)d hari", "%(num)d hari", days) if days else "", ngettext("%(num)d jam", "%(num)d jam", hours) if hours else "",
             ngettext("%(num)d menit", "%(num)d menit", rest) if rest and not days else ""]
    return " ".join(p for p in parts if p) or _("kurang dari semenit")


def ago(value: dt.datetime | None) -> Markup | str:
    """'3 jam lalu', with the exact time for whoever points at it."""
    from webui import now

    if value is None:
        return "–"
    gap = now() - value
    words = _("baru saja") if abs(gap) < dt.timedelta(minutes=1) else (
        _("%(duration)s lalu", duration=duration(gap)) if gap > dt.timedelta() else _("%(duration)s lagi", duration=duration(gap)))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso(value), moment(value), words)


def file_size(size: int | None) -> str:
    if size is None:
        return "–"
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}".replace(".", "," if locale() == "id" else ".")


def markdown(text: str | None) -> Markup:
    """Markdown as safe HTML, by the same rules as what is published."""
    return Markup(content.html(text or ""))


BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
            ("Safari/", "Safari"))  # the first that is named: each pretends to be those after it
MACHINES = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
            ("Linux", "Linux"))


def device(browser: str) -> str:
    """What a browser calls itself, in two words: 'Firefox, Windows'."""
    found = [next((name for mark, name in names if mark in browser), "") for names in (BROWSERS, MACHINES)]
    return ", ".join(name for name in found if name) or browser[:60] or _("tidak dikenal")


def initials(name: str) -> str:
    words = [w for w in str(escape(name)).split() if w[:1].isalnum()]
    return "".join(w[0] for w in (words[:1] + words[1:][-1:])).upper() or "?"
