"""Papers of a case: issued by a click; and the public page, reached by a paper's QR code, that says whether it is genuine."""

import hashlib

from flask import Blueprint, redirect, render_template, request, url_for

from bpmn.errors import NotFound
from engine import letters
from engine.files import chunks
from webui import actor, csrf, now, pe
from webui.auth import public
from webui.security import limiter

blueprint = Blueprint("papers", __name__)

COMPARED = "20 per minute"  # files of one address
MAX_COMPARED = 10 << 20  # bytes; a paper has some hundred thousand


@blueprint.post("/tasks/<task_id>/papers/<kind>")
def issue(task_id: str, kind: str):
    """Issue the paper of a completed task, and stand at it on the case's page. A second click finds the same paper."""
    row = letters.issue(pe(), actor(), now(), task_id, kind, base_url=request.url_root)
    return redirect(url_for("cases.show", id=row["instance_id"], _anchor="papers"), 303)


@blueprint.route("/surat/<token>", methods=["GET", "POST"])
@public
@csrf.exempt  # nothing is changed by it, and a stranger has no session
@limiter.limit(COMPARED, methods=["POST"])
def verify(token: str):
    """Whether a paper is genuine, and what it must say. A file that is sent is only hashed and compared, never kept."""
    request.max_content_length = MAX_COMPARED
    try:
        paper = letters.verify(pe(), token)
    except NotFound:
        return render_template("papers/unknown.html"), 404
    file = request.files.get("file") if request.method == "POST" else None
    same = _same(file.stream, paper) if file and file.filename else None
    return render_template("papers/verify.html", paper=paper, same=same, missing=request.method == "POST" and same is None)


def _same(stream, paper: dict) -> str:
    """Which of the paper's files this is: 'pdf', 'docx', or '' for neither."""
    digest = hashlib.sha256()
    for chunk in chunks(stream):
        digest.update(chunk)
    return {paper["sha256"]: "pdf", paper["docx_sha256"]: "docx"}.get(digest.hexdigest(), "")
