"""The rules of PermenPAN-RB 35/2012 for a procedure that is an SOP AP, as warnings: a diagram runs without them.

Steps are held to them where the diagram numbers its steps (`langkah`), the identity where it says any of it.
"""

from collections.abc import Iterator

from bpmn import timers
from bpmn.errors import N_
from bpmn.findings import Finding, warning
from bpmn.model import Element
from bpmn.support import Context

IDENTITY = ("nomor", "tanggal_pengesahan", "disahkan_jabatan", "disahkan_nama", "unit", "dasar_hukum", "kualifikasi_pelaksana", "peralatan",
            "pencatatan")
NUMBERED = ("nomor", "tanggal_pengesahan", "disahkan_jabatan", "disahkan_nama")  # any of these: it is meant as a numbered SOP
STANDARD = ("kelengkapan", "waktu", "output")
ACTIVE = ("me", "ber")  # how an active verb begins
FLAT = {"userTask", "manualTask", "task", "serviceTask", "scriptTask", "businessRuleTask", "sendTask", "callActivity", "subProcess",
        "exclusiveGateway", "boundaryEvent"}  # what the five symbols can show, or what stands inside a box


def check(context: Context) -> Iterator[Finding]:
    process = context.process
    steps = [e for e in process.elements.values() if e.properties.get("langkah")]
    is_sop = any(n in process.properties for n in NUMBERED)
    if is_sop:
        missing = [n for n in IDENTITY if not process.properties.get(n, "").strip()]
        if missing:
            yield warning(context.file, process.line, process.key, "sop-identity", N_("Identitas SOP belum lengkap: %(missing)s"),
                          missing=", ".join(missing))
    if not steps:
        return
    yield from _ends(context)
    yield from _numbers(context, steps)
    for element in process.elements.values():
        if element.type in ("userTask", "manualTask"):
            yield from _step(context, element)
        if is_sop and element.parent == process.key and element.properties.get("cetak") != "tidak":
            yield from _symbol(context, element)
        yield from _decision(context, element)
        yield from _way_back(context, element)


def _ends(context: Context) -> Iterator[Finding]:
    process = context.process
    starts = [e for e in process.inside(process.key) if e.type == "startEvent"]
    ends = [e for e in process.inside(process.key) if e.type == "endEvent"]
    where = (context.file, process.line, process.key)
    if len(starts) != 1:
        yield warning(*where, "sop-start", N_("SOP harus punya tepat satu MULAI; di sini ada %(count)d"), count=len(starts))
    if not ends:
        yield warning(*where, "sop-end", N_("SOP harus punya SELESAI"))


def _numbers(context: Context, steps: list[Element]) -> Iterator[Finding]:
    numbers = {int(e.properties["langkah"]): e for e in steps if e.properties["langkah"].isdecimal()}
    for element in steps:
        if not element.properties["langkah"].isdecimal():
            yield warning(context.file, element.line, element.id, "sop-number", N_("Nomor langkah %(number)s bukan bilangan"),
                          number=element.properties["langkah"])
    gaps = sorted(set(range(1, max(numbers, default=0) + 1)) - numbers.keys())
    if gaps:
        process = context.process
        yield warning(context.file, process.line, process.key, "sop-number",
                      N_("Nomor langkah tidak berurutan: tidak ada langkah %(numbers)s"), numbers=", ".join(map(str, gaps[:10])))


def _step(context: Context, element: Element) -> Iterator[Finding]:
    where, name = (context.file, element.line, element.id), element.name or element.id
    missing = [n for n in STANDARD if not element.properties.get(n, "").strip()]
    if missing:
        yield warning(*where, "sop-standard", N_("Mutu baku “%(name)s” belum lengkap: %(missing)s"), name=name, missing=", ".join(missing))
    elif timers.working(element.properties["waktu"]) is None:
        yield warning(*where, "sop-standard", N_("Waktu baku “%(name)s” bukan lamanya waktu kerja"), name=name)
    if not element.properties.get("langkah"):
        yield warning(*where, "sop-number", N_("“%(name)s” tidak punya nomor langkah"), name=name)
    if element.name and "{" not in element.name and not element.name.strip().lower().startswith(ACTIVE):
        yield warning(*where, "sop-verb", N_("“%(name)s” sebaiknya dimulai dengan kata kerja aktif, misalnya “Memeriksa …”"), name=name)


def _symbol(context: Context, element: Element) -> Iterator[Finding]:
    if element.type not in FLAT | {"startEvent", "endEvent"} or element.is_event_subprocess:
        yield warning(context.file, element.line, element.id, "sop-symbol",
                      N_("“%(name)s” tidak punya simbol di SOP AP"), name=element.name or element.id)


def _decision(context: Context, element: Element) -> Iterator[Finding]:
    out = context.outgoing.get(element.id, [])
    if element.type == "exclusiveGateway" and len(out) > 1:
        bare = [f for f in out if not f.name.strip()]
        if bare:
            yield warning(context.file, bare[0].line, bare[0].id, "sop-decision", N_("Jalan keluar keputusan “%(name)s” tanpa nama"),
                          name=element.name or element.id)


def _way_back(context: Context, element: Element) -> Iterator[Finding]:
    """Only a decision leads back."""
    own = element.properties.get("langkah", "")
    if element.type not in ("userTask", "manualTask") or not own.isdecimal():
        return
    for flow in context.outgoing.get(element.id, []):
        target = context.process.elements.get(flow.target)
        number = target.properties.get("langkah", "") if target else ""
        if target is not None and number.isdecimal() and int(number) < int(own):
            yield warning(context.file, flow.line, flow.id, "sop-back",
                          N_("Jalan kembali ke “%(name)s” harus berawal dari sebuah keputusan"), name=target.name or target.id)
