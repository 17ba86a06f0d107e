"""What was put out: how each channel fared, how long it took since approval, whether it still stands, and the Daftar Informasi Publik."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for
from flask_babel import gettext as _

from engine import access, channels, reports, standings
from engine.evidence import behind, output
from engine.evidence.cells import Measures
from webui import actor, now, pe
from webui.audit import csv_line, joined
from webui.evidence import Asked, asked_for, behind_url, minutes, month_of, of_office, period
from webui.evidence_charts import Chart, month
from webui.evidence_out import file_name
from webui.view import zone

blueprint = Blueprint("evidence_output", __name__, url_prefix="/reports")
blueprint.context_processor(of_office)


@blueprint.before_request
def _only_overseers():
    access.require(access.may_see_reports(actor()))


def class_names() -> dict[str, str]:
    """The classes of UU 14/2008 in words, and what has none."""
    return {"berkala": _("Berkala"), "serta-merta": _("Serta-merta"), "setiap-saat": _("Setiap saat"), "": _("(tanpa klasifikasi)")}


@blueprint.get("/terbitan")
def index():
    """What the cases of a period put out, by channel and by class, and how it stands now."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked, names = asked_for(procedures), channels.channel_names(pe(), actor())
    found = output.found(pe(), actor(), asked.scope)
    most = max(found.channels, key=lambda id: sum(output.spread(found.channels[id])), default="")
    at = request.args.get("channel") if request.args.get("channel") in found.channels else most
    return render_template("evidence/output.html", procedures=procedures, asked=asked, period=period(asked.scope), share=output.share,
                           found=found, at=at, bins=_bins(found, at), names={**{id: id for id in found.channels}, **names},
                           standing=standings.tally(pe(), actor()), counted=standings.COUNTED, classes=output.CLASSES,
                           class_names=class_names(), heads=[class_names().get(name, name) for name in found.classes],
                           charts=_charts(found, at, asked, lambda **q: behind_url(asked, **q)))


@blueprint.get("/terbitan/daftar")
def entries():
    """The Daftar Informasi Publik: what was put out, of one class, each with where it stands."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked, of_class = asked_for(procedures), request.args.get("class", "")
    page = behind.cases(pe(), actor(), asked.scope, behind.Which(what="class", element=of_class), after=request.args.get("after") or None)
    return render_template("evidence/entries.html", asked=asked, period=period(asked.scope), page=page, of_class=of_class,
                           class_names=class_names(), names=channels.channel_names(pe(), actor()),
                           posts=output.addresses(pe(), actor(), [row["id"] for row in page.rows]))


@blueprint.get("/terbitan.csv")
def listed():
    """The list of what stands published, of one class where one is asked for."""
    asked, of_class = asked_for(reports.keys(pe(), actor()) or [{"key": ""}]), request.args.get("class", "")[:40]
    rows = output.export(pe(), actor(), now(), asked.scope, zone(), of_class)
    response = Response(stream_with_context(joined(_lines(rows))), mimetype="text/csv")
    name = f"terbit-dip-{of_class or 'semua'}-{file_name(asked)}.csv"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "\ufeff" + csv_line(list(output.COLUMNS))
    for row in rows:
        yield csv_line([_text(row[name]) for name in output.COLUMNS])


def _text(value: Any) -> Any:
    return value.astimezone(zone()).isoformat(timespec="seconds") if isinstance(value, dt.datetime) else "" if value is None else value


# Charts ---------------------------------------------------------------------------------------------------------------

def _bins(found: output.Output, at: str) -> list[dict[str, Any]]:
    """How many of a channel's publications took from `least` to less than `most` minutes: {label, least, most, count}."""
    if at not in found.channels:
        return []
    counts = output.spread(found.channels[at])
    bounds = [*pairwise(output.BINS), (output.BINS[-1], None)]
    return [{"label": _label(least, most), "least": least, "most": most, "count": count}
            for (least, most), count in zip(bounds, counts, strict=True)]


def _label(least: int, most: int | None) -> str:
    if not least:
        return _("kurang dari %(time)s", time=minutes(most))
    if most is None:
        return _("%(time)s atau lebih", time=minutes(least))
    return _("%(least)s – %(most)s", least=minutes(least), most=minutes(most))


def _charts(found: output.Output, at: str, asked: Asked, behind_: Callable[..., str]) -> dict[str, Chart]:
    months, bins = list(found.months), _bins(found, at)
    mine = [found.months[m].get(at, Measures()) for m in months]
    of_class = list(found.class_months)
    def listed_(name: str, month_: dt.date) -> str:
        return url_for("evidence_output.entries", **{**asked.args, **month_of(asked, month_), "class": name})

    return {
        "spread": {"type": "bar", "unit": "count", "labels": [each["label"] for each in bins], "urls": [
            behind_(what="channel", element=at, measure="out", least=each["least"], most=each["most"]) for each in bins],
                   "series": [{"name": _("Kiriman"), "values": [each["count"] for each in bins]}]},
        "months": {"type": "line", "unit": "minutes", "labels": [month(m) for m in months], "urls": [
            behind_(month=m, what="channel", element=at, measure="out") for m in months], "series": [
            {"name": _("Median"), "values": [each.quantile("lead", 0.5) for each in mine]},
            {"name": _("Persentil 90"), "values": [each.quantile("lead", 0.9) for each in mine]}]},
        "classes": {"type": "bar", "unit": "count", "labels": [month(m) for m in of_class], "series": [
            {"name": class_names().get(name, name), "stack": "a",
             "urls": [listed_(name, m) for m in of_class],
             "values": [found.class_months[m].get(name, Measures())["count"] for m in of_class]} for name in found.classes]}}
