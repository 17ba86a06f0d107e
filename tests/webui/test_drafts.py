"""Drafts: kept for one person, offered on every device, never over a newer one, gone with the task."""

import json
import re

import pytest

from bpmn.errors import Forbidden
from engine import commands, drafts
from tests.webui.scenes import DRAFT, form_data

FIELDS = [["v-judul", "Setengah <jadi>"], ["v-kanal", "website"], ["v-kanal", "x"]]


def save(browser, task, version=0, fields=None):
    return browser.client.post(f"/tasks/{task}/draft", json={"version": version, "fields": FIELDS if fields is None else fields},
                               headers={"X-CSRFToken": browser.token("/")})


def test_a_draft_is_offered_on_another_device_and_used(signed_in, case_at):
    task = case_at("siapkan")
    assert "data-draft-offer" not in signed_in("penulis").get(f"/tasks/{task}").text
    saved = save(signed_in("penulis"), task)
    assert saved.status_code == 200 and saved.json["version"] == 1
    other = signed_in("penulis")
    page = other.get(f"/tasks/{task}").text
    assert f"isian yang belum dikirim dari {saved.json['at']}" in page and 'data-draft-version="1"' in page and "Setengah" not in page
    used = other.get(f"/tasks/{task}?draft=1").text
    assert 'value="Setengah &lt;jadi&gt;"' in used and "data-draft-used" in used and "data-draft-offer" not in used


def test_nobody_else_is_offered_it(signed_in, case_at):
    task = case_at("siapkan")
    save(signed_in("penulis"), task)
    assert "data-draft-offer" not in signed_in("webadmin").get(f"/tasks/{task}?draft=1").text


def test_an_older_page_does_not_write_over_a_newer_one(signed_in, case_at):
    task, phone, desk = case_at("siapkan"), signed_in("penulis"), signed_in("penulis")
    assert save(phone, task).json["version"] == 1
    assert save(desk, task, 1, [["v-judul", "Dari meja"]]).json["version"] == 2
    refused = save(phone, task, 1)
    assert refused.status_code == 409 and "lebih baru di perangkat lain" in refused.json["message"]
    assert (refused.json["version"], refused.json["fields"]) == (2, [["v-judul", "Dari meja"]])
    assert save(phone, task, 0).status_code == 409
    assert save(phone, task, 2).json["version"] == 3


def test_thrown_away_it_is_offered_no_more(signed_in, case_at):
    task, browser = case_at("siapkan"), signed_in("penulis")
    save(browser, task)
    assert browser.post(f"/tasks/{task}/draft/discard").location == f"/tasks/{task}"
    assert "data-draft-offer" not in browser.get(f"/tasks/{task}").text
    gone = save(browser, task, 1)
    assert (gone.status_code, gone.json["version"]) == (409, 0)  # the page takes that, and saves as a first one
    assert save(browser, task, 0).json["version"] == 1


def test_it_ends_with_its_task(pe, people, now, signed_in, case_at):
    task, browser = case_at("siapkan"), signed_in("penulis")
    save(browser, task)
    save(signed_in("webadmin"), task)
    assert drafts.sweep(pe) == 0
    assert browser.post(f"/tasks/{task}", form_data(DRAFT)).status_code == 303
    assert drafts.get(pe, people["penulis"], task) is None
    late = save(browser, task, 1)
    assert late.status_code == 409 and "version" not in late.json
    assert drafts.sweep(pe) == 2 and drafts.sweep(pe) == 0


@pytest.mark.parametrize("body", [
    "", "x", "[]", "{}", '{"version": -1, "fields": []}', '{"version": "1", "fields": []}', '{"version": true, "fields": 1}',
    '{"version": 0, "fields": {"a": 1}}', '{"version": 0, "fields": [["v-a"]]}', '{"version": 0, "fields": [["v-a", 1]]}',
    json.dumps({"version": 0, "fields": [["v-a", "x"]] * 501}), json.dumps({"version": 0, "fields": [["v-a", "x" * 600_000]]}),
    '{"version": 99999999999999999999, "fields": []}'])
def test_nonsense_is_refused(signed_in, case_at, body):
    browser = signed_in("penulis")
    answer = browser.client.post(f"/tasks/{case_at('siapkan')}/draft", data=body,
                                 headers={"X-CSRFToken": browser.token("/"), "Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json["message"]


def test_who_may_not_do_the_task_keeps_no_draft(pe, people, now, signed_in, case_at):
    task = case_at("putuskan")
    with pytest.raises(Forbidden):
        drafts.save(pe, people["penulis"], now, task, [], 0)
    assert save(signed_in("penulis"), task).status_code == 403
    commands.claim(pe, people["ketua"], now, task)
    assert signed_in("ketua").client.post(f"/tasks/{task}/draft", json={"version": 0, "fields": []}).status_code == 400  # no token


def test_a_refused_form_keeps_what_was_sent_rather_than_the_draft(signed_in, case_at):
    task, browser = case_at("siapkan"), signed_in("penulis")
    save(browser, task)
    page = browser.post(f"/tasks/{task}", {"v-judul": "Baru"}).text
    assert re.search(r'name="v-judul"[^>]*value="Baru"', page) and "data-draft-offer" not in page
