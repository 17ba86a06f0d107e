"""What a platform fetches to publish it: `/media/<token>.<extension>`, for a day, without sign-in or cookie (see `engine.public_files`)."""

from flask import Blueprint, Response, send_file

from engine import public_files
from webui import now, pe
from webui.auth import public

blueprint = Blueprint("public_files", __name__)

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex",
           "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'"}


@blueprint.get("/media/<name>")
@public
def show(name: str) -> Response:
    """The file that this address names, whole or in ranges; 404, without a word, for every other."""
    found = public_files.find(pe(), name, now())
    if found is None:
        return Response(status=404, headers=HEADERS)
    response = send_file(found[0], mimetype=found[1], conditional=True, download_name=f"berkas.{name.rpartition('.')[2]}")
    response.headers.update(HEADERS)
    return response
