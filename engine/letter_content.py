"""What a paper says: gathered once from the case as it stood when the task was completed, and kept with the paper for ever.

The papers follow the state's tata naskah dinas. Which task leads to which is the model's to say (`bpmn.sop`); the case's
variables that are read beside are those of SOP 06/2022: perihal, judul, sumber, nomor_surat, tanggal_surat,
nomor_srikandi, sifat, klasifikasi.
"""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bpmn import expressions, forms, model
from bpmn.errors import Invalid
from bpmn.sop import PAPERS
from engine import load, settings
from engine.queries.definitions import find_form
from engine.sheet import MONTHS, moment
from engine.tables import event, tenant, user
from engine.tables import group as group_table

SOURCES = {"nota-dinas": "Nota dinas", "surat-tembusan": "Surat tembusan", "surat-permohonan": "Surat permohonan",
           "disposisi": "Disposisi"}
NATURES = {"biasa": "Biasa", "segera": "Segera", "sangat-segera": "Sangat segera", "rahasia": "Rahasia"}
SECRET = "rahasia"
EXCEPTED = "dikecualikan"  # Pasal 17 UU 14/2008
ACTING = {"plh": "Plh.", "plt": "Plt."}
LONGEST = 4000  # characters of one text on a paper
MOST_FILES = 12  # named on a paper
AS_THEY_ARE = ("number", "office", "to", "from", "subject", "nature", "business_key", "source", "facts", "checks", "address")
SAMPLE: dict[str, Any] = {  # of a paper that is only to be looked at
    "to": "Kepala Sub Bagian", "from": "Ketua Divisi", "subject": "CONTOH – bukan naskah dinas", "nature": NATURES["biasa"],
    "source": {"kind": "Surat permohonan", "number": "12/CONTOH/2026", "date": "2 Maret 2026", "srikandi": ""},
    "text": "Ini hanya contoh, untuk melihat kop surat dan pola nomor.", "facts": [], "checks": [], "attachments": [],
    "signer": {"name": "Nama Pejabat", "post": "Ketua Divisi", "decree": ""}, "business_key": "CONTOH",
}
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def gather(db: sa.Connection, task: sa.RowMapping, element: model.Element, kind: str) -> dict[str, Any]:
    """The paper's content but for number, date and address: {office, letterhead, to, from, subject, nature, secret, source, text,
    facts, checks, attachments, signer, business_key}; all words are without control characters."""
    seen = _variables(db, task)
    office = db.execute(sa.select(tenant.c.name, tenant.c.timezone).where(tenant.c.id == task["tenant_id"])).one()
    form = _form(db, task)
    signer = _signer(db, task, element)
    secret = is_secret(seen)
    title = str(seen.get("judul") or seen.get("perihal") or task["title"] or "")
    about_content = kind == "nota-dinas"
    return cleaned({
        "office": office.name, "zone": office.timezone, "letterhead": settings.of(db, task["tenant_id"])["letterhead"],
        "to": _recipient(db, task, element, seen), "from": signer["post"] or signer["name"],
        "subject": f"Penyampaian konsep informasi: {title}" if about_content else str(seen.get("perihal") or title),
        "nature": NATURES[SECRET] if secret else NATURES.get(str(seen.get("sifat")), NATURES["biasa"]),
        "source": source(seen), "text": _text(element, "naskah_isi", seen)[:LONGEST],
        "facts": _facts(form, seen) if about_content else [], "checks": _checks(form, seen),
        "attachments": _attachments(form, seen), "signer": signer, "business_key": task["business_key"],
    })


def is_secret(variables: Mapping[str, Any]) -> bool:
    """Whether what the case is about is not for everybody's eyes."""
    return variables.get("klasifikasi") == EXCEPTED or variables.get("sifat") == SECRET


def source(variables: Mapping[str, Any]) -> dict[str, str]:
    """The letter that the case came with: {kind, number, date, srikandi}, each '' where it is not said."""
    return {"kind": SOURCES.get(str(variables.get("sumber")), str(variables.get("sumber") or "")),
            "number": str(variables.get("nomor_surat") or ""), "date": day(str(variables.get("tanggal_surat") or "")),
            "srikandi": str(variables.get("nomor_srikandi") or "")}


def day(value: str) -> str:
    """An ISO date as an office writes it: '2 Maret 2026'; what is none, as it is."""
    try:
        found = dt.date.fromisoformat(value[:10])
    except ValueError:
        return value
    return f"{found.day} {MONTHS[found.month - 1]} {found.year}"


def cleaned(value: Any) -> Any:
    """The same without characters that neither XML nor paper knows, or that turn the direction of what follows."""
    if isinstance(value, str):
        return _FORBIDDEN.sub("", value)
    if isinstance(value, dict):
        return {key: cleaned(inner) for key, inner in value.items()}
    return [cleaned(inner) for inner in value] if isinstance(value, list) else value


# Parts ----------------------------------------------------------------------------------------------------------------

def _variables(db: sa.Connection, task: sa.RowMapping) -> dict[str, Any]:
    """The case's own variables as they were right after the task was completed: a later round does not change an earlier paper."""
    e = event.c
    until = sa.select(sa.func.max(e.id)).where(
        e.instance_id == task["instance_id"], e.activity_instance_id == task["id"], e.type == "task.completed").scalar_subquery()
    rows = db.scalars(sa.select(e.data).where(e.instance_id == task["instance_id"], e.id <= until).order_by(e.id))
    found: dict[str, Any] = {}
    for data in rows:
        found |= data.get("variables") or {}
    return found


def _form(db: sa.Connection, task: sa.RowMapping) -> forms.Form | None:
    content = find_form(load.resources(db, load.definition(db, task["definition_id"]).deployment_id), task["form_key"])
    return forms.read(content) if content else None


def _text(element: model.Element, name: str, variables: Mapping[str, Any]) -> str:
    """A property's words; '' where its expression fails: a paper is not held up by it."""
    try:
        value = expressions.interpolate(element.properties.get(name, ""), defaultdict(lambda: None, variables))
    except Invalid:
        return ""
    return value if isinstance(value, str) else ""


def _recipient(db: sa.Connection, task: sa.RowMapping, element: model.Element, variables: Mapping[str, Any]) -> str:
    """Whom the paper goes to; an account by its name and title."""
    said = _text(element, "naskah_kepada", variables)
    found = _person(db, task["tenant_id"], said)
    return ", ".join(part for part in (found["name"], found["title"]) if part) if found else said


def _signer(db: sa.Connection, task: sa.RowMapping, element: model.Element) -> dict[str, str]:
    """{name, post, decree, at}: who completed the task, in which post, and by which decree where it was in somebody's stead."""
    found = _person(db, task["tenant_id"], task["completed_by"]) or {"name": task["completed_by"] or "Terbit", "title": ""}
    stead = task["in_stead_of"] or {}
    post = found["title"] or _group_name(db, task["tenant_id"], element)
    if stead:
        post = f"{ACTING.get(str(stead.get('kind')), '')} {stead.get('title') or stead.get('group') or ''}".strip()
    return {"name": found["name"], "post": post, "decree": str(stead.get("decree") or ""), "in_stead_of": str(stead.get("name") or ""),
            "at": task["ended_at"].isoformat()}


def _person(db: sa.Connection, tenant_id: str, user_id: str | None) -> dict[str, str] | None:
    row = db.execute(sa.select(user.c.name, user.c.title).where(user.c.id == user_id, user.c.tenant_id == tenant_id)).first()
    return {"name": row.name, "title": row.title} if row else None


def _group_name(db: sa.Connection, tenant_id: str, element: model.Element) -> str:
    names = db.scalars(sa.select(group_table.c.name).where(
        group_table.c.tenant_id == tenant_id, group_table.c.id.in_(model.names(element.candidate_groups))).order_by(group_table.c.id))
    return next(iter(names), "")


def _facts(form: forms.Form | None, variables: Mapping[str, Any]) -> list[list[str]]:
    """What the form says in short: [label, words] of its choices and lines of text."""
    found = []
    for each in form.fields() if form else ():
        value = variables.get(each.key)
        if each.type in ("select", "radio", "textfield") and isinstance(value, str) and value:
            found.append([each.label, next((o.label for o in each.options if o.value == value), value)])
    return found


def _checks(form: forms.Form | None, variables: Mapping[str, Any]) -> list[str]:
    """What was ticked off: the labels of the form's ticks that are set."""
    return [each.label for each in form.fields() if each.type == "checkbox" and variables.get(each.key) is True] if form else []


def _attachments(form: forms.Form | None, variables: Mapping[str, Any]) -> list[str]:
    """The names of the documents in the form's file fields."""
    found = []
    for each in form.fields() if form else ():
        value = variables.get(each.key) if each.type == "filepicker" else None
        found += [str(file.get("name", "")) for file in (value if isinstance(value, list) else [value]) if isinstance(file, dict)]
    return found


# In words -------------------------------------------------------------------------------------------------------------

def words(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """The content as it is printed, for either kind of file: texts and lists of texts only. A paper is Indonesian always."""
    head, signer = content["letterhead"], content["signer"]
    zone = ZoneInfo(content["zone"])
    files = content["attachments"]
    return {
        "title": PAPERS[kind].upper(), **{key: content[key] for key in AS_THEY_ARE},
        "lines": head["lines"] or [content["office"]], "head_address": head["address"], "contact": head["contact"],
        "date": day(content["date"]), "place": head["place"],
        "text": [part.strip() for part in content["text"].splitlines() if part.strip()],
        "natures": [[name, name == content["nature"]] for name in NATURES.values()],
        "attachments": files[:MOST_FILES] + ([f"dan {len(files) - MOST_FILES} dokumen lain"] if len(files) > MOST_FILES else []),
        "attached": f"{len(files)} dokumen" if files else "–",
        "post": signer["post"], "name": signer["name"],
        "decree": f"Surat perintah nomor {signer['decree']}" if signer["decree"] else "",
        "signed": f"Diselesaikan di Terbit pada {moment(signer['at'], zone)} oleh {signer['name']}.",
    }
