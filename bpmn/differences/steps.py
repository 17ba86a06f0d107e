"""Steps: come, gone, moved between pelaksana or in their order, other numbers, another mutu baku."""

import re
from collections.abc import Mapping

from bpmn import model
from bpmn.differences.changes import ADDED, CHANGED, MOVED, RENUMBERED, Change, Item, altered, brief, listed
from bpmn.differences.side import Side
from bpmn.errors import N_, Told
from bpmn.printed import flowchart

STANDARD = {"kelengkapan": N_("kelengkapan"), "output": N_("output"), "keterangan": N_("keterangan")}
TYPES = {
    "userTask": N_("tugas orang"), "manualTask": N_("tugas di luar sistem"), "serviceTask": N_("layanan otomatis"),
    "sendTask": N_("pengiriman pesan"), "receiveTask": N_("penerimaan pesan"), "businessRuleTask": N_("tabel keputusan"),
    "scriptTask": N_("skrip"), "callActivity": N_("panggilan prosedur lain"), "subProcess": N_("subproses"),
    "transaction": N_("transaksi"), "adHocSubProcess": N_("subproses bebas"), "task": N_("kegiatan"),
}


def come_or_gone(side: Side, element: model.Element, kind: str) -> Change:
    who = element.lane.name or element.lane.id if element.lane else ""
    earlier = list(dict.fromkeys(brief(side.name(f.source)) for f in side.process.flows if f.target == element.id))[:3]
    added = kind == ADDED
    if element.type in model.ACTIVITIES and who and earlier:
        words = N_("ditambahkan sesudah %(earlier)s, dikerjakan oleh %(who)s") if added else N_(
            "dihapus (tadinya sesudah %(earlier)s, dikerjakan oleh %(who)s)")
    elif earlier:
        words = N_("ditambahkan sesudah %(earlier)s") if added else N_("dihapus (tadinya sesudah %(earlier)s)")
    else:
        words = N_("ditambahkan") if added else N_("dihapus")
    return Change(kind, Told(words, earlier=listed(earlier), who=who) if "%" in words else Told(words))


def step(before: Side, after: Side, old: model.Element, new: model.Element, is_moved: bool) -> list[Change]:
    said = [*pelaksana(old, new)]
    if is_moved:
        said.append(_order(before, after, new.id))
    if old.type != new.type:
        said.append(altered(Told(N_("jenis")), Told(TYPES[old.type]), Told(TYPES[new.type]), quoted=False))
    if old.name != new.name:
        said.append(altered(Told(N_("nama")), old.name, new.name))
    if old.documentation != new.documentation:
        said.append(altered(Told(N_("uraian kegiatan")), old.documentation, new.documentation))
    said += standard(old.properties, new.properties)
    if old.form_key != new.form_key:
        said.append(altered(Told(N_("formulir")), old.form_key or "", new.form_key or ""))
    return said


def standard(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    """What changed in the mutu baku."""
    said = []
    one, two = old.get("waktu", "").strip(), new.get("waktu", "").strip()
    if one != two:
        said.append(altered(Told(N_("waktu")), flowchart.duration(one).lower(), flowchart.duration(two).lower(), quoted=False))
    for key, title in STANDARD.items():
        one, two = old.get(key, "").strip(), new.get(key, "").strip()
        if one != two:
            said.append(altered(Told(title), one, two))
    could, can = (p.get("dapat_diperpanjang", "").strip().lower() == "true" for p in (old, new))
    if could != can:
        said.append(Change(CHANGED, Told(N_("waktunya kini dapat diperpanjang") if can else N_("waktunya tidak dapat diperpanjang lagi"))))
    return said


def pelaksana(old: model.Element, new: model.Element) -> list[Change]:
    one, two = old.lane, new.lane
    if (one and one.id) == (two and two.id) or (one and one.name) == (two and two.name):
        return []
    before, after = ((lane.name or lane.id) if lane else "" for lane in (one, two))
    what = Told(N_("pelaksana"))
    if before and after:
        words = Told(N_("pindah dari %(before)s ke %(after)s"), before=brief(before), after=brief(after))
        return [Change(MOVED, words, what, before, after)]
    return [altered(what, before, after, kind=MOVED)]


def _order(before: Side, after: Side, id: str) -> Change:
    row = list(after.numbers)
    at = row.index(id)
    what, one, two = Told(N_("urutan")), before.numbers[id], after.numbers[id]
    if at == 0:
        return Change(MOVED, Told(N_("urutannya pindah menjadi yang pertama")), what, one, two)
    return Change(MOVED, Told(N_("urutannya pindah menjadi sesudah “%(name)s”"), name=brief(after.name(row[at - 1]))), what, one, two)


def renumbered(before: Side, after: Side, moved: set[str]) -> list[Item]:
    """Steps that only have another number, those that shift by the same together."""
    items: list[Item] = []
    run: list[tuple[str, str, str]] = []

    def close() -> None:
        if not run:
            return
        (_first, one, two), (_last, one_end, two_end) = run[0], run[-1]
        if len(run) == 1:
            words, subject = Told(N_("menjadi langkah %(after)s"), after=two), Told(N_("Langkah %(before)s"), before=one)
        else:
            words = Told(N_("menjadi langkah %(first)s sampai %(last)s"), first=two, last=two_end)
            subject = Told(N_("Langkah %(first)s sampai %(last)s"), first=one, last=one_end)
        items.append(Item(subject, (Change(RENUMBERED, words),), tuple(id for id, _one, _two in run)))
        run.clear()

    for id, number in after.numbers.items():
        earlier = before.numbers.get(id, number)
        if earlier == number or id in moved:
            close()
            continue
        if run and not (_next(run[-1][1], earlier) and _next(run[-1][2], number)):
            close()
        run.append((id, earlier, number))
    close()
    return items


def _next(one: str, two: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,6}", one) and re.fullmatch(r"[0-9]{1,6}", two)) and int(one) + 1 == int(two)
