"""A database as large as that of an office after years: 100,000 cases, multiplied inside the database from three that were really worked on."""

import datetime as dt
import io
from dataclasses import dataclass

import sqlalchemy as sa

from engine import commands, comments, documents, handlers, jobs, notices, queries, tables
from engine.evidence import rollup
from engine.process_engine import ProcessEngine
from tests.conftest import actor_of
from tests.webui.scenes import SOP, STEPS

RUNNING, STUCK, CASES = 2_000, 1_000, 100_000
LEFT_OUT = {  # of an ended case: it would take time, and change no plan
    "activity_instance": " AND activity_id IN ('siapkan', 'putuskan')", "event": " AND type IN ('instance.started', 'instance.ended')",
    "job": " AND type = 'external'", "comment": " AND n < 5000", "archive_entry": " AND kind = 'documentation'"}
SHIFTED = {"started_at", "ended_at", "at", "published_at"}


@dataclass(frozen=True)
class Office:
    """The three cases, each as its id and its newest task's."""

    ended: str
    running: str
    stuck: str
    task: str  # open, in `running`
    done: str  # ended, in `ended`


def fill(pe: ProcessEngine, now: dt.datetime) -> Office:
    """Make it, for the shipped SOP, which is in force. The three cases come first, and are whole."""
    handlers.load()
    ended = _case(pe, now, len(STEPS), {"kanal": ["website"]})
    running = _case(pe, now, 3, {})
    stuck = _case(pe, now, len(STEPS), {"kanal": ["website"]}, fails=True)
    rollup.count_some(pe)
    with pe.db.connect() as db:
        _without_checks(db)
        dropped = _drop_indexes(db)
        _number(db)
        _multiply(db, ended, (1, CASES - RUNNING - STUCK), whole=False)
        _multiply(db, running, (CASES - RUNNING - STUCK + 1, CASES - STUCK))
        _multiply(db, stuck, (CASES - STUCK + 1, CASES))
        _resolved(db, ended)
        _told(db)
        _seen(db)
        for statement in dropped:
            db.exec_driver_sql(statement)
        db.commit()
        if db.dialect.name == "sqlite":
            db.exec_driver_sql("PRAGMA journal_mode=WAL")
        db.invalidate()  # not to be used again with these settings
    with pe.db.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql("ANALYZE")
    a = tables.activity.c
    with pe.db.connect() as db:
        newest = {id: db.scalar(sa.select(a.id).where(a.instance_id == id, a.is_task).order_by(a.id.desc()).limit(1))
                  for id in (ended, running)}
    return Office(ended, running, stuck, newest[running], newest[ended])


def _case(pe: ProcessEngine, now: dt.datetime, steps: int, asked: dict, fails: bool = False) -> str:
    id = commands.start(pe, actor_of("ketua"), now, key=SOP).id
    comments.add(pe, actor_of("ketua"), now, id, "Mohon segera.")
    for number, (step, who, values) in enumerate(STEPS[:steps]):
        task = queries.tasks(pe, actor_of("admin"), instance_id=id).rows[0]["id"]
        changed = {name: asked[name] for name in values if name in asked}
        if step == "siapkan":
            changed["lampiran"] = [documents.store_upload(pe, actor_of(who), now, stream=io.BytesIO(b"%PDF-1.4\n%%EOF\n"), name="surat.pdf",
                                                          task_id=task, variable="lampiran")]
        commands.complete(pe, actor_of(who), now + dt.timedelta(minutes=number), task, {**values, **changed})
    notices.tell_of_tasks(pe, now)
    if steps == len(STEPS):
        _end(pe, now + dt.timedelta(hours=1), fails)
    return id


def _end(pe: ProcessEngine, now: dt.datetime, fails: bool) -> None:
    """The timer fires, the site publishes, and what comes then either fails for good, or ends the case."""
    for _ in range(2):
        jobs.run_due(pe, lambda: now, limit=1)
    [job] = commands.fetch_due(pe, now)
    lease = f"lease-{job}"
    assert commands.lease_job(pe, now, job, lease)
    if fails:
        commands.fail_job(pe, now, job, lease, "502 Bad Gateway", "unknown")
    else:
        commands.finish_job(pe, now, job, lease, {})


# Multiplying ----------------------------------------------------------------------------------------------------------

def _without_checks(db: sa.Connection) -> None:
    """Nothing is lost by it: the rows refer to each other as those that they are copies of."""
    if db.dialect.name == "sqlite":
        for pragma in ("foreign_keys=OFF", "synchronous=OFF", "journal_mode=OFF", "cache_size=-200000"):
            db.exec_driver_sql(f"PRAGMA {pragma}")
        db.exec_driver_sql("BEGIN")
    else:
        for setting in ("session_replication_role = replica", "synchronous_commit = off", "maintenance_work_mem = '256MB'"):
            db.exec_driver_sql(f"SET {setting}")


def _drop_indexes(db: sa.Connection) -> list[str]:
    """Drop what can be made again at the end, which is much faster; return the statements that make it."""
    found = []
    for table in tables.metadata.sorted_tables:
        for index in table.indexes:
            if not index.unique and ("instance_id" in table.c or table.name in ("process_instance", "seen", "candidate")):
                found.append(str(sa.schema.CreateIndex(index).compile(dialect=db.dialect)))
                db.execute(sa.schema.DropIndex(index))
    return found


def _number(db: sa.Connection) -> None:
    db.exec_driver_sql("CREATE TEMPORARY TABLE numbers (n INTEGER NOT NULL)")
    series = {"sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {0}) SELECT n FROM s",
              "postgresql": "SELECT generate_series(1, {0})"}
    db.exec_driver_sql(f"INSERT INTO numbers {series[db.dialect.name].format(CASES)}")


def _multiply(db: sa.Connection, case: str, between: tuple[int, int], whole: bool = True) -> None:
    """Copy a case to each of these numbers: each id ends with the number, each time lies ten times as many minutes back."""
    for table in tables.metadata.sorted_tables:
        if table.name == "candidate":
            of = f"task_id IN (SELECT id FROM activity_instance WHERE instance_id = '{case}')"
        elif table.name == "process_instance":
            of = f"id = '{case}'"
        elif "instance_id" in table.c:
            of = f"instance_id = '{case}'"
        else:
            continue
        if not whole:
            of += LEFT_OUT.get(table.name, "")
        columns = [column for column in table.c if column is not table.autoincrement_column]
        names, values = ", ".join(c.name for c in columns), ", ".join(_copied(db.dialect.name, c) for c in columns)
        db.exec_driver_sql(f"INSERT INTO {table.name} ({names}) SELECT {values} FROM {table.name}, numbers "
                           f"WHERE {of} AND n BETWEEN {between[0]} AND {between[1]}")


def _copied(dialect: str, column: sa.Column) -> str:
    name = column.name
    if isinstance(column.type, sa.String) and column.type.length == 36:
        return f"substr({name}, 1, 24) || {_hex(dialect)}"
    if isinstance(column.type, tables.UtcDateTime) and name in SHIFTED:
        return (f"strftime('%Y-%m-%d %H:%M:%S.000000', {name}, '-' || n || '0 minutes')" if dialect == "sqlite"
                else f"{name} - n * interval '10 minutes'")
    if isinstance(column.type, sa.String) and _is_unique(column):
        return f"{name} || '-' || n"
    if isinstance(column.type, sa.Integer) and column.primary_key and not column.foreign_keys and column.table.name == "archive_entry":
        return f"{name} + n * 100"
    return name


def _hex(dialect: str) -> str:
    return "printf('%012x', n)" if dialect == "sqlite" else "lpad(to_hex(n), 12, '0')"


def _is_unique(column: sa.Column) -> bool:
    return bool(column.unique) or (column.table.name, column.name) in {("process_instance", "business_key"), ("job_attempt", "id"),
                                                                      ("job_exchange", "attempt_id")}


def _resolved(db: sa.Connection, case: str) -> None:
    """What was stuck in these years, and no longer is."""
    columns = [c.name for c in tables.incident.c if c.name not in ("id", "instance_id", "resolved_at")]
    db.exec_driver_sql(
        f"INSERT INTO incident (id, instance_id, resolved_at, {', '.join(columns)}) "
        f"SELECT '00000000-0000-7000-8000-' || {_hex(db.dialect.name)}, '{case[:24]}' || {_hex(db.dialect.name)}, opened_at, {', '.join(columns)} "
        "FROM (SELECT * FROM incident LIMIT 1) AS one, numbers WHERE n <= 30000")


def _told(db: sa.Connection) -> None:
    """What its people were told."""
    db.exec_driver_sql(
        "INSERT INTO notice (id, tenant_id, key, user_id, channel, kind, instance_id, data, state, due_at, attempts, sent_at) "
        "SELECT id, tenant_id, id, 'ketua', 'email', 'task', id, '{}', 'sent', started_at, 1, started_at FROM process_instance")


def _seen(db: sa.Connection) -> None:
    """What a person has looked at in these years."""
    db.exec_driver_sql("INSERT INTO seen (user_id, kind, subject_id, at) SELECT completed_by, 'task', id, started_at FROM activity_instance "
                       "WHERE completed_by = 'ketua'")
