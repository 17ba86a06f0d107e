"""stub"""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    severity: str; file: str; line: int; element: str; code: str; message: str; params: dict = field(default_factory=dict)
def check(resources, called=frozenset()): return []
