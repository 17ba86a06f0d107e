"""A text with places: `{{title}}`. No logic, no loops, nothing that is run; a value is encoded for where it stands."""

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import quote

from connectors import N_, Failure

_PLACE = re.compile(r"\{\{\s*([a-z0-9_.]{1,60})\s*\}\}")
Encode = Callable[[str], str]


def in_json(value: str) -> str:
    """Within the quotes of a JSON string."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def in_url(value: str) -> str:
    """Within a path or a query: it can change neither."""
    return quote(value, safe="")


def in_header(value: str) -> str:
    """On one line, in what a header can carry."""
    return re.sub(r"[^\x20-\x7e]", " ", value)


def in_markup(value: str) -> str:
    return escape(value)


def as_it_is(value: str) -> str:
    return value


def fill(template: str, values: Mapping[str, str], encode: Encode) -> str:
    """The text with its places filled. Raises Failure (permanent) for a place of a name that there is not."""
    unknown = sorted({name for name in _PLACE.findall(template) if name not in values})
    if unknown:
        raise Failure(N_("Pola memuat nama yang tidak dikenal: %(names)s."), names=", ".join(unknown))
    return _PLACE.sub(lambda place: encode(values[place[1]]), template)
