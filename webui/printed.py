"""A procedure's printed SOP, as PDF and DOCX: for whoever may see the procedure or a case of it."""

import io

from flask import Blueprint, send_file

from engine import letterhead, queries, settings, sop_docx, sop_paper
from webui import actor, deployed, now, pe

blueprint = Blueprint("printed", __name__, url_prefix="/definitions")
MAKERS = {
    "pdf": ("application/pdf", sop_paper.pdf),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", sop_docx.docx_of),
}


@blueprint.get("/<id>/sop.<any(pdf, docx):kind>")
def sop(id: str, kind: str):
    """The SOP that this version is. 400 with the reason where its diagram cannot be one: no lanes."""
    definition = queries.definition(pe(), actor(), id, now())
    logo = letterhead.logo_of(pe(), settings.get(pe(), actor().tenant)["letterhead"])
    media_type, make = MAKERS[kind]
    content = make(deployed.diagram(definition["id"]), definition["key"], logo)
    return send_file(io.BytesIO(content), media_type, as_attachment=kind == "docx", max_age=0,
                     download_name=f"SOP {definition['name'] or definition['key']}, versi {definition['version']}.{kind}")
