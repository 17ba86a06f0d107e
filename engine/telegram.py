"""The office's Telegram bot: its token, which is kept encrypted, and whose chat is whose.

A person links their chat by a code that is shown to them once, on their own page, and that they send to the bot.
"""

import datetime as dt
import json
import secrets
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from bpmn.errors import N_, Conflict, Invalid
from connectors import Failure
from connectors.messages import telegram
from engine import access
from engine.channels import context
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import tenant, user

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no I, O, 0, 1
CODE_LETTERS = 10  # 50 bits
CODE_MINUTES = 15


# The bot --------------------------------------------------------------------------------------------------------------

def set_token(pe: ProcessEngine, actor: Actor, now: dt.datetime, token: str) -> str:
    """Keep the bot's token once Telegram knows it, or take it away ("" does); an admin's. Returns the bot's name.

    Chats stay linked: with another bot people must begin a chat with that one before it can write to them.
    """
    access.require(access.may_administer(actor))
    token = token.strip()
    if token and not telegram.TOKEN.fullmatch(token):
        raise Invalid(N_("Token bot seperti 123456789:AA…, dari @BotFather."), field="token")
    try:
        name = telegram.name(token, **server(pe)) if token else ""
    except Failure as failure:
        raise Invalid(failure.message, field="token", **failure.params) from None
    sealed = _fernet(pe).encrypt(json.dumps({"of": actor.tenant, "telegram": token, "name": name}).encode()) if token else None

    def write(db: sa.Connection) -> None:
        db.execute(sa.update(tenant).where(tenant.c.id == actor.tenant).values(secrets=sealed))
        record(db, actor, now, "telegram.set" if token else "telegram.removed", data={"bot": name})

    run(pe, write)
    return name


def bots(pe: ProcessEngine) -> dict[str, dict[str, str]]:
    """{office: {telegram: token, name}} of the offices that have one; one statement."""
    with read(pe) as db:
        rows = db.execute(sa.select(tenant.c.id, tenant.c.secrets).where(tenant.c.secrets.is_not(None))).all()
    opened = {row.id: _opened(pe, row.id, row.secrets) for row in rows}
    return {id: found for id, found in opened.items() if found}


def bot_name(pe: ProcessEngine, office: str) -> str:
    """The user name of an office's bot, "" where it has none."""
    return bots(pe).get(office, {}).get("name", "")


def server(pe: ProcessEngine) -> dict[str, Any]:
    """Where Telegram is: `TELEGRAM_API` in config.toml names another (one's own Bot API server, the tests')."""
    return {"api": str(pe.config.get("TELEGRAM_API", telegram.API)).rstrip("/"), "allowed": context(pe).allowed_private_hosts}


def _fernet(pe: ProcessEngine) -> Fernet:
    return Fernet(pe.fernet_key("telegram"))


def _opened(pe: ProcessEngine, office: str, sealed: bytes) -> dict[str, str] | None:
    try:
        found = json.loads(_fernet(pe).decrypt(sealed))
    except InvalidToken:  # another secret.key: an admin enters it anew
        return None
    return found if found.get("of") == office else None


# Whose chat is whose --------------------------------------------------------------------------------------------------

def start_linking(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> str:
    """Give the person a code, good for a quarter of an hour, and forget the one before."""
    if not bot_name(pe, actor.tenant):
        raise Conflict(N_("Kantor ini belum memiliki bot Telegram."))
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LETTERS))
    until = (now + dt.timedelta(minutes=CODE_MINUTES)).isoformat()

    def write(db: sa.Connection) -> None:
        change_choice(db, actor.id, {"code": code, "code_until": until})
        record(db, actor, now, "telegram.code_given", data={"user": actor.id})

    run(pe, write)
    return code


def unlink(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> None:
    """Write to the person's chat no more."""
    def write(db: sa.Connection) -> None:
        change_choice(db, actor.id, {"chat": None, "code": None, "code_until": None})
        record(db, actor, now, "telegram.unlinked", data={"user": actor.id})

    run(pe, write)


def link_chats(pe: ProcessEngine, now: dt.datetime) -> int:
    """Ask Telegram who sent a code, in offices where somebody was given one. Return how many chats were linked."""
    linked = 0
    for office, bot in bots(pe).items():
        waiting = _waiting(pe, office, now)
        if not waiting:
            continue
        try:
            found = telegram.started(bot["telegram"], **server(pe))
        except Failure:
            continue  # the next look asks again, as long as the code is good
        linked += sum(_link(pe, Actor(user_id, office), now, code, found[code]) for user_id, code in waiting.items() if code in found)
    return linked


def _waiting(pe: ProcessEngine, office: str, now: dt.datetime) -> dict[str, str]:
    with read(pe) as db:
        rows = db.execute(sa.select(user.c.id, user.c.notices).where(
            user.c.tenant_id == office, user.c.active, sa.cast(user.c.notices, sa.Text).contains('"code": "')))
        return {row.id: row.notices["code"] for row in rows if _is_good(row.notices, now)}


def _is_good(choice: dict[str, Any], now: dt.datetime) -> bool:
    return bool(choice.get("code")) and dt.datetime.fromisoformat(choice["code_until"]) > now


def _link(pe: ProcessEngine, actor: Actor, now: dt.datetime, code: str, chat: int) -> bool:
    def write(db: sa.Connection) -> bool:
        choice = db.scalar(sa.select(user.c.notices).where(user.c.id == actor.id).with_for_update()) or {}
        if choice.get("code") != code:
            return False  # another code was asked for meanwhile, or another worker was faster
        change_choice(db, actor.id, {"chat": chat, "code": None, "code_until": None})
        record(db, actor, now, "telegram.linked", data={"user": actor.id})
        return True

    return run(pe, write)


def change_choice(db: sa.Connection, user_id: str, values: dict[str, Any]) -> None:
    """Change some of what `user_account.notices` says; what is None goes."""
    choice = db.scalar(sa.select(user.c.notices).where(user.c.id == user_id).with_for_update()) or {}
    kept = {key: value for key, value in {**choice, **values}.items() if value is not None}
    db.execute(sa.update(user).where(user.c.id == user_id).values(notices=kept))
