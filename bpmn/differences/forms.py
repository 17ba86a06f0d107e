"""Forms: fields added, removed, made required, other choices."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bpmn import forms
from bpmn.differences.changes import ADDED, CHANGED, REMOVED, Change, Item, altered, brief, listed, out_of_order, places
from bpmn.differences.side import Side
from bpmn.errors import N_, Invalid, Told

TYPES = {
    "textfield": N_("teks"), "textarea": N_("teks panjang"), "number": N_("angka"), "datetime": N_("tanggal atau waktu"),
    "checkbox": N_("centang"), "checklist": N_("daftar centang"), "taglist": N_("daftar label"), "select": N_("daftar pilihan"),
    "radio": N_("pilihan"), "filepicker": N_("dokumen"),
}
LIMITS = {
    "label": N_("nama isian"), "description": N_("petunjuk"),
    "min_length": N_("paling sedikit huruf"), "max_length": N_("paling banyak huruf"),
    "minimum": N_("nilai terkecil"), "maximum": N_("nilai terbesar"), "decimals": N_("angka di belakang koma"), "default": N_("isi awal"),
    "pattern": N_("pola"), "pattern_message": N_("pesan pola"), "accept": N_("jenis dokumen"), "subtype": N_("bentuk waktu"),
    "options_from": N_("sumber pilihan"), "hide": N_("disembunyikan bila"),
}
SWITCHES = {"required": (N_("kini wajib diisi"), N_("tidak wajib diisi lagi")),
            "readonly": (N_("kini hanya dibaca"), N_("kini dapat diisi")),
            "multiple": (N_("kini boleh beberapa dokumen"), N_("kini hanya satu dokumen"))}


@dataclass(frozen=True)
class _File:
    name: str
    schema: Any  # as JSON; None where it is none

    @property
    def ids(self) -> tuple[str, ...]:
        own = self.schema.get("id") if isinstance(self.schema, dict) else None
        return tuple(dict.fromkeys((str(own or self.name.removesuffix(".form")), self.name, self.name.removesuffix(".form"))))


def compare(before: Side, after: Side) -> list[Item]:
    old, new = _files(before.files), _files(after.files)
    items = []
    for key in sorted({*old, *new}):
        side, file = (after, new[key]) if key in new else (before, old[key])
        users = side.users(file.ids, lambda element: element.form_key)
        if key not in old or key not in new:
            said = [Change(ADDED, Told(N_("ditambahkan"))) if key in new else Change(REMOVED, Told(N_("dihapus")))]
            users = []  # what takes another form now says so itself
        else:
            said = _form(before.files[old[key].name], after.files[file.name])
        if said:
            items.append((_place(side, users), Item(_subject(side, key, users), tuple(said), tuple(users), CHANGED if users else "")))
    return [item for _at, item in sorted(items, key=lambda pair: pair[0])]


def _place(side: Side, users: list[str]) -> int:
    return side.order.index(users[0]) if users else len(side.order)


def _subject(side: Side, key: str, users: list[str]) -> Told:
    if users:
        return Told(N_("Formulir %(step)s"), step=_lower(side, users[0]))
    return Told(N_("Formulir “%(name)s”"), name=brief(key))


def _lower(side: Side, id: str) -> Told:
    name = brief(side.name(id))
    if id in side.numbers:
        return Told(N_("langkah %(number)s, “%(name)s”"), number=side.numbers[id], name=name)
    return Told(N_("“%(name)s”"), name=name)


def _files(files: Mapping[str, bytes]) -> dict[str, _File]:
    found = {}
    for name in sorted(files):
        if name.endswith(".form"):
            try:
                schema = json.loads(files[name])
            except (ValueError, RecursionError):
                schema = None
            file = _File(name, schema)
            found[file.ids[0] if file.ids[0] not in found else name] = file
    return found


def _form(old: bytes, new: bytes) -> list[Change]:
    if old == new:
        return []
    try:
        one, two = forms.read(old), forms.read(new)
    except Invalid:
        return [Change(CHANGED, Told(N_("isinya berubah")))]
    before, after = ({f.key: f for f in form.fields()} for form in (one, two))
    at = places(list(before), list(after))
    said: list[Change] = []
    for key in sorted(at, key=at.__getitem__):
        said += _field(before.get(key), after.get(key))
    for key in [k for k in after if k in out_of_order(list(before), list(after))]:
        said.append(Change(CHANGED, Told(N_("isian “%(name)s” dipindahkan urutannya"), name=_name(after[key]))))
    said += _texts(_displays(one.items), _displays(two.items))
    if not said and json.loads(old) != json.loads(new):
        said.append(Change(CHANGED, Told(N_("susunan atau rincian teknisnya berubah"))))
    return said


def _name(field: forms.Field) -> str:
    return brief(field.label or field.key)


def _field(old: forms.Field | None, new: forms.Field | None) -> list[Change]:
    if old is None or new is None:
        field = new or old
        assert field is not None
        if new is None:
            return [Change(REMOVED, Told(N_("isian “%(name)s” dihapus"), name=_name(field)), Told(N_("isian")), _name(field), "")]
        words = N_("isian “%(name)s” ditambahkan, wajib diisi") if field.required else N_("isian “%(name)s” ditambahkan")
        return [Change(ADDED, Told(words, name=_name(field)), Told(N_("isian")), "", _name(field))]
    said: list[Change] = []
    if old.type != new.type:
        said.append(altered(Told(N_("jenis")), Told(TYPES[old.type]), Told(TYPES[new.type]), quoted=False))
    said += [Change(CHANGED, Told(words[0] if getattr(new, key) else words[1])) for key, words in SWITCHES.items()
             if getattr(old, key) != getattr(new, key)]
    said += [altered(Told(title), _text(getattr(old, key)), _text(getattr(new, key))) for key, title in LIMITS.items()
             if getattr(old, key) != getattr(new, key)]
    said += _options(old, new)
    said += [altered(Told(N_("atribut %(name)s"), name=key), old.properties.get(key, ""), new.properties.get(key, ""))
             for key in sorted({*old.properties, *new.properties}) if old.properties.get(key) != new.properties.get(key)]
    name = _name(old)
    return [Change(c.kind, Told(N_("isian “%(name)s”: %(clause)s"), name=name, clause=c.clause),
                   c.what and Told(N_("isian “%(name)s”, %(what)s"), name=name, what=c.what), c.before, c.after) for c in said]


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _options(old: forms.Field, new: forms.Field) -> list[Change]:
    before, after = ({o.value: o.label or o.value for o in field.options} for field in (old, new))
    gone, come = [before[v] for v in before if v not in after], [after[v] for v in after if v not in before]
    said, what = [], Told(N_("pilihan"))
    if gone:
        said.append(Change(CHANGED, Told(N_("pilihan %(names)s dihapus"), names=listed(gone)), what, ", ".join(gone), ""))
    if come:
        said.append(Change(CHANGED, Told(N_("pilihan %(names)s ditambahkan"), names=listed(come)), what, "", ", ".join(come)))
    said += [altered(what, before[v], after[v]) for v in before if v in after and before[v] != after[v]]
    if not said and list(before) != list(after):
        said.append(Change(CHANGED, Told(N_("urutan pilihannya berubah"))))
    return said


def _displays(items: tuple[forms.Field | forms.Group, ...]) -> list[str]:
    found: list[str] = []
    for item in items:
        if isinstance(item, forms.Group):
            found += [item.label] if item.label else []
            found += _displays(item.items)
        elif item.text:
            found.append(item.text)
    return found


def _texts(old: list[str], new: list[str]) -> list[Change]:
    gone, come = [text for text in old if text not in new], [text for text in new if text not in old]
    what = Told(N_("teks"))
    if len(gone) == len(come):
        return [altered(what, one, two) for one, two in zip(gone, come, strict=True)]
    return [altered(what, text, "") for text in gone] + [altered(what, "", text) for text in come]
