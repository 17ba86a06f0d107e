"""Variables, typed as Camunda's clients send and expect them, and as Terbit keeps them: JSON values.

In: `{"value": …, "type": "Integer"}` or plain `{"value": …}`. A Date is kept as text of ISO 8601, a File as a document
in the archive, Json and Object as what they hold. Out: the type that the JSON value has; the text of a date is a String.
"""

import base64
import binascii
import datetime as dt
import io
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from engine import documents
from webui.rest.declare import ANY, BOOLEAN, STRING, Call, check_text, mapping, named, optional
from webui.rest.errors import BadRequest

_INFO = optional({"type": "object", "additionalProperties": True})

VALUE_IN = named("VariableValueIn", {"value": ANY, "type": optional(STRING), "valueInfo": _INFO, "local": optional(BOOLEAN)}, required=())
VALUES_IN = optional(mapping(VALUE_IN))
VALUE = named("VariableValue", {"value": ANY, "type": STRING, "valueInfo": {"type": "object", "additionalProperties": True}})
VALUES = mapping(VALUE)
LONGEST_NAME = 255
INT, LONG = 2 ** 31, 2 ** 63


# Out ------------------------------------------------------------------------------------------------------------------

def typed(value: Any) -> dict:
    """A variable's JSON value as Camunda shows it."""
    if _is_file(value):
        return {"value": None, "type": "File", "valueInfo": {"filename": value["name"], "mimeType": value["media_type"]}}
    if isinstance(value, list | dict):
        return {"value": json.dumps(value, ensure_ascii=False), "type": "Json", "valueInfo": {}}
    return {"value": value, "type": type_of(value), "valueInfo": {}}


def typed_all(values: Mapping[str, Any], names: list[str] | None = None) -> dict[str, dict]:
    """Each of the values as Camunda shows it; only those with one of the names where names are given."""
    return {name: typed(value) for name, value in values.items() if names is None or name in names}


def type_of(value: Any) -> str:
    """Camunda's name for the type of a JSON value."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Integer" if -INT <= value < INT else "Long" if -LONG <= value < LONG else "Double"
    if isinstance(value, float):
        return "Double"
    return "String" if isinstance(value, str) else "File" if _is_file(value) else "Json"


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("document"), str) and "media_type" in value and "name" in value


# In -------------------------------------------------------------------------------------------------------------------

def untyped_all(call: Call, given: Mapping[str, dict] | None, task_id: str | None = None) -> dict[str, Any]:
    """The JSON values of what a client sent. Files are taken into the archive, for the task that they are sent with."""
    return {check_name(name): untyped(call, name, variable, task_id) for name, variable in (given or {}).items()}


def untyped(call: Call, name: str, given: Mapping[str, Any], task_id: str | None = None) -> Any:
    """The JSON value of one variable that a client sent."""
    value, kind = given.get("value"), (given.get("type") or "").strip()
    if not kind:
        return value
    kind = kind[0].upper() + kind[1:]
    if kind == "File":
        return _file(call, name, value, given.get("valueInfo") or {}, task_id)
    if kind not in _READ:
        raise BadRequest(f"Unsupported value type '{kind[:80]}'", type="RestException")
    if value is None or kind == "Null":
        return None
    try:
        return _READ[kind](value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        message = f"Cannot convert value '{str(value)[:80]}' of variable '{name[:80]}' to type {kind}"
        raise BadRequest(message, type="RestException") from None


def store_file(call: Call, name: str, stream: BinaryIO, filename: str, media_type: str, task_id: str | None = None) -> dict[str, Any]:
    """Take a file into the archive and return what a variable holds of it."""
    return documents.store_upload(call.pe, call.actor, call.now, stream=stream, name=filename, media_type_claimed=media_type,
                                  task_id=task_id, variable=name)


def check_name(name: str) -> str:
    """The name, if a variable can have it."""
    check_text(name)
    if not name or len(name) > LONGEST_NAME:
        raise BadRequest(f"A variable's name has 1 to {LONGEST_NAME} characters")
    return name


def _file(call: Call, name: str, value: Any, info: Mapping[str, Any], task_id: str | None) -> dict[str, Any]:
    filename, media_type = info.get("filename"), info.get("mimetype") or info.get("mimeType") or ""
    if not filename or not isinstance(filename, str) or not isinstance(media_type, str):
        raise BadRequest(f"Variable '{name[:80]}' of type File needs a 'filename' in its valueInfo", type="RestException")
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise BadRequest(f"The value of variable '{name[:80]}' of type File must be base64", type="RestException") from None
    return store_file(call, name, io.BytesIO(content), filename, media_type, task_id)


def _whole(limit: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or isinstance(value, float) and not value.is_integer() or len(str(value)) > 40:
            raise ValueError(value)
        number = int(value)
        if not -limit <= number < limit:
            raise ValueError(value)
        return number
    return read


def _double(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(value)
    return number


def _boolean(value: Any) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError(value)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _date(value: Any) -> str:
    moment = dt.datetime.fromisoformat(_string(value))
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment.isoformat(timespec="milliseconds")


def _json(value: Any) -> Any:
    """What a serialized value holds; a client that sends the thing itself is understood, too."""
    return json.loads(value, parse_constant=_refuse, parse_float=_double) if isinstance(value, str) else value


def _refuse(name: str) -> None:
    raise ValueError(name)


_READ: dict[str, Callable[[Any], Any]] = {
    "String": _string, "Integer": _whole(INT), "Short": _whole(2 ** 15), "Long": _whole(LONG), "Double": _double, "Boolean": _boolean,
    "Date": _date, "Json": _json, "Object": _json, "Null": lambda value: None,
}
