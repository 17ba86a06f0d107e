"""Lists: every filter and order that is declared, paging, and one statement each."""

import pytest

from engine import conditions, queries_rest
from engine.listing import MOST_ROWS, Listing
from tests.conftest import on_databases

LISTS = {
    "/deployment": queries_rest.DEPLOYMENTS, "/process-definition": queries_rest.DEFINITIONS, "/process-instance": queries_rest.INSTANCES,
    "/task": queries_rest.TASKS, "/job": queries_rest.JOBS, "/incident": queries_rest.INCIDENTS,
    "/history/process-instance": queries_rest.HISTORIC_INSTANCES, "/history/activity-instance": queries_rest.HISTORIC_ACTIVITIES,
    "/history/task": queries_rest.HISTORIC_TASKS,
}
POSTED = [path for path in LISTS if path not in ("/deployment", "/process-definition", "/incident")]
VALUES = {"string": "uji", "integer": 5, "boolean": True, "date": "2026-01-23T14:42:45.000+0700", "list": ["uji", "lain"]}


def asked(value):
    return ",".join(value) if isinstance(value, list) else "true" if value is True else value


@pytest.fixture
def cases(rest, urusan):
    return [rest.start("penulis", perihal=f"uji {number}") for number in range(3)]


@on_databases
def test_every_filter_and_order_is_one_that_the_database_takes(rest, urusan, cases):
    for path, listing in LISTS.items():
        for name, each in listing.filters.items():
            rows = rest.get(path, **{name: asked(VALUES[each.type])})
            assert rest.get(f"{path}/count", **{name: asked(VALUES[each.type])}) == {"count": len(rows)}, name
        for name in listing.sorts:
            down, up = (rest.get(path, sortBy=name, sortOrder=order) for order in ("desc", "asc"))
            assert len(up) == len(down)


@on_databases
def test_posted_filters_do_what_asked_ones_do(rest, urusan, cases):
    for path in POSTED:
        for name, each in LISTS[path].filters.items():
            found = rest.get(path, **{name: asked(VALUES[each.type])})
            assert rest.post(path, {name: VALUES[each.type]}, status=200) == found, name
            assert rest.post(f"{path}/count", {name: VALUES[each.type]}, status=200) == {"count": len(found)}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("user", ["admin", "penulis"])
def test_a_list_takes_one_statement_however_long_it_is(rest, cases, statements, path, user):
    rest.get(path, user)  # what diagrams say is read once in a process
    for suffix in ("", "/count"):
        assert len(statements(lambda suffix=suffix: rest.get(path + suffix, user))) == 2  # one of them: who asks


def test_pages_do_not_overlap(rest, cases):
    order = {"sortBy": "instanceId", "sortOrder": "asc"}
    pages = [rest.get("/process-instance", firstResult=first, maxResults=1, **order) for first in range(4)]
    assert [row["id"] for page in pages for row in page] == sorted(cases)
    assert rest.get("/process-instance", maxResults=0) == []
    assert len(rest.post("/process-instance?firstResult=1&maxResults=5", {}, status=200)) == 2


def test_more_than_one_answer_holds_is_refused_rather_than_cut_off(rest, cases, monkeypatch):
    rest.refused(400, "GET", f"/task?maxResults={MOST_ROWS + 1}")
    monkeypatch.setattr("engine.listing.MOST_ROWS", 2)
    rest.refused(400, "GET", "/task")
    assert len(rest.get("/task", maxResults=2)) == 2 and rest.get("/task/count") == {"count": 3}


@pytest.mark.parametrize("query", [
    "sortBy=tidakAda&sortOrder=asc", "sortBy=created", "sortOrder=asc", "sortBy=created&sortOrder=naik", "firstResult=-1", "maxResults=-1",
    "firstResult=x", "maxResults=1.5", "maxResults=99999999999999999999", "maxResults=", "assigned=ya", "assigned=True",
    "dueBefore=kemarin",
    "dueBefore=2026-01-01", "dueBefore=2026-01-01T00:00:00", "dueBefore=0001-01-01T00:00:00%2B0700", "dueBefore=99999-01-01T00:00:00Z",
    "priority=%C2%B2", "tidakAda=1", "processVariables=a_seperti_1", "assignee=%00", "priority=1_000", "taskIdIn=" + "x," * 1001,
])
def test_a_wrong_question_is_a_400_that_says_so(rest, cases, query):
    assert rest.refused(400, "GET", f"/task?{query}")


@pytest.mark.parametrize("body", [
    {"tidakAda": 1}, {"assigned": "true"}, {"priority": "1"}, {"priority": 2 ** 40}, {"priority": 1.5}, {"taskIdIn": "x"},
    {"taskIdIn": [1]},
    {"dueBefore": "kemarin"}, {"sorting": [{"sortBy": "created"}]}, {"sorting": [{"sortBy": "x", "sortOrder": "asc"}]}, {"sorting": {}},
    {"orQueries": [{"orQueries": []}]}, {"orQueries": [{"sorting": []}]}, [], "x", {"assignee": "\0"}, {"assignee": "\ud800"},
    {"taskIdIn": ["x"] * 1001}, {"orQueries": [{}] * 21},
])
def test_a_wrong_body_is_a_400_that_says_so(rest, cases, body):
    assert rest.refused(400, "POST", "/task", json=body)


def test_what_is_no_json_is_a_400_or_415(rest, cases):
    for data in (b"{", b"\xff", b"[" * 100_000, b'{"priority": ' + b"9" * 5000 + b"}", b'{"a": NaN}', b'{"a": 1e999}', b"", b"null", b"7"):
        assert rest("POST", "/task/x/claim", data=data, content_type="application/json").status_code == 400
    assert rest("POST", "/task", data=b"<x/>", content_type="application/xml").status_code == 415


def test_like_is_the_databases_own(rest, cases):
    def found(pattern):
        return rest.get("/task/count", nameLike=pattern)["count"]

    assert found("Siap%") == 3 and found("%apk%") == 3 and found("Siapka_") == 3 and found("siap") == 0
    assert found("\\") == 0 and found("%\\") == 0 and found("Siap\\%") == 0


def test_candidates_are_of_unassigned_tasks_unless_asked(rest, cases):
    task = rest.task(cases[0])
    rest.post(f"/task/{task}/claim", {"userId": "penulis"}, "penulis")
    assert rest.get("/task/count", candidateGroup="pelaksana") == {"count": 2}
    assert rest.get("/task/count", candidateGroup="pelaksana", includeAssignedTasks="true") == {"count": 3}
    assert rest.get("/task/count", candidateGroups="pelaksana,lain") == {"count": 2}
    assert rest.get("/task/count", candidateUser="penulis") == {"count": 0}
    assert rest.get("/task/count", assignee="penulis") == rest.get("/task/count", assigned="true") == {"count": 1}
    assert rest.get("/task/count", unassigned="false") == {"count": 3}


def test_or_queries_widen_and_conditions_narrow(rest, cases):
    keys = [rest.get(f"/process-instance/{case}")["businessKey"] for case in cases]
    body = {"processDefinitionKey": "urusan", "orQueries": [{"processInstanceBusinessKey": keys[0], "taskId": "x"},
                                                            {"assignee": "siapa", "unassigned": True}, {}]}
    assert rest.post("/task/count", body, status=200) == {"count": 1}
    assert rest.post("/task/count", body | {"processDefinitionKey": "lain"}, status=200) == {"count": 0}


def test_several_orders(rest, cases):
    body = {"sorting": [{"sortBy": "name", "sortOrder": "asc"}, {"sortBy": "created", "sortOrder": "desc"}]}
    created = [row["created"] for row in rest.post("/task", body, status=200)]
    assert created == sorted(created, reverse=True)


def test_a_plus_that_was_not_escaped_is_understood(rest, cases):
    assert rest.get("/task/count", createdAfter="2026-01-01T00:00:00.000+0700") == {"count": 3}
    assert rest("GET", "/task/count?createdAfter=2026-01-01T00:00:00.000+0700").json == {"count": 3}
    assert rest("GET", "/task/count?createdBefore=2026-01-01T00:00:00.000Z").json == {"count": 0}


def test_others_see_nothing_of_what_they_may_not(rest, cases):
    for path in LISTS:
        assert rest.get(path, "ketua") == [], path
        assert rest.get(f"{path}/count", "ketua") == {"count": 0}


def test_the_declarations_know_no_name_twice():
    for listing in LISTS.values():
        assert isinstance(listing, Listing) and not set(listing.filters) & {"sortBy", "sortOrder", "firstResult", "maxResults"}


def test_cases_and_tasks_are_found_by_their_variables(rest, urusan):
    north, south = rest.start(nomor_surat="7/UTARA", banyak=3), rest.start(nomor_surat="8/SELATAN", banyak=30, rahasia=True)
    ids = lambda **asked: {each["id"] for each in rest.get("/process-instance", processDefinitionKey="urusan", **asked)}  # noqa: E731
    assert ids(variables="nomor_surat_eq_7/UTARA") == {north} and ids(variables="nomor_surat_like_8%") == {south}
    assert ids(variables="nomor_surat_neq_7/UTARA") == {south} and ids(variables="nomor_surat_gt_7/Z") == {south}
    assert ids(variables="banyak_eq_3") == set()  # a text is no number, as with Camunda
    assert ids(variables="nomor_surat_like_%,perihal_eq_uji") == {north, south} and ids(variables="tidak_ada_neq_x") == set()
    rest.refused(400, "GET", "/process-instance?variables=banyak_seperti_3")
    body = lambda *asked: {"processDefinitionKey": "urusan", "variables": [  # noqa: E731
        {"name": name, "operator": operator, "value": value} for name, operator, value in asked]}
    for asked, found in (([("banyak", "gteq", 3)], 2), ([("banyak", "gt", 3)], 1), ([("banyak", "lt", 30), ("banyak", "lteq", 2)], 0),
                         ([("rahasia", "eq", True)], 1), ([("rahasia", "eq", 1)], 0), ([("banyak", "gt", "3")], 0), ([("banyak", "eq", None)], 0)):
        assert rest.post("/process-instance/count", body(*asked), status=200) == {"count": found}, asked
    rest.refused(400, "POST", "/process-instance", json=body(("banyak", "mirip", 3)))
    tasks = rest.post("/task", {"processVariables": body(("banyak", "eq", 30))["variables"]}, status=200)
    assert [each["processInstanceId"] for each in tasks] == [south]
    assert rest.get("/task/count", processVariables="nomor_surat_eq_7/UTARA") == {"count": 1}
    assert rest.get("/task/count", processVariables="nomor_surat_eq_7/UTARA", processInstanceIdIn=south) == {"count": 0}


def test_a_search_by_variables_is_bounded_and_not_for_everybody(rest, urusan, statements, monkeypatch):
    for _ in range(3):
        rest.start()
    rest.refused(403, "GET", "/process-instance?variables=perihal_eq_uji", "penulis")
    assert len(statements(lambda: rest.get("/process-instance", variables="perihal_eq_uji"))) <= 3
    monkeypatch.setattr(conditions, "MOST_SEARCHED", 2)
    assert "Variabel" in rest.refused(400, "GET", "/process-instance?variables=perihal_eq_uji")
    assert "Variabel" in rest.refused(400, "GET", "/task/count?processVariables=perihal_eq_uji")
    one = rest.start(nomor_surat="9")
    assert rest.get("/process-instance/count", processInstanceIds=one, variables="nomor_surat_eq_9") == {"count": 1}
