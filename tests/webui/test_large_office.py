"""With 100,000 cases every page answers with a bounded number of statements, none of which reads a large table from end to end."""

import base64
import datetime as dt
import re

import pytest
import sqlalchemy as sa

from engine import channels, demo, installation, queries, tables
from tests import large_office
from tests.conftest import actor_of, make_postgres, make_sqlite
from tests.web_app import app_for
from tests.webui.conftest import Browser
from tests.webui.scenes import SOP
from webui.security import limiter

MOST_STATEMENTS = 30
MOST_STEPS = 400_000  # of SQLite's virtual machine, for a page: it cannot read 100,000 rows in so few
LARGE = 10_000  # rows of a table
REST = "/engine-rest"
WHOLE = {  # what is asked for is to read all of it: counts that are exact as Camunda's are
    "rest.get_history_process_instance_count", "rest.get_history_activity_instance_count",
    "rest.get_history_task_count", "rest.get_history_variable_instance_count",
}
PAGES = {  # by who looks at them; to these come all that have a plain address, so that no new one is forgotten
    "ketua": ("/", "/?tab=mine", "/?tab=later", "/?tab=done", "/?tab=group&q=sosialisasi", "/inbox/counts", "/cases", "/cases?state=ended",
              "/cases?state=stuck", "/cases?key={key}&state=ended", "/cases?after={after}&state=all", "/cases/{ended}", "/cases/{running}",
              "/cases/{stuck}", "/cases/{ended}/comments", "/cases/{ended}/people", "/tasks/{task}", "/tasks/{done}", "/tasks/{task}/diagram", "/tasks/{task}/channels",
              "/documents/{document}/view", "/news", "/publications", "/publications?state=failed", "/publications/calendar", "/publications/calendar?channel=website", "/start", "/start/{key}", "/account", "/preferences/notices",
              f"{REST}/task?maxResults=50", f"{REST}/process-instance?maxResults=50"),
    "kasubbag": ("/", "/?tab=group", "/?tab=group&after={task_after}", "/?q=sosialisasi", "/inbox/counts", "/tasks/{task}",
                 "/preview/tasks/{task}/"),
    "admin": ("/cases", "/cases?state=all", "/cases?state=stuck", "/cases/{stuck}", "/cases/{stuck}/attempts/{attempt}", "/cases/{stuck}/mend", "/cases/{ended}/mend/past",
              "/admin", "/admin/live", "/admin/jobs", "/admin/jobs?state=failed", "/admin/at?definition={definition}&kind=incidents",
              "/admin/at?definition={definition}&kind=overdue&activity=periksa", "/admin/at?definition={definition}&activity=periksa",
              "/admin/notices", "/publications?state=scheduled", "/publications?state=planned", "/publications?channel=x", "/publications/calendar?view=week", "/audit", "/audit?who=ketua", "/audit?kind=case", "/audit?case=INF-2026-0001", "/batches", "/people",
              "/people/ketua", "/substitutions", "/channels", "/channels/website", "/calendar", "/office", "/definitions", "/metrics",
              "/readyz", f"{REST}/job?maxResults=50", f"{REST}/incident?maxResults=50", f"{REST}/history/process-instance?maxResults=50",
              f"{REST}/history/activity-instance?maxResults=50", f"{REST}/history/task?maxResults=50&taskAssignee=ketua",
              f"{REST}/history/variable-instance?processInstanceId={{ended}}", f"{REST}/process-instance?businessKey=INF-2026-0001",
              f"{REST}/process-instance/count", f"{REST}/task/count", f"{REST}/job/count", f"{REST}/incident/count", f"{REST}/batch",
              f"{REST}/deployment", f"{REST}/process-definition"),
    "pemilik": ("/definitions", "/definitions/{definition}", "/definitions/{definition}/revoke", "/definitions/{definition}/try",
                "/cases?state=all"),
}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def pe(request, tmp_path_factory):
    make = {"sqlite": make_sqlite, "postgres": make_postgres}[request.param]
    pe = make(request, tmp_path_factory.mktemp("large") / "instance")
    now = dt.datetime.now(dt.timezone.utc)
    demo.seed_people(pe, now)
    channels.seed_channels(pe, now, "kpu")
    installation.deploy_shipped(pe, now, installation.MODELS / SOP)
    pe.config["METRICS_ALLOW"] = ["127.0.0.1"]
    return pe


@pytest.fixture(scope="module")
def office(pe):
    return large_office.fill(pe, dt.datetime.now(dt.timezone.utc))


class Watch:
    """The statements of each page, and on SQLite how many steps of its virtual machine they took, in thousands."""

    def __init__(self, db):
        self.statements, self.thousands = [], 0
        sa.event.listen(db, "before_cursor_execute", lambda c, cursor, text, given, *_: self.statements.append((text, given)))
        if db.dialect.name == "sqlite":
            sa.event.listen(db, "checkout", lambda connection, *_: connection.set_progress_handler(self._tick, 1000))

    def _tick(self):
        self.thousands += 1

    def begin(self):
        self.statements, self.thousands = [], 0


def test_every_page_is_bounded(pe, office, tmp_path_factory):
    app = app_for(pe, tmp_path_factory.getbasetemp() / "app")
    named, problems, plans = _named(pe, office), [], Plans(pe)
    watch = Watch(pe.db)
    for who, pages in [*PAGES.items(), ("ketua", _plain(app, "ketua")), ("admin", _plain(app, "admin"))]:
        limiter.reset()
        browser = Browser(app)
        browser.sign_in(who)
        key = {"Authorization": "Basic " + base64.b64encode(f"{who}:terbit-demo".encode()).decode()}
        for page in pages:
            watch.begin()
            answer = browser.get(page.format(**named), headers=key if page.startswith(REST) else {})
            told = f"{who} {page}"
            if answer.status_code not in (200, 204) and page in PAGES[who]:
                problems.append(f"{told}: {answer.status_code}")
            if len(watch.statements) > MOST_STATEMENTS:
                problems.append(f"{told}: {len(watch.statements)} statements")
            if watch.thousands * 1000 > MOST_STEPS:
                problems.append(f"{told}: {watch.thousands},000 steps")
            problems += [f"{told}: {problem}" for text, given in watch.statements for problem in plans.problems(text, given)]
    assert not problems, "\n".join(problems)


def _plain(app, who):
    """Every page whose address has no part that varies. Some of them this person may not see."""
    found = []
    for rule in app.url_map.iter_rules():
        is_rest = rule.endpoint.startswith("rest.")
        if "GET" in rule.methods and not rule.arguments and rule.endpoint not in WHOLE and "default" not in rule.endpoint:
            found.append(rule.rule + "?maxResults=50" * (is_rest and not rule.rule.endswith(("/count", ".json", "/version"))))
    return [page for page in found if page not in PAGES[who]]


def _named(pe, office):
    def first(column, *conditions):
        with pe.db.connect() as db:
            return db.scalar(sa.select(column).where(*conditions).limit(1))

    admin = actor_of("admin")
    return {**vars(office), "key": SOP, "definition": first(tables.process_definition.c.id, tables.process_definition.c.key == SOP),
            "document": first(tables.document.c.id, tables.document.c.instance_id == office.ended),
            "attempt": first(tables.job_attempt.c.id, tables.job_attempt.c.instance_id == office.stuck),
            "after": queries.instances(pe, admin).next, "task_after": queries.tasks(pe, admin).next}


class Plans:
    """What the database would do for a statement, each asked for once."""

    def __init__(self, pe):
        self.db, self.seen = pe.db, {}
        with self.db.connect() as db:
            self.large = {name for name, table in tables.metadata.tables.items()
                          if db.scalar(sa.select(sa.func.count()).select_from(table)) >= LARGE}

    def problems(self, text, given):
        """What reads a large table from end to end, as lines of its plan."""
        if not text.lstrip().upper().startswith(("SELECT", "WITH")):
            return []
        if text not in self.seen:
            with self.db.connect() as db:
                self.seen[text] = list(getattr(self, f"_of_{self.db.dialect.name}")(db, text, given))
        return self.seen[text]

    def _of_sqlite(self, db, text, given):
        for *_, step in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given):
            scanned = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
            # An index of a part of the table is as small as that part, and a list in an index's order stops at its limit.
            if scanned and re.sub(r"_\d+$", "", scanned[1]) in self.large and scanned[2] not in PARTIAL and not (scanned[2] and "LIMIT" in text):
                yield f"{step} in {' '.join(text.split())}"

    def _of_postgresql(self, db, text, given):
        def nodes(plan):
            yield plan
            for inner in plan.get("Plans", ()):
                yield from nodes(inner)

        [[[root]]] = db.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}", given).all()
        for node in nodes(root["Plan"]):
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in self.large:
                yield f"Seq Scan on {node['Relation Name']} in {' '.join(text.split())}"


PARTIAL = {index.name for table in tables.metadata.tables.values() for index in table.indexes
           if index.dialect_options["sqlite"]["where"] is not None}
