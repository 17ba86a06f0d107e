"""Whether the channels would take a post now, in words; and on a decision task, before it is approved."""

from dataclasses import dataclass

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from engine import health, queries
from webui import actor, now, pe, posts
from webui.view import day_or_moment, last_day, moment

blueprint = Blueprint("readiness", __name__)

LOOKS = 15  # how often a page asks again for a look that is not made yet: every two seconds


@dataclass(frozen=True)
class Words:
    """A status as it is shown: 'siap', 'sandi ditolak sejak …'; `why`: what the channel said."""

    text: str
    colour: str
    icon: str
    why: str = ""


@blueprint.get("/tasks/<task_id>/channels")
def of_task(task_id: str):
    """How the channels of a task's case are, a piece of its page; with `ask`, the worker looks at them anew."""
    ids = posts.wanted(queries.task_variables(pe(), actor(), task_id))
    again = request.args.get("again", 0, type=int)
    if ids and not again:
        health.ask(pe(), actor().tenant, now(), ids)
    found = health.statuses(pe(), actor().tenant, now(), ids) if ids else []
    return render_template("readiness.html", task_id=task_id, statuses=[(each, words(each)) for each in found],
                           again=again + 1 if again < LOOKS and any(each.looking for each in found) else 0)


def words(status: health.Status) -> Words:
    why = (_(status.message) % dict(status.params) if status.params else _(status.message)) if status.message else ""
    since, until = moment(status.since), day_or_moment(status.until) if status.until else ""
    match status.state:
        case "ready":
            return Words(_("siap"), "success", "circle-check")
        case "manual":
            return Words(_("dengan tangan"), "neutral", "hand-stop")
        case "paused":
            return Words(_("dijeda sejak %(moment)s", moment=since), "warning", "player-pause", status.message)
        case "denied":
            return Words(_("sandi ditolak sejak %(moment)s", moment=since), "danger", "alert-triangle", why)
        case "expired":
            if status.by_sign_in:
                return Words(_("izin berakhir %(day)s", day=moment(status.since)), "danger", "alert-triangle")
            return Words(_("sandi berakhir %(day)s", day=last_day(status.since)) if status.since else _("sandi berakhir"), "danger",
                         "alert-triangle")
        case "spent":
            return Words(_("kuota habis sampai %(moment)s", moment=until) if until else _("kuota habis"), "warning", "hourglass")
        case "broken":
            return Words(_("tidak siap sejak %(moment)s", moment=since), "danger", "alert-triangle", why)
        case "unreachable":
            return Words(_("tidak terjangkau sejak %(moment)s", moment=since), "danger", "alert-triangle", why)
        case "expiring" if status.by_sign_in:
            return Words(_("siap; izin berakhir %(day)s", day=until), "warning", "clock")
        case "expiring":
            return Words(_("siap; sandi berakhir %(day)s", day=last_day(status.until)) if status.until else _("siap"), "warning", "clock")
    return Words(_("belum diperiksa"), "neutral", "help-circle")
