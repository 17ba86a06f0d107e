"""Views for BI tools (`bi_*`): a contract of names and columns over Terbit's own tables, which may change. Described in docs/bi.md.

They hold no secret, no title, note or person: who worked shows as a group. Times are UTC, durations seconds of working time. Each upgrade
of the schema drops them before and makes them again after (`engine/migrations/env.py`), since neither database lets a table change under
a view; a change here comes to an installation with the next revision, which may be an empty one.
"""
# ruff: noqa: S608 - the text is made of names that stand here

import re

import sqlalchemy as sa

from bpmn import sop
from bpmn.errors import N_, Conflict, Invalid

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_CASE_SUMS = ("count", "canceled", "repeats", "decided", "returned", "clean", "manual", "moved", "extended", "lead_seconds",
              "again_seconds")
_ACTIVITY_SUMS = ("count", "canceled", "repeats", "promised", "overdue", "extended", "claimed", "decided", "returned", "lead_seconds",
                  "wait_seconds", "work_seconds", "cost_seconds", "again_seconds")
_FLOW_SUMS = tuple(name for name in _ACTIVITY_SUMS if name not in ("decided", "returned"))


def definitions(dialect: str) -> dict[str, str]:
    """Return each view's SELECT, by name, as this dialect has it."""
    postgres = dialect == "postgresql"

    def at(column: str) -> str:
        return f"{column} AT TIME ZONE 'UTC'" if postgres else f"strftime('%Y-%m-%dT%H:%M:%fZ', {column})"

    def lasted(later: str, earlier: str) -> str:
        return (f"CAST(ROUND(EXTRACT(EPOCH FROM {later} - {earlier})) AS BIGINT)" if postgres
                else f"CAST(ROUND((julianday({later}) - julianday({earlier})) * 86400) AS INTEGER)")

    def sums(names: tuple[str, ...]) -> str:
        each = "COALESCE((c.measures::json->>'{0}')::bigint, 0)" if postgres else "COALESCE(json_extract(c.measures, '$.{0}'), 0)"
        return ", ".join(f'{each.format(name)} AS "{name}"' for name in names)

    def cells(what: str, element: str, names: tuple[str, ...]) -> str:
        element = f"c.element AS {element}, " if element else ""
        return (f"SELECT c.tenant_id, c.key AS process_key, c.definition_id, {element}c.day, c.kind, c.unit AS group_id, {sums(names)} "
                f"FROM evidence_cell c WHERE c.what = '{what}' AND c.grain = 'd'")

    types = ", ".join(f"'{each}'" for each in sorted(sop.ACTIVITIES))
    done = "a.ended_at IS NOT NULL AND NOT a.canceled"
    return {
        "bi_office": "SELECT t.id AS tenant_id, t.name, t.timezone FROM tenant t",
        "bi_group": "SELECT g.tenant_id, g.id AS group_id, g.name FROM user_group g",
        "bi_channel": "SELECT c.tenant_id, c.id AS channel_id, c.name, c.connector FROM channel c",
        "bi_version": f"""SELECT d.id AS definition_id, d.tenant_id, d.key AS process_key, d.version, d.name,
            {at('d.deployed_at')} AS deployed_at, {at('COALESCE(d.in_force_from, d.deployed_at)')} AS in_force_from,
            {at('d.revoked_at')} AS revoked_at FROM process_definition d""",
        "bi_case": f"""SELECT e.instance_id AS case_id, e.tenant_id, e.key AS process_key, e.definition_id, d.version,
            i.business_key AS case_number, e.kind, e.unit AS group_id, {at('i.started_at')} AS started_at, {at('e.ended_at')} AS ended_at,
            e.day, e.cancelled, e.working_seconds, e.decisions, e.returned, e.again_seconds, e.variant AS variant_id, e.moved, e.manual,
            e.extended, i.id IS NULL AS disposed
            FROM evidence_case e JOIN process_definition d ON d.id = e.definition_id
            LEFT JOIN process_instance i ON i.id = e.instance_id""",
        "bi_case_day": cells("case", "", _CASE_SUMS),
        "bi_variant": "SELECT v.tenant_id, v.id AS variant_id, v.key AS process_key, v.path, v.length FROM evidence_variant v",
        "bi_activity": f"""SELECT a.id AS activity_instance_id, a.instance_id AS case_id, a.tenant_id, e.key AS process_key,
            a.definition_id, a.activity_id, a.name, a.type, a.loop_counter, e.day, e.kind, e.unit AS case_group_id,
            {at('a.started_at')} AS started_at, {at('a.claimed_at')} AS claimed_at,
            {at('a.ended_at')} AS ended_at, {at('a.due_at')} AS due_at, {done} AS completed,
            CASE WHEN {done} THEN COALESCE(a.working_seconds, {lasted('a.ended_at', 'a.started_at')}) END AS working_seconds,
            CASE WHEN {done} AND a.due_at IS NOT NULL THEN a.ended_at > a.due_at END AS overdue, a.extensions
            FROM evidence_case e JOIN activity_instance a ON a.instance_id = e.instance_id WHERE a.type IN ({types})""",
        "bi_activity_day": cells("activity", "activity_id", _ACTIVITY_SUMS),
        "bi_flow_day": cells("flow", "flow_id", _FLOW_SUMS),
        "bi_return": """SELECT r.id AS activity_instance_id, r.instance_id AS case_id, r.tenant_id, r.key AS process_key, r.definition_id,
            r.activity_id, r.day, r.kind, r.unit AS group_id, NULLIF(r.category_id, '') AS category_id, k.name AS category
            FROM evidence_return r LEFT JOIN evidence_category k ON k.id = r.category_id""",
        "bi_publication": f"""SELECT p.id AS publication_id, p.tenant_id, p.instance_id AS case_id, p.channel_id, p.revision, p.kind,
            p.state, p.url, {at('p.published_at')} AS published_at, {at('p.updated_at')} AS updated_at FROM publication p""",
    }


def drop(db: sa.Connection) -> list[str]:
    """Take the views away, whichever there are. Return the roles that may read them, for `create`."""
    readers = _readers(db) if db.dialect.name == "postgresql" else []
    for name in sorted(name for name in sa.inspect(db).get_view_names() if name.startswith("bi_")):
        db.exec_driver_sql(f"DROP VIEW {name}")
    return readers


def create(db: sa.Connection, readers: list[str]) -> None:
    """Make the views, and let these roles read them."""
    for name, query in definitions(db.dialect.name).items():
        db.exec_driver_sql(f"CREATE VIEW {name} AS {query}".replace("%", "%%") if db.dialect.name == "postgresql"
                           else f"CREATE VIEW {name} AS {query}")
    for role in readers:
        _grant(db, role)


def _readers(db: sa.Connection) -> list[str]:
    return list(db.execute(sa.text(
        "SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_schema = current_schema() "
        "AND table_name LIKE 'bi\\_%' AND privilege_type = 'SELECT' AND grantee <> current_user AND grantee <> 'PUBLIC'")).scalars())


def _grant(db: sa.Connection, role: str) -> None:
    quoted = db.dialect.identifier_preparer.quote_identifier(role)
    db.exec_driver_sql(f"GRANT SELECT ON {', '.join(definitions(db.dialect.name))} TO {quoted}")


def let_read(db: sa.Connection, role: str) -> bool:
    """Let a role of PostgreSQL read the views and nothing else of Terbit's; make it where there is none, and return whether it was made.

    Invalid for another database or no good name, Conflict where the role could read a table of Terbit's anyway. It needs CREATEROLE to
    make one. Source: https://www.postgresql.org/docs/current/sql-createview.html: a view reads with its owner's rights.
    """
    if db.dialect.name != "postgresql":
        raise Invalid(N_("Hanya PostgreSQL mengenal peran; berkas SQLite terbaca seluruhnya oleh siapa pun yang membukanya."))
    if not NAME.fullmatch(role):
        raise Invalid(N_("Nama peran ini tidak dapat dipakai."), field="role")
    is_new = db.scalar(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}) is None
    if is_new:
        db.exec_driver_sql(f'CREATE ROLE "{role}" LOGIN')
        db.exec_driver_sql(f'ALTER ROLE "{role}" SET default_transaction_read_only = on')
    _grant(db, role)
    schema = db.scalar(sa.text("SELECT quote_ident(current_schema())"))
    db.exec_driver_sql(f'GRANT USAGE ON SCHEMA {schema} TO "{role}"')
    too_much = db.execute(sa.text(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm') "
        "AND relname NOT LIKE 'bi\\_%' AND has_table_privilege(:role, oid, 'SELECT') ORDER BY relname LIMIT 1"), {"role": role}).scalar()
    if too_much:
        raise Conflict(N_("Peran %(role)s dapat membaca tabel %(table)s juga. Pakailah peran tersendiri."), role=role, table=too_much)
    return is_new
