"""Terbit watched from outside: is it alive, is it ready, how much does it do, how long do requests take, and which was which.

Figures of the whole installation are computed when they are asked for, by one bounded statement and a few small ones; only the times of
requests are counted in the processes. gunicorn's workers share those through files, see `serve.serve_web`.
"""

import hmac
import ipaddress
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator

import prometheus_client as prometheus
import structlog
from flask import Blueprint, Flask, Response, abort, current_app, g, jsonify, request
from flask_login import current_user
from prometheus_client import multiprocess
from prometheus_client.core import GaugeMetricFamily

from engine import control, handlers, logs, probes, tracing, worker, workers
from engine.process_engine import ProcessEngine
from engine.store import read
from webui import now, pe
from webui.auth import public
from webui.security import limiter

blueprint = Blueprint("watch", __name__)

SLOW = 1.0  # seconds from which a request is worth a line
PROBES = ("watch.alive", "watch.ready", "watch.metrics")
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_seconds = prometheus.Histogram("terbit_request_seconds", "How long requests took.", ["endpoint", "method", "status"],
                                buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10))
log = structlog.get_logger()


@blueprint.get("/healthz")
@public
@limiter.exempt
def alive():
    """This process answers. It asks nothing else, so that a slow database gets no process killed."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@public
@limiter.exempt
def ready():
    """Whether people can be sent here; 503, naming the parts, where they cannot. No reasons: strangers may ask."""
    failing = probes.failing(pe())
    return jsonify(status="failing" if failing else "ok", failing=failing), 503 if failing else 200


@blueprint.get("/metrics")
@public
def metrics():
    """Prometheus's text. For the bearer of METRICS_TOKEN, or from METRICS_ALLOW; without either it is not there."""
    _may_read()
    registry = prometheus.CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)
    else:
        registry.register(_seconds)
    registry.register(Figures(pe()))
    return Response(prometheus.generate_latest(registry), content_type=prometheus.CONTENT_TYPE_PLAIN_0_0_4)


def _may_read() -> None:
    config = pe().config
    token, allowed = str(config.get("METRICS_TOKEN") or ""), config.get("METRICS_ALLOW") or ()
    if not token and not allowed:
        abort(404)
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
        return
    if not _is_among(allowed.split(",") if isinstance(allowed, str) else allowed):  # from the environment it is one string
        abort(401 if token else 403)


def _is_among(networks: Iterable[str]) -> bool:
    if "X-Forwarded-For" in request.headers and not pe().config.get("PROXIES"):
        return False  # through a proxy that we were not told of: the address is the proxy's, whoever asks
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network.strip(), strict=False) for network in networks)


class Figures:
    """What Prometheus is told of the installation, asked of the database at each scrape."""

    def __init__(self, engine: ProcessEngine):
        self.engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with read(self.engine) as db:
            offices, living = control.figures(db, now()), workers.found(db, now())
        gauges: dict[str, tuple[str, str, tuple[str, ...]]] = {
            "terbit_cases": ("Running cases, and those that began and ended within a day.", "state", ("running", "started", "ended")),
            "terbit_tasks": ("Tasks that wait for a person, and those past their due time.", "state", ("tasks", "overdue")),
            "terbit_jobs": ("Jobs that are open, those that could be done now and wait, and those that failed.", "state",
                            ("jobs", "waiting", "failed")),
            "terbit_publications": ("Publications still to be seen to, by state, and those published within a day.", "state",
                                    ("published", *(f"publication_{state}" for state in control.UNDONE))),
            "terbit_notices": ("E-mails and messages to staff that wait, and that failed.", "state", ("notices", "notices_failed")),
        }
        words = {"tasks": "open", "jobs": "open", "notices": "open", "notices_failed": "failed"}
        for name, (text, label, columns) in gauges.items():
            gauge = GaugeMetricFamily(name, text, labels=("office", label))
            for office in offices:
                for column in columns:
                    gauge.add_metric((office["office"], words.get(column, column.removeprefix("publication_"))), office[column])
            yield gauge
        yield self._each("terbit_incidents_open", "Incidents that nobody resolved yet.", offices, lambda o: o["incidents"])
        yield self._each("terbit_job_oldest_seconds", "For how long the job that waits longest has been due.", offices,
                         lambda o: (now() - o["oldest"]).total_seconds() if o["oldest"] else 0)
        gauge = GaugeMetricFamily("terbit_workers", "Workers that said something lately, and that did not.", labels=("state",))
        gauge.add_metric(("alive",), sum(each["lives"] for each in living))
        gauge.add_metric(("silent",), sum(not each["lives"] for each in living))
        yield gauge
        broker = worker.broker_state(self.engine)
        yield GaugeMetricFamily("terbit_broker_up", "Whether the broker answers.", value=int(broker["ok"]))
        yield GaugeMetricFamily("terbit_broker_messages", "Messages that wait at the broker.", value=broker["waiting"])

    @staticmethod
    def _each(name: str, text: str, offices: list[dict], value) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(name, text, labels=("office",))
        for office in offices:
            gauge.add_metric((office["office"],), value(office))
        return gauge


# Every request --------------------------------------------------------------------------------------------------------

def init_app(app: Flask) -> None:
    handlers.load()  # which jobs are ours to wait for
    app.before_request_funcs.setdefault(None, []).insert(0, _begin)
    app.after_request(_finish)
    if tracing.start(app.extensions["terbit"], "terbit-web"):
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        FlaskInstrumentor().instrument_app(app, excluded_urls="healthz,readyz,metrics,static")


def _begin() -> None:
    g.began = time.perf_counter()
    given = request.headers.get("X-Request-ID", "")
    known = current_app.extensions["terbit"].config.get("PROXIES") and _ID.fullmatch(given)  # a stranger's own would confuse the logs
    g.request_id = given if known else secrets.token_hex(8)
    logs.begin(request=g.request_id)


def _finish(response: Response) -> Response:
    if "began" not in g:
        return response
    seconds = time.perf_counter() - g.began
    response.headers["X-Request-ID"] = g.request_id
    if request.endpoint not in ("static", *PROBES):
        _seconds.labels(request.endpoint or "", request.method, f"{response.status_code // 100}xx").observe(seconds)
    wanted = current_app.extensions["terbit"].config.get("LOG_REQUESTS")
    if response.status_code >= 500 or seconds >= SLOW or (wanted and request.endpoint not in ("static", *PROBES)):
        user = current_user.account["id"] if current_user and current_user.is_authenticated else None
        path = request.url_rule.rule if request.endpoint == "auth.set_password" and request.url_rule else request.path  # it holds a secret
        log.info("request", method=request.method, path=path, endpoint=request.endpoint, status=response.status_code,
                 ms=round(seconds * 1000, 1), user=user)
    return response
