"""The one tree of errors that Terbit raises on purpose.

No HTTP in it: `webui` maps the classes to status codes in one table. A message is an Indonesian
template (a gettext msgid, marked with N_ where it is written) with %(name)s places, filled from `params`,
so that a page can show it in the reader's language.
"""

from collections.abc import Callable, Mapping
from typing import Any


def N_(message: str) -> str:
    """Mark a string for translation where it is written; it is translated where it is shown."""
    return message


class Told(Exception):
    """A message to a person: an N_ template and what fills it, which may be `Told` in turn."""

    def __init__(self, message: str, **params):
        self.message, self.params = message, params
        super().__init__(message % params if params else message)


def worded(message: str, params: Mapping[str, Any], translate: Callable[[str], str]) -> str:
    """The template in the reader's language, filled; what is `Told` within it is translated, too."""
    said = {name: worded(value.message, value.params, translate) if isinstance(value, Told) else value for name, value in params.items()}
    return translate(message) % said if said else translate(message)


class TerbitError(Told):
    """Something that a person, a client or a diagram asked for cannot be done.

    `where` says where it is wrong, as far as is known: `file`, `line`, `element` (a BPMN id), `field` (a form key).
    """

    def __init__(self, message: str, *, file: str = "", line: int = 0, element: str = "", field: str = "", **params):
        super().__init__(message, **params)
        self.where = {k: v for k, v in {"file": file, "line": line, "element": element, "field": field}.items() if v}


class NotFound(TerbitError):
    """What was named does not exist, or the actor may not know that it does."""


class Forbidden(TerbitError):
    """The actor may know of it, but may not do this."""


class Conflict(TerbitError):
    """It was done already, or somebody else was faster."""


class Invalid(TerbitError):
    """The request is wrong in itself. `problems` holds each single finding, themselves `Invalid`."""

    def __init__(self, message: str, *, problems: "list[Invalid] | None" = None, **rest):
        super().__init__(message, **rest)
        self.problems = problems or []
