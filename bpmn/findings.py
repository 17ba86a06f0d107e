"""What a check finds."""

from dataclasses import dataclass, field
from typing import Any

from bpmn.advice import ADVICE
from bpmn.errors import Invalid


@dataclass(frozen=True)
class Finding:
    """One problem. `message` is an N_ template, filled from `params`; `code` names its kind for machines."""

    severity: str  # 'error', 'warning'
    file: str
    line: int
    element: str
    code: str
    message: str
    params: dict = field(default_factory=dict, hash=False)

    @property
    def text(self) -> str:
        return self.message % self.params if self.params else self.message

    @property
    def why(self) -> str:
        """An N_ text: what comes of it; '' where the message says all."""
        return ADVICE.get(self.code, ("", ""))[0]

    @property
    def mend(self) -> str:
        """An N_ text: what to do about it."""
        return ADVICE.get(self.code, ("", ""))[1]


def error(file: str, line: int, element: str, code: str, message: str, **params) -> Finding:
    return Finding("error", file, line, element, code, message, params)


def warning(file: str, line: int, element: str, code: str, message: str, **params) -> Finding:
    return Finding("warning", file, line, element, code, message, params)


def of_invalid(problem: Invalid, file: str, code: str, line: int = 0, element: str = "") -> Finding:
    """Return a finding for an error that reading raised."""
    where: dict[str, Any] = problem.where
    return Finding("error", where.get("file") or file, where.get("line") or line, where.get("element") or element, code,
                   problem.message, dict(problem.params))
