"""What changed since the content was last sent back: as it was and as it is, side by side, with the notes of each round.

Words are compared by difflib: paragraphs first, then the words of those that differ, so that a long text costs little.
"""

import datetime as dt
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from engine import tables
from webui import actor, db, story

TEXTS = ("judul", "ringkasan", "isi")
FILES = ("gambar", "lampiran")
OWN = "teks_kanal"
CORRECTS = "ralat_sebelumnya"  # a variable that every ralat has: it began with the content that stands published
MOST_WORDS = 2_000  # of a pair of paragraphs: longer ones are shown as one whole change
MOST_ROUNDS = 200  # events read
Piece = tuple[str, str]  # (same | del | ins, words)


@dataclass(frozen=True)
class Row:
    """A paragraph before and after; None where there is none."""

    before: list[Piece] | None
    after: list[Piece] | None

    @property
    def same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True)
class Round:
    """One return: who said what, when."""

    by: str | None
    at: dt.datetime
    note: str
    task_id: str
    activity_id: str


@dataclass(frozen=True)
class Changes:
    rounds: list[Round]  # oldest first
    texts: list[tuple[str, list[Row]]]  # (key, its paragraphs) of what changed
    files: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)  # key: (same | del | ins | alt, file)

    @property
    def any(self) -> bool:
        return bool(self.texts) or any(kind != "same" for found in self.files.values() for kind, _ in found)


def since_return(task: Mapping[str, Any], variables: Mapping[str, Any]) -> Changes | None:
    """What changed, for a task of a case that was sent back, or that corrects what stands published; None for any other.
    One statement, and only where there may be something.

    Who sends back sees what changed since they last did. Everyone else: what changed since the return before it, or
    since the content was first handed over. A ralat that nobody sent back is compared with what it began with.
    """
    if variables.get("keputusan") != "tidak" and CORRECTS not in variables:
        return None
    states = _states(task["instance_id"])
    returns = [(step, state) for step, state in states if step]
    first = next((state for _, state in states if state), {})  # a start without content leaves it empty
    if not returns:
        found = compare(first, variables)
        return found if found.any and CORRECTS in variables else None
    if returns[-1][0].activity_id == task["activity_id"]:
        before = returns[-1][1]
    else:
        before = returns[-2][1] if len(returns) > 1 else first
    return compare(before, variables, [step for step, _ in returns])


def compare(before: Mapping[str, Any], after: Mapping[str, Any], rounds: Sequence[Round] = ()) -> Changes:
    """The difference between two states of a case's content."""
    texts = [(key, rows(_text(before, key), _text(after, key))) for key in TEXTS if _text(before, key) != _text(after, key)]
    old, new = _own(before), _own(after)
    texts += [(f"{OWN}:{channel}", rows(_text(old, channel), _text(new, channel))) for channel in sorted({*old, *new})
              if _text(old, channel) != _text(new, channel)]
    files = {key: _files(before.get(key), after.get(key)) for key in FILES}
    return Changes(list(rounds), texts, {key: found for key, found in files.items() if found})


# Words ----------------------------------------------------------------------------------------------------------------

def rows(before: str, after: str) -> list[Row]:
    """The paragraphs of both, those that belong together beside each other, their changed words marked."""
    old, new = (re.split(r"\n\s*\n", text.strip()) if text.strip() else [] for text in (before, after))
    found: list[Row] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found += [Row([("same", text)], [("same", text)]) for text in old[a:b]]
        else:
            found += [_pair(old[a + n] if a + n < b else None, new[c + n] if c + n < d else None) for n in range(max(b - a, d - c))]
    return found


def _pair(old: str | None, new: str | None) -> Row:
    if old is None or new is None:
        return Row([("del", old)] if old is not None else None, [("ins", new)] if new is not None else None)
    first, second = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (old, new))
    if len(first) + len(second) > 2 * MOST_WORDS:
        return Row([("del", old)], [("ins", new)])
    before: list[Piece] = []
    after: list[Piece] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        _add(before, "same" if kind == "equal" else "del", "".join(first[a:b]))
        _add(after, "same" if kind == "equal" else "ins", "".join(second[c:d]))
    return Row(before, after)


def _add(pieces: list[Piece], kind: str, words: str) -> None:
    if not words:
        return
    if kind == "same" and words.isspace() and pieces:  # a blank between two changed words belongs to them
        kind = pieces[-1][0]
    if pieces and pieces[-1][0] == kind:
        pieces[-1] = (kind, pieces[-1][1] + words)
    else:
        pieces.append((kind, words))


def _own(state: Mapping[str, Any]) -> Mapping[str, Any]:
    texts = state.get(OWN)
    return texts if isinstance(texts, dict) else {}


def _text(state: Mapping[str, Any], key: str) -> str:
    value = state.get(key)
    return value if isinstance(value, str) else ""


# Files ----------------------------------------------------------------------------------------------------------------

def _files(before: Any, after: Any) -> list[tuple[str, dict[str, Any]]]:
    """Each file once: those that stayed, those that went, those that came; `alt`: it stayed, and says something else."""
    old, new = ({f["sha256"]: f for f in value or [] if isinstance(f, dict) and f.get("sha256")} for value in (before, after))
    found = [("ins" if key not in old else "same" if old[key].get("alt") == file.get("alt") else "alt",
              file if key not in old else {**file, "alt_before": old[key].get("alt") or ""}) for key, file in new.items()]
    return [("del", file) for key, file in old.items() if key not in new] + found


# History --------------------------------------------------------------------------------------------------------------

def _states(instance_id: str) -> list[tuple[Round | None, dict[str, Any]]]:
    """At the start, and after each completed task: the return that it was, if it was one, and the content as it then stood."""
    event, activity = tables.event, tables.activity
    query = sa.select(event.c.at, event.c.actor, event.c.data, activity.c.id, activity.c.activity_id).outerjoin(
        activity, activity.c.id == event.c.activity_instance_id).where(
        event.c.tenant_id == actor().tenant, event.c.instance_id == instance_id,
        event.c.type.in_(["instance.started", "task.completed"]),
    ).order_by(event.c.id).limit(MOST_ROUNDS)
    found: list[tuple[Round | None, dict[str, Any]]] = []
    content: dict[str, Any] = {}
    for row in db.session.execute(query):
        said = story.said(row.data)
        content = content | {key: said[key] for key in (*TEXTS, *FILES, OWN) if key in said}
        back = row.id is not None and said.get("keputusan") == "tidak"
        note = str(said.get("catatan") or "")
        found.append((Round(row.actor, row.at, note, row.id, row.activity_id) if back else None, content))
    return found
