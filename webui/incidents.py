"""Incidents in plain words: what happened, and what can be done about it."""

from typing import Any

from flask_babel import gettext as _

from bpmn import sop


def explained(incident: dict[str, Any], step: sop.Step | None = None) -> dict[str, Any]:
    """The incident with `cause` (a sentence), `advice` and `unsure` (whether trying again may do something twice)."""
    where = step.name if step else incident["activity_id"]
    cause, advice = {
        "unknownOutcome": (_("Terbit tidak tahu apakah langkah “%(step)s” berhasil: sambungan terputus sebelum jawabannya datang.",
                             step=where),
                           _("Periksa dahulu hasilnya di kanal itu. Mencoba lagi dapat menerbitkannya dua kali.")),
        "expression": (_("Langkah “%(step)s” memakai ungkapan yang tidak dapat dihitung.", step=where),
                       _("Pemilik proses perlu memperbaiki diagramnya, atau administrator melengkapi variabelnya.")),
    }.get(incident["type"], (_("Langkah “%(step)s” gagal, juga sesudah dicoba beberapa kali.", step=where),
                             _("Perbaiki penyebabnya, misalnya di halaman Kanal, lalu coba lagi.")))
    return {**incident, "where": where, "cause": cause, "advice": advice, "unsure": incident["type"] == "unknownOutcome"}
