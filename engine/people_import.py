"""Many people from a CSV file, as spreadsheets write them: looked through row by row first, then done in one transaction.

The first line names the columns; those that are missing stay as they are. Nobody is removed by it: who is not in the file
stays, and `status` may make somebody inactive. Passwords do not stand in files: new people set theirs by a link.
"""

import csv
import datetime as dt
import hashlib
import io
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid
from engine import password_links, people
from engine.access import ADMIN, may_administer, require
from engine.notices import EMAIL
from engine.process_engine import Actor, ProcessEngine
from engine.store import event_row, read, record, run
from engine.tables import event, group, membership, user

MOST_ROWS, MOST_BYTES = 5000, 2 * 1024 * 1024
COLUMNS = {  # ours -> how a file may call it
    "id": ("nama_pengguna", "nama pengguna", "id", "username", "user"),
    "name": ("nama", "nama lengkap", "name"),
    "title": ("jabatan", "title"),
    "email": ("surel", "email", "e-mail"),
    "groups": ("grup", "kelompok", "groups", "group"),
    "heads": ("kepala", "heads", "head"),
    "active": ("status", "aktif", "active"),
}
HEADER = ("nama_pengguna", "nama", "jabatan", "surel", "grup", "kepala", "status")
ACTIVE = {"aktif": True, "active": True, "ya": True, "1": True, "nonaktif": False, "inactive": False, "tidak": False, "0": False}
NEW, CHANGED, SAME, WRONG = "new", "changed", "same", "wrong"
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # what a spreadsheet takes for a formula
CHANGED_SINCE = N_("Data pengguna berubah sejak file ini diperiksa. Periksa sekali lagi.")


@dataclass(frozen=True)
class Problem:
    """What is wrong in a row, and in which column as the file calls it."""

    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    column: str = ""


@dataclass(frozen=True)
class Row:
    """A line of the file, and what would come of it."""

    line: int  # where it begins, in the file
    id: str
    state: str  # NEW, CHANGED, SAME, WRONG
    values: Mapping[str, Any]  # what the account will have: name, title, email, groups, heads, active
    changes: Mapping[str, tuple[Any, Any]]  # column -> (before, after)
    problems: Sequence[Problem] = ()


@dataclass(frozen=True)
class Plan:
    rows: Sequence[Row]
    mark: str  # of file and accounts as they were looked at: what was shown is what is done

    def count(self, state: str) -> int:
        return sum(row.state == state for row in self.rows)


# Looking --------------------------------------------------------------------------------------------------------------

def decode(content: bytes) -> str:
    """Return a file's text: UTF-8 with or without a mark, UTF-16 as Excel's 'Unicode text', else as Windows writes it."""
    if len(content) > MOST_BYTES:
        raise Invalid(N_("File terlalu besar, paling banyak %(most)s MB."), most=MOST_BYTES >> 20)
    if content[:4] == b"PK\x03\x04":
        raise Invalid(N_("Ini file Excel. Simpan dahulu sebagai CSV (UTF-8), lalu unggah file CSV-nya."))
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Invalid(N_("File ini bukan teks. Simpan sebagai CSV (UTF-8)."))


def plan(pe: ProcessEngine, actor: Actor, text: str) -> Plan:
    """Say row by row what would be done; nothing is changed. Invalid for what is no such file. Three statements."""
    require(may_administer(actor))
    names, lines = _read(text)
    with read(pe) as db:
        return _plan(db, actor, names, lines, text)


def do(pe: ProcessEngine, actor: Actor, now: dt.datetime, text: str, mark: str, *, send_links: bool) -> dict[str, str]:
    """Do what `plan` said, all of it in one transaction, and return the new people's links by id: path, for those not sent one.

    Conflict where an account has changed since it was looked at, Invalid where a row is wrong.
    """
    require(may_administer(actor))
    names, lines = _read(text)
    can_send = send_links and password_links.can_be_sent(pe)
    made: dict[str, str] = {}

    def write(db: sa.Connection) -> None:
        made.clear()
        people.hold(db, actor.tenant, sorted(_askable({cells["id"].lower() for _line, cells in lines})))
        found = _plan(db, actor, names, lines, text)
        if found.mark != mark:
            raise Conflict(CHANGED_SINCE)
        if found.count(WRONG):
            raise Invalid(N_("Masih ada baris yang salah. Perbaiki filenya, lalu unggah lagi."))
        made.update(_write(db, actor, now, found, can_send))

    try:
        run(pe, write)
    except sa.exc.IntegrityError as error:  # somebody else made one of these accounts in the same moment
        raise Conflict(CHANGED_SINCE) from error
    return made


# Writing out ----------------------------------------------------------------------------------------------------------

def template() -> str:
    """A file to fill in, with two lines to show how."""
    return _csv([HEADER, ("siti.aminah", "Siti Aminah", "Fungsional umum", "siti@kpu.example", "pelaksana", "", "aktif"),
                 ("budi", "Budi Santoso", "Kepala Sub Bagian", "", "sub-bagian, pelaksana", "sub-bagian", "aktif")])


def export(pe: ProcessEngine, actor: Actor) -> str:
    """Everybody of the office, in a file that can be imported again; nothing in it is a formula to a spreadsheet."""
    require(may_administer(actor))
    rows: list[Sequence[str]] = [HEADER]
    with read(pe) as db:
        for each in _accounts(db, actor, None).values():
            rows.append((each["id"], each["name"], each["title"], each["email"], ", ".join(sorted(each["groups"])),
                         ", ".join(sorted(each["heads"])), "aktif" if each["active"] else "nonaktif"))
    return _csv(rows)


def _csv(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerows([f"'{cell}" if cell.startswith(RISKY) else cell for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()  # Excel takes it for UTF-8 by the mark alone


# Reading --------------------------------------------------------------------------------------------------------------

def _read(text: str) -> tuple[dict[str, str], list[tuple[int, dict[str, str]]]]:
    """Return {ours: the file's name of the column}, and (line, {ours: cell}) of each row that is not empty."""
    lines = list(io.StringIO(text.lstrip("\ufeff"), newline=""))
    skipped = 0
    if lines and (found := re.fullmatch(r"sep=(.)\s*", lines[0])):  # Excel's way to name the separator
        separator, lines, skipped = found[1], lines[1:], 1
    else:
        separator = max(";,\t", key=lambda each: (lines[0] if lines else "").count(each))
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        header = next(reader, [])
        names = _columns(header)
        rows, begins = [], reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((begins + skipped, {ours: _cell(cells, at) for ours, (at, _) in names.items()}))
                if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header):]):
                    rows[-1][1]["surplus"] = "1"
            begins = reader.line_num + 1
            if len(rows) > MOST_ROWS:
                raise Invalid(N_("Paling banyak %(most)s baris sekali impor."), most=MOST_ROWS)
    except csv.Error as problem:
        raise Invalid(N_("Baris %(row)s tidak dapat dibaca sebagai CSV: %(problem)s."), row=reader.line_num + skipped,
                      problem=str(problem)) from None
    if not rows:
        raise Invalid(N_("File ini tidak berisi baris pengguna."))
    return {ours: name for ours, (_, name) in names.items()}, rows


def _columns(header: Sequence[str]) -> dict[str, tuple[int, str]]:
    known = {alias: ours for ours, aliases in COLUMNS.items() for alias in aliases}
    found: dict[str, tuple[int, str]] = {}
    for at, cell in enumerate(header):
        name = cell.strip().strip("*").strip().lower()
        if not name:
            continue
        if name not in known:
            raise Invalid(N_("Kolom %(column)s tidak dikenal. Yang dikenal: %(known)s."), column=cell.strip()[:60], known=", ".join(HEADER))
        if known[name] in found:
            raise Invalid(N_("Kolom %(column)s ada dua kali."), column=cell.strip()[:60])
        found[known[name]] = (at, cell.strip())
    if "id" not in found:
        raise Invalid(N_("Baris pertama harus menyebut kolomnya, paling sedikit %(column)s. Pakailah templatnya."), column=HEADER[0])
    return found


def _cell(cells: Sequence[str], at: int) -> str:
    cell = cells[at].replace("\u00a0", " ").strip() if at < len(cells) else ""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(RISKY) else cell  # as `export` wrote it


# Planning -------------------------------------------------------------------------------------------------------------

def _plan(db: sa.Connection, actor: Actor, names: Mapping[str, str], lines: Sequence[tuple[int, dict[str, str]]], text: str) -> Plan:
    ids = sorted({cells["id"].lower() for _, cells in lines})
    there = _accounts(db, actor, ids)
    elsewhere = set()
    for at in range(0, len(ids), 500):
        of_others = user.c.id.in_(_askable(ids[at:at + 500])), user.c.tenant_id != actor.tenant
        elsewhere |= set(db.scalars(sa.select(user.c.id).where(*of_others)))
    groups = {row.id: row.name for row in db.execute(sa.select(group.c.id, group.c.name).where(group.c.tenant_id == actor.tenant))}
    by_name = {name.casefold(): id for id, name in groups.items()} | {id: id for id in groups}
    seen: dict[str, int] = {}
    rows = []
    for line, cells in lines:
        id = cells["id"].lower()
        rows.append(_row(actor, names, line, cells, there.get(id), by_name, elsewhere, seen.get(id)))
        seen.setdefault(id, line)
    said = json.dumps([[row.line, row.id, row.state, row.changes] for row in rows], sort_keys=True, default=str)
    same = re.sub(r"\r\n?", "\n", text)  # browsers write line ends their own way
    return Plan(rows, hashlib.sha256((same + said).encode("utf-8", "surrogatepass")).hexdigest())


@dataclass
class _Reading:
    """One row while it is read: its cells, what the account will be, and what is wrong."""

    names: Mapping[str, str]
    cells: Mapping[str, str]
    after: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, ours: str, message: str, **params: Any) -> None:
        self.problems.append(Problem(message, params, self.names.get(ours, ours)))

    def texts(self) -> None:
        for ours in ("name", "title", "email"):
            if ours in self.cells and (self.cells[ours] or ours != "name"):
                self.after[ours] = self.cells[ours]
            if len(self.after[ours]) > 200 or not self.after[ours].isprintable():
                self.wrong(ours, N_("Paling panjang 200 karakter, tanpa karakter kendali."))
        if not self.after["name"]:
            self.wrong("name", N_("Nama wajib diisi."))
        if self.after["email"] and not EMAIL.fullmatch(self.after["email"]):
            self.wrong("email", N_("Isikan alamat e-mail seperti nama@kpu.go.id."))

    def memberships(self, groups: Mapping[str, str]) -> None:
        for ours in ("groups", "heads"):
            if ours in self.cells:
                wanted = [each.strip().casefold() for each in re.split(r"[,;|\n]", self.cells[ours]) if each.strip()]
                for unknown in [each for each in wanted if each not in groups]:
                    self.wrong(ours, N_("Grup %(group)s tidak ada."), group=unknown[:80])
                self.after[ours] = frozenset(groups[each] for each in wanted if each in groups)
        if "heads" not in self.cells:
            self.after["heads"] = self.after["heads"] & self.after["groups"]
        elif not self.after["heads"] <= self.after["groups"]:
            self.wrong("heads", N_("Kepala sebuah grup harus anggotanya."))

    def state(self) -> None:
        said = self.cells.get("active", "").lower()
        if said and said not in ACTIVE:
            self.wrong("active", N_("Isikan aktif atau nonaktif."))
        self.after["active"] = ACTIVE.get(said, self.after["active"])

    def own_rights(self, before: Mapping[str, Any]) -> None:
        """Nobody takes away their own right by a line of a file."""
        if ADMIN in before["groups"] - self.after["groups"]:
            self.wrong("groups", N_("Baris ini mencabut hak administrator Anda sendiri."))
        if not self.after["active"]:
            self.wrong("active", N_("Baris ini menonaktifkan akun Anda sendiri."))


def _row(actor: Actor, names: Mapping[str, str], line: int, cells: Mapping[str, str], before: Mapping[str, Any] | None,
         groups: Mapping[str, str], elsewhere: set[str], again: int | None) -> Row:
    nobody: dict[str, Any] = {"name": "", "title": "", "email": "", "groups": frozenset(), "heads": frozenset(), "active": True}
    id, reading = cells["id"].lower(), _Reading(names, cells, dict(before or nobody))
    if not people.USER_ID.fullmatch(id):
        reading.wrong("id", N_("Nama pengguna hanya boleh berisi huruf kecil, angka, titik, garis, dan @."))
    elif again:
        reading.wrong("id", N_("Nama ini sudah ada di baris %(line)s."), line=again)
    elif id in elsewhere:
        reading.wrong("id", N_("Nama pengguna %(user)s sudah dipakai."), user=id)
    if cells.get("surplus"):
        reading.wrong("", N_("Baris ini berisi lebih banyak kolom daripada baris pertama."))
    reading.texts()
    reading.memberships(groups)
    reading.state()
    if before and id == actor.id:
        reading.own_rights(before)
    was, after = before or dict.fromkeys(nobody), reading.after
    changes = {key: (was[key], after[key]) for key in nobody if was[key] != after[key]}
    state = WRONG if reading.problems else NEW if before is None else CHANGED if changes else SAME
    shown = {key: (_plain(one), _plain(other)) for key, (one, other) in changes.items()}
    return Row(line, id, state, after, shown, reading.problems)


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _askable(ids: Iterable[str]) -> list[str]:
    return [id for id in ids if people.USER_ID.fullmatch(id)]


def _accounts(db: sa.Connection, actor: Actor, ids: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """The office's accounts of these ids (None: all) with their groups, by id."""
    u, m = user.c, membership.c
    parts = [None] if ids is None else [_askable(ids[at:at + 500]) for at in range(0, len(ids), 500)]
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        query = sa.select(u.id, u.name, u.title, u.email, u.active, m.group_id, m.is_head).outerjoin(
            membership, (m.user_id == u.id) & (m.tenant_id == u.tenant_id)).where(u.tenant_id == actor.tenant).order_by(u.id)
        for row in db.execute(query if part is None else query.where(u.id.in_(part))):
            each = found.setdefault(row.id, {"id": row.id, "name": row.name, "title": row.title, "email": row.email, "active": row.active,
                                             "groups": frozenset(), "heads": frozenset()})
            if row.group_id:
                each["groups"] |= {row.group_id}
                each["heads"] |= {row.group_id} if row.is_head else set()
    return found


# Doing ----------------------------------------------------------------------------------------------------------------

def _change(db: sa.Connection, row: Row) -> None:
    db.execute(sa.update(user).where(user.c.id == row.id).values({key: row.values[key] for key in ("name", "title", "email", "active")}))
    if "active" in row.changes:
        people.end_everything(db, row.id)
    if not row.values["active"]:
        people.end_tokens(db, row.id)
    if "email" in row.changes:
        people.end_sent_links(db, row.id)


def _write(db: sa.Connection, actor: Actor, now: dt.datetime, found: Plan, can_send: bool) -> dict[str, str]:
    links: dict[str, str] = {}
    new = [row for row in found.rows if row.state == NEW]
    if new:
        db.execute(sa.insert(user), [{
            "id": row.id, "tenant_id": actor.tenant, "name": row.values["name"], "title": row.values["title"], "email": row.values["email"],
            "password_hash": "", "stamp": people.new_stamp(), "active": row.values["active"], "created_at": now} for row in new])
    changed = [row for row in found.rows if row.state == CHANGED]
    for row in changed:
        _change(db, row)
    regrouped = [row for row in (*new, *changed) if {"groups", "heads"} & row.changes.keys()]
    for at in range(0, len(regrouped), 500):
        db.execute(sa.delete(membership).where(membership.c.tenant_id == actor.tenant,
                                               membership.c.user_id.in_([row.id for row in regrouped[at:at + 500]])))
    members = [{"tenant_id": actor.tenant, "group_id": id, "user_id": row.id, "is_head": id in row.values["heads"]}
               for row in regrouped for id in sorted(row.values["groups"])]
    if members:
        db.execute(sa.insert(membership), members)
    for at in range(0, len(regrouped), 500):
        people.end_sessions_without_second_factor(db, actor.tenant, [row.id for row in regrouped[at:at + 500]])
    people.keep_an_admin(db, actor)
    invited = [row for row in new if row.values["active"] and can_send and row.values["email"]]
    if invited:
        password_links.invite(db, actor, now, [row.id for row in invited])
    for row in new:
        if row.values["active"] and row not in invited:
            secret = secrets.token_urlsafe(32)
            password_links.put(db, {"id": row.id, "tenant": actor.tenant}, now, secret, password_links.LASTS[password_links.INVITATION],
                               actor.id)
            links[row.id] = password_links.path(secret)
    if new or changed:
        db.execute(sa.insert(event), [
            event_row(actor, now, "user.created" if row.state == NEW else "user.imported", data={
                "user": row.id, "by": "csv", "line": row.line, "changes": {key: list(pair) for key, pair in row.changes.items()}})
            for row in (*new, *changed)])
    record(db, actor, now, "people.imported", data={"new": len(new), "changed": len(changed), "links": len(links), "sent": len(invited)})
    return links
