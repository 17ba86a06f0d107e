"""What only the stricter database minds: long text, odd characters."""

import pytest

from tests.conftest import on_databases

LONG = "x" * 3000
ODD = ["é\u2028\u202e", "🙂" * 300, "'; DROP TABLE job; --", "%", "\\", "\x7f\x01"]


@on_databases
@pytest.mark.parametrize("text", [LONG, *ODD])
def test_odd_text_is_taken_or_refused_and_never_breaks(rest, urusan, text):
    given = {"businessKey": text, "variables": {"perihal": {"value": text}}}
    rest("POST", "/process-definition/key/urusan/start", json=given)
    case = rest.start()
    task = rest.task(case)
    for method, path, json in (
        ("POST", f"/task/{task}/claim", {"userId": text}), ("POST", f"/task/{task}/assignee", {"userId": text}),
        ("PUT", f"/process-instance/{case}/variables/v", {"value": text}),
        ("POST", f"/process-instance/{case}/variables", {"modifications": {text: {"value": text}}, "deletions": [text]}),
        ("POST", "/message", {"messageName": text, "businessKey": text, "correlationKeys": {text: {"value": text}}}),
        ("POST", "/message", {"messageName": "surat masuk", "businessKey": text, "processVariables": {"perihal": {"value": text}}}),
        ("POST", "/signal", {"name": text}), ("POST", "/task", {"nameLike": text, "assignee": text, "taskIdIn": [text]}),
        ("POST", f"/task/{task}/complete", {"variables": {"keputusan": {"value": text}, "catatan": {"value": text}}}),
    ):
        rest(method, path, json=json)
    for path in ("/task", "/process-instance", "/history/task", "/process-definition", "/deployment"):
        rest("GET", path, query_string={"tenantIdIn": text})
        rest("GET", path, query_string={"sortBy": text, "sortOrder": text})
    rest("GET", "/process-definition/key/" + text.replace("/", "").replace("%", "%25").replace("\\", "%5C")[:200])
