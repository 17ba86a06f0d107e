"""The life of a version: announced → in force (from a date, approved by name) → superseded; or revoked (dicabut).

Nothing changes a version's state but the clock and a few columns of its row. In force at a moment is the highest version that
is not revoked and whose time has come; so what was announced comes into force by itself, for every process at the same instant.
What "the version of a key" is where none is in force (revoked as a whole, or announced only): the highest, so that whoever
wants to start a case is told why not.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from bpmn import model, sop
from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine.tables import UtcDateTime, process_definition

NOW = sa.bindparam("_now", type_=UtcDateTime)  # of statements that are made once
LONGEST = 300  # characters of who approved it
FURTHEST = dt.timedelta(days=5 * 366)  # that a version may be announced ahead
KEEP, REVOKE = "keep", "revoke"  # what a change of scope or of the person in charge means for the versions before

_d = process_definition.c
Moment = dt.datetime | sa.BindParameter


@dataclass(frozen=True)
class PutInForce:
    """How a version is put in force. `essential`: what a change of scope or person in charge does, KEEP or REVOKE; None asks."""

    from_: dt.datetime | None = None  # None: at once
    approved_as: str = ""  # 'name, post' as the printed SOP has them
    essential: str | None = KEEP


AT_ONCE = PutInForce()


class ScopeChanged(Conflict):
    """A new version has another scope or person in charge, which voids the SOP (Pengesahan, 4): somebody must decide."""

    def __init__(self, changes: list["Change"]):
        super().__init__(N_("Perubahan ruang lingkup atau penanggung jawab membatalkan SOP ini menurut Pengesahan. "
                            "Tentukan dahulu: versi lama dicabut, atau tetap sebagai versi sebelumnya."), field="essential")
        self.changes = changes  # as `essentials` gives them


@dataclass(frozen=True)
class Change:
    """Something in which two versions differ that the SOP's Pengesahan speaks of."""

    what: str  # N_ words
    before: str
    after: str


# In SQL ---------------------------------------------------------------------------------------------------------------

def may_run(now: Moment, of: Any = _d) -> sa.ColumnElement[bool]:
    """Whether a version's time has come, and it is not revoked."""
    return sa.and_(sa.or_(of.in_force_from.is_(None), of.in_force_from <= now), sa.or_(of.revoked_at.is_(None), of.revoked_at > now))


def is_current(now: Moment) -> sa.ColumnElement[bool]:
    """Whether a row of `process_definition` is the version of its key at this moment: the one in force, else the highest."""
    other = process_definition.alias()
    mine, theirs = (sa.case((may_run(now, of), 1), else_=0) for of in (_d, other.c))
    better = sa.or_(theirs > mine, sa.and_(theirs == mine, other.c.version > _d.version))
    return ~sa.exists().where(other.c.tenant_id == _d.tenant_id, other.c.key == _d.key, better).correlate(process_definition)


def best_first(now: Moment) -> tuple[sa.ColumnElement, ...]:
    """The order in which the version of a key at this moment is the first of its versions."""
    return sa.case((may_run(now), 1), else_=0).desc(), _d.version.desc()


def current_id(db: sa.Connection, tenant_id: str, key: str | None, now: dt.datetime) -> str:
    """Return the id of the version of a key at this moment; NotFound where there is none. One statement."""
    found = db.execute(_current, {"tenant": tenant_id, "key": key, "_now": now}).scalar()
    if found is None:
        raise NotFound(N_("Definisi proses tidak ditemukan."))
    return found


_current = sa.select(_d.id).where(_d.tenant_id == sa.bindparam("tenant"), _d.key == sa.bindparam("key")).order_by(*best_first(NOW)).limit(1)
_states = sa.select(_d.id, _d.name, _d.suspended, _d.in_force_from, _d.revoked_at, _d.revoke_reason).where(
    _d.id.in_(sa.bindparam("ids", expanding=True)))


def check_start(db: sa.Connection, now: dt.datetime, definition_id: str, called: Iterable[str]) -> None:
    """Conflict, in words for who wants to start a case, where this version, or one that it calls, may have none. One statement."""
    rows = {row.id: row for row in db.execute(_states, {"ids": [definition_id, *called]})}
    own = rows.pop(definition_id)
    if own.suspended:
        raise Conflict(N_("Definisi proses ini sedang ditangguhkan."))
    if _is_revoked(own, now):
        raise Conflict(N_("Prosedur ini dicabut pada %(date)s karena: %(reason)s"), date=own.revoked_at, reason=own.revoke_reason or "–")
    if own.in_force_from and own.in_force_from > now:
        raise Conflict(N_("Versi ini baru mulai berlaku %(date)s."), date=own.in_force_from)
    for row in rows.values():
        if _is_revoked(row, now):
            raise Conflict(N_("Prosedur “%(name)s”, yang dipanggil prosedur ini, dicabut pada %(date)s karena: %(reason)s"), name=row.name,
                           date=row.revoked_at, reason=row.revoke_reason or "–")


def _is_revoked(row: Any, now: dt.datetime) -> bool:
    return row.revoked_at is not None and row.revoked_at <= now


# In words -------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Life:
    """One version at a moment. `state`: 'announced', 'in_force', 'superseded', 'never' (superseded before its time came), 'revoked'."""

    id: str
    version: int
    state: str
    since: dt.datetime  # when it came, or will come, into force
    until: dt.datetime | None  # when another version took its place, or it was revoked
    by_version: int | None  # the version that took its place
    revoked_at: dt.datetime | None
    revoked_by: str | None
    reason: str | None


def lives(rows: Iterable[Any], now: dt.datetime) -> list[Life]:
    """Return the life of each of a procedure's versions, newest first. Rows are mappings with the columns that tell it."""
    found: list[Life] = []
    for row in sorted(rows, key=lambda row: -row["version"]):
        since = row["in_force_from"] or row["deployed_at"]
        later = [(other.since, other.version) for other in found if other.state != "never" and (
            other.revoked_at is None or other.revoked_at > max(other.since, since))]
        at, by = min(later, default=(None, None))
        revoked = row["revoked_at"] if row["revoked_at"] and row["revoked_at"] <= now else None
        if revoked:
            state = "revoked"
        elif at and at <= since and row["in_force_from"]:
            state = "never"
        else:
            state = "announced" if since > now else "superseded"
        until = min((each for each in (revoked, at and max(at, since)) if each), default=None)
        found.append(Life(row["id"], row["version"], state, since, until, by if until and until != revoked else None,
                          row["revoked_at"], row["revoked_by"], row["revoke_reason"]))
    here = next((n for n, life in enumerate(found) if life.state != "revoked" and life.since <= now), None)
    if here is not None:  # by the same rule as in SQL
        until = found[here].until
        coming = until if until and until > now else None
        found[here] = replace(found[here], state="in_force", until=coming, by_version=found[here].by_version if coming else None)
    return found


# Putting in force -----------------------------------------------------------------------------------------------------

def checked(how: PutInForce, now: dt.datetime) -> PutInForce:
    """Return it as it is written; Invalid for a date that has passed or is too far off. A date that has just come is at once."""
    words = " ".join(how.approved_as.split())
    if len(words) > LONGEST or not words.isprintable():
        raise Invalid(N_("Sebutkan nama dan jabatan yang mengesahkan, paling banyak %(most)d huruf."), field="approved_as", most=LONGEST)
    if how.from_ is not None and how.from_ < now - dt.timedelta(minutes=5):
        raise Invalid(N_("Tanggal mulai berlaku sudah lewat."), field="from")
    if how.from_ is not None and how.from_ > now + FURTHEST:
        raise Invalid(N_("Tanggal mulai berlaku terlalu jauh."), field="from")
    return PutInForce(how.from_ if how.from_ and how.from_ > now else None, words, how.essential)


def approver(diagram: bytes, key: str) -> str:
    """Who approves the SOP according to its identity page: 'name, post'."""
    identity = sop.read(diagram, key).identity
    return ", ".join(part for part in (identity.get("disahkan_nama", "").strip(), identity.get("disahkan_jabatan", "").strip()) if part)


def essentials(before: bytes, after: bytes, key: str) -> list[Change]:
    """Return in which of what the Pengesahan calls scope and person in charge two diagrams of a process differ."""
    was, becomes = _essential(before, key), _essential(after, key)
    return [Change(what, was[what], becomes[what]) for what in was if was[what] != becomes[what]]


def _essential(diagram: bytes, key: str) -> dict[str, str]:
    said = sop.read(diagram, key)
    groups = next((process.groups for process in model.read(diagram) if process.key == key), ())
    return {N_("Nama SOP"): " ".join(said.name.split()), N_("Ruang lingkup"): " ".join(said.identity.get("ruang_lingkup", "").split()),
            N_("Disahkan oleh (jabatan)"): said.identity.get("disahkan_jabatan", "").strip(),
            N_("Disahkan oleh (nama)"): said.identity.get("disahkan_nama", "").strip(),
            N_("Pelaksana"): ", ".join(sorted(groups))}


def written(changes: Sequence[Change]) -> list[dict[str, str]]:
    """As JSON, for the history."""
    return [{"what": c.what, "before": c.before[:500], "after": c.after[:500]} for c in changes]
