"""The audit page: who did what when, searched and exported, with the chain that proves it."""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context
from flask_babel import gettext as _

from bpmn.errors import Invalid
from engine import access, audit, audit_chain, queries
from engine.audit import Wanted
from webui import actor, audit_words, names, now, pe
from webui.view import zone

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

DAYS = 90  # looked through where no period is asked for, and nothing that an index serves by itself
CHUNK = 100  # rows of an export sent at once
FORMS = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # what makes a spreadsheet run a cell


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("")
def index():
    """The newest first, by person, kind, case, procedure, period and words of the reason."""
    wanted, asked = _wanted()
    page = audit.search(pe(), actor(), wanted, after=request.args.get("after") or None)
    rows = [{**row, "word": audit_words.word(row["type"]), "reason": _reason(row["data"]),
             "changes": audit_words.changes(row["data"])} for row in page.rows]
    procedures = queries.definitions(pe(), actor(), at=now(), limit=200).rows
    return render_template("audit/index.html", page=queries.Page(rows, page.next), asked=asked, kinds=audit_words.KINDS,
                           procedures=procedures, everybody=names.everybody(), names=names.people({row["actor"] for row in page.rows}),
                           seal=audit_chain.last_seal(pe()), terbit=audit.TERBIT, days=DAYS)


@blueprint.get("/export.<any(csv, jsonl):form>")
def export(form: str):
    """All that is found, as a stream: CSV for people, JSON Lines for programs. That it was taken away is recorded."""
    wanted, _asked = _wanted()
    rows = audit.export(pe(), actor(), now(), wanted, form)
    lines = _csv(rows) if form == "csv" else (json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows)
    response = Response(stream_with_context(joined(lines)), mimetype=FORMS[form])
    response.headers.set("Content-Disposition", "attachment", filename=f"terbit-audit-{now().astimezone(zone()):%Y%m%d-%H%M}.{form}")
    return response


# Within ---------------------------------------------------------------------------------------------------------------

def _wanted() -> tuple[Wanted, dict[str, str]]:
    """What the address asks for, and the same as the form shows it."""
    asked = {name: request.args.get(name, "").strip()[:200] for name in ("who", "kind", "case", "key", "since", "until", "q")}
    if (asked["key"] or asked["q"]) and not (asked["since"] or asked["until"] or asked["case"]):
        asked["since"] = (now().astimezone(zone()).date() - dt.timedelta(days=DAYS)).isoformat()
    since, until = _day(asked["since"], "since"), _day(asked["until"], "until")
    return Wanted(who=asked["who"], kind=asked["kind"], case=asked["case"], key=asked["key"], words=asked["q"], since=since,
                  until=until + dt.timedelta(days=1) if until else None), asked


def _day(given: str, field: str) -> dt.datetime | None:
    """The first moment of a day in the office's zone."""
    try:
        day = dt.date.fromisoformat(given) if given else None
        if day and not 1900 < day.year < 9000:
            raise ValueError(given)
    except ValueError as problem:
        raise Invalid(_("Tanggal “%(value)s” tidak dapat dibaca.", value=given[:30]), field=field) from problem
    return dt.datetime.combine(day, dt.time(), zone()) if day else None


def _reason(data: dict[str, Any]) -> str:
    return data["reason"] if isinstance(data.get("reason"), str) else ""


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "at": row["at"].isoformat()}


def _csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "\ufeff" + csv_line([_("nomor"), _("waktu"), _("oleh"), _("peristiwa"), _("jenis"), _("berkas"), _("alasan"), _("perubahan")])
    for row in rows:
        changed = "; ".join(f"{what}: {one}" if two is None else f"{what}: {one} → {two}"
                            for what, one, two in audit_words.changes(row["data"]))
        yield csv_line([row["id"], row["at"].astimezone(zone()).strftime("%Y-%m-%d %H:%M:%S"), row["actor"] or "Terbit",
                     audit_words.word(row["type"]), row["type"], row["business_key"] or "", _reason(row["data"]), changed])


def harmless(value: Any) -> Any:
    """The value as a cell that no spreadsheet takes for a formula; numbers of our own stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def csv_line(cells: list[Any]) -> str:
    """A line of CSV, in which no cell is a formula."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([harmless(cell) for cell in cells])
    return buffer.getvalue()


def joined(lines: Iterable[str]) -> Iterator[str]:
    """Lines in parts of a hundred: fewer pieces on the wire, and never more in memory."""
    part: list[str] = []
    for line in lines:
        part.append(line)
        if len(part) == CHUNK:
            yield "".join(part)
            part.clear()
    yield "".join(part)
