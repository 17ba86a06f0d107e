"""Any order of commands, redeliveries and crashes keeps history and state consistent (Hypothesis' state machine)."""

import datetime as dt
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bpmn.errors import Conflict
from connectors import Failure
from engine import commands, handlers, jobs, step
from engine.handlers import BpmnError
from engine.intents import Live
from engine.process_engine import Actor, open_engine
from engine.store import read
from engine.tables import activity, candidate, event, incident, job, process_instance, subscription
from engine.values import load
from tests.engine.small import END, START, catch, deploy, diagram, flows, service_task, timer, user_task

# A loop (periksa, putuskan) like the SOP's; then two branches, one a call that may fail or time out.
BODY = "".join(xml for _, xml in (
    START, user_task("periksa"), user_task("putuskan"), END, user_task("umumkan"), service_task("terbitkan", "uji"), user_task("tangan"),
    catch("gagal", '<errorEventDefinition errorRef="e"/>', "boundaryEvent", 'attachedToRef="terbitkan"'),
    catch("ingat", timer("timeDuration", "PT2H"), "boundaryEvent", 'attachedToRef="putuskan" cancelActivity="false"'), user_task("tegur"),
)) + ('<exclusiveGateway id="balik"/><exclusiveGateway id="sesuai" default="f_sesuai_balik"/><parallelGateway id="fork"/>'
      '<exclusiveGateway id="satu"/><parallelGateway id="join"/>') + flows(
    "start balik", "balik periksa", "periksa putuskan", "putuskan sesuai", "sesuai balik", "sesuai fork keputusan == 'sesuai'",
    "fork umumkan", "fork terbitkan", "gagal tangan", "tangan satu", "terbitkan satu", "satu join", "umumkan join", "join end",
    "ingat tegur", "tegur end")
DIAGRAM = diagram(BODY).replace(b"<process", b'<error id="e" errorCode="gagal"/><process', 1)
ADMIN = Actor("admin", "kpu", frozenset({"admin"}))
WAITING = {"periksa", "putuskan", "umumkan", "terbitkan", "tangan", "tegur"}
CRASHES = st.sampled_from([None, None, "at statement", "before commit", "after commit"])


class Crash(BaseException):
    """The process dies here."""


class Crashing:
    """Lets the process die at the n-th statement, before the commit, or after it."""

    def __init__(self, db):
        self.mode, self.left, self.committed = None, 0, False
        self._commit = db.dialect.do_commit
        db.dialect.do_commit = self.commit
        sa.event.listen(db, "before_cursor_execute", self.statement)

    def statement(self, _conn, _cursor, statement, *_):
        if self.mode == "at statement":
            self.left -= 1
            if self.left <= 0:
                raise Crash

    def commit(self, connection):
        if self.mode == "before commit":
            raise Crash
        self._commit(connection)
        self.committed = True
        if self.mode == "after commit":
            raise Crash

    def run(self, mode, act, statement=1):
        """Call `act`. Return (whether a transaction was committed, what it gave or raised)."""
        self.mode, self.left, self.committed = mode, statement, False
        try:
            return act(), self.committed
        except (Conflict, Crash) as error:
            return error, self.committed
        finally:
            self.mode = None


class AnyOrder(RuleBasedStateMachine):
    template: Path

    @initialize()
    def open(self):
        self.folder = Path(tempfile.mkdtemp(prefix="terbit-any-order-"))
        shutil.copy(self.template, self.folder / "terbit.sqlite3")
        self.pe = open_engine(self.folder, send=lambda ids: None)
        sa.event.listen(self.pe.db, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))  # no power cut here
        self.now = dt.datetime(2026, 3, 2, 1, tzinfo=dt.timezone.utc)
        deploy(self.pe, ADMIN, self.now, DIAGRAM)
        self.crashing = Crashing(self.pe.db)
        self.started = self.completions = 0
        self.ended_tasks: list[str] = []
        self.effects: Counter[str] = Counter()
        self.behaviour = "ok"
        handlers.handler("uji")(self.work)

    def teardown(self):
        if hasattr(self, "pe"):
            self.pe.close()
            shutil.rmtree(self.folder)

    def work(self, pe, job, now):
        self.effects[job.id] += 1
        if self.behaviour == "crash":
            raise Crash
        if self.behaviour == "bpmn error":
            raise BpmnError("gagal", "tidak bisa")
        if self.behaviour != "ok":
            raise Failure("gagal", self.behaviour)
        return {"tautan": "https://example.org"}

    def rows(self, query):
        with read(self.pe) as db:
            return db.execute(query).all()

    def one(self, n, query):
        rows = self.rows(query)
        return rows[n % len(rows)][0] if rows else None

    # What happens -----------------------------------------------------------------------------------------------------

    @rule(crash=CRASHES, statement=st.integers(1, 9))
    def start(self, crash, statement):
        result, committed = self.crashing.run(crash, lambda: commands.start(self.pe, ADMIN, self.now, key="p"), statement)
        assert committed == (crash is None or crash == "after commit" or not isinstance(result, Crash))
        self.started += committed

    @rule(n=st.integers(0, 99), crash=CRASHES, statement=st.integers(1, 12), fits=st.booleans())
    def complete(self, n, crash, statement, fits):
        task = self.one(n, sa.select(activity.c.id).where(activity.c.is_task, activity.c.ended_at.is_(None)).order_by(activity.c.id))
        if task:
            variables = {"keputusan": "sesuai" if fits else "tidak"}
            _, committed = self.crashing.run(crash, lambda: commands.complete(self.pe, ADMIN, self.now, task, variables), statement)
            if committed:
                self.completions += 1
                self.ended_tasks.append(task)

    @rule(n=st.integers(0, 99))
    def complete_again(self, n):
        if self.ended_tasks:
            with pytest.raises(Conflict):
                commands.complete(self.pe, ADMIN, self.now, self.ended_tasks[n % len(self.ended_tasks)], {})

    @rule(n=st.integers(0, 99), crash=CRASHES)
    def claim(self, n, crash):
        task = self.one(n, sa.select(activity.c.id).where(activity.c.is_task, activity.c.ended_at.is_(None)).order_by(activity.c.id))
        if task:
            self.crashing.run(crash, lambda: commands.claim(self.pe, ADMIN, self.now, task))

    @rule(behaviour=st.sampled_from(["ok", "ok", "temporary", "permanent", "unknown", "bpmn error", "crash"]), crash=CRASHES,
          n=st.integers(0, 99), statement=st.integers(1, 30))
    def look_at_a_job(self, behaviour, crash, n, statement):
        """A wake-up comes, for any job: due or not, leased or not, done or not."""
        self.behaviour = behaviour
        id = self.one(n, sa.select(job.c.id).order_by(job.c.id))
        if id:
            self.crashing.run(crash, lambda: jobs.run_job(self.pe, id, lambda: self.now), statement)

    @rule(minutes=st.sampled_from([1, 2, 30, 200]))
    def time_passes(self, minutes):
        self.now += dt.timedelta(minutes=minutes)

    @rule(n=st.integers(0, 99))
    def retry(self, n):
        id = self.one(n, sa.select(job.c.id).where(job.c.state == "failed").order_by(job.c.id))
        if id:
            self.crashing.run(None, lambda: commands.set_job_retries(self.pe, ADMIN, self.now, id, 2))

    @rule(n=st.integers(0, 99), crash=CRASHES, act=st.sampled_from(["cancel", "suspend_instance", *["activate_instance"] * 2]))
    def administer(self, n, crash, act):
        id = self.one(n, sa.select(process_instance.c.id).order_by(process_instance.c.id))
        if id:
            self.crashing.run(crash, lambda: getattr(commands, act)(self.pe, ADMIN, self.now, id))

    # What always holds ------------------------------------------------------------------------------------------------

    @invariant()
    def state_and_rows_agree(self):
        if not hasattr(self, "pe"):
            return
        for row in self.rows(sa.select(process_instance)):
            open_rows = self.rows(sa.select(activity.c.id, activity.c.activity_id).where(
                activity.c.instance_id == row.id, activity.c.ended_at.is_(None)))
            pending = self.rows(sa.select(job.c.id, job.c.activity_instance_id, job.c.type).where(
                job.c.instance_id == row.id, job.c.state.in_(["open", "failed"])))
            if row.ended_at:
                assert row.state is None and open_rows == [] and pending == []
                continue
            live = Live(load(row.state), load(row.variables))
            tokens = {id: element for id, element in step.open_elements(live).items() if element in WAITING}
            assert tokens == {r.id: r.activity_id for r in open_rows if r.activity_id in WAITING}  # beside them, a join may wait
            calls = [r.activity_instance_id for r in pending if r.type == "external"]
            assert sorted(calls) == sorted(id for id, element in tokens.items() if element == "terbitkan")
            timers = {wait["i"] for token in live.state["t"] for wait in token.get("w", ()) if wait["k"] == "timer"}
            assert timers == {r.id for r in pending if r.type == "timer"}

    @invariant()
    def numbers_have_no_gap(self):
        if hasattr(self, "pe"):
            keys = sorted(key for key, in self.rows(sa.select(process_instance.c.business_key)))
            assert keys == [f"P-2026-{n:04}" for n in range(1, self.started + 1)]

    @invariant()
    def history_tells_each_thing_once(self):
        if not hasattr(self, "pe"):
            return
        types = Counter(type for type, in self.rows(sa.select(event.c.type)))
        assert types["task.completed"] == self.completions and types["instance.started"] == self.started
        ended = self.rows(sa.select(process_instance.c.end_reason).where(process_instance.c.ended_at.is_not(None)))
        assert Counter(reason for reason, in ended) == Counter(
            {"completed": types["instance.ended"], "cancelled": types["instance.cancelled"]}) - Counter()
        completed = self.rows(sa.select(activity.c.id).where(activity.c.is_task, activity.c.ended_at.is_not(None), ~activity.c.canceled))
        assert sorted(id for id, in completed) == sorted(self.ended_tasks)

    @invariant()
    def nothing_hangs_on_what_has_ended(self):
        if not hasattr(self, "pe"):
            return
        ended = sa.select(activity.c.id).where(activity.c.ended_at.is_not(None))
        assert self.rows(sa.select(candidate).where(candidate.c.task_id.in_(ended))) == []
        assert self.rows(sa.select(subscription)) == []
        failed = {id for id, in self.rows(sa.select(job.c.id).where(job.c.state == "failed"))}
        assert failed == {id for id, in self.rows(sa.select(incident.c.job_id).where(incident.c.resolved_at.is_(None)))}

    @invariant()
    def what_was_done_had_its_effect(self):
        if hasattr(self, "pe"):
            done = {id for id, in self.rows(sa.select(job.c.id).where(job.c.state == "done", job.c.type == "external"))}
            assert done <= set(self.effects)


def test_any_order_of_commands_redeliveries_and_crashes_is_consistent(sqlite_template, monkeypatch):
    monkeypatch.setattr(handlers, "_handlers", {})
    AnyOrder.template = sqlite_template
    run_state_machine_as_test(AnyOrder, settings=settings(
        max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)))
