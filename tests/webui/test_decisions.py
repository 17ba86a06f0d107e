"""Deciding by one click: buttons in place of a radio, a note with ready phrases for a return."""

import re

import pytest

from bpmn import forms
from engine import queries, settings
from webui import decisions


def test_the_task_page_asks_for_a_decision_by_two_buttons(signed_in, case_at):
    page = signed_in("ketua").get(f"/tasks/{case_at('putuskan')}").text
    buttons = re.findall(r'<button type="submit" class="[^"]*" name="v-keputusan" value="(\w+)" data-asks="(\w*)">.*?<b>(\w+)</b>', page)
    assert buttons == [("sesuai", "", "Setujui"), ("tidak", "catatan", "Kembalikan")]
    assert 'type="radio"' not in page and "Selesaikan" not in page


@pytest.mark.parametrize("sent, after", [({"v-keputusan": "sesuai"}, "serahkan"),
                                         ({"v-keputusan": "tidak", "v-catatan": "Perbaiki."}, "periksa")])
def test_one_button_completes(pe, people, signed_in, case_at, sent, after):
    task = case_at("putuskan")
    assert signed_in("ketua").post(f"/tasks/{task}", sent).status_code == 303
    instance = queries.task(pe, people["admin"], task)["instance_id"]
    assert [t["activity_id"] for t in queries.tasks(pe, people["admin"], instance_id=instance).rows] == [after]


def test_a_form_sent_by_no_button_is_asked_again(signed_in, case_at):
    answer = signed_in("ketua").post(f"/tasks/{case_at('putuskan')}", {"v-catatan": "x"})
    assert answer.status_code == 400 and 'id="v-keputusan-error"' in answer.text


def test_a_return_without_a_note_comes_back_with_the_note_open(signed_in, case_at):
    page = signed_in("ketua").post(f"/tasks/{case_at('putuskan')}", {"v-keputusan": "tidak"}).text
    assert re.search(r'data-field="catatan"(?! hidden)[^>]* data-conditional', page) and 'data-field="catatan" hidden' not in page


def test_the_offices_own_phrases_are_offered(pe, people, now, signed_in, case_at):
    settings.change(pe, people["admin"], now, "phrases", {"return": ["Perjelas <judul>."]})
    page = signed_in("ketua").get(f"/tasks/{case_at('putuskan')}").text
    assert re.findall(r'data-phrase="v-catatan">([^<]*)<', page) == ["Perjelas &lt;judul&gt;."]


def test_every_option_has_its_own_fields_and_words():
    schema = forms.read(b"""{"components": [
        {"type": "radio", "key": "k", "label": "K", "properties": {"tombol": "Ya"},
         "values": [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}, {"label": "C", "value": "c"}]},
        {"type": "textarea", "key": "ya", "conditional": {"hide": "=k != \\"a\\""}},
        {"type": "textarea", "key": "selalu"},
        {"type": "textfield", "key": "tidak", "conditional": {"hide": "=k = \\"a\\""}}]}""")
    found = decisions.decision(schema, {}, {}, {"approve": ["Bagus."], "return": ["Lagi."]})
    assert [(b.value, b.word, b.asks) for b in found.buttons] == [("a", "Ya", ("ya",)), ("b", "B", ("tidak",)), ("c", "C", ("tidak",))]
    assert found.phrases == {"ya": ["Bagus."]}
    assert decisions.decision(forms.read(b'{"components": []}'), {}, {}, {}) is None
