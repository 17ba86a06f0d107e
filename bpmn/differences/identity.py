"""The SOP's identity page, and its pelaksana."""

from bpmn import model
from bpmn.differences.changes import ADDED, CHANGED, REMOVED, Change, Item, altered, brief, listed, places
from bpmn.errors import N_, Told

IDENTITY = {  # in the order of the paper
    "nama_sop": N_("Nama SOP"), "nomor": N_("Nomor SOP"), "unit": N_("Unit"), "tanggal_pembuatan": N_("Tanggal Pembuatan"),
    "tanggal_revisi": N_("Tanggal Revisi"), "tanggal_efektif": N_("Tanggal Efektif"), "tanggal_pengesahan": N_("Tanggal Pengesahan"),
    "disahkan_jabatan": N_("Jabatan yang mengesahkan"), "disahkan_nama": N_("Nama yang mengesahkan"),
    "disahkan_nip": N_("NIP yang mengesahkan"), "dasar_hukum": N_("Dasar hukum"), "keterkaitan": N_("Keterkaitan"),
    "peringatan": N_("Peringatan"), "kualifikasi_pelaksana": N_("Kualifikasi pelaksana"), "peralatan": N_("Peralatan/perlengkapan"),
    "pencatatan": N_("Pencatatan dan pendataan"), "judul_sampul": N_("Judul sampul"), "tempat": N_("Tempat"),
    "pengesahan": N_("Pengesahan"), "pengesahan_jabatan": N_("Jabatan pada pengesahan"), "judul_flowchart": N_("Judul flowchart"),
    "kaki_halaman": N_("Kaki halaman"),
}
LISTS = {"dasar_hukum", "keterkaitan", "peringatan", "kualifikasi_pelaksana", "peralatan", "pencatatan", "pengesahan"}  # an item a line


def compare(old: model.Process, new: model.Process) -> list[Item]:
    items = []
    if old.name != new.name:
        items.append(_whole(Told(N_("Nama prosedur")), old.name, new.name))
    if old.documentation != new.documentation:
        items.append(_whole(Told(N_("Uraian prosedur")), old.documentation, new.documentation))
    for key, title in IDENTITY.items():
        before, after = old.properties.get(key, "").strip(), new.properties.get(key, "").strip()
        if before != after:
            items.append(_lines(Told(title), before, after) if key in LISTS else _whole(Told(title), before, after))
    return items


def _whole(subject: Told, before: str, after: str) -> Item:
    if not before:
        words = Told(N_("diisi “%(after)s”"), after=brief(after))
    elif not after:
        words = Told(N_("“%(before)s” dihapus"), before=brief(before))
    else:
        words = Told(N_("“%(before)s” menjadi “%(after)s”"), before=brief(before), after=brief(after))
    return Item(subject, (Change(CHANGED, words, Told(N_("isi")), before, after),))


def _lines(subject: Told, before: str, after: str) -> Item:
    old, new = ([line.strip() for line in text.splitlines() if line.strip()] for text in (before, after))
    gone, come = [line for line in old if line not in new], [line for line in new if line not in old]
    said = [Told(N_("dihapus %(lines)s"), lines=listed([line.rstrip(";. ") for line in gone]))] if gone else []
    said += [Told(N_("ditambahkan %(lines)s"), lines=listed([line.rstrip(";. ") for line in come]))] if come else []
    first, *more = said or [Told(N_("urutannya berubah"))]
    return Item(subject, (Change(CHANGED, first, Told(N_("isi")), before, after), *(Change(CHANGED, each) for each in more)))


def lanes(old: model.Process, new: model.Process) -> list[Item]:
    before, after = {lane.id: lane for lane in old.lanes}, {lane.id: lane for lane in new.lanes}
    at = places(list(before), list(after))
    items = []
    for id in sorted(at, key=at.__getitem__):
        lane = after.get(id) or before[id]
        said = []
        if id not in before or id not in after:
            other = after if id in before else before
            if any(each.name == lane.name and lane.name for each in other.values()):  # the same, drawn anew
                continue
            said = [Change(ADDED, Told(N_("ditambahkan"))) if id in after else Change(REMOVED, Told(N_("dihapus")))]
        else:
            if before[id].name != after[id].name:
                said.append(altered(Told(N_("nama")), before[id].name, after[id].name))
            if before[id].group != after[id].group:
                said.append(altered(Told(N_("kelompok pengguna")), before[id].group, after[id].group))
        if said:
            items.append(Item(Told(N_("Pelaksana “%(name)s”"), name=brief(lane.name or id)), tuple(said), (id,)))
    return items

