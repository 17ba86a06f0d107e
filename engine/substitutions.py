"""Standing in: Plh. (pelaksana harian) and Plt. (pelaksana tugas) of a lane, by decree, from a moment to a moment.

While a substitution is in force its bearer's actor has the lane's rights, and those of its head where the absent one is
(`people.account` brings it along, by the clock): nothing begins or ends it but time. Only lanes can be stood in for: nobody
becomes an admin, process owner or analyst by it. Who is in the lane themselves acts in their own right, never in stead.

What was taken in stead and not done in time goes back to its lane: `release_ended`.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid, NotFound, TerbitError
from engine import access, apply, load
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import attempt, read, record, run
from engine.tables import activity, candidate, group, membership, substitution, tenant, user

KINDS = {"plh": "Plh.", "plt": "Plt."}
STATES = ("current", "coming", "past")
LONGEST = dt.timedelta(days=366)  # at once; a decree that lasts longer is renewed
LONGEST_DECREE = 200
MOST_RELEASED = 200  # tasks that one sweep gives back

_s = substitution.c


def in_words(in_stead_of: Mapping[str, Any] | None) -> str:
    """In whose stead something was done, as a paper says it: 'Plh. Ketua Divisi, menggantikan Ani, SP 12/2026'; '' for nobody's."""
    if not in_stead_of:
        return ""
    of = in_stead_of
    parts = [f"{KINDS.get(of['kind'], of['kind'])} {of['title']}", f"menggantikan {of['name']}" if of["name"] else "", of["decree"]]
    return ", ".join(part for part in parts if part)


# Asking ---------------------------------------------------------------------------------------------------------------

def lanes(pe: ProcessEngine, actor: Actor) -> dict[str, str]:
    """The groups for which the actor may appoint a substitute: id -> name."""
    with read(pe) as db:
        rows = db.execute(sa.select(group.c.id, group.c.name).where(
            group.c.tenant_id == actor.tenant, group.c.id.not_in(access.OVERSEERS)).order_by(group.c.id)).all()
    return {id: name for id, name in rows if access.may_appoint(actor, id)}


def find(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, state: str = "current", after: str | None = None, limit: int = 50) -> Page:
    """The office's substitutions: those in force or to come, the first to end first; past ones, the last first. One statement.

    All for an admin, of their own lanes for a head. Rows: the table's columns, group_name, substitute_name, absent_name,
    absent_title, revoked_by_name.
    """
    if state not in STATES:
        raise Invalid(N_("Keadaan ini tidak dikenal."), field="state")
    absent, substitute, revoker = user.alias("absent"), user.alias("substitute"), user.alias("revoker")
    query = sa.select(
        substitution, group.c.name.label("group_name"), substitute.c.name.label("substitute_name"), absent.c.name.label("absent_name"),
        absent.c.title.label("absent_title"), revoker.c.name.label("revoked_by_name"),
    ).join(substitute, substitute.c.id == _s.substitute_id).outerjoin(absent, absent.c.id == _s.absent_id).outerjoin(
        revoker, revoker.c.id == _s.revoked_by).outerjoin(
        group, (group.c.tenant_id == _s.tenant_id) & (group.c.id == _s.group_id)).where(_s.tenant_id == actor.tenant)
    if not access.may_administer(actor):
        query = query.where(_s.group_id.in_(sorted(g for g in actor.heads if access.may_appoint(actor, g))))
    query = query.where(*{"current": (_s.starts_at <= now, _s.ends_at > now), "coming": (_s.starts_at > now, _s.ends_at > now),
                          "past": (_s.ends_at <= now,)}[state])
    with read(pe) as db:
        return fetch(db, query, (_s.ends_at, _s.id), after=after, limit=limit, descending=state == "past")


# Doing ----------------------------------------------------------------------------------------------------------------

def appoint(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, kind: str, group_id: str, substitute_id: str, decree: str,
            starts_at: dt.datetime, ends_at: dt.datetime, absent_id: str | None = None, as_head: bool = False) -> str:
    """Have somebody stand in for a lane's absent person, or (no `absent_id`) for its vacant post, and return its id.

    By an admin or the lane's head. `as_head`: the vacant post leads the lane; of an absent person Terbit knows that.
    Invalid with each problem at its field; Conflict where they stand in for the lane then already, or somebody else does
    for the same person.
    """
    access.require(access.may_appoint(actor, group_id) or group_id in access.OVERSEERS)  # those are refused with a reason
    decree, id = decree.strip(), new_id(now)
    row: dict[str, Any] = {"id": id, "tenant_id": actor.tenant, "kind": kind, "group_id": group_id, "absent_id": absent_id or None,
           "substitute_id": substitute_id, "decree": decree, "starts_at": starts_at, "ends_at": ends_at, "created_at": now,
           "created_by": actor.id or None}

    def write(db: sa.Connection) -> str:
        db.execute(sa.select(tenant.c.id).where(tenant.c.id == actor.tenant).with_for_update())  # two appointments at once
        problems = _problems(db, actor, now, row)
        if problems:
            raise Invalid(N_("Penunjukan belum benar."), problems=problems)
        _refuse_overlap(db, actor, row)
        is_head = _is_head(db, actor, group_id, absent_id) if absent_id else as_head and access.may_administer(actor)
        db.execute(sa.insert(substitution), {**row, "is_head": is_head})
        data = {key: row[key] for key in ("kind", "decree")} | {
            "substitution": row["id"], "group": group_id, "substitute": substitute_id, "absent": row["absent_id"], "head": is_head,
            "starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
        record(db, actor, now, "substitution.appointed", data=data)
        return id

    return run(pe, write)


def revoke(pe: ProcessEngine, actor: Actor, now: dt.datetime, substitution_id: str) -> None:
    """End a substitution before its time, or take back one that is still to come. Conflict where it is over."""
    def write(db: sa.Connection) -> None:
        row = db.execute(sa.select(substitution).where(_s.id == substitution_id, _s.tenant_id == actor.tenant)).mappings().first()
        if row is None or not access.may_appoint(actor, row["group_id"]):
            raise NotFound(N_("Penunjukan ini tidak ditemukan."))
        ended = sa.update(substitution).where(_s.id == substitution_id, _s.ends_at > now).values(ends_at=now, revoked_by=actor.id or None)
        if db.execute(ended).rowcount != 1:
            raise Conflict(N_("Penunjukan ini sudah berakhir."))
        record(db, actor, now, "substitution.revoked", data={
            "substitution": substitution_id, "group": row["group_id"], "substitute": row["substitute_id"], "decree": row["decree"],
            "was_to_end_at": row["ends_at"].isoformat()})

    run(pe, write)


def release_ended(pe: ProcessEngine, now: dt.datetime) -> int:
    """Give back to their lane the open tasks that somebody holds in a stead that is over. Return how many there were.

    Such a task is nobody's to do from the moment of the end (`access.holds`); by this its lane can take it again.
    """
    holder = sa.case((activity.c.delegation == access.PENDING, activity.c.owner), else_=activity.c.assignee)
    with read(pe) as db:
        a = activity.c
        held = db.execute(sa.select(a.id, a.tenant_id, a.instance_id, a.activity_id, a.assignee).where(
            activity.c.ended_at.is_(None), activity.c.in_stead_of.is_not(sa.null()), ~_entitled(now, holder)).limit(MOST_RELEASED)).all()
    return sum(_release(pe, now, row) for row in held)


# Inside ---------------------------------------------------------------------------------------------------------------

def _entitled(now: dt.datetime, holder: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a task's holder may claim it in any right: by name, as a member, or by a substitution in force."""
    c, m = candidate.c, membership.c
    of_task = c.task_id == activity.c.id
    of_group = of_task, c.kind == "group"
    return sa.or_(
        sa.exists().where(of_task, c.kind == "user", c.name == holder),
        sa.exists().where(*of_group, m.tenant_id == c.tenant_id, m.group_id == c.name, m.user_id == holder),
        sa.exists().where(*of_group, _s.tenant_id == c.tenant_id, _s.group_id == c.name, _s.substitute_id == holder,
                          _s.starts_at <= now, _s.ends_at > now))


def _release(pe: ProcessEngine, now: dt.datetime, row: Any) -> bool:
    def write(db: sa.Connection) -> bool:
        case = load.instance(db, row.tenant_id, row.instance_id)
        apply.touch(db, case)
        done = db.execute(sa.update(activity).where(
            activity.c.id == row.id, activity.c.ended_at.is_(None), activity.c.assignee == row.assignee,
            activity.c.in_stead_of.is_not(sa.null()),
        ).values(assignee=None, owner=None, delegation=None, in_stead_of=None, claimed_at=None, follow_up_at=None, to_tell=True))
        if done.rowcount != 1:
            return False
        record(db, Actor.system(row.tenant_id), now, "task.unclaimed", instance_id=row.instance_id, activity_instance_id=row.id,
               data={"activity_id": row.activity_id, "from": row.assignee, "to": None, "reason": "substitution ended"})
        return True

    try:
        return attempt(pe, lambda: run(pe, write))
    except TerbitError:  # somebody works on the case all the time: the next sweep
        return False


def _problems(db: sa.Connection, actor: Actor, now: dt.datetime, row: Mapping[str, Any]) -> list[Invalid]:
    found: list[Invalid] = []
    if row["kind"] not in KINDS:
        found.append(Invalid(N_("Pilih Plh. atau Plt."), field="kind"))
    if not row["decree"]:
        found.append(Invalid(N_("Isikan nomor surat perintah."), field="decree"))
    elif len(row["decree"]) > LONGEST_DECREE or not row["decree"].isprintable():
        found.append(Invalid(N_("Paling panjang 200 karakter, tanpa karakter kendali."), field="decree"))
    found += _wrong_dates(now, row["starts_at"], row["ends_at"])
    if row["group_id"] in access.OVERSEERS:
        return [*found, Invalid(N_("Grup ini tidak dapat digantikan: hanya bagian yang mengerjakan tugas."), field="group_id")]
    if not _printable(row["group_id"]) or db.execute(sa.select(group.c.id).where(
            group.c.tenant_id == actor.tenant, group.c.id == row["group_id"])).first() is None:
        return [*found, Invalid(N_("Grup %(group)s tidak ada."), field="group_id", group=row["group_id"][:80])]
    return found + _wrong_people(db, actor, row)


def _wrong_dates(now: dt.datetime, starts_at: dt.datetime, ends_at: dt.datetime) -> list[Invalid]:
    if ends_at <= starts_at:
        return [Invalid(N_("Akhir harus sesudah awal."), field="ends_at")]
    if ends_at <= now:
        return [Invalid(N_("Akhirnya sudah lewat."), field="ends_at")]
    if ends_at - starts_at > LONGEST or starts_at > now + LONGEST:
        return [Invalid(N_("Paling lama setahun."), field="ends_at")]
    return []


def _wrong_people(db: sa.Connection, actor: Actor, row: Mapping[str, Any]) -> list[Invalid]:
    wanted = [id for id in (row["substitute_id"], row["absent_id"]) if id and _printable(id)]
    known = {row.id: row.active for row in db.execute(sa.select(user.c.id, user.c.active).where(
        user.c.tenant_id == actor.tenant, user.c.id.in_(wanted)))}
    members = set(db.execute(sa.select(membership.c.user_id).where(
        membership.c.tenant_id == actor.tenant, membership.c.group_id == row["group_id"], membership.c.user_id.in_(wanted))).scalars())
    found: list[Invalid] = []
    if not known.get(row["substitute_id"]):
        found.append(Invalid(N_("Pilih pengganti yang akunnya aktif."), field="substitute_id"))
    elif row["substitute_id"] in members:
        found.append(Invalid(N_("Pengganti sudah anggota bagian ini."), field="substitute_id"))
    if row["absent_id"] and row["absent_id"] not in members:
        found.append(Invalid(N_("Yang digantikan bukan anggota bagian ini."), field="absent_id"))
    return found


def _refuse_overlap(db: sa.Connection, actor: Actor, row: Mapping[str, Any]) -> None:
    same = _s.substitute_id == row["substitute_id"]
    query = sa.select(_s.substitute_id, _s.decree).where(
        _s.tenant_id == actor.tenant, _s.group_id == row["group_id"], _s.starts_at < row["ends_at"], _s.ends_at > row["starts_at"],
        _s.ends_at > _s.starts_at,  # not one that was revoked before it began
        sa.or_(same, _s.absent_id == row["absent_id"]) if row["absent_id"] else same).limit(1)
    there = db.execute(query).first()
    if there is not None:
        is_same = there.substitute_id == row["substitute_id"]
        raise Conflict(N_("Pada waktu itu orang ini sudah menjadi pengganti di bagian ini (%(decree)s).") if is_same else
                       N_("Pada waktu itu sudah ada pengganti untuk orang ini (%(decree)s)."),
                       field="substitute_id" if is_same else "absent_id", decree=there.decree)


def _is_head(db: sa.Connection, actor: Actor, group_id: str, user_id: str) -> bool:
    return bool(db.execute(sa.select(membership.c.is_head).where(
        membership.c.tenant_id == actor.tenant, membership.c.group_id == group_id, membership.c.user_id == user_id)).scalar())


def _printable(id: str) -> bool:
    return len(id) <= 255 and id.isprintable()
