"""How people are told: one module for each way, which hands over one message and says how that went.

Like a connector, a way raises `connectors.Failure`: `temporary` was certainly not taken, `permanent` will never be,
`unknown` was handed over without an answer.
"""

from connectors import Failure


class Unreachable(Failure):
    """The server takes nothing from us now, whoever it is for: all that goes this way waits (temporary)."""

    def __init__(self, message: str, retry_after: float | None = None, **params: object):
        super().__init__(message, "temporary", retry_after, **params)
