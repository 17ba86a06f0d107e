"""Every kind of form-js field on the page: shown, filled again, read back, and bare of markup."""

import json
import re

import pytest
from werkzeug.datastructures import MultiDict

from bpmn import forms as rules
from bpmn.errors import Invalid
from webui import forms

SCHEMA = {"type": "default", "id": "semua", "components": [
    {"type": "text", "text": "Baca **dahulu** <script>x</script>"},
    {"type": "textfield", "key": "nama", "label": "Nama & <b>gelar</b>", "description": "Lengkap <i>ya</i>",
     "validate": {"required": True, "maxLength": 20}},
    {"type": "textarea", "key": "data", "label": "Data"},
    {"type": "number", "key": "jumlah", "label": "Jumlah", "decimalDigits": 1, "validate": {"min": 1, "max": 9}},
    {"type": "checkbox", "key": "setuju", "label": "Setuju"},
    {"type": "separator"}, {"type": "spacer"},
    {"type": "group", "label": "Pilihan", "conditional": {"hide": "=setuju = false"}, "components": [
        {"type": "select", "key": "pilih", "label": "Pilih", "values": [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}]},
        {"type": "radio", "key": "satu", "label": "Satu", "values": [{"label": "X", "value": "x"}, {"label": "Y", "value": "y"}]},
        {"type": "checklist", "key": "banyak", "label": "Banyak", "values": [{"label": "P", "value": "p"}, {"label": "Q", "value": "q"}]},
        {"type": "taglist", "key": "label", "label": "Label", "values": [{"label": "M", "value": "m"}]}]},
    {"type": "datetime", "key": "hari", "dateLabel": "Hari", "subtype": "date"},
    {"type": "datetime", "key": "jam", "timeLabel": "Jam", "subtype": "time"},
    {"type": "datetime", "key": "saat", "dateLabel": "Saat", "subtype": "datetime"},
    {"type": "filepicker", "key": "errors", "label": "Berkas", "multiple": True, "accept": ".pdf"},
    {"type": "textfield", "key": "tetap", "label": "Tetap", "readonly": True},
]}
FORM = rules.read(json.dumps(SCHEMA).encode())
GOOD = {"nama": "Siti", "data": "baris 1\nbaris 2", "jumlah": 2.5, "setuju": True, "pilih": "b", "satu": "y", "banyak": ["p", "q"],
        "label": ["m"], "hari": "2026-11-24", "jam": "08:30", "saat": "2026-11-24T08:30:00+07:00", "errors": []}


@pytest.fixture
def request_of(app, people):
    """Inside a request of the demo's `penulis`."""
    from flask import g
    with app.test_request_context("/"):
        g.account_actor = people["penulis"]
        yield app


def rendered(app, page):
    return app.jinja_env.from_string('{% import "form.html" as f with context %}{{ f.items(form, form.schema.items) }}').render(
        form=page, **app.jinja_env.globals | {"asset": lambda name: name, "_": str, "url_for": lambda *a, **k: "/x", "now": None})


def as_sent(html):
    """What a browser would send of the form that this HTML is."""
    sent = MultiDict()
    for tag in re.findall(r"<input[^>]*>", html):
        name, kind = re.search(r'name="([^"]*)"', tag)[1], re.search(r'type="([^"]*)"', tag)[1]
        if kind == "file" or kind in ("checkbox", "radio") and "checked" not in tag:
            continue
        sent.add(name, (re.search(r'value="([^"]*)"', tag) or ["", ""])[1])
    for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>\r?\n?(.*?)</textarea>', html, re.S):
        sent.add(name, text)
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', html, re.S):
        chosen = re.search(r'<option selected value="([^"]*)"', options)
        sent.add(name, chosen[1] if chosen else "")
    return sent


def test_what_is_shown_and_sent_back_unchanged_is_the_same(request_of):
    html = rendered(request_of, forms.page(FORM, GOOD, options={}))
    values = rules.validate(FORM, forms.submitted(FORM, as_sent(html)))
    assert values == GOOD


def test_what_a_diagram_says_is_never_markup(request_of):
    html = rendered(request_of, forms.page(FORM, GOOD, options={}))
    assert "<b>gelar</b>" not in html and "<i>ya</i>" not in html and "<script>" not in html
    assert "<strong>dahulu</strong>" in html


def test_a_hidden_field_is_hidden_and_its_group_with_it(request_of):
    html = rendered(request_of, forms.page(FORM, GOOD | {"setuju": False}, options={}))
    for key, hidden in (("pilih", True), ("satu", True), ("nama", False)):
        field = re.search(rf'<\w+ class="field" data-field="{key}"[^>]*>', html)[0]
        assert (" hidden" in field) == hidden, key


def test_each_problem_stands_at_its_field(request_of):
    sent = MultiDict({"v-nama": "", "v-jumlah": "12,55", "v-hari": "kemarin", "v-saat": "x", "v-setuju": "y", "v-pilih": "z"})
    values = forms.submitted(FORM, sent)
    with pytest.raises(Invalid) as caught:
        rules.validate(FORM, values)
    page = forms.page(FORM, values, options={}, problem=caught.value)
    assert set(page.errors) == {"nama", "jumlah", "hari", "saat", "pilih"}
    html = rendered(request_of, page)
    for key in page.errors:
        assert f'id="v-{key}-error"' in html, key
        assert re.search(rf'aria-describedby="[^"]*v-{key}-error', html), key
    assert 'value="12,55"' in html  # what was typed stays


def test_read_back_choices_have_their_labels(request_of):
    read = {label: value for _, label, value in forms.readable(FORM, GOOD)}
    assert read["Pilih"] == "B" and read["Banyak"] == ["P", "Q"] and read["Hari"] == "24 November 2026"
    assert read["Saat"] == "24 Nov 2026, 08.30 WIB" and "Berkas" not in read


def test_read_back_takes_any_value(request_of):
    for strange in ({"banyak": "p"}, {"saat": "bukan waktu"}, {"saat": 5}, {"hari": "2026-99-99"}, {"pilih": ["a"]}, {"nama": {"x": 1}}):
        forms.readable(FORM, strange)
        rendered(request_of, forms.page(FORM, strange, options={}))
