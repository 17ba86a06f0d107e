"""How a person wants to be told: their own page's commands and queries."""

import datetime as dt
import re
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid, NotFound
from engine import ids, notices, people
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import notice, user
from engine.telegram import change_choice

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_WAYS = (notices.AT_ONCE, notices.DIGEST, notices.NONE)
RECENT = 8


def choice_of(pe: ProcessEngine, actor: Actor) -> dict[str, Any]:
    """What the person chose, defaults filled in, with their `address` (e-mail); one statement."""
    with read(pe) as db:
        row = db.execute(sa.select(user.c.email, user.c.notices).where(user.c.id == actor.id, user.c.tenant_id == actor.tenant)).first()
    if row is None:
        raise NotFound(N_("Pengguna %(user)s tidak ditemukan."), user=actor.id)
    return {**notices.DEFAULTS, **(row.notices or {}), "address": row.email}


def choose(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, address: str, email: str, telegram: str, quiet_from: str = "",
           quiet_until: str = "", digest_at: str = "07:30") -> None:
    """Keep the person's choice. Invalid with a problem per field. What waits to be sent keeps its time."""
    address = address.strip()
    ways = {"email": email, "telegram": telegram}
    problems = [Invalid(N_("Pilih salah satu."), field=field) for field, way in ways.items() if way not in _WAYS]
    if address and (len(address) > 200 or not notices.EMAIL.fullmatch(address)):
        problems.append(Invalid(N_("Isikan alamat e-mail seperti nama@kpu.go.id."), field="address"))
    for field, clock in (("quiet_from", quiet_from), ("quiet_until", quiet_until), ("digest_at", digest_at)):
        if (clock or field == "digest_at") and not _CLOCK.fullmatch(clock):
            problems.append(Invalid(N_("Isikan jam seperti 07:30."), field=field))
    if bool(quiet_from) != bool(quiet_until):
        problems.append(Invalid(N_("Isikan kedua jam, atau kosongkan keduanya."), field="quiet_until"))
    if problems:
        raise Invalid(N_("Pemberitahuan belum dapat disimpan."), problems=problems)
    values = {"email": email, "telegram": telegram, "quiet_from": quiet_from, "quiet_until": quiet_until, "digest_at": digest_at}

    def write(db: sa.Connection) -> None:
        change_choice(db, actor.id, values)
        record(db, actor, now, "notices.chosen", data={"user": actor.id, **values})

    run(pe, write)
    if address != choice_of(pe, actor)["address"]:
        people.update_user(pe, actor, now, actor.id, email=address)


def try_out(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> int:
    """Send the person a trial by every way that reaches them, through the outbox. Return how many."""
    key = f"test:{ids.new_id(now)}"

    def write(db: sa.Connection) -> int:
        notices.tell(db, actor.tenant, now, user_ids=[actor.id], kind="test", key=key)
        written = notice.c.user_id == actor.id, notice.c.key.startswith(key)
        return db.scalar(sa.select(sa.func.count()).select_from(notice).where(*written)) or 0

    made = run(pe, write)
    if not made:
        raise Invalid(N_("Belum ada cara untuk mengirim: isikan alamat e-mail, atau hubungkan Telegram."), field="address")
    return made


def recent(pe: ProcessEngine, actor: Actor) -> list[dict[str, Any]]:
    """The person's latest notices with how they went, newest first; one statement."""
    n = notice.c
    with read(pe) as db:
        return [dict(row) for row in db.execute(
            sa.select(n.id, n.channel, n.kind, n.task_id, n.instance_id, n.state, n.due_at, n.sent_at, n.error, n.data)
            .where(n.user_id == actor.id).order_by(n.id.desc()).limit(RECENT)).mappings()]
