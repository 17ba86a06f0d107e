"""The process owner brings running cases to a new version: the plan on both diagrams, tried, done, and read in the case."""

import re

import pytest
from playwright.sync_api import expect

from engine import commands, queries
from engine.commands import batches
from tests.browser.conftest import DESK, PHONE
from tests.webui.scenes import SOP

LOOKS = pytest.mark.parametrize(
    "viewport, scheme, language", [(PHONE, "light", "en"), (DESK, "dark", "id")], ids=["phone-light-en", "desk-dark-id"])


@pytest.fixture
def newer(pe, people, case_at, now):
    """The SOP's second version, in which `siapkan` has another id; five cases run on the first, on three steps."""
    tasks = [case_at(step) for step in ("siapkan", "siapkan", "periksa", "tugaskan", "terbitkan_manual")]
    old = queries.definition(pe, people["pemilik"], SOP)
    names = [r["name"] for r in queries.deployment_resources(pe, people["pemilik"], old["deployment_id"])]
    files = {name: queries.definition_resource(pe, people["pemilik"], old["id"], name) for name in names}
    file = old["resource_name"]
    text = files[file].decode()
    text = re.sub(r'(\b(?:id|sourceRef|targetRef|bpmnElement)=")siapkan"', r'\1menyiapkan"', text).replace(">siapkan<", ">menyiapkan<")
    made = commands.deploy(pe, people["pemilik"], now, name="Langkah 3", resources={**files, file: text.encode()})
    return made.definitions[0]["id"], tasks


@LOOKS
def test_running_cases_are_brought_to_the_new_version(open_page, audit, server, pe, people, now, newer, viewport, scheme,
                                                      language, monkeypatch):
    monkeypatch.setattr("webui.migrating.PART", 2)  # so that the dry run goes on by itself, twice
    target, tasks = newer
    page = open_page("pemilik", viewport=viewport, scheme=scheme)
    page.goto(f"/definitions/{target}")
    page.get_by_role("link", name="Pindahkan berkas berjalan").click()
    page.context.add_cookies([{"name": "terbit_locale", "value": language, "url": server}])
    page.reload()
    for figure in page.locator("[data-migrate] [data-diagram]").all():
        figure.scroll_into_view_if_needed()
    page.locator("[data-migrate] [data-diagram][data-ready]").nth(1).wait_for()
    row = page.locator("[data-migrate-row][data-source=siapkan]")
    number = row.get_attribute("data-number")
    source, there = (page.locator("[data-migrate] [data-diagram]").nth(n) for n in (0, 1))
    expect(source.locator("[data-container-id=siapkan] .migrate-mark")).to_have_text(number)
    expect(there.locator("[data-container-id=menyiapkan] .migrate-mark")).to_have_text(number)
    assert audit(page) == []
    select = row.locator("select")
    select.focus()
    expect(there.locator(".djs-shape.migrate-at")).to_have_attribute("data-element-id", "menyiapkan")
    select.select_option("")  # two cases stand there: said at once, and gone from the second diagram
    expect(row.locator(".is-warning")).to_be_visible()
    expect(row.locator("select")).to_be_focused()  # whoever uses the keys goes on where they were
    expect(there.locator("[data-container-id=menyiapkan] .migrate-mark")).to_have_count(0)
    assert audit(page) == []
    row.locator("select").select_option("menyiapkan")
    expect(there.locator("[data-container-id=menyiapkan] .migrate-mark")).to_have_text(number)
    page.locator("button[name=do][value=try]").click()
    page.locator("#tried").wait_for()
    expect(page.locator("#tried-sum strong")).to_contain_text("5")
    expect(page.locator("#tried .row-more")).to_have_count(0)
    expect(page.locator("#tried .tag-success")).to_have_count(2)  # of those that can go, the first are enough to see
    assert audit(page) == []
    page.locator("#reason").fill("SOP baru")
    page.keyboard.press("Tab")
    page.wait_for_timeout(200)  # a changed reason changes no plan: what was tried stands
    page.locator("#tried button[value=start]").click()
    page.locator("#batch progress").wait_for()
    assert audit(page) == []
    batches.work(pe, lambda: now)
    expect(page.locator("#batch .tag-success")).to_have_count(5)  # the page looks by itself
    page.wait_for_load_state("networkidle")
    assert audit(page) == []
    page.locator("#batch .row-title").first.click()
    expect(page.locator("#history .history-title", has_text="1")).to_have_count(1)
    for task in tasks:
        assert queries.task(pe, people["admin"], task)["definition_id"] == target
    penulis = open_page("penulis", viewport=viewport)
    penulis.goto(f"/tasks/{tasks[0]}")
    assert penulis.locator("[name=v-judul]").is_visible(), "the same task, in the new version, with its form"
