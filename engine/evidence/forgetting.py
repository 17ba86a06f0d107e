"""What the evidence keeps of a case that is disposed of: its sums, and no person and no word of it."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from engine.evidence import facts, rollup
from engine.tables import evidence_case, evidence_kept, evidence_return, evidence_wording

_e, _r, _w = evidence_case.c, evidence_return.c, evidence_wording.c


def forget(db: sa.Connection, ids: Sequence[str]) -> None:
    """Keep the sums of these cases apart while their history is still there, so that counting anew can begin with them; and take the
    writer, and the notes of TIDAK that no other case has, out of what the evidence says of them. They are counted; `rollup.lock` is held.

    A TIDAK stays in the category that its note was put into.
    """
    rollup.write_cells(db, rollup.cells(map(_nobodys, rollup.facts_of(db, ids))), evidence_kept)
    db.execute(sa.update(evidence_case).where(_e.instance_id.in_(ids)).values(writer=None, kept=True))
    theirs = _r.instance_id.in_(ids)
    for row in db.execute(sa.select(_r.tenant_id, _r.key, _r.wording, sa.func.count().label("n")).where(theirs, _r.wording != "").group_by(
            _r.tenant_id, _r.key, _r.wording)).all():
        note = (_w.tenant_id == row.tenant_id, _w.key == row.key, _w.id == row.wording)
        db.execute(sa.update(evidence_wording).where(*note).values(count=_w["count"] - row.n))
        db.execute(sa.delete(evidence_wording).where(*note, _w["count"] <= 0))
    db.execute(sa.update(evidence_return).where(theirs).values(wording=""))


def _nobodys(of: facts.Facts) -> facts.Facts:
    """The same without its writer."""
    measures = {(what, "" if what == "writer" else element, unit): m for (what, element, unit), m in of.measures.items()}
    return replace(of, measures=measures)
