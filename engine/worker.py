"""The worker: Celery carries wake-ups ("look at job N"), the database holds what is to be done.

A wake-up that is lost is made good by `sweep`, one that comes twice finds the job leased or done. So the broker may
lose everything at any moment. By default it is a folder of the installation's own; RabbitMQ or Redis by BROKER_URL.

The pool is prefork: each child is a process with connections of its own, which can be killed when a call hangs
(threads cannot), and whose crash takes nobody else's call with it. SQLite does not mind: its one writer at a time is
per file, not per process.
"""

import contextlib
import datetime as dt
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from celery import Celery, signals
from celery.exceptions import SecurityWarning
from kombu.exceptions import OperationalError
from sqlalchemy.exc import SQLAlchemyError

from engine import (
    audit_chain,
    disposal,
    drafts,
    drift,
    folder_broker,
    handlers,
    health,
    jobs,
    keeping,
    logs,
    public_files,
    reminders,
    reviews,
    sending,
    substitutions,
    tallies,
    tracing,
    uploads,
    workers,
)
from engine.commands import batches, fetch_due, revoking
from engine.evidence import rollup, subscriptions
from engine.process_engine import ProcessEngine, open_engine

SWEEP_SECONDS = 2.0
SEAL_SECONDS = 10.0  # how long an event may stand unsealed: see `audit_chain`
LOOK_SECONDS = 3.0  # between looks at which channels are to be looked at
DISPOSE_SECONDS = 3.0  # between turns of the disposals under way, which take less
KEEP_SECONDS = 300.0  # between looks at old technical rows, and at what an office lets go by itself
TELL_SECONDS = 3.0  # between looks at whom to tell of what
SWEEP_BATCH = 200
BATCH_SECONDS = 2.0  # between turns of the batches under way; a turn takes less, so that jobs are not held up
VERIFY_SECONDS = 20.0  # between turns of looking whether posts still stand: `drift.MOST` looks each
COUNT_SECONDS = 5.0  # between looks at which cases have ended and are not in the evidence yet
REPORT_SECONDS = 60.0  # between looks at which periods are over, of which a report is to be sent
REVIEW_SECONDS = 600.0  # between looks at which procedures are to be reviewed
REMIND_SECONDS = 20.0  # how late a word of a due time may be
WAKE_UP_SECONDS = 15  # a wake-up that waited for longer is dropped: the sweep sends another
MOST_WAITING = 5000  # files in the folder broker: when no worker reads them, more would help nobody
SEND_SECONDS = 1.0  # how long a dead broker may hold up whoever sends
LONGEST_TASK = jobs.LONGEST_CALL + 60

log = structlog.get_logger()
_senders: dict[str, Celery] = {}
_silent_until: dict[str, dt.datetime] = {}


def clock() -> dt.datetime:
    """Return the time: the worker is an entry point, where it comes in."""
    return dt.datetime.now(dt.timezone.utc)


def queue(pe: ProcessEngine) -> str:
    """Return the queue's name on the broker, for brokers that serve more than one installation."""
    return pe.config.get("BROKER_QUEUE", "terbit")


def make_app(pe: ProcessEngine, *, sends_only: bool = False) -> Celery:
    """Return the Celery app of an installation; one that only sends waits for a broker for a second at most."""
    app = Celery("terbit", broker=pe.broker_url, set_as_current=False)
    app.conf.update(
        task_default_queue=queue(pe), task_ignore_result=True, task_serializer="json", accept_content=["json"],
        timezone="UTC", enable_utc=True, task_time_limit=LONGEST_TASK, worker_prefetch_multiplier=1, worker_max_tasks_per_child=1000,
        worker_hijack_root_logger=False, worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_timeout=SEND_SECONDS if sends_only else 4, broker_connection_retry_on_startup=True,
        beat_scheduler="celery.beat:Scheduler",  # keeps nothing on disk: `sweep` may run as often as it likes
        beat_schedule={"sweep": {"task": "terbit.sweep", "schedule": SWEEP_SECONDS, "options": {"expires": SWEEP_SECONDS * 2}},
                       "batches": {"task": "terbit.batches", "schedule": BATCH_SECONDS, "options": {"expires": BATCH_SECONDS}},
                       "seal": {"task": "terbit.seal", "schedule": SEAL_SECONDS, "options": {"expires": SEAL_SECONDS}},
                       "dispose": {"task": "terbit.dispose", "schedule": DISPOSE_SECONDS, "options": {"expires": DISPOSE_SECONDS}},
                       "keep": {"task": "terbit.keep", "schedule": KEEP_SECONDS, "options": {"expires": KEEP_SECONDS}},
                       "tell": {"task": "terbit.tell", "schedule": TELL_SECONDS, "options": {"expires": TELL_SECONDS}},
                       "channels": {"task": "terbit.channels", "schedule": LOOK_SECONDS, "options": {"expires": LOOK_SECONDS}},
                       "verify": {"task": "terbit.verify", "schedule": VERIFY_SECONDS, "options": {"expires": VERIFY_SECONDS}},
                       "count": {"task": "terbit.count", "schedule": COUNT_SECONDS, "options": {"expires": COUNT_SECONDS}},
                       "reports": {"task": "terbit.reports", "schedule": REPORT_SECONDS, "options": {"expires": REPORT_SECONDS}},
                       "review": {"task": "terbit.review", "schedule": REVIEW_SECONDS, "options": {"expires": REVIEW_SECONDS}},
                       "remind": {"task": "terbit.remind", "schedule": REMIND_SECONDS, "options": {"expires": REMIND_SECONDS}}},
        beat_max_loop_interval=SWEEP_SECONDS,
    )
    if pe.broker_url.startswith("filesystem:"):
        folder_broker.use()
        app.conf.broker_transport_options = _folder_broker(pe)
    elif sends_only:
        app.conf.broker_transport_options = {"socket_timeout": SEND_SECONDS, "socket_connect_timeout": SEND_SECONDS, "max_retries": 0}
    return app


def _folder_broker(pe: ProcessEngine) -> dict[str, Any]:
    folder = pe.folder / "broker"
    (folder / "control").mkdir(parents=True, exist_ok=True)
    return {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control"),
            "store_processed": False, "polling_interval": 0.05}


# Sending --------------------------------------------------------------------------------------------------------------

def send_wake_ups(pe: ProcessEngine, job_ids: Sequence[str]) -> None:
    """Tell a worker to look at these jobs. A broker that does not answer is logged, and left alone for a while."""
    key = str(pe.folder)
    if _silent_until.get(key, clock()) > clock():
        return
    if pe.broker_url.startswith("filesystem:") and _is_full(pe):
        return
    try:
        app = _senders.get(key) or _senders.setdefault(key, make_app(pe, sends_only=True))
        for job_id in job_ids:
            app.send_task("terbit.look_at", (job_id,), expires=WAKE_UP_SECONDS, retry=False, ignore_result=True)
        _silent_until.pop(key, None)
    except Exception as error:  # noqa: BLE001 - whatever a broker's client raises: the jobs are committed, and the sweep finds them
        _silent_until[key] = clock() + dt.timedelta(seconds=10)
        _senders.pop(key, None)
        log.warning("broker.unreachable", error=f"{type(error).__name__}", jobs=len(job_ids))


def _is_full(pe: ProcessEngine) -> bool:
    return _files_waiting(pe) > MOST_WAITING


def _files_waiting(pe: ProcessEngine) -> int:
    folder = pe.folder / "broker"
    return sum(entry.name.endswith(".msg") for entry in os.scandir(folder)) if folder.exists() else 0


def broker_state(pe: ProcessEngine) -> dict[str, Any]:
    """How the broker is, asked within a second or two: {ok, kind ('filesystem', 'amqp', …), waiting (messages), full, error}."""
    kind = pe.broker_url.partition(":")[0]
    if kind == "filesystem":
        waiting = _files_waiting(pe)
        return {"ok": True, "kind": kind, "waiting": waiting, "full": waiting > MOST_WAITING, "error": ""}
    try:
        with make_app(pe, sends_only=True).connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=SEND_SECONDS)
            waiting = _messages(connection, queue(pe))
            return {"ok": True, "kind": kind, "waiting": waiting, "full": waiting > MOST_WAITING, "error": ""}
    except Exception as error:  # noqa: BLE001 - each transport raises its own kinds, and all of them mean this
        return {"ok": False, "kind": kind, "waiting": 0, "full": False, "error": type(error).__name__}


def _messages(connection: Any, name: str) -> int:
    try:
        return connection.default_channel.queue_declare(name, passive=True).message_count
    except (OperationalError, *connection.connection_errors):
        raise
    except connection.channel_errors:  # no such queue yet: nobody has sent anything
        return 0


# Working --------------------------------------------------------------------------------------------------------------

def add_tasks(app: Celery, folder: str) -> None:
    """Register what the worker can be told. Each child opens the installation for itself, after the fork."""
    opened: list[ProcessEngine] = []
    said = [0.0]

    def engine() -> ProcessEngine:
        if not opened:
            opened.append(open_engine(folder))
            tracing.start(opened[0], "terbit-worker")
        return opened[0]

    @app.task(name="terbit.look_at", shared=False)
    def look_at(job_id: str) -> None:
        jobs.run_job(engine(), job_id, clock)

    @app.task(name="terbit.sweep", shared=False)
    def sweep() -> None:
        sweep_once(engine())
        if time.monotonic() - said[0] > workers.SAYS_EVERY:
            workers.swept(engine(), clock(), workers.this_one(engine().folder.name, os.getppid()).id)
            said[0] = time.monotonic()

    @app.task(name="terbit.batches", shared=False)
    def do_batches() -> None:
        batches.work(engine(), clock)
        revoking.work(engine(), clock)

    duties: dict[str, Callable[[], Any]] = {
        "seal": lambda: audit_chain.work(engine(), clock()),
        "dispose": lambda: disposal.work(engine(), clock),
        "keep": lambda: (keeping.sweep(engine(), clock()), public_files.sweep(engine(), clock()),
                         disposal.start_by_itself(engine(), clock())),
        "tell": lambda: sending.work(engine(), clock),
        "channels": lambda: health.work(engine(), clock),
        "verify": lambda: drift.work(engine(), clock),
        "count": lambda: rollup.work(engine()),
        "reports": lambda: subscriptions.work(engine(), clock()),
        "review": lambda: reviews.start_due(engine(), clock()),
    }
    for name in duties:
        @app.task(name=f"terbit.{name}", shared=False)
        def do(duty: Callable[[], Any] = duties[name]) -> None:
            duty()

    @app.task(name="terbit.remind", shared=False)
    def remind() -> None:
        reminders.tell_due(engine(), clock())
        substitutions.release_ended(engine(), clock())
        drafts.sweep(engine())
        uploads.sweep(engine(), clock())
        batches.sweep(engine(), clock())
        tallies.measure_archive(engine(), clock())


def sweep_once(pe: ProcessEngine) -> int:
    """Find jobs that are due and that nobody is at, a bounded number, and wake workers for them. Return how many."""
    due = fetch_due(pe, clock(), limit=SWEEP_BATCH)
    pe.wake(due)
    return len(due)


def main(pe: ProcessEngine, *, beat: bool = True, concurrency: int | None = None) -> None:
    """Serve an installation's jobs until stopped. SIGTERM: the calls that run are finished first."""
    logs.configure()
    warnings.filterwarnings("ignore", category=SecurityWarning)  # about pickles and root; only JSON is accepted here
    handlers.load()
    app = make_app(pe)
    add_tasks(app, str(pe.folder))
    pe.close()  # no connection may be shared with the children
    concurrency = concurrency or int(pe.config.get("WORKER_CONCURRENCY", 2))
    # A name of its own: a broker gives each worker a mailbox by its name, and refuses a second worker of the same one.
    me = workers.this_one(pe.folder.name, os.getpid(), concurrency)
    worker = app.Worker(hostname=me.id, pool_cls="prefork", concurrency=concurrency, beat=beat, queues=[queue(pe)], loglevel="WARNING",
                        quiet=True, without_gossip=True, without_mingle=True, without_heartbeat=True)
    if beat:  # its process forks no others, so it may hold connections
        signals.beat_embedded_init.connect(lambda **_kw: workers.keep_saying(str(pe.folder), me, clock), weak=False)
        threading.Thread(target=_end_without_beat, args=[worker], name="beat-watch", daemon=True).start()
    worker.start()
    with contextlib.suppress(SQLAlchemyError):
        workers.end(pe, me.id)
    sys.exit(worker.exitcode)


def _end_without_beat(worker: Any) -> None:
    """Celery does not start a beat again that was killed, and without one due jobs lie: stop, to be started again whole."""
    while True:
        time.sleep(1)
        beat = getattr(worker, "beat", None)
        if beat is not None and beat.pid and not beat.is_alive():
            log.warning("beat.died", worker=worker.hostname)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(8)  # for the calls that run; what is cut off is done again by its lease
            os._exit(1)


@signals.beat_embedded_init.connect
def _end_with_parent(**_kw: Any) -> None:
    """A worker that is killed does not take its beat with it: a beat whose parent has gone ends itself."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


@signals.setup_logging.connect
def _leave_logging_alone(**_kw: Any) -> None:
    """Celery would set up its own; ours is `logs.configure`."""
