"""Sending what is in the outbox: lease, send outside any transaction, write down how it went.

What is due for a person by one way goes as one message: a digest, what gathered in quiet hours, what waited for a
server that was away. The rows of a message are its `batch`, written before it is sent and taken away again where it
certainly was not: a row that still has one at the next look was left by a worker that died, or by a lost answer.

Such an e-mail is sent again, under the same Message-ID, by which mail systems and people know a double (at least
once). Such a Telegram message is not, since nothing there would show the double (at most once): it becomes `failed`,
where an admin sees it and may send it again.
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from bpmn.errors import N_
from connectors import Failure
from connectors.messages import Unreachable, mail
from connectors.messages import telegram as telegram_api
from engine import notices, password_links, settings, telegram
from engine.channels import context
from engine.evidence import subscriptions
from engine.process_engine import ProcessEngine
from engine.retry import GiveUp, Policy
from engine.store import read, run
from engine.tables import activity, notice, process_instance, tenant, user
from engine.wording import Item, Message, Reader, compose, one_line

Clock = Callable[[], dt.datetime]
LEASE = dt.timedelta(minutes=3)  # longer than any one message can take
ROUND_SECONDS = 10.0  # after which a worker turns to other things
TYPES = {"pdf": "application/pdf", "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
         "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
ATTEMPTS = 12  # of a message that the server refuses for now; a server that is away is asked for ever
AWAY = Policy(base=10, factor=2, cap=300)
AWAY_COUNTS = 6  # attempts at most that a server's absence makes: a refusal after it still has the others
REFUSED = Policy(base=60, factor=3, cap=7200)
FOR_WHO_DOES_IT = ("task", "due-soon", "overdue")  # void once somebody else has the task

log = structlog.get_logger()
_n, _a = notice.c, activity.c


@dataclass(frozen=True)
class Bundle:
    """One message to be: leased rows of one person and one way."""

    batch: str
    tenant: str
    user_id: str
    channel: str
    until: dt.datetime  # the lease
    was_sent: bool  # perhaps: an earlier attempt has no known end
    rows: Sequence[sa.RowMapping] = ()

    @property
    def attempts(self) -> int:
        return max(row["attempts"] for row in self.rows)


def work(pe: ProcessEngine, clock: Clock) -> int:
    """One look of the worker: tell of opened tasks, link Telegram chats, send what is due. Return how many messages went."""
    notices.tell_of_tasks(pe, clock())
    telegram.link_chats(pe, clock())
    return send_due(pe, clock)


def send_due(pe: ProcessEngine, clock: Clock, *, seconds: float = ROUND_SECONDS) -> int:
    """Send what is due, for some seconds. Where a server is away, its messages wait; the others go."""
    tokens = {office: bot["telegram"] for office, bot in telegram.bots(pe).items()}
    away: set[tuple[str, str]] = set()  # (way, office)
    sent, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        bundle = lease(pe, clock(), _sendable(pe, tokens, away))
        if bundle is None:
            break
        told = log.bind(notice=bundle.batch, channel=bundle.channel, tenant=bundle.tenant, attempt=bundle.attempts)
        try:
            sent += _deliver(pe, bundle, tokens.get(bundle.tenant, ""), clock)
        except Unreachable as failure:
            told.warning("notice.waits", error=str(failure))
            away.add((bundle.channel, bundle.tenant if bundle.channel == "telegram" else ""))
            _wait(pe, bundle, clock(), failure)
        except Failure as failure:
            told.warning("notice.failed", kind=failure.kind, error=str(failure))
            _failed(pe, bundle, clock(), failure)
    return sent


# Leasing --------------------------------------------------------------------------------------------------------------

def _sendable(pe: ProcessEngine, tokens: dict[str, str], away: set[tuple[str, str]]) -> sa.ColumnElement[bool]:
    """By which ways something can be sent now. What cannot go since no server is set stays where it is."""
    offices = [office for office in tokens if ("telegram", office) not in away]
    by_mail = bool(pe.config.get("SMTP_URL")) and ("email", "") not in away
    return sa.or_(sa.false() if not by_mail else _n.channel == "email", (_n.channel == "telegram") & _n.tenant_id.in_(offices))


def lease(pe: ProcessEngine, now: dt.datetime, sendable: sa.ColumnElement[bool]) -> Bundle | None:
    """Take the next message, so that no other worker does; None where nothing is due."""
    free = (_n.state == "open") & (_n.due_at <= now) & (_n.leased_until.is_(None) | (_n.leased_until <= now))
    look = sa.select(notice).where(free, sendable).order_by(_n.due_at, _n.id).limit(1)
    with read(pe) as db:
        if db.execute(look).first() is None:
            return None

    def write(db: sa.Connection) -> Bundle | None:
        first = db.execute(look.with_for_update(skip_locked=True)).mappings().first()
        if first is None:
            return None
        was_sent, batch, until = first["batch"] is not None, first["batch"] or first["id"], now + LEASE
        together = _n.batch == batch if was_sent else (
            (_n.user_id == first["user_id"]) & (_n.channel == first["channel"]) & _n.batch.is_(None))
        rows = db.execute(sa.update(notice).where(free, together).values(
            leased_until=until, batch=batch, attempts=_n.attempts + 1).returning(notice)).mappings().all()
        rows = sorted(rows, key=lambda row: row["id"])
        return Bundle(batch, first["tenant_id"], first["user_id"], first["channel"], until, was_sent, rows)

    return run(pe, write)


# Sending --------------------------------------------------------------------------------------------------------------

def _deliver(pe: ProcessEngine, bundle: Bundle, token: str, clock: Clock) -> int:
    """Send a message of what is still true in it. Return 1, or 0 where nothing was."""
    if bundle.was_sent and bundle.channel == "telegram":
        raise Failure(N_("Tidak pasti: pengiriman terputus, mungkin sudah sampai."), "unknown")
    with read(pe) as db:
        person = db.execute(_person, {"id": bundle.user_id}).mappings().one()
        items = {row["id"]: row for row in db.execute(_items.where(_n.id.in_([row["id"] for row in bundle.rows]))).mappings()}
        zone = ZoneInfo(settings.calendar(db, bundle.tenant).zone)
    files = {id: subscriptions.attached(pe, bundle.user_id, clock(), row["data"]) for id, row in items.items()
             if row["kind"] == notices.REPORT and person["active"]}
    void = [id for id, row in items.items() if not _holds(row, person, bundle) or id in files and files[id] is None]
    _settle(pe, replace(bundle, rows=[row for row in bundle.rows if row["id"] in void]), state="dropped")
    true = [_item(row) for id, row in sorted(items.items()) if id not in void]
    if not true:
        return 0
    true = [replace(item, data={**item.data, "path": password_links.for_message(pe, bundle.user_id, item.kind, clock())})
            if item.kind in notices.LINKS else item for item in true]
    base_url = context(pe).base_url
    message = compose(true, Reader(person["locale"], zone, person["office"], base_url))
    if bundle.channel == "email":
        _mail(pe, bundle, person, message, base_url, clock(), [file for file in files.values() if file])
    else:
        telegram_api.send(token, person["notices"]["chat"], message.telegram, **telegram.server(pe))
    _settle(pe, replace(bundle, rows=[row for row in bundle.rows if row["id"] not in void]), state="sent", sent_at=clock())
    return 1


_person = sa.select(user.c.name, user.c.email, user.c.locale, user.c.active, user.c.notices, tenant.c.name.label("office")).join(
    tenant, tenant.c.id == user.c.tenant_id).where(user.c.id == sa.bindparam("id"))
_items = sa.select(
    _n.id, _n.kind, _n.data, _n.task_id, sa.func.coalesce(_n.instance_id, _a.instance_id).label("instance_id"), _a.name.label("task"),
    _a.activity_id, _a.assignee, _a.ended_at, _a.due_at, process_instance.c.business_key, process_instance.c.title,
).outerjoin(activity, _a.id == _n.task_id).outerjoin(
    process_instance, process_instance.c.id == sa.func.coalesce(_n.instance_id, _a.instance_id))


def _holds(row: sa.RowMapping, person: sa.RowMapping, bundle: Bundle) -> bool:
    """Whether it is still to be told: the task is open and nobody else's, and the person can and wants to be told so."""
    choice = {**notices.DEFAULTS, **(person["notices"] or {})}
    reached = person["email"] if bundle.channel == "email" else choice["chat"]
    always = row["kind"] in ("test", notices.REPORT, *notices.LINKS)
    if not person["active"] or not reached or choice[bundle.channel] == notices.NONE and not always:
        return False
    if row["task_id"] and row["kind"] in (*FOR_WHO_DOES_IT, "escalation") and row["ended_at"]:
        return False
    return not (row["kind"] in FOR_WHO_DOES_IT and row["assignee"] and row["assignee"] != bundle.user_id)


def _item(row: sa.RowMapping) -> Item:
    due_at = row["due_at"] if row["task_id"] and not row["ended_at"] else None
    return Item(row["kind"], row["task_id"], row["instance_id"], row["task"] or row["activity_id"] or "", row["business_key"] or "",
                row["title"] or "", due_at, row["data"])


def _mail(pe: ProcessEngine, bundle: Bundle, person: sa.RowMapping, message: Message, base_url: str, now: dt.datetime,
          files: Sequence[tuple[str, str, bytes]] = ()) -> None:
    host = urlsplit(base_url).hostname or "localhost"
    name, sender = parseaddr(str(pe.config.get("MAIL_FROM") or f"Terbit <terbit@{host}>"))
    if not notices.EMAIL.fullmatch(person["email"]):
        raise Failure(N_("Alamat e-mail ini tidak dapat dipakai."))
    email = EmailMessage()
    email["From"] = Address(one_line(name) or "Terbit", addr_spec=sender)
    email["To"] = Address(one_line(person["name"]), addr_spec=person["email"])
    email["Subject"] = message.subject
    email["Date"] = format_datetime(now)
    email["Message-ID"] = f"<{bundle.batch}@{host}>"  # the same however often it is sent
    email["Auto-Submitted"] = "auto-generated"
    email["List-Unsubscribe"] = f"<{base_url}{'/reports/jadwal' if files else '/preferences/notices'}>"
    email.set_content(message.text)
    email.add_alternative(message.html, subtype="html")
    for name, form, content in files:
        maintype, subtype = TYPES[form].split("/")
        email.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    mail.send(str(pe.config["SMTP_URL"]), sender, person["email"], email)


def reason(failure: Failure) -> str:
    """Why it was not sent, as it is kept: JSON of its template and what fills it, to be said in the reader's language."""
    return json.dumps({"message": failure.message, "params": {name: str(value)[:200] for name, value in failure.params.items()}},
                      ensure_ascii=False)


# How it went ----------------------------------------------------------------------------------------------------------

def _settle(pe: ProcessEngine, bundle: Bundle, **values: Any) -> None:
    """Write it to the rows that are still leased by us."""
    ids = [row["id"] for row in bundle.rows]
    if ids:
        run(pe, lambda db: db.execute(sa.update(notice).where(
            _n.id.in_(ids), _n.state == "open", _n.leased_until == bundle.until).values({"leased_until": None, "error": None, **values})))


def _wait(pe: ProcessEngine, bundle: Bundle, now: dt.datetime, failure: Unreachable) -> None:
    """The server takes nothing now: this message, and all others that it would have to take, wait."""
    decision = AWAY.decide(kind="temporary", failures=bundle.attempts, retries=1, retry_after=failure.retry_after)
    assert not isinstance(decision, GiveUp)
    until = now + decision.after
    attempts = min(bundle.attempts, AWAY_COUNTS)
    _settle(pe, bundle, due_at=until, error=reason(failure), attempts=attempts, **({} if bundle.was_sent else {"batch": None}))
    same = (_n.channel == bundle.channel) & (_n.tenant_id == bundle.tenant if bundle.channel == "telegram" else sa.true())
    run(pe, lambda db: db.execute(sa.update(notice).where(
        _n.state == "open", _n.due_at < until, _n.leased_until.is_(None), same).values(due_at=until)))


def _failed(pe: ProcessEngine, bundle: Bundle, now: dt.datetime, failure: Failure) -> None:
    """This message was not taken, or nobody knows."""
    unknown = failure.kind == "unknown"
    kind = "temporary" if unknown and bundle.channel == "email" else failure.kind  # its Message-ID shows a double
    decision = REFUSED.decide(kind=kind, failures=bundle.attempts, retries=ATTEMPTS - bundle.attempts, retry_after=failure.retry_after)
    batch = {} if unknown or bundle.was_sent else {"batch": None}
    if isinstance(decision, GiveUp):
        _settle(pe, bundle, state="failed", error=reason(failure), **batch)
    else:
        _settle(pe, bundle, due_at=now + decision.after, error=reason(failure), **batch)
