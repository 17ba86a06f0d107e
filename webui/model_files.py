"""What the pages about procedures share: files of a model as they come and go, and findings as they are shown."""

from collections.abc import Iterable
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from bpmn import package
from bpmn.errors import N_, Invalid, TerbitError, worded
from bpmn.findings import Finding
from webui.security import POLICY

# The editors' panels and menus set `style` attributes on what they draw; script and style sheets stay ours.
EDITOR_POLICY = f"{POLICY}; style-src-attr 'unsafe-inline'"
KINDS = {"bpmn": "application/xml", "dmn": "application/xml", "form": "application/json"}
UNPROCESSABLE = 422
MAX_NOTE = 200  # characters


def response_of(content: bytes, name: str, *, download: bool) -> Response:
    """A file as it is; looked at as a page, a person's XML does nothing."""
    response = Response(content, mimetype=KINDS.get(name.rsplit(".", 1)[-1], "application/octet-stream"))
    response.headers.set("Content-Disposition", "attachment" if download else "inline", filename=name.rsplit("/", 1)[-1])
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def sent(field: str) -> package.Package:
    """The files of a model that were uploaded, those in ZIPs among them. Invalid for too many, too large, a name that comes twice."""
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    for upload in request.files.getlist(field)[:package.MOST_FILES + 1]:
        name = (upload.filename or "").replace("\\", "/").rsplit("/", 1)[-1]
        if not name:
            continue
        read = upload.stream.read(package.MOST_BYTES + 1)
        if len(read) > package.MOST_BYTES:
            raise Invalid(N_("File %(name)s terlalu besar: paling banyak %(most)d MB."), field=field, name=name[:80],
                          most=package.MOST_BYTES >> 20)
        found = package.unpack(read, name[:80]) if name.lower().endswith(".zip") else package.Package({package.check_name(name): read}, [])
        if twice := files.keys() & found.files.keys():
            raise Invalid(N_("File %(name)s ada lebih dari sekali."), field=field, name=sorted(twice)[0])
        files |= found.files
        left_out += found.left_out
    package.check_all(files)
    return package.Package(files, left_out)


def shown(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as a page or an editor shows them, errors first."""
    found = [{"severity": f.severity, "file": f.file, "line": f.line or 0, "element": f.element or "", "code": f.code,
              "message": worded(f.message, f.params, _), "why": _(f.why) if f.why else "", "mend": _(f.mend) if f.mend else ""}
             for f in findings]
    return sorted(found, key=lambda f: (f["severity"] != "error", f["line"]))


def problems_of(problem: TerbitError) -> list[Finding]:
    """An error, or each of the problems that it holds, as findings."""
    return [Finding(severity="error", file=p.where.get("file", ""), line=p.where.get("line", 0), element=p.where.get("element", ""),
                    code="", message=p.message, params=p.params) for p in getattr(problem, "problems", None) or [problem]]
