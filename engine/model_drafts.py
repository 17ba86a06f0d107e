"""A procedure being changed: a draft on the server, one for a process definition's key, which its process owners share.

A draft is a set of files, each with its version. A save names the version that its page knows; where somebody else has saved
since, nothing is written, and `Newer` says who and when. A draft is put in force as a whole, exactly as it was last seen
(`state`), and then it is gone.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from bpmn import blank, check, model, package
from bpmn.errors import N_, Conflict, Invalid, NotFound
from bpmn.findings import Finding
from engine import access, ids, linting, load
from engine.commands import deploying
from engine.commands.instances import find_definition
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import group, model_draft, model_draft_file, process_definition, user
from engine.version_life import AT_ONCE, PutInForce

KEY = re.compile(r"[a-z_][a-z0-9_.-]{1,79}")  # of a new procedure: an XML name that reads well in an address
TAKEN = ("new", "upload")  # addresses of their own
LONGEST_NAME = 200
Files = dict[str, bytes]

_d, _f = model_draft.c, model_draft_file.c


class Newer(Conflict):
    """Somebody else has saved this file since. `saved`: {name, version, by, person, at}; None: they removed or renamed it."""

    def __init__(self, saved: dict[str, Any] | None):
        who = saved and (saved["person"] or saved["by"])
        super().__init__(N_("%(person)s telah menyimpan %(name)s sesudah Anda membukanya.") if saved
                         else N_("File ini sementara itu dihapus atau diganti namanya."),
                         person=who or "Terbit", name=saved["name"] if saved else "")
        self.saved = saved


class Checked(NamedTuple):
    findings: list[Finding]
    state: str  # of the draft that was checked, see `put_in_force`
    files: list[dict[str, Any]]  # as they are saved: name, version, by, person, at


# Looking --------------------------------------------------------------------------------------------------------------

def drafts(pe: ProcessEngine, actor: Actor, limit: int = 200) -> list[dict[str, Any]]:
    """The office's drafts, last changed first: id, key, name, base_id, updated_at. One statement."""
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        return [dict(row) for row in db.execute(_brief(actor).order_by(_d.updated_at.desc(), _d.key).limit(limit)).mappings()]


def find(pe: ProcessEngine, actor: Actor, key: str) -> dict[str, Any] | None:
    """The draft of a key, as `drafts` gives it; None where there is none. One statement."""
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        row = db.execute(_brief(actor).where(_d.key == key)).mappings().first()
        return dict(row) if row else None


def get(pe: ProcessEngine, actor: Actor, key: str) -> dict[str, Any]:
    """A draft: id, key, name, base_id, base_version, newest_id, newest_version (None: never in force), created_at,
    created_by, updated_at, restored_version (None: begun otherwise), and `files`: rows of name, version, size, by, person, at, by name.
    Three statements."""
    access.require(access.may_deploy(actor))
    p, base = process_definition.c, process_definition.alias()
    with read(pe) as db:
        found = db.execute(sa.select(_d.id, _d.key, _d.name, _d.base_id, _d.created_at, _d.created_by, _d.updated_at,
                                     _d.restored_version, base.c.version.label("base_version")).outerjoin(
            base, base.c.id == _d.base_id).where(_d.tenant_id == actor.tenant, _d.key == key)).mappings().first()
        if found is None:
            raise _gone()
        newest = db.execute(sa.select(p.id, p.version).where(p.tenant_id == actor.tenant, p.key == key).order_by(
            p.version.desc()).limit(1)).first()
        files = [dict(row) for row in db.execute(_listed().where(_f.draft_id == found["id"]).order_by(_f.name)).mappings()]
    return {**found, "files": files, "newest_id": newest and newest.id, "newest_version": newest and newest.version}


def file(pe: ProcessEngine, actor: Actor, draft_id: str, name: str) -> dict[str, Any]:
    """One file: name, version, by, person, at, content."""
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        row = db.execute(_listed(_f.content).join(model_draft, _d.id == _f.draft_id).where(
            _f.draft_id == draft_id, _f.name == name, _d.tenant_id == actor.tenant)).mappings().first()
    if row is None:
        raise NotFound(N_("File %(name)s tidak ditemukan."), name=name)
    return dict(row)


def contents(pe: ProcessEngine, actor: Actor, draft_id: str) -> Files:
    """All files of a draft, by name."""
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        _of_office(db, actor, draft_id)
        return contents_of(db, draft_id)


def state_of(files: Mapping[str, bytes]) -> str:
    """What a set of files is, in one word."""
    parts = (f"{name}\0{hashlib.sha256(content).hexdigest()}" for name, content in sorted(files.items()))
    return hashlib.sha256("\0\0".join(parts).encode()).hexdigest()


def check_draft(pe: ProcessEngine, actor: Actor, draft_id: str, changed: Mapping[str, bytes] | None = None) -> Checked:
    """What putting the draft in force would say, with `changed` in the place of what is saved."""
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        draft = _of_office(db, actor, draft_id)
        rows = [dict(row) for row in db.execute(_listed(_f.content).where(_f.draft_id == draft_id).order_by(_f.name)).mappings()]
    files = {row["name"]: bytes(row.pop("content")) for row in rows} | dict(changed or {})
    found = linting.findings(pe, actor, files)
    if all(finding.severity != "error" for finding in found):
        found = _wrong_key(files, draft.key) + found
    return Checked(found, state_of(files), rows)


def _wrong_key(files: Mapping[str, bytes], key: str) -> list[Finding]:
    keys = {process.key: (name, process.line) for name, process in _processes(files)}
    if key in keys:
        return []
    name, line = next(iter(keys.values()), ("", 0))
    return [Finding("error", name, line, next(iter(keys), ""), "key",
                    N_("ID proses harus tetap “%(key)s”: dengan ID lain, ini prosedur lain."), {"key": key})]


def _processes(files: Mapping[str, bytes]) -> list[tuple[str, model.Process]]:
    return [(name, process) for name in sorted(files) if name.endswith(check.DIAGRAMS)
            for process in model.read(files[name], name) if process.executable]


# Beginning and ending -------------------------------------------------------------------------------------------------

def begin(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str) -> str:
    """Begin a draft from a version, with all its files, and return its key. The draft that began there already is kept as it is;
    Conflict where the key's draft began at another version."""
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        found = find_definition(db, actor, definition_id=definition_id)
        files = load.resources(db, found.deployment_id)
    there = find(pe, actor, found.key)
    if there is None:
        try:
            _make(pe, actor, now, key=found.key, name=found.name, base_id=found.id, files=files)
        except Conflict:  # a colleague, at the same time
            there = find(pe, actor, found.key)
    if there and there["base_id"] != found.id:
        raise Conflict(N_("Sudah ada rancangan prosedur ini, yang dimulai dari versi lain. Lanjutkan atau buang rancangan itu dahulu."))
    return found.key


def restore(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str) -> str:
    """Begin a draft with all files of an old version, upon the newest, and return its key. Nothing comes into force by it.

    Conflict where the procedure has a draft already, which is never overwritten, and for the newest version itself.
    """
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        found = find_definition(db, actor, definition_id=definition_id)
        newest = find_definition(db, actor, key=found.key)
        files = load.resources(db, found.deployment_id)
    if newest.id == found.id:
        raise Conflict(N_("Versi %(version)d sudah yang terbaru; tidak ada yang perlu dipulihkan."), version=found.version)
    _make(pe, actor, now, key=found.key, name=found.name, base_id=newest.id, files=files, restored_version=found.version)
    return found.key


def create(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, key: str, name: str, lanes: list[str]) -> str:
    """Begin a new procedure: a diagram with a lane for each of the groups `lanes`. Returns its key.

    Invalid for a key that is none or a group that the office has not, Conflict where the key is taken.
    """
    access.require(access.may_deploy(actor))
    key, name = key.strip(), " ".join(name.split())
    if not KEY.fullmatch(key) or key in TAKEN:
        raise Invalid(N_("Kunci hanya memuat huruf kecil, angka, dan garis, dan diawali huruf."), field="key")
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid(N_("Isi nama prosedur, paling banyak %(most)d huruf."), field="name", most=LONGEST_NAME)
    with read(pe) as db:
        names = {row.id: row.name for row in db.execute(sa.select(group.c.id, group.c.name).where(group.c.tenant_id == actor.tenant))}
        taken = db.execute(sa.select(process_definition.c.id).where(
            process_definition.c.tenant_id == actor.tenant, process_definition.c.key == key).limit(1)).first()
    chosen = list(dict.fromkeys(lanes))
    if not chosen or any(lane not in names for lane in chosen):
        raise Invalid(N_("Pilih paling sedikit satu grup untuk lajur."), field="lanes")
    if taken:
        raise Conflict(N_("Prosedur dengan kunci “%(key)s” sudah ada."), field="key", key=key)
    diagram = blank.diagram(key, name, [(lane, names[lane]) for lane in chosen])
    _make(pe, actor, now, key=key, name=name, base_id=None, files={f"{key}.bpmn": diagram})
    return key


def discard(pe: ProcessEngine, actor: Actor, now: dt.datetime, draft_id: str, seen: str) -> None:
    """Throw a draft away, as it was seen (`state_of` its files); Conflict where somebody has saved since."""
    def write(db: sa.Connection) -> None:
        draft = _take(db, actor, now, draft_id)
        _require_seen(db, draft_id, seen)
        _remove(db, draft_id)
        record(db, actor, now, "model_draft.discarded", data={"draft": draft_id, "key": draft.key})

    access.require(access.may_deploy(actor))
    run(pe, write)


def rebase(pe: ProcessEngine, actor: Actor, now: dt.datetime, draft_id: str, definition_id: str) -> None:
    """Let the draft stand upon the version that was put in force meanwhile: whoever says so has looked at it."""
    def write(db: sa.Connection) -> None:
        draft = _take(db, actor, now, draft_id)
        if find_definition(db, actor, definition_id=definition_id).key != draft.key:
            raise Invalid(N_("Versi itu milik prosedur lain."))
        db.execute(sa.update(model_draft).where(_d.id == draft_id).values(base_id=definition_id))

    access.require(access.may_deploy(actor))
    run(pe, write)


def put_in_force(pe: ProcessEngine, actor: Actor, now: dt.datetime, draft_id: str, *, note: str, seen: str,
                 accept_failing: bool = False, how: PutInForce = AT_ONCE) -> deploying.Deployment:
    """Make the draft the newest version, as `deploy` does (and with what it raises); then the draft is gone.

    `ScenariosFail` where kept scenarios go another way now, and nobody said `accept_failing`.
    Conflict where a file was saved since `seen` (the state that `check_draft` gave), or a version was put in force since the
    draft began. Should the machine stop between the two steps, the draft stays, and is the same as what is in force.
    """
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        draft = _of_office(db, actor, draft_id)
        files = contents_of(db, draft_id)
        _require_seen(db, draft_id, seen)
        newest = db.execute(sa.select(process_definition.c.id).where(
            process_definition.c.tenant_id == actor.tenant, process_definition.c.key == draft.key).limit(1)).first()
    if wrong := _wrong_key(files, draft.key):
        raise Invalid(wrong[0].message, file=wrong[0].file, **wrong[0].params)
    if newest and not draft.base_id:
        raise Conflict(N_("Prosedur dengan kunci “%(key)s” sudah ada."), key=draft.key)
    made = deploying.deploy(pe, actor, now, name=_noted(pe, actor, draft, note, files), resources=files, source="studio",
                            based_on=draft.base_id, accept_failing=accept_failing, how=how)
    if not made.definitions:
        raise Conflict(N_("Rancangan ini sama dengan versi yang sedang berlaku; tidak ada yang perlu diberlakukan."))
    run(pe, lambda db: _finish(db, actor, now, draft_id, seen, next(d["id"] for d in made.definitions if d["key"] == draft.key)))
    return made


def _noted(pe: ProcessEngine, actor: Actor, draft: sa.Row, note: str, files: Files) -> str:
    """The version's note; of a restored one it says from which version, as the history will have it."""
    if draft.restored_version is None:
        return note
    p = process_definition.c
    with read(pe) as db:
        old = db.execute(sa.select(p.deployment_id).where(
            p.tenant_id == actor.tenant, p.key == draft.key, p.version == draft.restored_version)).scalar()
        is_same = old is not None and load.resources(db, old) == files
    restored = f"Dipulihkan dari versi {draft.restored_version}"
    words = restored if is_same else f"Diubah dari versi {draft.restored_version}"
    return words if note.strip() in ("", restored) else f"{note.strip()} ({words[0].lower()}{words[1:]})"


def _finish(db: sa.Connection, actor: Actor, now: dt.datetime, draft_id: str, seen: str, definition_id: str) -> None:
    """Remove what is in force now; what somebody saved in the meantime goes on from there."""
    try:
        _take(db, actor, now, draft_id)
    except NotFound:
        return
    if state_of(contents_of(db, draft_id)) == seen:
        _remove(db, draft_id)
    else:
        db.execute(sa.update(model_draft).where(_d.id == draft_id).values(base_id=definition_id))


# Files ----------------------------------------------------------------------------------------------------------------

def save(pe: ProcessEngine, actor: Actor, now: dt.datetime, draft_id: str, name: str, content: bytes, version: int) -> int:
    """Keep one file, and return its new version. The same content again is no save, whatever version its page knows.

    `Newer` where the file was saved since `version`, or is not there any more. NotFound where the draft is gone.
    """
    kept = package.check_content(name, content)

    def write(db: sa.Connection) -> int:
        draft = _take(db, actor, now, draft_id)
        row = _saved(db, draft_id, name)
        if row and row["content"] == kept:
            return row["version"]
        if row is None or row["version"] != version:
            raise Newer(row and {k: v for k, v in row.items() if k != "content"})
        db.execute(sa.update(model_draft_file).where(_f.draft_id == draft_id, _f.name == name).values(
            content=kept, version=draft.saves, updated_at=now, updated_by=actor.id or None))
        _check_sizes(db, draft_id)
        return draft.saves

    access.require(access.may_deploy(actor))
    return run(pe, write)


def add(pe: ProcessEngine, actor: Actor, now: dt.datetime, draft_id: str, name: str, content: bytes) -> int:
    """Add a file and return its version; Conflict where there is one of this name, in whatever capitals."""
    name = package.check_name(name)
    kept = package.check_content(name, content)

    def write(db: sa.Connection) -> int:
        draft = _take(db, actor, now, draft_id)
        _require_free(db, draft_id, name)
        _insert(db, actor, now, draft_id, {name: kept}, draft.saves)
        _check_sizes(db, draft_id)
        return draft.saves

    access.require(access.may_deploy(actor))
    return run(pe, write)


def rename(pe: ProcessEngine, actor: Actor, now: dt.datetime, draft_id: str, name: str, new_name: str, version: int) -> None:
    """Call a file otherwise; of the same kind. What refers to it by its own id still does."""
    new_name = package.check_name(new_name)
    if new_name.rpartition(".")[2] != name.rpartition(".")[2]:
        raise Invalid(N_("Jenis file tidak dapat diubah dengan mengganti namanya."), field="name")

    def write(db: sa.Connection) -> None:
        draft = _take(db, actor, now, draft_id)
        _require_version(db, draft_id, name, version)
        _require_free(db, draft_id, new_name, besides=name)
        db.execute(sa.update(model_draft_file).where(_f.draft_id == draft_id, _f.name == name).values(
            name=new_name, version=draft.saves, updated_at=now, updated_by=actor.id or None))

    access.require(access.may_deploy(actor))
    run(pe, write)


def delete(pe: ProcessEngine, actor: Actor, now: dt.datetime, draft_id: str, name: str, version: int) -> None:
    """Remove a file from the draft, unless somebody saved it since `version`."""
    def write(db: sa.Connection) -> None:
        _take(db, actor, now, draft_id)
        _require_version(db, draft_id, name, version)
        db.execute(sa.delete(model_draft_file).where(_f.draft_id == draft_id, _f.name == name))

    access.require(access.may_deploy(actor))
    run(pe, write)


def bring_in(pe: ProcessEngine, actor: Actor, now: dt.datetime, draft_id: str, files: Files,
             versions: Mapping[str, int]) -> dict[str, list[str]]:
    """Bring files from elsewhere into the draft, all or none: {added, replaced, same}, names each.

    `versions` are those that the page knows; `Newer` where somebody saved a file since that would be replaced.
    """
    package.check_all(files)
    kept = {package.check_name(name): package.check_content(name, content) for name, content in files.items()}
    if not kept:
        raise Invalid(N_("Tidak ada file .bpmn, .dmn, atau .form di antara yang dikirim."), field="files")

    def write(db: sa.Connection) -> dict[str, list[str]]:
        draft = _take(db, actor, now, draft_id)
        done: dict[str, list[str]] = {"added": [], "replaced": [], "same": []}
        for name, content in sorted(kept.items()):
            row = _saved(db, draft_id, name)
            if row is None:
                _require_free(db, draft_id, name)
                _insert(db, actor, now, draft_id, {name: content}, draft.saves)
            elif row["content"] != content:
                if versions.get(name) != row["version"]:
                    raise Newer({k: v for k, v in row.items() if k != "content"})
                db.execute(sa.update(model_draft_file).where(_f.draft_id == draft_id, _f.name == name).values(
                    content=content, version=draft.saves, updated_at=now, updated_by=actor.id or None))
            done["added" if row is None else "replaced" if row["content"] != content else "same"].append(name)
        _check_sizes(db, draft_id)
        return done

    access.require(access.may_deploy(actor))
    return run(pe, write)


# Within ---------------------------------------------------------------------------------------------------------------

def _gone() -> NotFound:
    return NotFound(N_("Rancangan ini tidak ada lagi: sudah diberlakukan atau dibuang."))


def _brief(actor: Actor) -> sa.Select:
    return sa.select(_d.id, _d.key, _d.name, _d.base_id, _d.updated_at).where(_d.tenant_id == actor.tenant)


def _listed(*more: Any) -> sa.Select:
    return sa.select(_f.name, _f.version, sa.func.length(_f.content).label("size"), _f.updated_by.label("by"), user.c.name.label("person"),
                     _f.updated_at.label("at"), *more).select_from(model_draft_file).outerjoin(user, user.c.id == _f.updated_by)


def _of_office(db: sa.Connection, actor: Actor, draft_id: str) -> sa.Row:
    row = db.execute(sa.select(_d.id, _d.key, _d.name, _d.base_id, _d.restored_version).where(
        _d.id == draft_id, _d.tenant_id == actor.tenant)).first()
    if row is None:
        raise _gone()
    return row


def _take(db: sa.Connection, actor: Actor, now: dt.datetime, draft_id: str) -> sa.Row:
    """Count a save, which lets writers of a draft wait for one another; return the draft with the number (`saves`)."""
    done = db.execute(sa.update(model_draft).where(_d.id == draft_id, _d.tenant_id == actor.tenant).values(
        saves=_d.saves + 1, updated_at=now)).rowcount
    if not done:
        raise _gone()
    return db.execute(sa.select(_d.id, _d.key, _d.base_id, _d.saves).where(_d.id == draft_id)).one()


def contents_of(db: sa.Connection, draft_id: str) -> Files:
    """All files of a draft that is known to be of the office."""
    return {row.name: bytes(row.content) for row in db.execute(sa.select(_f.name, _f.content).where(_f.draft_id == draft_id))}


def _saved(db: sa.Connection, draft_id: str, name: str) -> dict[str, Any] | None:
    row = db.execute(_listed(_f.content).where(_f.draft_id == draft_id, _f.name == name)).mappings().first()
    return dict(row) | {"content": bytes(row["content"])} if row else None


def _require_version(db: sa.Connection, draft_id: str, name: str, version: int) -> None:
    row = _saved(db, draft_id, name)
    if row is None or row["version"] != version:
        raise Newer(row and {k: v for k, v in row.items() if k != "content"})


def _require_free(db: sa.Connection, draft_id: str, name: str, besides: str = "") -> None:
    names = db.execute(sa.select(_f.name).where(_f.draft_id == draft_id)).scalars()
    if any(other.casefold() == name.casefold() and other != besides for other in names):
        raise Conflict(N_("File %(name)s sudah ada di rancangan ini."), field="name", name=name)


def _require_seen(db: sa.Connection, draft_id: str, seen: str) -> None:
    if state_of(contents_of(db, draft_id)) == seen:
        return
    last = db.execute(_listed().where(_f.draft_id == draft_id).order_by(_f.version.desc()).limit(1)).mappings().first()
    raise Newer(dict(last) if last else None)


def _check_sizes(db: sa.Connection, draft_id: str) -> None:
    count, size = db.execute(sa.select(sa.func.count(), sa.func.sum(sa.func.length(_f.content))).where(_f.draft_id == draft_id)).one()
    if count > package.MOST_FILES:
        raise Invalid(N_("Terlalu banyak file: paling banyak %(most)d."), field="files", most=package.MOST_FILES)
    if size > package.MOST_BYTES:
        raise Invalid(N_("Semua file bersama-sama terlalu besar: paling banyak %(most)d MB."), field="files", most=package.MOST_BYTES >> 20)


def _insert(db: sa.Connection, actor: Actor, now: dt.datetime, draft_id: str, files: Mapping[str, bytes], version: int) -> None:
    db.execute(sa.insert(model_draft_file), [
        {"draft_id": draft_id, "name": name, "content": content, "version": version, "updated_at": now, "updated_by": actor.id or None}
        for name, content in sorted(files.items())])


def _remove(db: sa.Connection, draft_id: str) -> None:
    db.execute(sa.delete(model_draft_file).where(_f.draft_id == draft_id))
    db.execute(sa.delete(model_draft).where(_d.id == draft_id))


def _make(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, key: str, name: str, base_id: str | None,
          files: Mapping[str, bytes], restored_version: int | None = None) -> None:
    draft_id = ids.new_id(now)

    def write(db: sa.Connection) -> None:
        db.execute(sa.insert(model_draft), {"id": draft_id, "tenant_id": actor.tenant, "key": key, "name": name, "base_id": base_id,
                                            "created_at": now, "created_by": actor.id or None, "updated_at": now, "saves": 1,
                                            "restored_version": restored_version})
        _insert(db, actor, now, draft_id, files, 1)
        what = {"draft": draft_id, "key": key, "base": base_id}
        if restored_version is None:
            record(db, actor, now, "model_draft.created", data=what)
        else:
            record(db, actor, now, "model_draft.restored", data={**what, "version": restored_version})

    try:
        run(pe, write)
    except sa.exc.IntegrityError as error:
        raise Conflict(N_("Sudah ada rancangan untuk prosedur “%(key)s”."), field="key", key=key) from error
