"""What an admin mended in a case, in words for its history."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from webui.view import moment

TYPES = ("instance.modified", "instance.suspended", "instance.activated", "instance.cancelled", "instance.restarted",
         "instance.restarted_from", "variables.set", "job.retries_set", "job.executed", "job.renewed", "job.due_set",
         "incident.resolved", "incident.annotated",
         "task.due_set", "publication.rescheduled")


def sentence(type: str, data: Mapping[str, Any], label: Callable[[str], str]) -> str:
    """Say what an event of TYPES did; `label` names an activity."""
    where = label(data.get("activity_id", ""))
    if type == "instance.modified":
        return "; ".join(_instruction(each, label) for each in data["instructions"])
    if type == "variables.set":
        names = list(dict.fromkeys([*data.get("variables", {}), *(n for values in data.get("scopes", {}).values() for n in values)]))
        return _("Variabel diubah: %(names)s", names=", ".join(names[:10]))
    if type in ("job.due_set", "task.due_set"):
        to = moment(dt.datetime.fromisoformat(data["to"])) if data["to"] else _("tanpa batas")
        if type == "job.due_set":
            return _("Pewaktu “%(where)s” dipindahkan ke %(moment)s", where=where, moment=to)
        return _("Batas waktu “%(where)s” menjadi %(moment)s", where=where, moment=to)
    if type == "publication.rescheduled":
        before, to = (moment(dt.datetime.fromisoformat(each)) if each else _("secepatnya") for each in (data["from"], data["to"]))
        return _("Waktu terbit dipindahkan dari %(before)s ke %(to)s", before=before, to=to)
    if type in ("instance.restarted", "instance.restarted_from"):
        if type == "instance.restarted":
            return _("Dimulai sekali lagi sebagai %(key)s", key=data["business_key"])
        return _("Lanjutan dari %(key)s", key=data["business_key"])
    if type == "job.executed" and data.get("type") == "timer":
        return _("Pewaktu “%(where)s” dijalankan lebih awal", where=where)
    return {
        "instance.suspended": _("Berkas ditangguhkan"), "instance.activated": _("Berkas dilanjutkan"),
        "instance.cancelled": _("Berkas dibatalkan"), "job.retries_set": _("“%(where)s” dicoba lagi", where=where),
        "job.executed": _("“%(where)s” dikerjakan sekarang", where=where),
        "job.renewed": _("“%(where)s” dicoba lagi dengan isian yang sekarang", where=where),
        "incident.annotated": _("Catatan tentang masalah pada “%(where)s”", where=where),
        "incident.resolved": _("“%(where)s” dianggap selesai dengan tangan", where=where),
    }[type]


def _instruction(told: Mapping[str, Any], label: Callable[[str], str]) -> str:
    name = label(told["activity_id"].removesuffix("#multiInstanceBody"))
    return {
        "cancel": _("“%(name)s” dihentikan", name=name), "startBeforeActivity": _("“%(name)s” dimulai", name=name),
        "startAfterActivity": _("dilanjutkan sesudah “%(name)s”", name=name),
    }.get(told["type"], _("dilanjutkan lewat alur %(name)s", name=told["activity_id"]))


def effect(found: Any, groups: Mapping[str, str]) -> list[str]:
    """Say, a sentence each, what a modification would do (`engine.commands.modifying.Effect`)."""
    said = [_("“%(name)s” dihentikan.", name=_name(row)) for row in found.canceled]
    for row in found.started:
        to = ", ".join(groups.get(group, group) for group in row["groups"])
        said.append(_("“%(name)s” dimulai; tugasnya untuk %(groups)s.", name=_name(row), groups=to) if to
                    else _("“%(name)s” dimulai.", name=_name(row)))
    if found.passed:
        said.append(_("Dilewati seketika: %(names)s.", names=", ".join(_name(row) for row in found.passed[:8])))
    if found.ended:
        said.append(_("Berkas ini berakhir."))
    return said


def _name(row: Mapping[str, Any]) -> str:
    return row["name"] or row["activity_id"]
