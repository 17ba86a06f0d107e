"""What a form asks, the server checks again: every kind of field, hidden ones, refused ones, broken schemas."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpmn import forms
from bpmn.errors import Invalid


def form(*components):
    return forms.read(json.dumps({"type": "default", "id": "f", "components": list(components)}).encode(), "f.form")


def wrong(a_form, submitted, **options):
    with pytest.raises(Invalid) as caught:
        forms.validate(a_form, submitted, **options)
    return {p.where["field"]: str(p) for p in caught.value.problems}


KEPUTUSAN = {"type": "radio", "key": "keputusan", "label": "Keputusan", "validate": {"required": True},
             "values": [{"value": "sesuai", "label": "Sesuai"}, {"value": "tidak", "label": "TIDAK"}]}
CATATAN = {"type": "textarea", "key": "catatan", "label": "Catatan", "validate": {"required": True},
           "conditional": {"hide": '=keputusan != "tidak"'}}


@pytest.mark.parametrize("component, raw, value", [
    ({"type": "textfield"}, "  Rapat\r\npleno ", "Rapat\npleno"),
    ({"type": "textfield"}, "", None),
    ({"type": "textfield"}, "a\x00b", "ab"),
    ({"type": "number"}, "7", 7),
    ({"type": "number"}, "7,5", 7.5),
    ({"type": "checkbox"}, "on", True),
    ({"type": "checkbox"}, None, False),
    ({"type": "checklist", "values": [{"value": "x", "label": "X"}, {"value": "y", "label": "Y"}]}, ["y", "x", "y"], ["y", "x"]),
    ({"type": "select", "values": [{"value": "x", "label": "X"}]}, "x", "x"),
    ({"type": "datetime", "subtype": "date"}, "2022-01-05", "2022-01-05"),
    ({"type": "datetime", "subtype": "time"}, "07:30", "07:30"),
    ({"type": "datetime", "subtype": "datetime"}, "2026-11-24T09:00", "2026-11-24T09:00:00+07:00"),
    ({"type": "datetime", "subtype": "datetime"}, "2026-11-24T02:00:00+00:00", "2026-11-24T02:00:00+00:00"),
    ({"type": "filepicker"}, [{"document": "1"}, {"document": "2"}], [{"document": "2"}]),
    ({"type": "filepicker", "multiple": True}, [{"document": "1"}, {"document": "2"}], [{"document": "1"}, {"document": "2"}]),
])
def test_a_field_gives_its_normalised_value(component, raw, value):
    assert forms.validate(form({"key": "a", **component}), {"a": raw}) == {"a": value}


@pytest.mark.parametrize("component, raw", [
    ({"type": "textfield", "validate": {"maxLength": 3}}, "abcd"),
    ({"type": "textfield", "validate": {"minLength": 3}}, "ab"),
    ({"type": "textfield", "validate": {"pattern": "https?://.+"}}, "javascript:alert(1)"),
    ({"type": "textfield"}, ["a list"]),
    ({"type": "textfield", "validate": {"required": True}}, "   "),
    ({"type": "number"}, "1e999"),
    ({"type": "number"}, "tujuh"),
    ({"type": "number", "validate": {"max": 5}}, "6"),
    ({"type": "number", "decimalDigits": 0}, "1.5"),
    ({"type": "checkbox", "validate": {"required": True}}, None),
    ({"type": "select", "values": [{"value": "x", "label": "X"}]}, "y"),
    ({"type": "checklist", "values": [{"value": "x", "label": "X"}]}, ["x", "y"]),
    ({"type": "checklist", "values": [{"value": "x", "label": "X"}], "validate": {"required": True}}, []),
    ({"type": "datetime", "subtype": "date"}, "5 Januari 2022"),
    ({"type": "datetime", "subtype": "datetime"}, "2026-13-01T00:00"),
])
def test_a_wrong_value_is_named_with_its_field(component, raw):
    assert list(wrong(form({"key": "a", **component}), {"a": raw})) == ["a"]


def test_the_note_is_required_only_when_the_decision_is_tidak():
    a_form = form(KEPUTUSAN, CATATAN)
    assert forms.validate(a_form, {"keputusan": "sesuai", "catatan": "left over"}) == {"keputusan": "sesuai"}
    assert list(wrong(a_form, {"keputusan": "tidak"})) == ["catatan"]
    assert forms.validate(a_form, {"keputusan": "tidak", "catatan": "Perbaiki judul"})["catatan"] == "Perbaiki judul"


def test_every_wrong_field_is_named_in_the_order_of_the_form():
    a_form = form({"type": "textfield", "key": "b", "validate": {"required": True}}, KEPUTUSAN)
    assert list(wrong(a_form, {})) == ["b", "keputusan"]


def test_a_condition_may_ask_for_a_list_of_the_case():
    text = {"type": "textarea", "key": "teks_x", "conditional": {"hide": '=keputusan = "tidak" or not(list contains(kanal, "x"))'}}
    a_form = form(KEPUTUSAN, text)
    assert a_form.outside == {"kanal"}
    sent = {"keputusan": "sesuai", "teks_x": "Halo"}
    for variables, shown in ((None, False), ({"kanal": None}, False), ({"kanal": ["facebook"]}, False), ({"kanal": ["website", "x"]}, True)):
        assert ("teks_x" in a_form.shown(sent, variables)) is shown
        assert ("teks_x" in forms.validate(a_form, sent, variables=variables)) is shown
    assert "teks_x" not in a_form.shown({"keputusan": "tidak"}, {"kanal": ["x"]})


def test_a_group_hides_what_is_in_it():
    a_form = form(KEPUTUSAN, {"type": "group", "conditional": {"hide": '=keputusan = "sesuai"'}, "components": [CATATAN]})
    assert forms.validate(a_form, {"keputusan": "sesuai"}) == {"keputusan": "sesuai"}


def test_options_may_come_with_the_data():
    a_form = form({"type": "select", "key": "penulis", "valuesKey": "anggota"})
    sources = {"anggota": (forms.Option("penulis", "Penulis"),)}
    assert forms.validate(a_form, {"penulis": "penulis"}, sources=sources) == {"penulis": "penulis"}
    assert list(wrong(a_form, {"penulis": "admin"}, sources=sources)) == ["penulis"]


def test_a_refused_value_says_why():
    a_form = form({"type": "select", "key": "k", "values": [{"value": "dikecualikan", "label": "D"}],
                   "properties": {"tolak": "dikecualikan", "alasan": "Pasal 17 UU 14/2008"}})
    assert wrong(a_form, {"k": "dikecualikan"}) == {"k": "Pasal 17 UU 14/2008"}


def test_a_read_only_field_is_never_taken():
    assert forms.validate(form({"type": "textfield", "key": "a", "readonly": True}), {"a": "changed"}) == {}


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b'{"components": 1}', b"[" * 100_000,
    b'{"components": [{"type": "html", "content": "<script>"}]}',
    b'{"components": [{"type": "expression", "key": "a"}]}',
    b'{"components": [{"type": "textfield", "key": "__class__ x"}]}',
    b'{"components": [{"type": "textfield", "key": "a"}, {"type": "number", "key": "a"}]}',
    b'{"components": [{"type": "textfield", "key": "a", "validate": {"pattern": "(a+)+$"}}]}',
    b'{"components": [{"type": "textfield", "key": "a", "validate": {"pattern": "("}}]}',
    b'{"components": [{"type": "textfield", "key": "a", "conditional": {"hide": "=().__class__"}}]}',
    b'{"components": [3]}',
])
def test_what_is_not_a_form_is_refused_with_the_file(content):
    with pytest.raises(Invalid) as caught:
        forms.read(content, "f.form")
    assert caught.value.where["file"] == "f.form"


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["keputusan", "catatan", "n", "files", "d"]), ANYTHING | st.lists(ANYTHING, max_size=3)))
def test_whatever_a_browser_sends_is_taken_or_refused_never_a_crash(submitted):
    a_form = form(KEPUTUSAN, CATATAN, {"type": "number", "key": "n"}, {"type": "datetime", "key": "d"}, {"type": "filepicker", "key": "files"})
    try:
        json.dumps(forms.validate(a_form, submitted))
    except Invalid as problem:
        assert all(p.where["field"] for p in problem.problems)
