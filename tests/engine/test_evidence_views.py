"""The views for BI tools: as the document says, with the figures of the pages, without persons, kept over upgrades, and all that a role reads."""

import re
import sqlite3
import uuid
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from bpmn.errors import Conflict, Invalid
from engine import migrations
from engine.evidence import figures, reasons, rollup, sample, views
from engine.evidence.figures import Scope
from engine.process_engine import open_engine
from engine.store import read
from engine.tables import metadata
from tests.conftest import on_databases
from tests.engine.test_evidence_out import ANALYST, NAMES, NOW

DOCUMENT = (Path(__file__).parents[2] / "docs" / "bi.md").read_text("utf-8")
KEY = Scope(sample.KEY)


@pytest.fixture
def known(pe):
    made = []
    sample.make(pe, NOW, "contoh", cases=60, years=1, seed=7, told=made.extend)
    while rollup.count_some(pe, "contoh", limit=50):
        pass
    return made


def said():
    """Each view's columns, as the document has them."""
    found = {}
    for name, text in re.findall(r"^### (bi_\w+)\n(.*?)(?=^### |\Z)", DOCUMENT, re.M | re.S):
        found[name] = re.findall(r"^\| (\w+) \|", text, re.M)[1:]
    return found


def columns(db):
    look = sa.inspect(db)
    return {name: [column["name"] for column in look.get_columns(name)] for name in look.get_view_names()}


def asked(pe, query):
    with read(pe) as db:
        return [dict(row) for row in db.execute(sa.text(query)).mappings()]


@on_databases
def test_the_views_are_as_the_document_says(pe):
    with read(pe) as db:
        assert columns(db) == said()


@on_databases
def test_figures_out_of_the_views_are_those_of_the_pages(pe, known):
    of_type = figures.cases(pe, ANALYST, KEY)
    reasons.put(pe, ANALYST, NOW, sample.KEY, reasons.create(pe, ANALYST, NOW, sample.KEY, "Bahasa"),
                [reasons.wordings(pe, ANALYST, sample.KEY).rows[0]["id"]])
    total = asked(pe, "SELECT count(*) AS n, sum(working_seconds) AS lead, sum(returned) AS returned, sum(again_seconds) AS again FROM bi_case")[0]
    assert total == {"n": of_type.total["count"], "lead": of_type.total["lead_seconds"], "returned": of_type.total["returned"],
                     "again": of_type.total["again_seconds"]}
    for kind, m in of_type.kinds.items():
        [row] = asked(pe, f"SELECT sum(count) AS n, sum(decided) AS d, sum(clean) AS c FROM bi_case_day WHERE kind = '{kind}'")
        assert row == {"n": m["count"], "d": m["decided"], "c": m["clean"]}
    activities, flows = figures.heat(pe, ANALYST, KEY)
    each = {row.pop("activity_id"): row for row in asked(
        pe, "SELECT activity_id, sum(CASE WHEN completed THEN 1 ELSE 0 END) AS n, sum(CASE WHEN overdue THEN 1 ELSE 0 END) AS late, "
            "coalesce(sum(working_seconds), 0) AS lead FROM bi_activity GROUP BY activity_id")}
    assert each == {id: {"n": m["count"], "late": m["overdue"], "lead": m["lead_seconds"]} for id, m in activities.items()}
    days = asked(pe, "SELECT activity_id, group_id, sum(count) AS n, sum(wait_seconds) AS wait, sum(cost_seconds) AS cost FROM bi_activity_day "
                     "GROUP BY activity_id, group_id")
    sums = defaultdict(lambda: [0, 0, 0])
    for row in days:
        sums[row["activity_id"]] = [a + b for a, b in zip(sums[row["activity_id"]], (row["n"], row["wait"], row["cost"]), strict=True)]
    assert sums == {id: [m["count"], m["wait_seconds"], m["cost_seconds"]] for id, m in activities.items()}
    assert {row["group_id"] for row in days} >= {"teknis", "hukum", "sdm", "ketua-divisi"}
    taken = asked(pe, "SELECT flow_id, sum(count) AS n, sum(overdue) AS late FROM bi_flow_day GROUP BY flow_id")
    assert {row["flow_id"]: (row["n"], row["late"]) for row in taken} == {id: (m["count"], m["overdue"]) for id, m in flows.items()}
    why = figures.reasons(pe, ANALYST, KEY)
    assert {row["category"] or "": row["n"] for row in asked(pe, "SELECT category, count(*) AS n FROM bi_return GROUP BY category")} == {
        each["name"]: each["count"] for each in why.values() if each["count"]}
    ways = asked(pe, "SELECT variant_id, count(*) AS n FROM bi_case GROUP BY variant_id")
    assert {row["variant_id"]: row["n"] for row in ways} == {v["id"]: v["measures"]["count"] for v in figures.paths(pe, ANALYST, KEY).variants}
    assert Counter(row["channel_id"] for row in asked(pe, "SELECT channel_id FROM bi_publication WHERE state = 'published'")) == Counter(
        channel for p in known for channel in p.channels)


@on_databases
def test_times_are_utc_and_no_person_nor_text_of_a_case_shows(pe, known):
    [row] = asked(pe, f"SELECT started_at, ended_at, disposed FROM bi_case WHERE case_number = '{known[0].key}'")
    if pe.db.dialect.name == "postgresql":
        assert (row["started_at"], row["ended_at"]) == (known[0].start, known[0].end)
    else:
        assert row["started_at"] == known[0].start.strftime("%Y-%m-%dT%H:%M:%S.") + f"{known[0].start.microsecond // 1000:03}Z"
    assert not row["disposed"]
    texts = " ".join(str(row) for name in said() for row in asked(pe, f"SELECT * FROM {name}"))
    assert not any(word in texts for word in (*NAMES, "[Contoh]", *sample.NOTES))


@on_databases
def test_the_views_come_with_the_schema_and_stay_over_later_upgrades(pe):
    def to(revision):
        with pe.db.begin() as db:
            db = db.execution_options(schema=True)
            if db.dialect.name == "sqlite":
                db.exec_driver_sql("PRAGMA foreign_keys=OFF")
            getattr(command, "upgrade" if revision == "head" else "downgrade")(migrations.config(db), revision)

    to("0015")
    with read(pe) as db:
        assert not [name for name in sa.inspect(db).get_view_names() if name.startswith("bi_")]
    to("head")
    migrations.upgrade(pe)  # there is nothing to do, and nothing is lost
    with read(pe) as db:
        assert columns(db) == said()


def test_a_database_of_an_older_version_gets_them(tmp_path):
    pe = open_engine(tmp_path, send=lambda job_ids: None)
    with pe.db.begin() as db:
        command.upgrade(migrations.config(db), "0012")
        assert not sa.inspect(db).get_view_names()
    migrations.upgrade(pe)
    with read(pe) as db:
        assert columns(db) == said()
    pe.close()
    with sqlite3.connect(f"file:{tmp_path / 'terbit.sqlite3'}?mode=ro", uri=True) as db, pytest.raises(sqlite3.OperationalError):
        assert db.execute("SELECT count(*) FROM bi_case").fetchone() == (0,)
        db.execute("DELETE FROM process_instance")


@pytest.mark.parametrize("pe", [pytest.param("postgres", marks=pytest.mark.service)], indirect=True)
def test_a_role_reads_the_views_and_nothing_else_and_does_so_after_an_upgrade(pe):
    role = f"bi_test_{uuid.uuid4().hex[:8]}"
    as_role = sa.create_engine(pe.db.url, poolclass=sa.NullPool)

    def reads(name):
        with as_role.connect() as db:
            db.exec_driver_sql(f"SET SESSION AUTHORIZATION {role}")
            try:
                db.exec_driver_sql(f'SELECT * FROM "{name}" LIMIT 1')
            except sa.exc.ProgrammingError as problem:
                assert "permission denied" in str(problem)
                return False
            return True

    try:
        with pe.db.begin() as db:
            assert views.let_read(db, role)
            assert not views.let_read(db, role)  # again is harmless
        for _ in range(2):
            assert {name for name in (*said(), *metadata.tables, "alembic_version") if reads(name)} == set(said())
            migrations.upgrade(pe)
        with pytest.raises(sa.exc.ProgrammingError), as_role.begin() as db:
            db.exec_driver_sql(f"SET SESSION AUTHORIZATION {role}")
            db.exec_driver_sql("DELETE FROM bi_office")
        with pytest.raises(Conflict), pe.db.begin() as db:
            db.exec_driver_sql(f"GRANT SELECT ON user_account TO {role}")
            views.let_read(db, role)
        for wrong in ("", "x; DROP", "Äpfel", 'a"b'):
            with pytest.raises(Invalid), pe.db.begin() as db:
                views.let_read(db, wrong)
    finally:
        with pe.db.begin() as db:
            db.exec_driver_sql(f"DROP OWNED BY {role}")
            db.exec_driver_sql(f"DROP ROLE {role}")


def test_sqlite_has_no_roles(pe):
    with pytest.raises(Invalid), pe.db.begin() as db:
        views.let_read(db, "metabase")
