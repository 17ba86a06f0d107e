"""Reports that are sent by e-mail whenever a period is over, each to people of the office.

Once a period is over in the office's zone, that is written down (`report_delivery`, one row for each period) together with a notice for
each recipient, in one transaction: so each is told once, whoever dies when. The report itself is made as its notice is sent, with
the rights that its recipient has then; who may not see reports any more gets nothing.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bpmn.errors import N_, Invalid, NotFound
from connectors import Failure
from engine import access, ids, notices, people, reports
from engine.evidence import paper_files, papers
from engine.evidence.figures import Scope
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import membership, report_delivery, report_subscription, tenant, user

MONTHS = {"month": 1, "quarter": 3, "semester": 6}
EVERY = ("week", *MONTHS)
AT = dt.time(5)  # of the first day after a period, in the office's zone: all of it is counted, and nobody has begun to work
MOST = 20  # recipients of one
TURN = 50  # periods told of in one turn
_s, _d = report_subscription.c, report_delivery.c


# Periods --------------------------------------------------------------------------------------------------------------

def beginning(day: dt.date, every: str) -> dt.date:
    """The first day of the period that holds a day."""
    if every == "week":
        return day - dt.timedelta(days=day.weekday())
    return day.replace(month=(day.month - 1) // MONTHS[every] * MONTHS[every] + 1, day=1)


def last(since: dt.date, every: str) -> dt.date:
    """The last day of the period that begins on `since`."""
    return since + dt.timedelta(days=6) if every == "week" else papers.end(since, MONTHS[every])


def _due(since: dt.date, every: str, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(last(since, every) + dt.timedelta(days=1), AT, zone).astimezone(dt.timezone.utc)


# Commands -------------------------------------------------------------------------------------------------------------

def subscribe(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, report: str, key: str, every: str, form: str,
              recipients: Sequence[str]) -> str:
    """Have a report of a procedure sent, from the period on that is not over yet; return the subscription's id."""
    access.require(access.may_see_reports(actor))
    for value, known, field in ((report, papers.REPORTS, "report"), (every, EVERY, "every"), (form, paper_files.MAKE, "form"),
                                (key, {each["key"] for each in reports.keys(pe, actor)}, "key")):
        if value not in known:
            raise Invalid(N_("Pilih salah satu."), field=field)
    wanted = sorted(set(recipients))
    if not 0 < len(wanted) <= MOST:
        raise Invalid(N_("Pilih satu sampai %(most)d penerima."), field="recipients", most=MOST)
    if not set(wanted) <= {each["id"] for each in readers(pe, actor)}:
        raise Invalid(N_("Penerima harus orang kantor ini yang boleh melihat laporan."), field="recipients")

    def write(db: sa.Connection) -> str:
        zone = _zone(db, actor.tenant)
        since = beginning(now.astimezone(zone).date(), every)
        row: dict[str, Any] = {"id": ids.new_id(now), "tenant_id": actor.tenant, "report": report, "key": key, "every": every, "form": form,
               "recipients": wanted, "since": since, "next_at": _due(since, every, zone), "created_at": now, "created_by": actor.id or None}
        db.execute(sa.insert(report_subscription), row)
        record(db, actor, now, "report.subscribed", data={name: row[name] for name in ("report", "key", "every", "form", "recipients")})
        return row["id"]

    return run(pe, write)


def end(pe: ProcessEngine, actor: Actor, now: dt.datetime, id: str) -> None:
    """Send it no more to anybody."""
    access.require(access.may_see_reports(actor))
    run(pe, lambda db: _end(db, actor, now, _mine(db, actor, id)))


def leave(pe: ProcessEngine, actor: Actor, now: dt.datetime, id: str) -> None:
    """Get it no more oneself; where nobody is left, it ends."""
    def write(db: sa.Connection) -> None:
        row = _mine(db, actor, id)
        left = [each for each in row["recipients"] if each != actor.id]
        if len(left) == len(row["recipients"]):
            raise NotFound(N_("Anda bukan penerima laporan ini."))
        record(db, actor, now, "report.unsubscribed", data={"report": row["report"], "key": row["key"]})
        if left:
            db.execute(sa.update(report_subscription).where(_s.id == id).values(recipients=left))
        else:
            _end(db, actor, now, row)

    run(pe, write)


def _end(db: sa.Connection, actor: Actor, now: dt.datetime, row: Mapping[Any, Any]) -> None:
    db.execute(sa.update(report_subscription).where(_s.id == row["id"]).values(next_at=None))
    record(db, actor, now, "report.subscription_ended", data={"report": row["report"], "key": row["key"]})


def _mine(db: sa.Connection, actor: Actor, id: str) -> Mapping[Any, Any]:
    row = db.execute(sa.select(report_subscription).where(
        _s.id == id, _s.tenant_id == actor.tenant, _s.next_at.is_not(None)).with_for_update()).mappings().first()
    if row is None:
        raise NotFound(N_("Jadwal laporan ini tidak ditemukan."))
    return row


# Queries --------------------------------------------------------------------------------------------------------------

def subscriptions(pe: ProcessEngine, actor: Actor) -> list[dict[str, Any]]:
    """Those that are sent, oldest first (200 at most): the table's columns, and of the period last sent `sent` (its first day),
    `told_at`; two statements."""
    access.require(access.may_see_reports(actor))
    with read(pe) as db:
        rows = db.execute(sa.select(report_subscription).where(
            _s.tenant_id == actor.tenant, _s.next_at.is_not(None)).order_by(_s.id).limit(200)).mappings().all()
        sent = {each.subscription_id: each for each in db.execute(sa.select(
            _d.subscription_id, sa.func.max(_d.since).label("since"), sa.func.max(_d.told_at).label("told_at")).where(
            _d.subscription_id.in_([row["id"] for row in rows])).group_by(_d.subscription_id))} if rows else {}
    return [{**row, "sent": sent[row["id"]].since if row["id"] in sent else None,
             "told_at": sent[row["id"]].told_at if row["id"] in sent else None} for row in rows]


def readers(pe: ProcessEngine, actor: Actor) -> list[dict[str, Any]]:
    """Who of the office may see reports: {id, name, email}, by name."""
    access.require(access.may_see_reports(actor))
    m = membership.c
    query = sa.select(user.c.id, user.c.name, user.c.email).where(user.c.tenant_id == actor.tenant, user.c.active, user.c.id.in_(
        sa.select(m.user_id).where(m.tenant_id == actor.tenant, m.group_id.in_(sorted(access.OVERSEERS))))).order_by(user.c.name, user.c.id)
    with read(pe) as db:
        return [dict(row) for row in db.execute(query).mappings()]


# Sending --------------------------------------------------------------------------------------------------------------

def work(pe: ProcessEngine, now: dt.datetime) -> int:
    """Tell of periods that are over, some in a turn of the worker, each in a transaction of its own; return how many."""
    told = 0
    while told < TURN:
        with read(pe) as db:
            due = sa.select(report_subscription).where(_s.next_at <= now).order_by(_s.next_at, _s.id).limit(1)
            row = db.execute(due).mappings().first()
        if row is None or not run(pe, partial(_tell, row=row, now=now)):
            break
        told += 1
    return told


def _tell(db: sa.Connection, row: Mapping[Any, Any], now: dt.datetime) -> bool:
    """The period that is over, and the next; False where somebody else was quicker."""
    since, until = row["since"], last(row["since"], row["every"])
    following = until + dt.timedelta(days=1)
    moved = sa.update(report_subscription).where(_s.id == row["id"], _s.since == since, _s.next_at.is_not(None)).values(
        since=following, next_at=_due(following, row["every"], _zone(db, row["tenant_id"])))
    if db.execute(moved).rowcount != 1:
        return False
    db.execute(sa.insert(report_delivery), {"subscription_id": row["id"], "since": since, "until": until, "told_at": now,
                                            "recipients": len(row["recipients"])})
    about = {name: row[name] for name in ("report", "key", "form")} | {"since": since.isoformat(), "to": until.isoformat()}
    said = {"text": f"{papers.REPORTS[row['report']]}, {papers.period(since, until)}", "path": "/reports/jadwal", "subscription": row["id"]}
    notices.tell(db, row["tenant_id"], now, user_ids=row["recipients"], kind=notices.REPORT, key=f"report:{row['id']}:{since}",
                 data=about | said)
    record(db, Actor.system(row["tenant_id"]), now, "report.due", data={**about, "recipients": row["recipients"]})
    return True


def attached(pe: ProcessEngine, user_id: str, now: dt.datetime, data: Mapping[str, Any]) -> tuple[str, str, bytes] | None:
    """(file name, form, bytes) of what a notice brings to somebody, made with their rights of now; None where they may not see it any
    more, or want it no more."""
    actor = people.actor(pe, user_id, now=now)
    if actor is None or not access.may_see_reports(actor):
        return None
    with read(pe) as db:
        wanted = db.scalar(sa.select(_s.recipients).where(
            _s.id == data["subscription"], _s.tenant_id == actor.tenant, _s.next_at.is_not(None)))
    if user_id not in (wanted or ()):
        return None
    scope = Scope(data["key"], dt.date.fromisoformat(data["since"]), dt.date.fromisoformat(data["to"]))
    try:
        made = paper_files.MAKE[data["form"]](papers.report(pe, actor, now, data["report"], scope, data["form"]))
    except NotFound:  # the procedure is gone
        return None
    except Exception as error:  # whatever it is, the other notices go; it is tried again, and then an admin sees it
        raise Failure(N_("Laporan tidak dapat dibuat: galat %(error)s."), "temporary", error=type(error).__name__) from error
    return f"terbit-{data['report']}-{data['since']}-{data['to']}.{data['form']}", data["form"], made


def _zone(db: sa.Connection, tenant_id: str) -> ZoneInfo:
    return ZoneInfo(db.execute(sa.select(tenant.c.timezone).where(tenant.c.id == tenant_id)).scalar_one())
