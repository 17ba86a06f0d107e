"""The process owner in the studio: a draft is drawn, its form made, lint speaks and is silent, two people meet, it comes into force.

axe looks at everything but the three editors' own canvases and panels (`THIRD_PARTY`), which are bpmn.io's.
"""

import io
import re
import zipfile

import pytest
from axe_playwright_python.sync_playwright import Axe
from lxml import etree
from playwright.sync_api import expect

from engine import commands, model_drafts, queries
from tests.browser.conftest import LOOKS
from tests.webui.scenes import SOP

DIAGRAM = f"/definitions/{SOP}/draft/files/penerbitan-informasi.bpmn"
SAVED = re.compile(r"Tersimpan \d\d\.\d\d")  # by the office's clock
THIRD_PARTY = [["[data-canvas]"], ["[data-properties]"], ["[data-palette]"], ["[data-frame]"]]


@pytest.fixture
def draft(pe, people, sop, now):
    model_drafts.begin(pe, people["pemilik"], now, queries.definition(pe, people["pemilik"], SOP)["id"])
    return lambda: model_drafts.get(pe, people["pemilik"], SOP)


@pytest.fixture
def file(pe, people, draft):
    return lambda name="penerbitan-informasi.bpmn": model_drafts.file(pe, people["pemilik"], draft()["id"], name)["content"]


def ready(page):
    page.locator("[data-studio][data-ready]").wait_for()
    return page


@pytest.fixture
def studio(open_page, draft):
    def make(user="pemilik", path=DIAGRAM, **options):
        page = open_page(user, **options)
        page.goto(path)
        return ready(page)
    return make


def audit_of(page):
    """What is wrong with the page around the editors."""
    page.wait_for_load_state("networkidle")
    options = {"resultTypes": ["violations"], "preload": {"assets": ["media"]}}
    found = Axe().run(page, context={"exclude": THIRD_PARTY}, options=options).response["violations"]
    width, wanted = page.viewport_size["width"], page.evaluate("document.documentElement.scrollWidth")
    return ([f"{v['id']}: {v['help']} {[n['html'][:160] for n in v['nodes'][:3]]}" for v in found]
            + ([f"scrolls sideways: {wanted} > {width}"] if wanted > width else []) + page.problems)


def rename(page, element, name):
    page.locator(f".djs-shape[data-element-id={element}]").dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type(name)
    page.keyboard.press("Enter")


def state(page):
    return page.locator("[data-state]")


def verdict(page):
    return page.locator("[data-verdict]")


def palette(page):
    return page.locator(".djs-palette [aria-label]").evaluate_all("all => all.map((entry) => entry.getAttribute('aria-label'))")


def show(page, element):
    page.evaluate("id => terbitModeler.get('canvas').scrollToElement(id)", element)


# The journey ----------------------------------------------------------------------------------------------------------

def test_a_change_is_drawn_checked_and_put_in_force_and_the_next_case_shows_it(open_page, sop, pe, people, now):
    page = open_page("pemilik")
    page.goto(f"/definitions/{SOP}")
    page.get_by_role("button", name="Ubah di studio").click()
    ready(page)

    # a user task, appended in the lane Ketua Divisi from the context pad and drawn into the flow
    show(page, "tugaskan")
    page.locator(".djs-shape[data-element-id=tugaskan]").click()
    page.locator(".djs-context-pad.open .entry[data-action=append\\.append-task]").click()
    page.keyboard.press("Escape")  # its name is asked for later
    made = page.evaluate("""() => {
        const [task] = terbitModeler.get('selection').get();
        terbitModeler.get('bpmnReplace').replaceElement(task, { type: 'bpmn:UserTask' });
        return terbitModeler.get('selection').get()[0].id;
    }""")
    lane = page.evaluate("""id => terbitModeler.get('elementRegistry').get('ketua-divisi').businessObject.flowNodeRef.some((node) => node.id === id)""",
                         made)
    assert lane
    page.evaluate("""id => {  // its way goes on as the old one did: tugaskan → made → perintahkan
        const registry = terbitModeler.get('elementRegistry'), modeling = terbitModeler.get('modeling');
        modeling.removeElements([registry.get('f_perintahkan')]);
        modeling.connect(registry.get(id), registry.get('perintahkan'));
        terbitModeler.get('selection').select(registry.get(id));
    }""", made)

    # through the panel: name, group, mutu baku, and a form that is not there yet
    panel = page.locator("[data-properties]")
    panel.get_by_label("Grup calon pelaksana").select_option("ketua-divisi")
    for field, value in (("Kelengkapan", "Disposisi"), ("Waktu", "2 jam"), ("Output", "Paraf"), ("Nomor langkah", "8")):
        panel.get_by_label(field, exact=True).fill(value)
        panel.get_by_label(field, exact=True).blur()
    page.evaluate("""id => terbitModeler.get('modeling').updateProperties(terbitModeler.get('elementRegistry').get(id),
                     { name: 'Memaraf disposisi', 'camunda:formRef': 'paraf' })""", made)

    # lint speaks, on the element and in the list
    finding = page.locator(".finding.is-error").filter(has_text="paraf").get_by_role("button")
    expect(finding).to_contain_text(made)
    expect(page.locator(f".djs-overlays[data-container-id={made}] .bjsl-icon-error")).to_have_count(1)
    expect(verdict(page)).to_contain_text("1 kesalahan")
    page.evaluate("terbitModeler.get('selection').select(null)")
    finding.click()
    assert page.evaluate("terbitModeler.get('selection').get().map((element) => element.id)") == [made]
    assert audit_of(page) == []
    expect(state(page)).to_contain_text("Tersimpan")

    # the form is made in the form editor, and the server shows it
    page.goto(f"/definitions/{SOP}/draft")
    page.get_by_label("Nama file").fill("paraf")
    page.get_by_role("button", name="Tambah", exact=True).click()
    ready(page)
    page.evaluate("""() => { const root = terbitForm._getState().schema;
        terbitForm.get('modeling').addFormField({ type: 'textfield', key: 'nomor_paraf', label: 'Nomor paraf' }, root, 0); }""")
    expect(page.frame_locator("[data-frame]").get_by_label("Nomor paraf")).to_be_visible()
    expect(state(page)).to_contain_text(SAVED)
    expect(verdict(page)).not_to_contain_text("kesalahan")

    # lint is silent on it now; put in force
    page.goto(DIAGRAM)
    ready(page)
    expect(verdict(page)).not_to_contain_text("kesalahan")
    expect(page.locator(".bjsl-icon-error")).to_have_count(0)
    page.get_by_role("button", name="Berlakukan…").click()
    page.get_by_label("Apa yang berubah?").fill("Disposisi diparaf")
    page.get_by_role("dialog").get_by_role("button", name="Berlakukan").click()
    page.wait_for_url(f"**/definitions/{SOP}")
    assert page.get_by_text("Disposisi diparaf").first.is_visible() and page.get_by_text("2 jam").first.is_visible()
    assert page.problems == []

    # and a case has it
    started = commands.start(pe, people["ketua"], now, key=SOP)
    task = queries.tasks(pe, people["ketua"], instance_id=started.id).rows[0]
    commands.complete(pe, people["ketua"], now, task["id"], {"perihal": "x", "jenis_permohonan": "disposisi"})
    (task,) = queries.tasks(pe, people["ketua"], instance_id=started.id).rows
    assert task["name"] == "Memaraf disposisi"
    staff = open_page("ketua")
    staff.goto(f"/tasks/{task['id']}")
    assert staff.get_by_label("Nomor paraf").is_visible()


# Nothing is lost ------------------------------------------------------------------------------------------------------

def test_a_change_saves_itself_and_survives_a_reload(studio, file):
    page = studio()
    rename(page, "tugaskan", "Menugasi Kepala Sub Bagian")
    expect(state(page)).to_contain_text("Belum tersimpan")
    expect(state(page)).to_contain_text(SAVED)
    page.reload()
    ready(page)
    assert "Menugasi Kepala Sub Bagian" in page.locator(".djs-shape[data-element-id=tugaskan]").text_content().replace("\xa0", " ") or \
        b"Menugasi Kepala Sub Bagian" in file()
    assert page.problems == []


def test_leaving_the_window_saves_at_once(studio, file):
    page = studio()
    rename(page, "siapkan", "Lain sekali")
    page.evaluate("""() => { Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
                             document.dispatchEvent(new Event('visibilitychange')); }""")
    expect(page.locator("[data-studio][data-unsaved]")).to_have_count(0)
    assert b"Lain sekali" in file()


def test_of_two_people_the_second_is_told_and_chooses(studio, file, draft):
    mine, theirs = studio(), studio("admin")
    rename(theirs, "siapkan", "Punya rekan")
    expect(state(theirs)).to_contain_text(SAVED)
    rename(mine, "siapkan", "Punya saya")
    conflict = mine.locator("[data-conflict]")
    expect(conflict).to_contain_text("Admin Demo")
    assert b"Punya rekan" in file() and b"Punya saya" not in file()
    mine.problems.clear()  # the browser's own word on a 409
    assert audit_of(mine) == []
    mine.get_by_role("button", name="Simpan punya saya sebagai salinan").click()
    mine.wait_for_url("**salinan**")
    ready(mine)
    copied = next(f["name"] for f in draft()["files"] if "salinan" in f["name"])
    assert b"Punya saya" in file(copied) and b"Punya rekan" in file()
    mine.goto(DIAGRAM)
    ready(mine)
    rename(theirs, "siapkan", "Punya rekan lagi")
    expect(theirs.locator("[data-studio][data-unsaved]")).to_have_count(0)
    rename(mine, "siapkan", "Terlambat")
    mine.get_by_role("button", name="Muat ulang punya mereka").click()
    ready(mine)
    assert b"Punya rekan lagi" in file() and b"Terlambat" not in file()


def force(page):
    page.get_by_role("button", name="Berlakukan…").click()
    page.get_by_label("Apa yang berubah?").fill("x")
    page.get_by_role("dialog").get_by_role("button", name="Berlakukan").click()


def test_what_a_colleague_saved_meanwhile_is_not_put_in_force_before_it_was_told(studio, draft, file, pe, people, now):
    page = studio()
    rename(page, "siapkan", "Lain")
    expect(page.locator("[data-studio][data-unsaved]")).to_have_count(0)
    version = next(f["version"] for f in draft()["files"] if f["name"] == "periksa.form")
    model_drafts.save(pe, people["admin"], now, draft()["id"], "periksa.form", file("periksa.form") + b"\n", version)
    force(page)
    expect(page.locator("[data-others]")).to_contain_text("periksa.form (Admin Demo")
    expect(state(page)).to_contain_text("Lihat dahulu")
    assert queries.definition(pe, people["pemilik"], SOP)["version"] == 1
    model_drafts.save(pe, people["admin"], now, draft()["id"], "penerbitan-informasi.bpmn", file() + b"\n",
                      next(f["version"] for f in draft()["files"] if f["name"].endswith("bpmn")))
    force(page)
    expect(page.locator("[data-conflict]")).to_contain_text("Admin Demo")  # this very file
    assert queries.definition(pe, people["pemilik"], SOP)["version"] == 1
    page.get_by_role("button", name="Muat ulang punya mereka").click()
    ready(page)
    force(page)
    page.wait_for_url(f"**/definitions/{SOP}")
    assert queries.definition(pe, people["pemilik"], SOP)["version"] == 2


def test_signed_out_meanwhile_one_signs_in_elsewhere_and_it_is_saved(studio, file):
    page = studio()
    other = page.context.new_page()
    other.goto("/")
    other.locator(".sidebar").get_by_role("button", name="Keluar").click()
    other.wait_for_url("**/sign-in**")
    rename(page, "siapkan", "Tetap ada")
    expect(state(page)).to_contain_text("Masuk lagi")
    other.fill("[name=user_id]", "pemilik")
    other.fill("[name=password]", "terbit-demo")
    other.click("form[data-once] button[type=submit]")
    other.wait_for_url("**/")
    page.keyboard.press("Control+s")
    expect(state(page)).to_contain_text(SAVED)
    assert b"Tetap ada" in file()


def meaning(element):
    """An element as what it says: name, attributes, words, and what is in it, the order of flows and nodes apart."""
    children = [meaning(child) for child in element if isinstance(child.tag, str) and "omg.org/spec/BPMN/20100524/DI" not in child.tag]
    words = (element.text or "").strip() if not children else ""
    ordered = children if element.tag.endswith(("extensionElements", "inputOutput", "properties")) else sorted(children, key=repr)
    return (element.tag, tuple(sorted(element.attrib.items())), words, tuple(ordered))


def test_an_unchanged_diagram_comes_out_as_it_went_in_and_is_not_saved(studio, file, draft):
    before = draft()
    page = studio()
    exported = page.evaluate("terbitModeler.saveXML({ format: true }).then(({ xml }) => xml)").encode()
    assert meaning(etree.fromstring(exported)) == meaning(etree.fromstring(file()))
    page.keyboard.press("Control+s")
    expect(state(page)).to_contain_text("Tersimpan")
    assert draft() == before and page.problems == []


# What the panel and the palette say -----------------------------------------------------------------------------------

def test_a_lane_is_tied_to_a_group_of_the_office(studio, file):
    page = studio()
    page.evaluate("terbitModeler.get('selection').select(terbitModeler.get('elementRegistry').get('sub-bagian'))")
    lane = page.locator("[data-properties]").get_by_label("Grup yang melaksanakan lajur ini")
    expect(lane).to_have_value("sub-bagian")  # from the lane's id
    lane.select_option("pelaksana")
    expect(state(page)).to_contain_text(SAVED)
    assert b'name="group" value="pelaksana"' in file()


def test_time_is_written_in_words_and_what_is_none_is_said(studio, file):
    page = studio()
    show(page, "periksa")
    page.locator(".djs-shape[data-element-id=periksa]").click()
    waktu = page.locator("[data-properties]").get_by_label("Waktu", exact=True)
    expect(waktu).to_have_value("1 jam")
    waktu.fill("sebentar")
    expect(page.locator("[data-properties]")).to_contain_text("Tulis seperti 30 menit")
    waktu.fill("1 hari 2 jam")
    waktu.blur()
    expect(state(page)).to_contain_text(SAVED)
    assert b'name="waktu" value="P1DT2H"' in file()


def test_a_field_keeps_the_cursor_while_somebody_types(studio, file):
    page = studio()
    show(page, "periksa")
    page.locator(".djs-shape[data-element-id=periksa]").click()
    field = page.locator("[data-properties]").get_by_label("Output", exact=True)
    field.fill("")
    field.press_sequentially("Nota ")
    expect(page.locator("[data-studio][data-unsaved]")).to_have_count(1)  # taken over, and the panel drawn anew
    page.keyboard.type("dinas")
    expect(field).to_have_value("Nota dinas")
    page.locator("[data-properties]").get_by_text("Formulir tugas").first.click()
    page.locator("[data-properties]").get_by_label("Formulir tugas").select_option("putuskan")
    expect(page.locator("[data-properties]").get_by_role("link", name="Buka formulir ini")).to_have_attribute("href", re.compile("putuskan.form"))
    expect(state(page)).to_contain_text(SAVED)
    expect(page.locator("[data-studio][data-unsaved]")).to_have_count(0)
    assert b'name="output" value="Nota dinas"' in file() and file().count(b'camunda:formRef="putuskan"') == 2


def test_element_templates_are_offered_and_make_a_service_task_of_a_connector(studio, file):
    page = studio()
    made = page.evaluate("""() => {
        const templates = terbitModeler.get('elementTemplates');
        const task = terbitModeler.get('elementRegistry').get('dokumentasikan');
        templates.applyTemplate(task, templates.get('terbit.kanal.site', 1));
        return templates.getAll().map(({ id }) => id); }""")
    assert {"terbit.kegiatan-sop", "terbit.publikasi", "terbit.kanal.site", "terbit.kanal.wordpress"} <= set(made)
    expect(state(page)).to_contain_text(SAVED)
    assert b'camunda:topic="publikasi"' in file() and b'name="kanal">website<' in file()
    assert page.problems == []  # each template is one by Camunda's schema


def test_nothing_of_palette_menus_and_panel_is_left_untranslated(studio):
    page = studio()
    page.evaluate("""() => {
        const [registry, selection, pad] = ['elementRegistry', 'selection', 'contextPad'].map((name) => terbitModeler.get(name));
        const menu = terbitModeler.get('popupMenu');
        for (const element of registry.getAll()) {
            if (element.type === 'label' || !element.parent) continue;
            selection.select(element);
            pad.getEntries(element);
            for (const kind of ['bpmn-replace', 'bpmn-append', 'bpmn-create']) menu.isEmpty(element, kind);
        }
        selection.select(null);
    }""")
    for element in ("siapkan", "jenis_berita", "selesai", "publikasi", "penerbitan_kanal", "kantor", "sub-bagian", "f_berita", "gagal"):
        page.evaluate("id => terbitModeler.get('selection').select(terbitModeler.get('elementRegistry').get(id))", element)
        expect(page.locator("[data-properties] .bio-properties-panel-header")).to_be_visible()
    shown = page.locator("[data-properties] [title]").evaluate_all("all => all.map((each) => each.title)")
    assert "Buka/tutup bagian" in shown and not [t for t in shown if t.startswith(("Toggle", "Section", "Create", "Delete", "Open"))]
    titles = palette(page)
    assert "Buat tugas" in titles and not [t for t in titles if t.startswith(("Create", "Activate"))]
    assert page.evaluate("[...terbitUntranslated].join('|')") == ""


def test_in_english_the_palette_is_english(studio):
    page = studio()
    page.locator(".sidebar").get_by_role("button", name="EN").click()
    page.goto(DIAGRAM)
    ready(page)
    assert "Create task" in palette(page)
    assert audit_of(page) == []


def test_search_undo_minimap_and_simulation(studio):
    page = studio()
    page.get_by_role("button", name="Cari di diagram").click()
    page.locator(".djs-search-input input").fill("Memeriksa")
    page.keyboard.press("End")  # it searches on a key
    expect(page.locator(".djs-search-result")).to_have_count(1)
    page.keyboard.press("Enter")
    assert page.evaluate("terbitModeler.get('selection').get().map((element) => element.id)") == ["periksa"]
    expect(page.locator(".djs-minimap.open")).to_be_visible()
    show(page, "siapkan")
    rename(page, "siapkan", "Lain")
    expect(page.locator("[data-studio][data-unsaved]")).to_have_count(1)
    page.get_by_role("button", name="Urungkan").click()
    expect(page.locator("[data-studio][data-unsaved]")).to_have_count(0)
    page.get_by_role("button", name="Simulasi", exact=True).click()
    expect(state(page)).to_contain_text("Simulasi token")
    show(page, "mulai")
    page.locator(".djs-overlays[data-container-id=mulai] .bts-context-pad").click()
    expect(page.locator(".bts-scope").first).to_be_visible()  # a token is on its way
    page.get_by_role("button", name="Simulasi", exact=True).click()
    expect(page.locator("[data-studio][data-simulating]")).to_have_count(0)
    assert page.problems == []


# Forms and tables -----------------------------------------------------------------------------------------------------

def test_the_form_editor_offers_what_terbit_knows_in_the_offices_words(studio):
    page = studio(path=f"/definitions/{SOP}/draft/files/siapkan.form")
    kinds = page.locator("[data-palette] .fjs-palette-field").evaluate_all("all => all.map((each) => each.dataset.fieldType)")
    assert "textfield" in kinds and not {"iframe", "html", "table", "dynamiclist", "image", "expression", "documentPreview"} & set(kinds)
    expect(page.locator("[data-palette]")).to_contain_text("Isian teks")
    frame = page.locator("[data-frame]")
    expect(page.frame_locator("[data-frame]").get_by_label("Judul")).to_be_visible()
    page.get_by_role("button", name="Selebar ponsel").click()
    assert frame.bounding_box()["width"] <= 392
    expect(page.frame_locator("[data-frame]").locator("[data-field=dasar_pengecualian]")).to_be_hidden()
    page.get_by_label("Juga isian bersyarat").check()
    expect(page.frame_locator("[data-frame]").locator("[data-field=dasar_pengecualian]")).to_be_visible()
    assert page.problems == []


def test_a_decision_table_gets_a_rule_that_is_saved(studio, pe, people, now, draft, file):
    from bpmn import blank, decisions

    model_drafts.add(pe, people["pemilik"], now, draft()["id"], "tabel.dmn", blank.decision("tabel", "Tabel"))
    page = studio(path=f"/definitions/{SOP}/draft/files/tabel.dmn")
    page.locator(".add-rule-add").first.click()
    cell = page.locator(".tjs-table tbody td.output-cell [contenteditable], .tjs-table tbody td.output-cell textarea").first
    cell.click()
    page.keyboard.type('"ya"')
    page.locator(".decision-table-name, .decision-table-properties").first.click()
    expect(state(page)).to_contain_text(SAVED)
    assert b"ya" in file("tabel.dmn") and "tabel" in decisions.read_all({"tabel.dmn": file("tabel.dmn")})
    assert page.problems == []


# The draft as a whole -------------------------------------------------------------------------------------------------

def test_out_as_a_zip_and_in_again(studio, tmp_path):
    page = studio(path=DIAGRAM)
    page.goto(f"/definitions/{SOP}/draft")
    with page.expect_download() as download:
        page.get_by_role("link", name="Unduh semua (ZIP)").click()
    content = download.value.path().read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert "siapkan.form" in archive.namelist()
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    page.get_by_label("File atau ZIP").set_input_files(path)
    page.get_by_role("button", name="Bawa masuk").click()
    expect(page.get_by_text("siapkan.form: sama seperti yang sudah ada")).to_be_visible()


@LOOKS
def test_every_page_of_the_studio(open_page, draft, audit, pe, people, now, viewport):
    from bpmn import blank

    model_drafts.add(pe, people["pemilik"], now, draft()["id"], "tabel.dmn", blank.decision("tabel", "Tabel"))
    page = open_page("pemilik", viewport=viewport)
    for path in ("/definitions", f"/definitions/{SOP}", "/definitions/upload", "/definitions/new", f"/definitions/{SOP}/draft"):
        page.goto(path)
        if path.endswith(SOP):
            page.locator(".diagram[data-ready]").wait_for()
        assert audit(page) == [], path
    for name in ("penerbitan-informasi.bpmn", "siapkan.form", "tabel.dmn"):
        page.goto(f"/definitions/{SOP}/draft/files/{name}")
        ready(page)
        assert audit_of(page) == [], name
        page.get_by_role("button", name="Berlakukan…").click()
        assert audit_of(page) == [], name
