"""Terbit watched from outside: probes, Prometheus, request ids, traces."""

import datetime as dt
import gzip
import http.server
import io
import json
import logging
import os
import re
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa
import structlog
from prometheus_client.parser import text_string_to_metric_families

from engine import commands, logs, migrations, queries, tallies
from engine.process_engine import open_engine
from engine.tables import tally
from tests.conftest import on_databases
from tests.server import ROOT
from webui import create_app


def samples(response):
    """{(name, labels…): value} of a scrape."""
    assert response.status_code == 200
    return {(sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(response.text) for sample in family.samples}


# Probes ---------------------------------------------------------------------------------------------------------------

def test_a_living_process_says_so_without_a_statement(stranger, statements):
    with statements() as sent:
        answer = stranger.get("/healthz")
    assert (answer.status_code, answer.json, sent) == (200, {"status": "ok"}, [])


def test_a_whole_installation_is_ready(stranger):
    assert stranger.get("/readyz").json == {"status": "ok", "failing": []}


def test_tables_of_another_version_are_not_ready(pe, stranger, monkeypatch):
    monkeypatch.setattr(migrations, "head", lambda: "9999")
    answer = stranger.get("/readyz")
    assert (answer.status_code, answer.json["failing"]) == (503, ["tables"])


def test_a_database_that_is_away_is_not_ready_and_the_process_is_alive(tmp_path):
    away = open_engine(tmp_path, DATABASE_URL="postgresql://terbit:rahasia@127.0.0.1:1/terbit")
    browser = create_app(process_engine=away).test_client()
    answer = browser.get("/readyz")
    assert (answer.status_code, answer.json["failing"]) == (503, ["database"])
    assert "rahasia" not in answer.text
    assert browser.get("/healthz").status_code == 200


def test_a_folder_that_cannot_be_written_is_not_ready(pe, stranger):
    object.__setattr__(pe, "folder", pe.folder / "gone")
    answer = stranger.get("/readyz")
    assert (answer.status_code, answer.json["failing"]) == (503, ["disk"])


# Figures --------------------------------------------------------------------------------------------------------------

@pytest.fixture
def scraped(pe):
    """A function that scrapes with these settings, from this address."""
    def scrape(address="127.0.0.1", headers=None, **config):
        object.__setattr__(pe, "config", config)
        return create_app(process_engine=pe).test_client().get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    return scrape


def test_metrics_are_not_there_until_somebody_is_allowed(scraped):
    assert scraped().status_code == 404


def test_metrics_want_the_token(scraped):
    assert scraped(METRICS_TOKEN="t0ken").status_code == 401
    assert scraped(METRICS_TOKEN="t0ken", headers={"Authorization": "Bearer lain"}).status_code == 401
    assert scraped(METRICS_TOKEN="t0ken", headers={"Authorization": "Bearer t0ken"}).status_code == 200


def test_metrics_are_for_the_addresses_that_are_named(scraped):
    assert scraped("10.1.2.3", METRICS_ALLOW=["10.0.0.0/8"]).status_code == 200
    assert scraped("192.0.2.1", METRICS_ALLOW=["10.0.0.0/8"]).status_code == 403
    assert scraped("127.0.0.1", METRICS_ALLOW="10.0.0.0/8, 127.0.0.1").status_code == 200


def test_a_proxy_that_nobody_told_us_of_opens_nothing(scraped):
    assert scraped(METRICS_ALLOW=["127.0.0.1"], headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403


@on_databases
def test_metrics_tell_what_runs_waits_and_is_stuck(pe, people, scraped, case_at, now):
    case_at("periksa")
    task = queries.task(pe, people["admin"], case_at("terbitkan", kanal=["website"]))
    commands.complete(pe, people["webadmin"], now, task["id"], {"terbit_pada": None})
    job = next(j for j in queries.jobs(pe, people["admin"], instance_id=task["instance_id"], state="open").rows)
    commands.lease_job(pe, now, job["id"], "uji")
    commands.fail_job(pe, now, job["id"], "uji", "401", "permanent")
    found = samples(scraped(METRICS_ALLOW=["127.0.0.1"]))
    assert found["terbit_cases", "kpu", "running"] == 2
    assert found["terbit_tasks", "kpu", "open"] == found["terbit_tasks", "kpu", "overdue"] == 1  # `now` is long ago
    assert found["terbit_jobs", "failed", "kpu"] == found["terbit_incidents_open", "kpu"] == 1
    assert found["terbit_workers", "alive"] == 0 and found["terbit_broker_up",] == 1


def test_a_scrape_costs_three_statements_however_much_there_is(scraped, case_at, statements):
    case_at("periksa")
    with statements() as sent:
        scraped(METRICS_ALLOW=["127.0.0.1"])
    assert len([each for each in sent if each.startswith("SELECT")]) <= 3, sent


def test_the_times_of_requests_are_counted_by_endpoint(scraped, stranger):
    def count():
        return samples(scraped(METRICS_ALLOW=["127.0.0.1"])).get(("terbit_request_seconds_count", "2xx", "GET", "auth.sign_in"), 0)
    before = count()
    stranger.get("/sign-in")
    assert count() == before + 1


def test_the_dashboard_asks_for_figures_that_there_are(scraped):
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text())
    asked = {name for panel in dashboard["panels"] for target in panel.get("targets", ())
             for name in re.findall(r"terbit_[a-z_]+", target["expr"])}
    told = {name for name, *_labels in samples(scraped(METRICS_ALLOW=["127.0.0.1"]))}
    assert asked and asked <= told | {"terbit_request_seconds_bucket", "terbit_request_seconds_count", "terbit_request_seconds_sum"}


# Logs -----------------------------------------------------------------------------------------------------------------

@pytest.fixture
def lines(monkeypatch):
    """What was logged, read as JSON."""
    before, level, written = logging.root.handlers[:], logging.root.level, io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", written)
        logs.configure()
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = before, level


def test_every_answer_names_its_request(stranger):
    first, second = (stranger.get("/sign-in").headers["X-Request-ID"] for _ in range(2))
    assert re.fullmatch("[0-9a-f]{16}", first) and first != second


def test_a_proxys_request_id_is_kept_and_a_strangers_is_not(pe, stranger):
    given = {"X-Request-ID": "dari-nginx-1"}
    assert stranger.get("/sign-in", headers=given).headers["X-Request-ID"] != "dari-nginx-1"
    pe.config["PROXIES"] = 1
    assert stranger.get("/sign-in", headers=given).headers["X-Request-ID"] == "dari-nginx-1"
    assert stranger.get("/sign-in", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"] != "a b"


def test_a_line_of_a_request_names_it_the_case_and_the_person(pe, people, signed_in, case_at, lines):
    pe.config["LOG_REQUESTS"] = True
    instance = queries.task(pe, people["admin"], case_at("periksa"))["instance_id"]
    browser = signed_in("admin")
    answer = browser.get(f"/cases/{instance}")
    line = next(line for line in lines() if line.get("path") == f"/cases/{instance}")
    assert (line["request"], line["instance"], line["user"]) == (answer.headers["X-Request-ID"], instance, "admin")
    assert (line["status"], line["endpoint"]) == (200, "cases.show")


def test_a_librarys_line_names_the_request_too(lines):
    logs.begin(request="r1")
    logging.getLogger("pustaka").warning("hati-hati %s", "ya")
    line = lines()[-1]
    assert (line["request"], line["event"], line["logger"], line["level"]) == ("r1", "hati-hati ya", "pustaka", "warning")
    logs.begin()


# Failed sign-ins ------------------------------------------------------------------------------------------------------

@on_databases
def test_failed_sign_ins_are_counted_for_the_account_and_strangers_names_as_one(pe, people, stranger):
    for name in ("ketua", "KETUA ", "siapa", "entah"):
        assert stranger.sign_in(name, "salah").status_code == 401
    stranger.get("/engine-rest/task", headers={"Authorization": "Basic a2V0dWE6c2FsYWg="})
    with pe.db.connect() as db:
        found = {row.subject: (row.tenant_id, row.value) for row in db.execute(sa.select(tally).where(tally.c.name == tallies.FAILED))}
    assert found == {"ketua": ("kpu", 3), "": (None, 2)}


@on_databases
def test_the_archive_is_measured_once_an_hour_and_old_counts_are_forgotten(pe, people, now):
    (pe.folder / "archive" / "ab").mkdir(parents=True)
    (pe.folder / "archive" / "ab" / "abc").write_bytes(b"12345")
    assert tallies.measure_archive(pe, now) and not tallies.measure_archive(pe, now + dt.timedelta(minutes=30))
    tallies.sign_in_failed(pe, now, "ketua")
    assert tallies.measure_archive(pe, now + dt.timedelta(days=32))
    with pe.db.connect() as db:
        assert sorted((row.name, row.value) for row in db.execute(sa.select(tally))) == [("archive.bytes", 5), ("archive.files", 1)]


# Traces ---------------------------------------------------------------------------------------------------------------

@pytest.fixture
def collector():
    """An OTLP collector: (address, what it was sent)."""
    sent = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            sent.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    server.server_close()
    thread.join()


TRACED = """
import sys
from pathlib import Path
from engine.process_engine import open_engine
from webui import create_app
from opentelemetry import trace
app = create_app(process_engine=open_engine(Path(sys.argv[1]), send=lambda ids: None))
assert app.test_client().get("/sign-in").status_code == 200
assert app.test_client().post("/engine-rest/message", json={"messageName": "x"}).status_code == 401
app.test_client().get("/engine-rest/task", headers={"Authorization": "Basic a2V0dWE6cmFoYXNpYQ=="})
trace.get_tracer_provider().shutdown()
"""


def test_traces_go_to_the_collector_that_is_named(pe, collector):
    address, sent = collector
    done = subprocess.run([sys.executable, "-c", TRACED, str(pe.folder)], capture_output=True, text=True,
                          env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": address}, timeout=60)
    assert done.returncode == 0, done.stderr
    assert {path for path, _ in sent} == {"/v1/traces"}
    spans = b"".join(body for _, body in sent)
    if spans[:2] == b"\x1f\x8b":
        spans = gzip.decompress(spans)
    assert b"terbit-web" in spans and b"GET /sign-in" in spans and b"SELECT" in spans
    assert b"rahasia" not in spans


def test_without_a_collector_nothing_of_it_is_imported(pe):
    code = ("import sys; from engine.process_engine import open_engine; from webui import create_app; import engine.worker\n"
            f"create_app(process_engine=open_engine({str(pe.folder)!r})); print([m for m in sys.modules if m.startswith('opentelemetry')])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
