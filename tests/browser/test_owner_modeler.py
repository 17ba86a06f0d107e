"""The process owner at the modeler: rename, check, put in force; and nothing of a diagram is lost on the way."""

import pytest
from lxml import etree
from playwright.sync_api import expect

from engine import commands, queries
from tests.browser.conftest import LOOKS
from tests.webui.scenes import SOP


@pytest.fixture
def modeler(open_page, sop):
    def make(**options):
        page = open_page("pemilik", **options)
        page.goto(f"/definitions/{SOP}/modeler")
        page.locator("[data-modeler][data-ready]").wait_for()
        return page
    return make


def rename(page, element, name):
    page.locator(f".djs-shape[data-element-id={element}]").dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type(name)
    page.locator(".djs-container svg").first.click(position={"x": 300, "y": 600})


def test_a_task_renamed_in_the_modeler_is_what_the_next_case_shows(open_page, modeler, pe, people, now):
    running = commands.start(pe, people["ketua"], now, key=SOP)
    page = modeler()
    rename(page, "tugaskan", "Menugasi Kepala Sub Bagian")
    expect(page.locator("[data-status]")).to_contain_text("belum diberlakukan")
    page.keyboard.press("Control+s")
    expect(page.locator("[data-status]")).to_contain_text("dapat diberlakukan")
    page.get_by_role("button", name="Berlakukan…").click()
    page.get_by_label("Apa yang berubah?").fill("Nama langkah 1")
    page.get_by_role("dialog").get_by_role("button", name="Berlakukan").click()
    page.wait_for_url(f"**/definitions/{SOP}")
    assert page.get_by_text("Nama langkah 1").is_visible() and page.problems == []
    commands.start(pe, people["ketua"], now, key=SOP)
    inbox = open_page("ketua")
    assert inbox.get_by_text("Menugasi Kepala Sub Bagian").count() == 1
    assert inbox.get_by_text("Menugaskan Kasubbag").count() == 1  # the running case stays on its version
    assert queries.instance(pe, people["ketua"], running.id)["definition_id"].split(":")[1] == "1"


def meaning(element):
    """An element as what it says: name, attributes, words, and what is in it, the order of flows and nodes apart."""
    children = [meaning(child) for child in element if isinstance(child.tag, str) and "omg.org/spec/BPMN/20100524/DI" not in child.tag]
    words = (element.text or "").strip() if not children else ""
    ordered = children if element.tag.endswith(("extensionElements", "inputOutput", "properties")) else sorted(children, key=repr)
    return (element.tag, tuple(sorted(element.attrib.items())), words, tuple(ordered))


def test_an_unchanged_diagram_comes_out_of_the_modeler_as_it_went_in(modeler, pe, people):
    page = modeler()
    exported = page.evaluate("terbitModeler.saveXML({ format: true }).then(({ xml }) => xml)").encode()
    original = queries.definition_xml(pe, people["pemilik"], queries.definition(pe, people["pemilik"], SOP)["id"])
    assert meaning(etree.fromstring(exported)) == meaning(etree.fromstring(original))
    assert page.problems == []


def test_what_is_wrong_is_listed_and_a_click_leads_to_it(modeler, audit, pe, people):
    page = modeler()
    page.evaluate("""() => { const task = terbitModeler.get('elementRegistry').get('putuskan');
                             terbitModeler.get('modeling').updateProperties(task, { 'camunda:formRef': 'hilang' }); }""")
    page.get_by_role("button", name="Periksa").click()
    finding = page.locator(".finding").filter(has_text="hilang").get_by_role("button")
    expect(finding).to_contain_text("putuskan")
    assert audit(page) == []
    finding.click()
    assert page.evaluate("terbitModeler.get('selection').get().map((element) => element.id)") == ["putuskan"]
    page.get_by_role("button", name="Berlakukan…").click()
    page.get_by_label("Apa yang berubah?").fill("x")
    page.get_by_role("dialog").get_by_role("button", name="Berlakukan").click()
    expect(page.locator("[data-status]")).to_contain_text("harus diperbaiki")
    assert queries.definition(pe, people["pemilik"], SOP)["version"] == 1


def test_leaving_with_unsaved_changes_asks_first(modeler):
    page, asked = modeler(), []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    rename(page, "siapkan", "Lain")
    page.goto("/definitions")
    assert asked == ["beforeunload"]
    page.goto(f"/definitions/{SOP}/modeler")
    page.locator("[data-modeler][data-ready]").wait_for()
    page.goto("/definitions")
    assert asked == ["beforeunload"]


def test_signed_out_meanwhile_one_signs_in_elsewhere_and_goes_on(modeler, pe, people):
    page = modeler()
    rename(page, "siapkan", "Lain")
    other = page.context.new_page()
    other.goto("/")
    other.locator(".sidebar").get_by_role("button", name="Keluar").click()
    other.wait_for_url("**/sign-in**")
    page.get_by_role("button", name="Periksa").click()
    expect(page.locator("[data-status]")).to_contain_text("Masuk lagi")
    other.fill("[name=user_id]", "pemilik")
    other.fill("[name=password]", "terbit-demo")
    other.click("form[data-once] button")
    other.wait_for_url("**/")
    page.get_by_role("button", name="Periksa").click()
    expect(page.locator("[data-status]")).to_contain_text("dapat diberlakukan")


def test_undone_to_the_beginning_nothing_is_unsaved(modeler):
    page = modeler()
    rename(page, "siapkan", "Lain")
    expect(page.locator("[data-modeler][data-unsaved]")).to_have_count(1)
    page.get_by_role("button", name="Urungkan").click()
    expect(page.locator("[data-modeler][data-unsaved]")).to_have_count(0)


def test_a_colleagues_version_in_between_is_not_overwritten(modeler, pe, people, now):
    page = modeler()
    definition = queries.definition(pe, people["pemilik"], SOP)
    names = [r["name"] for r in queries.deployment_resources(pe, people["pemilik"], definition["deployment_id"])]
    resources = {name: queries.definition_resource(pe, people["pemilik"], definition["id"], name) for name in names}
    diagram = resources[definition["resource_name"]].replace(b"Menugaskan Kasubbag", b"Menugasi Kasubbag")
    commands.deploy(pe, people["pemilik"], now, name="rekan", resources=resources | {definition["resource_name"]: diagram})
    rename(page, "siapkan", "Lain")
    page.get_by_role("button", name="Berlakukan…").click()
    page.get_by_label("Apa yang berubah?").fill("x")
    page.get_by_role("dialog").get_by_role("button", name="Berlakukan").click()
    expect(page.locator("[data-status]")).to_contain_text("versi 2")
    assert queries.definition(pe, people["pemilik"], SOP)["version"] == 2


@LOOKS
def test_every_page_of_the_owner(open_page, audit, sop, viewport):
    page = open_page("pemilik", viewport=viewport)
    for path in ("/definitions", f"/definitions/{SOP}", "/definitions/upload", f"/definitions/{SOP}/modeler"):
        page.goto(path)
        if path.endswith(SOP):
            page.locator(".diagram[data-ready]").wait_for()
        if path.endswith("modeler"):
            page.locator("[data-modeler][data-ready]").wait_for()
            page.get_by_role("button", name="Berlakukan…").click()
        assert audit(page) == [], path
