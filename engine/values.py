"""Process variables as JSON: what is taken in, how it is kept."""

import json
import re
from typing import Any

from bpmn.errors import N_, Invalid

MAX_BYTES = 4 << 20  # of all variables that one command brings; files live in the archive, not in variables
MAX_DEPTH = 64
_UNKEEPABLE = re.compile(r"\\u0000|\\ud[89a-f]", re.IGNORECASE)  # NUL, lone surrogates: databases refuse them in text
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


def dump(value: Any) -> str:
    """Return compact JSON. ValueError for what JSON cannot say (NaN, infinity), TypeError for other objects."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def load(text: str) -> Any:
    """Return what `dump` was given."""
    return json.loads(text)


def checked(variables: dict[str, Any] | None) -> dict[str, Any]:
    """Return variables from outside as they may be kept; Invalid, with the variable as `field`, where they may not."""
    if not isinstance(variables or {}, dict):
        raise Invalid(N_("Variabel harus berupa objek JSON."))
    size = 0
    for name, value in (variables or {}).items():
        if not isinstance(name, str) or not name or len(name) > 255:
            raise Invalid(N_("Nama variabel tidak sah."), field=str(name)[:80])
        size += _checked_size(name, value)
    if size > MAX_BYTES:
        raise Invalid(N_("Isian terlalu besar."))
    return dict(variables or {})


def _checked_size(name: str, value: Any) -> int:
    try:
        text = json.dumps([name, value], allow_nan=False)  # ASCII: what is unkeepable shows as an escape
        _check_depth(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(N_("Nilai variabel %(name)s tidak dapat disimpan."), field=name, name=name) from error
    # A pair of surrogates is one good character; json.dumps writes it as two escapes, so look at the text itself.
    if _UNKEEPABLE.search(text) and _has_unkeepable(value, name):
        raise Invalid(N_("Nilai variabel %(name)s memuat karakter yang tidak dapat disimpan."), field=name, name=name)
    return len(text)


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _check_depth(inner, depth + 1)


def _has_unkeepable(*values: Any) -> bool:
    for value in values:
        if isinstance(value, str):
            if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
                return True
        elif isinstance(value, dict):
            if _has_unkeepable(*value, *value.values()):
                return True
        elif isinstance(value, list | tuple) and _has_unkeepable(*value):
            return True
    return False


def text(value: Any, length: int | None = None) -> str:
    """Return what an expression gave as text that every database keeps: without NUL and surrogates, cut to `length` characters."""
    return _NOT_TEXT.sub("", str(value))[:length]


LONGEST_REASON = 1000


def reason(value: Any) -> str:
    """Return why somebody does something that must be said why; Invalid where nothing is said."""
    said = text(value if isinstance(value, str) else "", LONGEST_REASON).strip()
    if not said:
        raise Invalid(N_("Sebutkan alasannya."), field="reason")
    return said
