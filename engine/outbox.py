"""The outbox as an admin sees it: what waits, what could not be sent, and whether the servers answer."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, NotFound
from connectors import Failure
from connectors.messages import mail
from connectors.messages import telegram as telegram_api
from engine import access, telegram
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read, record, run
from engine.tables import notice, user

_n = notice.c


def health(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> dict[str, Any]:
    """How the outbox stands: {waiting, late (due for over five minutes), failed, error (the last), email, bot}; three statements."""
    access.require(access.may_administer(actor))
    mine = _n.tenant_id == actor.tenant
    count = sa.select(sa.func.count()).select_from(notice)
    is_open = _n.state == "open"
    with read(pe) as db:
        row = db.execute(sa.select(
            count.where(mine, is_open).scalar_subquery().label("waiting"),
            count.where(mine, is_open, _n.due_at <= now - dt.timedelta(minutes=5)).scalar_subquery().label("late"),
            count.where(mine, _n.state == "failed").scalar_subquery().label("failed"),
            sa.select(_n.error).where(mine, is_open, _n.error.is_not(None)).order_by(_n.due_at.desc()).limit(1)
            .scalar_subquery().label("error"),
        )).mappings().one()
    return {**row, "email": bool(pe.config.get("SMTP_URL")), "bot": telegram.bot_name(pe, actor.tenant)}


def failed(pe: ProcessEngine, actor: Actor, *, after: str | None = None, limit: int = 25) -> Page:
    """Notices that could not be sent, or of which nobody knows whether they were, newest first.

    Rows: id, name (of the person), channel, kind, error, due_at, task_id, instance_id, attempts.
    """
    access.require(access.may_administer(actor))
    query = sa.select(_n.id, user.c.name, _n.channel, _n.kind, _n.error, _n.due_at, _n.task_id, _n.instance_id, _n.attempts).join(
        user, user.c.id == _n.user_id).where(_n.tenant_id == actor.tenant, _n.state == "failed")
    with read(pe) as db:
        return fetch(db, query, (_n.id,), after=after, limit=limit, descending=True)


def send_again(pe: ProcessEngine, actor: Actor, now: dt.datetime, notice_id: str) -> None:
    """Put one that failed back into the outbox, on the word of an admin. An e-mail that may have arrived keeps its Message-ID."""
    access.require(access.may_administer(actor))

    def write(db: sa.Connection) -> None:
        done = db.execute(sa.update(notice).where(_n.id == notice_id, _n.tenant_id == actor.tenant, _n.state == "failed").values(
            state="open", due_at=now, attempts=0, batch=sa.case((_n.channel == "email", _n.batch), else_=None), leased_until=None,
            error=None))
        if not done.rowcount:
            raise NotFound(N_("Pemberitahuan ini tidak ditemukan di antara yang gagal."))
        record(db, actor, now, "notice.sent_again", data={"notice": notice_id})

    run(pe, write)


def test_server(pe: ProcessEngine, actor: Actor, channel: str) -> dict[str, Any]:
    """Ask the mail server, or Telegram, whether it knows us; nothing is sent: {ok, message (a msgid), params}."""
    access.require(access.may_administer(actor))
    try:
        return {"ok": True, **(_test_mail(pe) if channel == "email" else _test_telegram(pe, actor.tenant))}
    except Failure as failure:
        return {"ok": False, "message": failure.message, "params": failure.params}


test_server.__test__ = False  # type: ignore[attr-defined]  # whatever pytest makes of its name


def _test_mail(pe: ProcessEngine) -> dict[str, Any]:
    if not pe.config.get("SMTP_URL"):
        raise Failure(N_("SMTP_URL belum diatur di config.toml."))
    return {"message": mail.test(str(pe.config["SMTP_URL"])), "params": {}}


def _test_telegram(pe: ProcessEngine, office: str) -> dict[str, Any]:
    bot = telegram.bots(pe).get(office)
    if bot is None:
        raise Failure(N_("Kantor ini belum memiliki bot Telegram."))
    name = telegram_api.name(bot["telegram"], **telegram.server(pe))
    return {"message": N_("Telegram mengenal bot @%(name)s."), "params": {"name": name}}
