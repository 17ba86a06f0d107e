"""Every change by anyone stands in the history: a transaction of Terbit's own that changes something and records nothing fails.

Loaded by `tests/conftest.py` for all tests, so no command that any test goes through can be forgotten. What is not a change
by anyone (the machinery's own marks, what a person has typed and not handed on) is named here, with the reason.
"""

import re
import sys
from pathlib import Path

import sqlalchemy as sa

from engine import migrations, store

HERE = str(Path(__file__).parent)
ELSEWHERE = (HERE, migrations.__file__)  # tests that arrange their scene; the schema, whose upgrade `installation.prepare` records

UNRECORDED = {
    "event": "it is the history itself",
    "audit_seal": "the history's seals",
    "worker": "a worker says that it lives",
    "tally": "counts by the hour; a failed sign-in is recorded beside",
    "job": "leases and retries of the machinery; what a person does to a job is recorded by its command's own test",
    "job_attempt": "that a worker took a job up, and how it went", "job_exchange": "what it sent and got",
    "channel_health": "what a look at a channel showed; that it changed is recorded",
    "channel_sign_in": "an admin on the way to a platform and back; how it began and ended is recorded",
    "notice": "the outbox: what it tells of is recorded",
    "publication": "how an attempt stands; how it ended is recorded",
    "publication_standing": "what a look at a post showed; that it drifted, stands again or was accepted is recorded",
    "standing_tally": "counts of these",
    "publication_progress": "how far a call came; how it ended is recorded",
    "document": "a file whose form is not handed on yet; once it is, 'document.added' says so",
    "batch_item": "how an item fared; what was done to its case is recorded by its own command",
    "upload": "pieces of a file that is still coming in; the document is recorded",
    "disposal_case": "that a case of a list stayed, and why; what went is recorded",
    "draft": "typed and not handed on; the completion is recorded",
    "seen": "marks of what somebody has looked at",
    **{f"evidence_{name}": "sums of the history, and no more than that" for name in ("case", "cell", "kept", "variant", "return", "wording")},
    **dict.fromkeys(("model_draft", "model_draft_file"),
                    "a diagram being drawn saves itself; what is put in force is recorded, and the file names who saved it last"),
}


MARKS = {  # columns that are no more than marks of the machinery
    "channel": {"not_before", "renewing_until"},
    "api_token": {"used_at"}, "web_session": {"seen_at"}, "activity_instance": {"to_tell", "remind_at"}, "user_account": {"totp_step"},
    "process_instance": {"counted"},
}
SEEDS = ("seed_groups.", "seed_people.")  # what a fresh installation has, before anybody could do anything


def _begin(connection):
    connection.info["changed"] = set()


def _note(connection, _cursor, statement, _parameters, _context, _many):
    found = re.match(r"(INSERT INTO|UPDATE|DELETE FROM) (\w+)", statement)
    if found and not (found[1] == "UPDATE" and _columns(statement) <= MARKS.get(found[2], set())):
        connection.info.setdefault("changed", set()).add(found[2])


def _columns(update: str) -> set[str]:
    return set(re.findall(r"(\w+)=", update.partition(" SET ")[2].partition(" WHERE ")[0]))


def _commit(connection):
    changed = connection.info.pop("changed", set())
    unrecorded = changed - UNRECORDED.keys()
    if unrecorded and "event" not in changed and _is_ours():
        raise AssertionError(f"a transaction changed {', '.join(sorted(unrecorded))} and recorded no event (engine.store.record): "
                             "say who did it, or say in tests/recorded.py why that is no change by anyone")


def _is_ours() -> bool:
    """Whether the transaction is one that Terbit made, and not a test that arranges its scene."""
    frame = sys._getframe()
    while frame is not None and frame.f_code is not store.run.__code__:
        if frame.f_code.co_filename.startswith(HERE) and frame.f_code.co_filename != __file__:
            return False  # a test steps in between
        frame = frame.f_back
    if frame is None:
        return False
    fn = frame.f_locals["fn"]
    code = getattr(fn, "func", fn).__code__  # of a partial: what it calls
    return not code.co_filename.startswith(ELSEWHERE) and not code.co_qualname.startswith(SEEDS)


def watch():
    """Listen to every database of this process."""
    sa.event.listen(sa.Engine, "begin", _begin)
    sa.event.listen(sa.Engine, "before_cursor_execute", _note)
    sa.event.listen(sa.Engine, "commit", _commit)
