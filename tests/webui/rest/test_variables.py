"""Variables: typed and plain in, typed out, and whatever is wrong with one a 400."""

import base64
import json

import pytest

PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture
def case(rest, urusan):
    return rest.start("penulis")


def put(rest, case, variable, user="admin"):
    return rest("PUT", f"/process-instance/{case}/variables/v", user, json=variable)


@pytest.mark.parametrize(("given", "shown"), [
    ({"value": "a"}, ("a", "String")), ({"value": 1}, (1, "Integer")), ({"value": 2 ** 40}, (2 ** 40, "Long")), ({"value": 1.5},
    (1.5, "Double")),
    ({"value": True}, (True, "Boolean")), ({"value": None}, (None, "Null")), ({}, (None, "Null")), ({"value": "x", "type": "Null"},
    (None, "Null")),
    ({"value": [1, {"a": "é"}]}, ('[1, {"a": "é"}]', "Json")), ({"value": {"a": 1}}, ('{"a": 1}', "Json")),
    ({"value": "7", "type": "Integer"}, (7, "Integer")), ({"value": 7.0, "type": "integer"}, (7, "Integer")),
    ({"value": "7", "type": "String"}, ("7", "String")), ({"value": 7, "type": "Long", "valueInfo": {}}, (7, "Integer")),
    ({"value": -2 ** 31, "type": "Integer"}, (-2 ** 31, "Integer")), ({"value": 2 ** 63 - 1, "type": "Long"}, (2 ** 63 - 1, "Long")),
    ({"value": "1.5", "type": "Double"}, (1.5, "Double")), ({"value": 2, "type": "Double"}, (2.0, "Double")),
    ({"value": "true", "type": "Boolean"}, (True, "Boolean")), ({"value": False, "type": "Boolean", "local": False}, (False, "Boolean")),
    ({"value": "2026-01-23T14:42:45.000+0700", "type": "Date"}, ("2026-01-23T14:42:45.000+07:00", "String")),
    ({"value": '{"a": [1]}', "type": "Json"}, ('{"a": [1]}', "Json")), ({"value": '"teks"', "type": "Json"}, ("teks", "String")),
    ({"value": "[1, 2]", "type": "Object", "valueInfo": {"objectTypeName": "java.util.ArrayList",
    "serializationDataFormat": "application/json"}},
     ("[1, 2]", "Json")),
    ({"value": {"a": 1}, "type": "Object"}, ('{"a": 1}', "Json")), ({"value": "x" * 10_000, "type": None}, ("x" * 10_000, "String")),
])
def test_a_variable_comes_back_with_its_type(rest, case, given, shown):
    response = put(rest, case, given)
    assert response.status_code == 204, response.get_data(as_text=True)
    for path in (f"/process-instance/{case}/variables/v", f"/task/{rest.task(case)}/variables/v"):
        assert rest.get(path) == {"value": shown[0], "type": shown[1], "valueInfo": {}}
    assert rest.get(f"/process-instance/{case}/variables", deserializeValues="false")["v"]["value"] == shown[0]


@pytest.mark.parametrize("given", [
    {"value": "a", "type": "Integer"}, {"value": 1.5, "type": "Integer"}, {"value": True, "type": "Integer"},
    {"value": 2 ** 31, "type": "Integer"},
    {"value": "9" * 5000, "type": "Long"}, {"value": 2 ** 63, "type": "Long"}, {"value": [], "type": "Integer"}, {"value": {},
    "type": "Double"},
    {"value": "NaN", "type": "Double"}, {"value": "Infinity", "type": "Double"}, {"value": "ya", "type": "Boolean"},
    {"value": 1, "type": "String"},
    {"value": "kemarin", "type": "Date"}, {"value": "2026-01-23", "type": "Date"}, {"value": 1769150565000, "type": "Date"},
    {"value": "{", "type": "Json"}, {"value": "NaN", "type": "Json"}, {"value": "[" * 100_000, "type": "Json"}, {"value": "1e999",
    "type": "Json"},
    {"value": "\"\\ud800\"", "type": "Json"}, {"value": "x", "type": "Bytes"}, {"value": "x", "type": "TidakAda"}, {"value": "x",
    "type": 1},
    {"value": "x", "tidakAda": 1}, {"value": "a\0b"}, {"value": PDF.decode(), "type": "File", "valueInfo": {"filename": "a.pdf"}},
    {"value": base64.b64encode(PDF).decode(), "type": "File"}, {"value": None, "type": "File", "valueInfo": {"filename": "a.pdf"}},
    {"value": base64.b64encode(b"<script>").decode(), "type": "File", "valueInfo": {"filename": "a.html"}},
])
def test_a_wrong_one_is_refused_and_changes_nothing(rest, case, given):
    assert put(rest, case, given).status_code == 400
    rest.refused(404, "GET", f"/process-instance/{case}/variables/v")


@pytest.mark.parametrize("name", ["x" * 256, "a%00b"])
def test_a_wrong_name_is_refused(rest, case, name):
    rest.refused(400, "PUT", f"/process-instance/{case}/variables/{name}", json={"value": 1})
    rest.refused(400, "POST", f"/process-instance/{case}/variables", json={"modifications": {"": {"value": 1}}})


def test_a_file_goes_into_the_archive_and_comes_back(rest, case):
    given = {"value": base64.b64encode(PDF).decode(), "type": "File", "valueInfo": {"filename": "surat.pdf", "mimetype": "text/html"}}
    assert put(rest, case, given).status_code == 204
    assert rest.get(f"/process-instance/{case}/variables/v") == {
        "value": None, "type": "File", "valueInfo": {"filename": "surat.pdf", "mimeType": "application/pdf"}}
    response = rest("GET", f"/process-instance/{case}/variables/v/data")
    assert response.data == PDF and response.mimetype == "application/octet-stream"
    assert response.headers["Content-Disposition"] == "attachment; filename=surat.pdf"
    rest.refused(400, "GET", f"/process-instance/{case}/variables/perihal/data")
    rest.refused(404, "GET", f"/process-instance/{case}/variables/tidak_ada/data")


def test_a_file_that_comes_with_a_task_belongs_to_its_case(rest, case):
    task = rest.task(case)
    variables = {"keputusan": {"value": "tidak"}, "surat": {
        "value": base64.b64encode(PDF).decode(), "type": "File", "valueInfo": {"filename": "surat.pdf"}}}
    rest.refused(403, "POST", f"/task/{task}/complete", "pemilik", json={"variables": variables})
    rest.post(f"/task/{task}/complete", {"variables": variables}, "penulis")
    assert rest("GET", f"/task/{rest.task(case)}/variables/surat/data", "penulis").data == PDF


def test_nobody_names_the_file_of_another_case(rest, case):
    put(rest, case, {"value": base64.b64encode(PDF).decode(), "type": "File", "valueInfo": {"filename": "rahasia.pdf"}})
    (document,) = [v for v in rest.get("/history/variable-instance", processInstanceId=case) if v["name"] == "v"]
    assert document["type"] == "File"
    other = rest.task(rest.start("penulis"))
    from engine import documents
    (row,) = documents.documents(rest.app.extensions["terbit"], _admin(), case)
    stolen = {"variables": {"surat": {"value": json.dumps({"document": row["id"], "name": "x", "media_type": "x"}), "type": "Json"}}}
    rest.refused(400, "POST", f"/task/{other}/complete", "penulis", json=stolen)


def test_raw_variables_of_a_case_are_for_admin_and_owner(rest, case):
    for user, status in (("admin", 200), ("pemilik", 200), ("penulis", 403), ("analis", 403), ("ketua", 404)):
        assert rest("GET", f"/process-instance/{case}/variables", user).status_code == status
    for user, status in (("pemilik", 403), ("penulis", 403), ("ketua", 404), ("admin", 204)):
        assert put(rest, case, {"value": 1}, user).status_code == status


def test_modifications_and_deletions_go_together(rest, case):
    rest.post(f"/process-instance/{case}/variables", {"modifications": {"a": {"value": 1}, "b": {"value": 2}}})
    rest.post(f"/process-instance/{case}/variables", {"modifications": {"c": {"value": 3}}, "deletions": ["a", "tidak_ada"]})
    assert set(rest.get(f"/process-instance/{case}/variables")) == {"perihal", "b", "c"}
    both = {"modifications": {"d": {"value": 1}, "e": {"value": "x", "type": "Integer"}}}
    rest.refused(400, "POST", f"/process-instance/{case}/variables", json=both)
    assert "d" not in rest.get(f"/process-instance/{case}/variables")


def _admin():
    from tests.conftest import actor_of
    return actor_of("admin")
