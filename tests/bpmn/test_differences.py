"""Two versions of a procedure compared: each kind of change, planted, is found and said, and nothing else is."""

import copy
import json
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import bpmn
from bpmn import blank, differences
from bpmn.differences.changes import out_of_order
from bpmn.errors import Invalid
from tests.bpmn.lanes import diagram, end, gateway, properties, start, task

LANES = ("Sub Bagian", "Ketua Divisi")
SHIPPED = Path(bpmn.__file__).parent / "models/penerbitan-informasi"


def model(**changed):
    """A small SOP: a, b, a decision, c or back; what stands in `changed` replaces a part."""
    nodes = changed.get("nodes") or [start(), task("a", 0), task("b", 0), gateway("g"), task("c", 1), end(1)]
    flows = changed.get("flows") or [("start", "a"), ("a", "b"), ("b", "g"), ("g", "c", "YA"), ("g", "a", "TIDAK"), ("c", "end")]
    return {"p.bpmn": diagram(nodes, flows, changed.get("lanes", LANES), changed.get("said")), **changed.get("files", {})}


def said(before, after, part=None):
    """Every sentence, as the memo has it."""
    found = differences.compare(before, after, "p")
    return [f"{item.subject}: {'; '.join(str(c.clause) for c in item.changes)}" for each in found.parts if part in (None, each.name)
            for item in each.items]


def edited(old, new, **changed):
    """The same SOP with some words of its diagram replaced."""
    files = model(**changed)
    text = files["p.bpmn"].decode()
    assert old in text
    return files | {"p.bpmn": text.replace(old, new, 1).encode()}


def test_nothing_changed_says_nothing():
    assert differences.compare(model(), model(), "p").parts == ()


def test_a_step_moves_between_pelaksana_and_takes_longer():
    after = model(nodes=[start(), task("a", 0), task("b", 1, waktu="PT2H"), gateway("g"), task("c", 1), end(1)])
    assert said(model(), after) == ["Langkah 2, “b”: pindah dari Sub Bagian ke Ketua Divisi; waktu 1 jam menjadi 2 jam"]
    found = differences.compare(model(), after, "p")
    assert found.marks("before") == found.marks("after") == {"b": "moved"}


@pytest.mark.parametrize(("change", "words"), [
    ({"kelengkapan": "Surat"}, "kelengkapan “Berkas” menjadi “Surat”"),
    ({"output": "Naskah"}, "output “Hasil” menjadi “Naskah”"),
    ({"keterangan": "Segera"}, "keterangan diisi “Segera”"),
    ({"waktu": ""}, "waktu 1 jam dihapus"),
    ({"waktu": "P1D"}, "waktu 1 jam menjadi 1 hari"),
    ({"dapat_diperpanjang": "true"}, "waktunya kini dapat diperpanjang"),
])
def test_mutu_baku(change, words):
    after = model(nodes=[start(), task("a", 0), task("b", 0, **change), gateway("g"), task("c", 1), end(1)])
    assert said(model(), after) == [f"Langkah 2, “b”: {words}"]
    assert differences.compare(model(), after, "p").marks("after") == {"b": "changed"}


def test_words_of_a_step():
    assert said(model(), edited("id='b' name=\"b\"", "id='b' name=\"Menelaah\"")) == ["Langkah 2, “Menelaah”: nama “b” menjadi “Menelaah”"]
    after = model(nodes=[start(), task("a", 0), task("b", 0, "Menelaah berkas."), gateway("g"), task("c", 1), end(1)])
    assert said(model(), after) == ["Langkah 2, “b”: uraian kegiatan diisi “Menelaah berkas.”"]
    after = edited("<userTask id='c'", "<manualTask id='c'")
    after["p.bpmn"] = re.sub(rb"(<manualTask id='c'.*?)</userTask>", rb"\1</manualTask>", after["p.bpmn"])
    assert said(model(), after) == ["Langkah 3, “c”: jenis tugas orang menjadi tugas di luar sistem"]


WITH_NEW = {
    "nodes": [start(), task("a", 0), task("baru", 1), task("b", 0), gateway("g"), task("c", 1), end(1)],
    "flows": [("start", "a"), ("a", "baru"), ("b", "g"), ("g", "c", "YA"), ("g", "a", "TIDAK"), ("c", "end"), ("baru", "b")],
}


def test_a_step_is_added_and_the_rest_gets_other_numbers():
    before, after = model(), model(**WITH_NEW)
    assert said(before, after) == [
        "Langkah 2, “baru”: ditambahkan sesudah “a”, dikerjakan oleh Ketua Divisi", "Langkah 2 sampai 3: menjadi langkah 3 sampai 4",
        "Alur dari “a” ke “b”: kini menuju “baru”"]
    found = differences.compare(before, after, "p")
    assert found.marks("before") == {"flow1": "changed"}
    assert found.marks("after") == {"flow1": "changed", "baru": "added", "flow6": "added"}


def test_a_step_is_removed():
    assert said(model(**WITH_NEW), model()) == [
        "Langkah 2, “baru”: dihapus (tadinya sesudah “a”, dikerjakan oleh Ketua Divisi)", "Langkah 3 sampai 4: menjadi langkah 2 sampai 3",
        "Alur dari “a” ke “baru”: kini menuju “b”"]


def test_a_step_moves_in_the_order():
    flows = [("start", "b"), ("b", "a"), ("a", "c"), ("c", "end")]
    nodes = [start(), task("a", 0), task("b", 0), task("c", 1), end(1)]
    before = model(nodes=nodes, flows=[("start", "a"), ("a", "b"), ("b", "c"), ("c", "end")])
    found = said(before, model(nodes=nodes, flows=flows), "steps")
    assert found[0] in ("Langkah 2, “a”: urutannya pindah menjadi sesudah “b”", "Langkah 1, “b”: urutannya pindah menjadi yang pertama")
    assert len(found) == 2 and "menjadi langkah" in found[1]


def test_flows_conditions_and_names():
    condition = "<conditionExpression>${setuju}</conditionExpression>"
    flows = [("start", "a"), ("a", "b"), ("b", "g"), ("g", "c", "YA", condition), ("g", "a", "TIDAK"), ("c", "end")]
    assert said(model(), model(flows=flows)) == ["Alur “YA” dari “g” ke “c”: syarat diisi “${setuju}”"]
    other = [("start", "a"), ("a", "b"), ("b", "g"), ("g", "c", "SETUJU", condition), ("g", "b", "TIDAK"), ("c", "end")]
    assert said(model(flows=flows), model(flows=other)) == [
        "Alur “YA” dari “g” ke “c”: tulisan “YA” menjadi “SETUJU”", "Alur “TIDAK” dari “g” ke “a”: kini menuju “b”"]
    more = [*flows, ("b", "end", "BATAL", condition)]
    assert said(model(flows=flows), model(flows=more)) == ["Alur “BATAL” dari “b” ke “end”: ditambahkan, dengan syarat ${setuju}"]


def test_a_flow_drawn_anew_is_the_same():
    after = edited("id='flow1'", "id='Flow_0xyz'")
    assert differences.compare(model(), after, "p").marks("after") == {}


def test_a_step_drawn_anew_is_the_same_step_with_another_id():
    before = model()
    after = {"p.bpmn": re.sub(rb"(?<=[>'])b(?=[<'])", b"Activity_1x", model()["p.bpmn"])}
    assert b"id='Activity_1x'" in after["p.bpmn"] and b"name=\"b\"" in after["p.bpmn"]
    assert said(before, after) == ["Langkah 2, “b”: pengenal “b” menjadi “Activity_1x”"]
    found = differences.compare(before, after, "p")
    assert found.marks("before")["b"] == found.marks("after")["Activity_1x"] == "changed"
    twice = [start(), task("a", 0), ("x", "userTask", 0, "b", ""), ("y", "userTask", 0, "b", ""), task("c", 1), end(1)]
    after = model(nodes=twice, flows=[("start", "a"), ("a", "x"), ("x", "y"), ("y", "c"), ("c", "end")])
    assert sum("ditambahkan" in words for words in said(before, after, "steps")) == 2  # which of them it is, nobody knows


def test_gateways_and_events():
    after = edited("<exclusiveGateway id='g' name=\"\"", "<exclusiveGateway id='g' default='flow4' name=\"Sesuai?\"")
    assert said(model(), after) == ["Keputusan “Sesuai?”: nama diisi “Sesuai?”; tujuan bila tidak ada syarat yang terpenuhi diisi “a”"]
    timer = "<timerEventDefinition><timeDuration>{}</timeDuration></timerEventDefinition>"
    nodes = [start(), task("a", 0), ("t", "boundaryEvent:a", 0, "Lewat", timer.format("PT1H")), task("b", 0), end(0)]
    flows = [("start", "a"), ("a", "b"), ("t", "end"), ("b", "end")]
    before = model(nodes=nodes, flows=flows)
    nodes[2] = ("t", "boundaryEvent:b", 0, "Lewat", timer.format("PT2H"))
    assert said(before, model(nodes=nodes, flows=flows)) == [
        "Kejadian “Lewat” pada “b”: tempat “a” menjadi “b”; waktu tunggu 1 jam menjadi 2 jam"]
    del nodes[2]
    assert said(before, model(nodes=nodes, flows=[f for f in flows if f[0] != "t"]))[0] == "Kejadian “Lewat” pada “a”: dihapus"


def test_lanes():
    assert said(model(), model(lanes=("Sub Bagian", "Sekretaris"))) == ["Pelaksana “Sekretaris”: nama “Ketua Divisi” menjadi “Sekretaris”"]
    assert said(model(), model(lanes=(*LANES, "Arsip")), "lanes") == ["Pelaksana “Arsip”: ditambahkan"]
    assert said(model(lanes=(*LANES, "Arsip")), model(), "lanes") == ["Pelaksana “Arsip”: dihapus"]


def test_identity():
    before = model(said={"nomor": "06/2022", "dasar_hukum": "UU 14/2008\nUU 7/2017"})
    after = model(said={"nomor": "07/2026", "dasar_hukum": "UU 14/2008\nPKPU 14/2020", "unit": "Sekretariat"})
    assert said(before, after) == ["Nomor SOP: “06/2022” menjadi “07/2026”", "Unit: diisi “Sekretariat”",
                                   "Dasar hukum: dihapus “UU 7/2017”; ditambahkan “PKPU 14/2020”"]


def form(*components, ident="f"):
    return {"f.form": json.dumps({"id": ident, "components": [{"type": "textfield", **c} for c in components]}).encode()}


NAME = {"key": "nama", "label": "Nama"}


@pytest.mark.parametrize(("before", "after", "words"), [
    ([NAME], [NAME, {"key": "alamat", "label": "Alamat", "validate": {"required": True}}], "isian “Alamat” ditambahkan, wajib diisi"),
    ([NAME, {"key": "alamat", "label": "Alamat"}], [NAME], "isian “Alamat” dihapus"),
    ([NAME], [NAME | {"validate": {"required": True}}], "isian “Nama”: kini wajib diisi"),
    ([NAME | {"validate": {"required": True}}], [NAME], "isian “Nama”: tidak wajib diisi lagi"),
    ([NAME], [NAME | {"label": "Nama lengkap"}], "isian “Nama”: nama isian “Nama” menjadi “Nama lengkap”"),
    ([NAME], [NAME | {"type": "textarea"}], "isian “Nama”: jenis teks menjadi teks panjang"),
    ([NAME | {"type": "select", "values": [{"value": "a", "label": "A"}]}],
     [NAME | {"type": "select", "values": [{"value": "b", "label": "B"}]}],
     "isian “Nama”: pilihan “A” dihapus; isian “Nama”: pilihan “B” ditambahkan"),
    ([NAME, {"type": "text", "text": "Isi lengkap."}], [NAME, {"type": "text", "text": "Isi singkat."}],
     "teks “Isi lengkap.” menjadi “Isi singkat.”"),
])
def test_forms(before, after, words):
    at_b = {"nodes": [start(), task("a", 0), task("b", 0), gateway("g"), task("c", 1), end(1)]}
    one, two = model(files=form(*before), **at_b), model(files=form(*after), **at_b)
    for files in (one, two):
        files["p.bpmn"] = files["p.bpmn"].replace(b"<userTask id='b'", b"<userTask id='b' camunda:formRef='f'")
    assert said(one, two) == [f"Formulir langkah 2, “b”: {words}"]
    assert differences.compare(one, two, "p").marks("after") == {"b": "changed"}
    assert said(one, {"p.bpmn": one["p.bpmn"]}) == ["Formulir “f”: dihapus"]


def test_a_form_that_no_step_uses_and_one_that_is_no_json():
    assert said(model(), model(files=form(NAME))) == ["Formulir “f”: ditambahkan"]
    assert said(model(files=form(NAME)), model(files={"f.form": b"{"})) == ["Formulir “f”: isinya berubah"]


def table(*rules):
    rows = "".join(f"<rule id='r{n}'><inputEntry><text>{test}</text></inputEntry><outputEntry><text>{result}</text></outputEntry></rule>"
                   for n, (test, result) in enumerate(rules))
    return {"d.dmn": blank.decision("d", "Besaran").decode().replace("    </decisionTable>", f"{rows}</decisionTable>").encode()}


def test_decision_tables():
    one, two = model(files=table(("1", "'a'"), ("2", "'b'"))), model(files=table(("1", "'a'"), ("3", "'b'"), ("4", "'c'")))
    assert said(one, two) == ["Tabel keputusan “Besaran”: aturan 2 “masukan: 2 → hasil: 'b'” menjadi “masukan: 3 → hasil: 'b'”; "
                              "aturan 3 ditambahkan (masukan: 4 → hasil: 'c')"]
    assert said(two, model(files=table(("1", "'a'")))) == [
        "Tabel keputusan “Besaran”: aturan 2 dihapus (masukan: 3 → hasil: 'b'); aturan 3 dihapus (masukan: 4 → hasil: 'c')"]


def test_the_technical_part_stands_apart():
    after = edited("<userTask id='b'", "<userTask id='b' camunda:assignee='${penulis}' camunda:asyncBefore='true'")
    assert said(model(), after) == said(model(), after, "technical") == [
        "Langkah 2, “b”: penerima tugas diisi “${penulis}”; atribut asyncBefore diisi “true”"]
    call = "<extensionElements><camunda:inputOutput><camunda:inputParameter name='url'>{}</camunda:inputParameter></camunda:inputOutput>"
    nodes = [start(), ("s", "serviceTask", 0, "Kirim", call.format("https://a") + "</extensionElements>"), end()]
    flows = [("start", "s"), ("s", "end")]
    after = [nodes[0], ("s", "serviceTask", 0, "Kirim", call.format("https://b") + "</extensionElements>"), nodes[2]]
    assert said(model(nodes=nodes, flows=flows), model(nodes=after, flows=flows)) == [
        "Langkah 1, “Kirim”: masukan url “https://a” menjadi “https://b”"]


def test_what_has_no_words_is_said_all_the_same():
    assert said(model(), edited("</process>", "<textAnnotation id='n'><text>Catatan</text></textAnnotation></process>")) == [
        "File p.bpmn: rincian teknis lain berubah"]
    assert said(model(), model(files={"lain.js": b"1"})) == ["File lain.js: ditambahkan"]
    assert said(model(files={"lain.js": b"1"}), model(files={"lain.js": b"2"})) == ["File lain.js: isinya berubah"]


def test_the_order_is_that_of_the_paper():
    nodes = [start(name="Masuk"), task("a", 0, waktu="PT3H"), task("b", 0), gateway("g"), task("c", 0), end(1)]
    after = model(nodes=nodes, said={"nomor": "7"}, files=form(NAME))
    assert [p.name for p in differences.compare(model(), after, "p").parts] == ["identity", "steps", "flow", "forms"]
    assert [str(i.subject)[:9] for i in differences.compare(model(), after, "p").items[1:3]] == ["Langkah 1", "Langkah 3"]


def test_hostile_words_are_words():
    name = "<script>alert('x')</script> %(name)s {0} #let x = 1"
    before, after = model(), model()
    after["p.bpmn"] = after["p.bpmn"].replace(b"name=\"b\"", b"name=\"%s\"" % name.replace("<", "&lt;").encode())
    assert said(before, after) == [f"Langkah 2, “{name}”: nama “b” menjadi “{name}”"]
    long = model(nodes=[start(), task("a", 0, keterangan="x" * 5000), task("b", 0), gateway("g"), task("c", 1), end(1)])
    assert len(said(model(), long)[0]) < 400
    with pytest.raises(Invalid):
        differences.compare(model(), {"p.bpmn": b"<!DOCTYPE a><a/>"}, "p")
    with pytest.raises(Invalid):
        differences.compare(model(), {"lain.form": b"{}"}, "p")


# What holds for any change -----------------------------------------------------------------------------------------------

SHIPPED_FILES = {file.name: file.read_bytes() for file in SHIPPED.iterdir()}
SHAPES = re.findall(r'BPMN(?:Shape|Edge) [^>]*bpmnElement="([^"]+)"', SHIPPED_FILES["penerbitan-informasi.bpmn"].decode())
BOUNDS = re.compile(r'(<bpmndi:BPMN(?:Shape|Edge) [^>]*bpmnElement="([^"]+)"[^>]*>.*?(?:Bounds|waypoint) x=")([0-9.]+)(")', re.DOTALL)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.sampled_from(SHAPES), st.integers(1, 900), max_size=12))
def test_shapes_that_only_moved_are_layout_and_nothing_else(moves):
    text = BOUNDS.sub(lambda m: f"{m[1]}{float(m[3]) + moves.get(m[2], 0)}{m[4]}", SHIPPED_FILES["penerbitan-informasi.bpmn"].decode())
    found = differences.compare(SHIPPED_FILES, SHIPPED_FILES | {"penerbitan-informasi.bpmn": text.encode()}, "penerbitan-informasi")
    assert {p.name for p in found.parts} == ({"layout"} if moves else set())
    assert found.marks("after") == found.marks("before") == dict.fromkeys(moves, "layout")


@st.composite
def models(draw):
    """Chains of some of six steps, in any order, in either lane, with a decision back or without."""
    steps = draw(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True))
    nodes = [start(), *(task(s, draw(st.integers(0, 1)), waktu=draw(st.sampled_from(("PT1H", "PT2H")))) for s in steps), end(1)]
    flows = [*zip(["start", *steps], [*steps, "end"], strict=True)]
    return {"p.bpmn": diagram(nodes, flows, LANES)}


@settings(max_examples=50, deadline=None)
@given(models(), models())
def test_there_and_back_are_the_inverse(one, two):
    there, back = differences.compare(one, two, "p"), differences.compare(two, one, "p")

    def only(marks, kind):
        return {id for id, mark in marks.items() if mark == kind}

    assert only(there.marks("after"), "added") == only(back.marks("before"), "removed")
    assert only(there.marks("before"), "removed") == only(back.marks("after"), "added")
    assert bool(there.parts) == bool(back.parts)
    elements = {part: set(re.findall(r"<userTask id='(.)'", files["p.bpmn"].decode())) for part, files in (("one", one), ("two", two))}
    assert only(there.marks("after"), "added") & set("abcdef") == elements["two"] - elements["one"]
    assert only(there.marks("before"), "removed") & set("abcdef") == elements["one"] - elements["two"]


@given(st.permutations("abcdefgh"), st.permutations("abcdefgh"))
def test_what_is_not_moved_keeps_its_order(one, two):
    moved = out_of_order(one, two)
    assert [i for i in one if i not in moved] == [i for i in two if i not in moved]


def test_colours_are_what_is_said():
    after = model(**WITH_NEW, said={"nomor": "1"})
    found = differences.compare(model(), after, "p")
    told = {id for item in found.items for id in item.elements if item.kind != "renumbered"}
    assert told == {*found.marks("before"), *found.marks("after")}


def test_properties_of_an_activity_that_are_not_mutu_baku_are_technical():
    nodes = [start(), task("a", 0), task("b", 0, naskah="nota-dinas"), gateway("g"), task("c", 1), end(1)]
    assert said(model(), model(nodes=nodes)) == said(model(), model(nodes=nodes), "technical") == [
        "Langkah 2, “b”: atribut naskah diisi “nota-dinas”"]
    assert properties(naskah="nota-dinas").count("naskah")


def planted():
    """The shipped SOP with a step added, two changed, one moved to another lane, and one moved on the drawing."""
    text = SHIPPED_FILES["penerbitan-informasi.bpmn"].decode()
    flow = re.search(r'<bpmn:sequenceFlow id="f_siapkan"[^>]*/>', text)[0]
    new_flow = '<bpmn:sequenceFlow id="f_telaah" sourceRef="telaah" targetRef="siapkan"/>'
    step = ('<bpmn:userTask id="telaah" name="Menelaah"><bpmn:incoming>f_siapkan</bpmn:incoming><bpmn:outgoing>f_telaah</bpmn:outgoing>'
            '</bpmn:userTask>')
    for old, new in ((flow, flow.replace('targetRef="siapkan"', 'targetRef="telaah"') + new_flow),
                     ("<bpmn:incoming>f_siapkan</bpmn:incoming>", "<bpmn:incoming>f_telaah</bpmn:incoming>"),
                     ('<bpmn:userTask id="siapkan"', f'{step}<bpmn:userTask id="siapkan"'),
                     (">siapkan</bpmn:flowNodeRef>", ">siapkan</bpmn:flowNodeRef><bpmn:flowNodeRef>telaah</bpmn:flowNodeRef>"),
                     ("<bpmn:flowNodeRef>putuskan</bpmn:flowNodeRef>", ""),
                     (">periksa</bpmn:flowNodeRef>", ">periksa</bpmn:flowNodeRef><bpmn:flowNodeRef>putuskan</bpmn:flowNodeRef>"),
                     ('value="PT5H"', 'value="PT7H"'), ('name="Sesuai?"', 'name="Layak?"')):
        assert old in text, old
        text = text.replace(old, new)
    return re.sub(r'(bpmnElement="tugaskan"[^>]*>\s*<dc:Bounds x=")(\d+)', lambda m: f"{m[1]}{int(m[2]) + 15}", text).encode()


# What bpmn-js-differ 3.2.0 says of that pair (run once, by Node): it does not see that `putuskan` changed lanes.
THEIRS = {"added": {"telaah", "f_telaah"}, "removed": set(), "changed": {"siapkan", "sesuai", "f_siapkan"}, "layout": {"tugaskan"}}


def test_it_finds_what_bpmn_js_differ_finds_and_what_moved_between_lanes():
    after = SHIPPED_FILES | {"penerbitan-informasi.bpmn": planted()}
    found = differences.compare(SHIPPED_FILES, after, "penerbitan-informasi")
    marks = {**found.marks("before"), **found.marks("after")}
    assert {kind: {id for id, mark in marks.items() if mark == kind} for kind in THEIRS} == THEIRS
    assert {id for id, mark in marks.items() if mark == "moved"} == {"putuskan"}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1 << 32))
def test_a_draft_in_any_state_is_compared_or_refused_in_words(seed):
    random = Random(seed)
    root = etree.fromstring(SHIPPED_FILES["penerbitan-informasi.bpmn"])
    for _ in range(random.randint(1, 6)):
        element = random.choice([e for e in root.iter(etree.Element) if e is not root])
        doing = random.choice(("drop", "double", "attribute"))
        if doing == "drop":
            element.getparent().remove(element)
        elif doing == "double":
            element.getparent().append(copy.deepcopy(element))
        elif element.attrib:
            element.set(random.choice(list(element.attrib)), random.choice(("", "x", "siapkan", "${", "PT1H")))
    other = SHIPPED_FILES | {"penerbitan-informasi.bpmn": etree.tostring(root)}
    for one, two in ((SHIPPED_FILES, other), (other, SHIPPED_FILES)):
        try:
            found = differences.compare(one, two, "penerbitan-informasi")
        except Invalid:
            continue
        assert all(str(change.clause) for item in found.items for change in item.changes)
        assert set(found.marks("after").values()) <= {"added", "moved", "changed", "layout"}
