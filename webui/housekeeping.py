"""Keeping and disposing: filled below."""
from flask import Blueprint

blueprint = Blueprint("housekeeping", __name__, url_prefix="/housekeeping")
