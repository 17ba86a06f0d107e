"""Stub replaced below."""
from flask import Blueprint

blueprint = Blueprint("batches", __name__, url_prefix="/batches")


@blueprint.get("/<id>")
def show(id: str):
    return id
