"""Working time in words, by the calendar of the reader's office."""

import datetime as dt
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from bpmn import sop
from engine import settings
from engine.deadlines import FORESEEN
from engine.working_time import WorkingCalendar
from webui import actor, now, pe

SHORT = dt.timedelta(hours=1)  # of what is left: it is urgent


@dataclass(frozen=True)
class Due:
    """What a badge says of a due time: words, a colour and an icon of `macros.html`."""

    text: str
    colour: str
    icon: str


def calendar() -> WorkingCalendar:
    """When the reader's office works."""
    return settings.calendar_of(pe(), actor().tenant)


def between(start: dt.datetime, end: dt.datetime) -> dt.timedelta:
    """The working time between two moments; the plain time where they are years apart."""
    return calendar().between(start, end) if abs(end - start) < FORESEEN else end - start


def standard(step: sop.Step | None) -> dt.timedelta | None:
    """How much working time a step's mutu baku allows."""
    return calendar().length(*step.allowed) if step and step.allowed else None


def due(at: dt.datetime) -> Due:
    """'Sisa 40 menit kerja', 'Lewat 2 jam kerja': at night and on days off it stands still."""
    left = between(now(), at)
    if at < now():
        return Due(_("Lewat %(duration)s kerja", duration=_plain(-left)) if -left >= dt.timedelta(minutes=1) else _("Lewat waktunya"),
                   "danger", icon="alarm")
    return Due(_("Sisa %(duration)s kerja", duration=_plain(left)), "warning" if left < SHORT else "neutral",
               icon="alarm" if left < SHORT else "clock")


def work(amount: float | dt.timedelta | None) -> str:
    """'1 hari 3 jam', '5 jam 30 menit', '10 menit' of working time, a day being as long as the office's; two units at most."""
    return "–" if amount is None else _plain(amount if isinstance(amount, dt.timedelta) else dt.timedelta(seconds=amount))


def _plain(amount: dt.timedelta) -> str:
    day = calendar().length(1)
    whole = int(amount / day) if amount >= 2 * day else 0  # "7 jam 50 menit" says more than "1 hari"
    hours, minutes = divmod(int((amount - whole * day).total_seconds() // 60), 60)
    parts = [ngettext("%(num)d hari", "%(num)d hari", whole) if whole else "",
             ngettext("%(num)d jam", "%(num)d jam", hours) if hours else "",
             ngettext("%(num)d menit", "%(num)d menit", minutes) if minutes and not whole else ""]
    return " ".join(part for part in parts if part) or _("kurang dari semenit")
