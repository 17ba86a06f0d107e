"""What the evidence keeps of a case that is disposed of: its sums, and no person and no word of it."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from engine.evidence import facts, rollup
from engine.tables import evidence_case, evidence_cell, evidence_kept, evidence_return, evidence_wording

_c, _e, _r, _w = evidence_cell.c, evidence_case.c, evidence_return.c, evidence_wording.c


def forget(db: sa.Connection, ids: Sequence[str]) -> None:
    """Keep the sums of these cases apart while their history is still there, so that counting anew can begin with them; and take the
    writer, also as one of those by whom is counted, and the notes of TIDAK that no other case has, out of what the evidence says of them.
    They are counted; `rollup.lock` is held.

    A TIDAK stays in the category that its note was put into.
    """
    found = rollup.facts_of(db, ids)
    rollup.write_cells(db, rollup.cells(map(_nobodys, found)), evidence_kept)
    rollup.write_cells(db, rollup.cells(map(_handed_over, found)))
    db.execute(sa.delete(evidence_cell).where(_c.tenant_id.in_({f.row["tenant_id"] for f in found}), _c.what == "writer", _c["count"] <= 0))
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


def _handed_over(of: facts.Facts) -> facts.Facts:
    """What takes its writer's part in the sums from them, and gives it to nobody."""
    parts = {unit: m for (what, element, unit), m in of.measures.items() if what == "writer" and element}
    writer = of.row["writer"]
    return replace(of, measures={("writer", writer, unit): m.negated() for unit, m in parts.items()}
                   | {("writer", "", unit): m for unit, m in parts.items()})
