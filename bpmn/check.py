"""What keeps a deployment from running: every problem, with its element, line and reason.

Errors are what would fail, or be understood wrongly, at run time; a deployment with one is refused. Warnings are what
runs but is hardly meant.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from bpmn import decisions, expressions, forms, model, support
from bpmn.errors import N_, Invalid
from bpmn.findings import Finding, error, of_invalid, warning
from bpmn.model import Element, Flow, Process

__all__ = ["Finding", "check"]

DIAGRAMS = (".bpmn", ".bpmn20.xml")
MAX_ELEMENTS = 2_000  # flow nodes and flows of one process; an office's largest has some hundred


def check(resources: Mapping[str, bytes], called: Collection[str] | None = None) -> list[Finding]:
    """Return what is wrong with a deployment's files, the errors first.

    `called`: the keys of processes that exist elsewhere and may be called. None: not known, so a process that is not
    among the files is a warning.
    """
    found: list[Finding] = []
    diagrams, tables = _read(resources, found)
    forms_known = frozenset(_forms(resources, found))
    keys = Counter(p.key for processes in diagrams.values() for p in processes if p.executable)
    for file, processes in diagrams.items():
        if not any(p.executable for p in processes):
            found.append(error(file, 1, "", "no-process", N_("Tidak ada proses yang dapat dijalankan (isExecutable)")))
        for process in processes:
            if process.executable:
                if keys[process.key] > 1:
                    found.append(error(file, process.line, process.key, "duplicate-process",
                                       N_("Proses %(key)s ada lebih dari sekali"), key=process.key))
                context = support.Context(file, process, frozenset(keys), called, tables, forms_known)
                found.extend(check_process(context))
    return sorted(set_of(found), key=lambda f: (f.severity != "error", f.file, f.line))


def set_of(found: list[Finding]) -> list[Finding]:
    """Return the findings without doubles."""
    unique: dict[tuple, Finding] = {}
    for finding in found:
        unique.setdefault((finding.file, finding.line, finding.element, finding.code, finding.message, str(finding.params)), finding)
    return list(unique.values())


def _read(resources, found) -> tuple[dict[str, tuple[Process, ...]], frozenset[str]]:
    diagrams: dict[str, tuple[Process, ...]] = {}
    tables: set[str] = set()
    for name, content in resources.items():
        try:
            if name.endswith(DIAGRAMS):
                diagrams[name] = model.read(content, name)
            elif name.endswith(".dmn"):
                tables |= decisions.read_all({name: content}).keys()
        except Invalid as problem:
            found.append(of_invalid(problem, name, "file"))
    if not diagrams and not found and not tables:
        found.append(error("", 0, "", "no-diagram", N_("Tidak ada diagram BPMN di antara file")))
    return diagrams, frozenset(tables)


def _forms(resources, found) -> Iterator[str]:
    """Give every name by which a form may be asked for: its file's, without and with the ending, and its own id."""
    for name, content in resources.items():
        if name.endswith(".form"):
            try:
                ident = forms.read(content, name).id
            except Invalid as problem:
                found.append(of_invalid(problem, name, "form"))
                ident = ""
            yield from {name, name.removesuffix(".form"), ident} - {""}


def check_process(context: support.Context) -> Iterator[Finding]:
    """Give what is wrong in one process."""
    process = context.process
    if len(process.ids) > MAX_ELEMENTS:
        yield error(context.file, process.line, process.key, "too-large",
                    N_("Proses terlalu besar: %(count)d elemen, paling banyak %(most)d"), count=len(process.ids), most=MAX_ELEMENTS)
        return
    if not process.key:
        yield error(context.file, process.line, "", "no-id", N_("Proses tanpa id"))
    yield from _ids(context)
    yield from _flows(context)
    yield from _levels(context)
    yield from support.process(context)
    for element in process.elements.values():
        yield from _place(context, element)
        yield from support.element(context, element)


def _ids(context) -> Iterator[Finding]:
    process = context.process
    for ident, count in Counter(process.ids).items():
        if count > 1 or not ident:
            yield error(context.file, process.line, ident, "duplicate-id",
                        N_("Id %(id)s dipakai %(count)d kali"), id=ident or "''", count=count)


def _flows(context) -> Iterator[Finding]:
    elements = context.process.elements
    for flow in context.process.flows:
        where = (context.file, flow.line, flow.id)
        for end in (flow.source, flow.target):
            if end not in elements:
                yield error(*where, "dangling-flow", N_("Alur %(id)s menggantung: %(end)s tidak ada"), id=flow.id, end=end or "?")
            elif elements[end].parent != flow.parent:
                yield error(*where, "crossing-flow", N_("Alur %(id)s menembus batas subproses"), id=flow.id)
        if flow.language and flow.language.lower() not in ("python", "feel"):
            yield error(*where, "language", N_("Bahasa ekspresi %(language)s tidak didukung"), language=flow.language)
        if flow.condition:
            try:
                expressions.check(flow.condition, file=context.file, line=flow.line, element=flow.id)
            except Invalid as problem:
                yield of_invalid(problem, context.file, "expression")


def _levels(context) -> Iterator[Finding]:
    """Give what is wrong with the start events of the process and its subprocesses."""
    process = context.process
    scopes = [(process.key, process.line, None)] + [(e.id, e.line, e) for e in process.elements.values() if e.type in model.SCOPES]
    for ident, line, element in scopes:
        starts = [e for e in process.inside(ident) if e.type == "startEvent"]
        plain = [e for e in starts if not e.triggers]
        where = (context.file, line, ident)
        if not starts:
            yield error(*where, "no-start", N_("Tidak ada peristiwa mulai"))
        elif element is None and len(plain) > 1:
            yield error(*where, "many-starts", N_("Lebih dari satu peristiwa mulai tanpa pemicu"))
        elif element is not None and len(starts) > 1:
            yield error(*where, "many-starts", N_("Subproses harus punya tepat satu peristiwa mulai"))
        elif element is not None and element.is_event_subprocess and plain:
            yield error(*where, "event-start", N_("Subproses peristiwa harus dimulai oleh sebuah pemicu"))
        elif element is not None and not element.is_event_subprocess and not plain:
            yield error(*where, "plain-start", N_("Subproses biasa harus dimulai tanpa pemicu"))


def _place(context, element: Element) -> Iterator[Finding]:
    """Give what is wrong with the flows of one element."""
    where = (context.file, element.line, element.id)
    incoming, outgoing = context.incoming.get(element.id, []), context.outgoing.get(element.id, [])
    if element.type in ("startEvent", "boundaryEvent") and incoming:
        yield error(*where, "incoming", N_("Peristiwa ini tidak boleh punya alur masuk"))
    if (element.type == "endEvent" or element.is_event_subprocess) and outgoing:
        yield error(*where, "outgoing", N_("Elemen ini tidak boleh punya alur keluar"))
    if element.type == "boundaryEvent" and not outgoing:
        yield warning(*where, "no-way-out", N_("Peristiwa batas tanpa alur keluar"))
    starts_alone = element.type in ("startEvent", "boundaryEvent") or element.is_event_subprocess or any(
        t.kind == "link" for t in element.triggers)
    if not incoming and not starts_alone:
        yield warning(*where, "unreachable", N_("Elemen ini tidak akan pernah dicapai: tidak ada alur masuk"))
    yield from _choices(context, element, outgoing)
    if element.type in model.GATEWAYS and not outgoing and len(incoming) < 2:
        yield warning(*where, "pointless-gateway", N_("Gerbang tanpa alur keluar"))


def _choices(context, element: Element, outgoing: list[Flow]) -> Iterator[Finding]:
    """Give what is wrong with the conditions on the flows out of an element."""
    where = (context.file, element.line, element.id)
    default = element.attributes.get("default")
    if default and default not in [f.id for f in outgoing]:
        yield error(*where, "default", N_("Alur baku %(flow)s bukan alur keluar elemen ini"), flow=default)
    if element.type == "exclusiveGateway" and len(outgoing) > 1:
        for flow in outgoing:
            if not flow.condition and flow.id != default:
                yield error(context.file, flow.line, flow.id, "no-condition",
                            N_("Alur %(id)s dari gerbang eksklusif tidak bersyarat"), id=flow.id)
        if not default:
            yield warning(*where, "no-default", N_("Gerbang tanpa alur baku: berkas terhenti bila tidak ada syarat yang terpenuhi"))
    if element.type in ("parallelGateway", "eventBasedGateway") and any(f.condition for f in outgoing):
        yield warning(*where, "condition-ignored", N_("Syarat pada alur keluar gerbang ini tidak dibaca"))
