"""The OAuth tokens that a channel was signed in with: encrypted, renewed before they end by one worker at a time, and never lost in a race.

Platforms give a new refresh token with each renewal and forget the old one, so two workers that renew at once would lose both. The
claim is a column of the channel's row: who has it renews, outside any transaction, and the others wait for what comes of it.

Where a renewal fails while the old token still holds, calls go on with the old one, and no worker tries again for a while: how long, and
how often it failed, stand with the tokens.
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from bpmn.errors import N_, Conflict, NotFound
from connectors import MOST_WAIT, Denied, Failure, masking
from engine import access
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import channel

CLAIM = dt.timedelta(seconds=120)  # longer than a renewal may take; a worker that dies holds the others up for so long
PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=1), dt.timedelta(hours=6)  # after the first renewal that fails, doubled with each
FAILED = ("renewals_failed", "renew_after")  # what is noted of it with the tokens
LOOK_EVERY, LOOKS = 0.5, 60  # seconds, and how often one looks whether another's renewal is done
LONGEST = 10 * 366 * 86_400  # seconds; what is said to hold for longer has no end that matters, and none that a calendar may not have
# How platforms say for how long a token holds: RFC 6749 (5.1), Google and LinkedIn, TikTok.
SECONDS = {"expires_in": "expires_at", "refresh_token_expires_in": "refresh_expires_at", "refresh_expires_in": "refresh_expires_at"}
SIGNED_OUT = dict.fromkeys(("tokens", "renewing_until", "signed_in_at", "signed_in_as", "sign_in_ends_at"))  # columns of a channel
SIGN_IN = N_("Kanal ini belum atau tidak lagi masuk; admin perlu masuk di halaman Kanal.")


def keep(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str, tokens: Mapping[str, Any]) -> None:
    """Keep what a platform gave when an admin signed the channel in: access_token, and where given refresh_token, expires_in, …"""
    access.require(access.may_administer(actor))
    run(pe, lambda db: write(db, pe, actor, now, channel_id, tokens))


def write(db: sa.Connection, pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str, tokens: Mapping[str, Any],
          name: str | None = None, config: Mapping[str, Any] | None = None) -> None:
    """`keep`, in a transaction of the caller's: also as whom the channel is signed in, and settings that came with it."""
    kept = _dated(tokens, now)
    values = {"tokens": _seal(pe, actor.tenant, channel_id, kept), "renewing_until": None, "signed_in_at": now, "signed_in_as": name,
              "sign_in_ends_at": ends(kept), **({} if config is None else {"config": config})}
    one = sa.update(channel).where(channel.c.tenant_id == actor.tenant, channel.c.id == channel_id)
    if not db.execute(one.values(values)).rowcount:
        raise NotFound(N_("Kanal tidak ditemukan."))
    record(db, actor, now, "channel.signed_in", data={"channel": channel_id, **({"account": name} if name else {})})


def forget(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str) -> dict[str, Any]:
    """Sign a channel out, here; returns what was kept. Conflict where it is not signed in."""
    access.require(access.may_administer(actor))

    def write(db: sa.Connection) -> bytes:
        one = (channel.c.tenant_id == actor.tenant, channel.c.id == channel_id, channel.c.tokens.is_not(None))
        sealed = db.scalar(sa.select(channel.c.tokens).where(*one).with_for_update())
        if sealed is None:
            raise Conflict(N_("Kanal ini tidak sedang masuk."))
        db.execute(sa.update(channel).where(*one).values(SIGNED_OUT))
        record(db, actor, now, "channel.signed_out", data={"channel": channel_id})
        return sealed

    return _open(pe, actor.tenant, channel_id, run(pe, write))


def ends(kept: Mapping[str, Any]) -> dt.datetime | None:
    """When nothing can be renewed any more, of tokens as they are kept; None where that is not known, or never."""
    if kept.get("refresh_token"):
        at = kept.get("refresh_expires_at")
    else:
        # A token that is renewed by itself is so only while it holds: once that has failed, its own end is what counts.
        at = None if kept.get("renewed_by") == "access_token" and not kept.get("renewals_failed") else kept.get("expires_at")
    return dt.datetime.fromisoformat(at) if at else None


class ChannelTokens:
    """As `connectors.Tokens`."""

    def __init__(self, pe: ProcessEngine, tenant: str, channel_id: str, clock: Callable[[], dt.datetime] | None = None):
        self.pe, self.tenant, self.id = pe, tenant, channel_id
        self.clock = clock or (lambda: dt.datetime.now(dt.timezone.utc))  # noqa: TID251 - a token ends by the platform's clock

    def access(self, renew: Callable[[Mapping[str, Any]], Mapping[str, Any]], refused: str = "", margin: float = 300) -> str:
        for _ in range(LOOKS):
            sealed, until = self._row()
            kept = _open(self.pe, self.tenant, self.id, sealed)
            if not kept.get("access_token"):
                raise Denied(SIGN_IN)
            _hide(kept)  # platforms quote tokens in their refusals
            if kept["access_token"] != refused and not self._is_due(kept, margin):
                return str(kept["access_token"])
            if (until is None or until <= self.clock()) and self._claim(sealed):
                return self._renewed(renew, kept, refused, sealed)
            time.sleep(LOOK_EVERY)
        raise Failure(N_("Token kanal ini sedang diperbarui."), "temporary", 30)

    def expires_at(self) -> dt.datetime | None:
        """When the access token ends, where that is known."""
        at = _open(self.pe, self.tenant, self.id, self._row()[0]).get("expires_at")
        return dt.datetime.fromisoformat(at) if at else None

    def signed_in(self) -> bool:
        return self._row()[0] is not None

    def _renewed(self, renew: Callable[[Mapping[str, Any]], Mapping[str, Any]], kept: dict[str, Any], refused: str,
                 seen: bytes | None) -> str:
        try:
            new = renew(kept)
            # How long the old ones held says nothing of the new ones: kept, they would be renewed at each call.
            old = ("expires_at", *FAILED, *(("refresh_expires_at",) if new.get("refresh_token") else ()))
            given = {**{name: value for name, value in kept.items() if name not in old}, **new}
            _hide(given)
        except Failure as failure:
            if kept["access_token"] == refused or self._ends(kept, 0):
                self._write({"renewing_until": None}, "channel.token_not_renewed", kind=failure.kind)
                raise
            values = self._values(self._paused(kept, failure))
            self._write(values, "channel.token_not_renewed", channel.c.tokens == seen, kind=failure.kind)
            return str(kept["access_token"])  # the old one is good for a while yet
        except BaseException:
            self._write({"renewing_until": None}, "channel.token_not_renewed", kind="unknown")
            raise
        self._write(self._values(_dated(given, self.clock())), "channel.token_renewed", channel.c.tokens == seen)
        return str(given["access_token"])

    def _values(self, kept: dict[str, Any]) -> dict[str, Any]:
        """The columns of a channel that keeps these tokens, which nobody renews now."""
        return {"tokens": _seal(self.pe, self.tenant, self.id, kept), "renewing_until": None, "sign_in_ends_at": ends(kept)}

    def _paused(self, kept: dict[str, Any], failure: Failure) -> dict[str, Any]:
        """What is kept, with how long no renewal is tried; what was refused for good is hardly worth another try."""
        count = int(kept.get("renewals_failed") or 0) + 1
        wait = LONGEST_PAUSE if failure.kind == "permanent" else PAUSE * 2 ** min(count - 1, 20)
        wait = min(max(wait, dt.timedelta(seconds=min(failure.retry_after or 0, MOST_WAIT))), LONGEST_PAUSE)
        return {**kept, "renewals_failed": count, "renew_after": (self.clock() + wait).isoformat()}

    def _is_due(self, kept: Mapping[str, Any], margin: float) -> bool:
        """It ends within `margin` seconds, and no pause after a failure forbids to renew it; or it has ended."""
        after = str(kept.get("renew_after") or "")
        is_paused = bool(after) and self.clock() < dt.datetime.fromisoformat(after)
        return self._ends(kept, 0 if is_paused else margin)

    def _ends(self, kept: Mapping[str, Any], margin: float) -> bool:
        at = str(kept.get("expires_at") or "")
        return bool(at) and dt.datetime.fromisoformat(at) <= self.clock() + dt.timedelta(seconds=margin)

    def _row(self) -> tuple[bytes | None, dt.datetime | None]:
        with read(self.pe) as db:
            row = db.execute(sa.select(channel.c.tokens, channel.c.renewing_until).where(*self._one())).first()
        return (row.tokens, row.renewing_until) if row else (None, None)

    def _claim(self, seen: bytes | None) -> bool:
        now = self.clock()
        free = sa.or_(channel.c.renewing_until.is_(None), channel.c.renewing_until <= now)
        claim = sa.update(channel).where(*self._one(), channel.c.tokens == seen, free).values(renewing_until=now + CLAIM)
        return run(self.pe, lambda db: db.execute(claim)).rowcount == 1

    def _write(self, values: dict[str, Any], event: str, *where: Any, **data: Any) -> None:
        def write(db: sa.Connection) -> None:
            done = db.execute(sa.update(channel).where(*self._one(), *where).values(values)).rowcount
            # None: an admin has signed the channel in anew meanwhile, and theirs stays.
            happened, said = (event, data) if done else ("channel.token_not_renewed", {"kind": "replaced"})
            record(db, Actor.system(self.tenant), self.clock(), happened, data={"channel": self.id, **said})

        run(self.pe, write)

    def _one(self) -> tuple[Any, Any]:
        return channel.c.tenant_id == self.tenant, channel.c.id == self.id


def _dated(tokens: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """With moments in place of seconds: `expires_at` of the access token, `refresh_expires_at` of the refresh token."""
    kept = {name: value for name, value in tokens.items() if name not in SECONDS}
    for name, moment in SECONDS.items():
        seconds = tokens.get(name)
        if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds < LONGEST:
            kept[moment] = (now + dt.timedelta(seconds=seconds)).isoformat()
    return kept


def _hide(kept: Mapping[str, Any]) -> None:
    masking.hide(value for name, value in kept.items() if name in ("access_token", "refresh_token") and isinstance(value, str))


def _seal(pe: ProcessEngine, tenant: str, id: str, tokens: dict[str, Any]) -> bytes:
    return Fernet(pe.fernet_key("tokens")).encrypt(json.dumps({"of": [tenant, id], "tokens": tokens}).encode())


def _open(pe: ProcessEngine, tenant: str, id: str, sealed: bytes | None) -> dict[str, Any]:
    """Empty where there are none, or where they cannot be opened: signing in again mends it."""
    if not sealed:
        return {}
    try:
        found = json.loads(Fernet(pe.fernet_key("tokens")).decrypt(sealed))
    except InvalidToken:
        return {}
    return found["tokens"] if found["of"] == [tenant, id] else {}
