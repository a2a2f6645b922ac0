from __future__ import annotations

import json

from tallystick.core.import_sources import sources_of
from tallystick.core.imports import ImportRecord, ImportState
from tallystick.core.moments import Moment


def record(
    number: int, actor: str, kind: str, accepted: int, rejected: int = 0, doubts: int = 0
) -> ImportRecord:
    """An import with such a receipt."""
    told = {"of-a-kind": {"count": doubts}} if doubts else {}
    receipt = json.dumps({"accepted": accepted, "rejected": rejected, "doubts": told})
    at = Moment(number)
    return ImportRecord(
        number, ImportState.DONE, kind, "a.csv", actor, at, at, at, None, 0, "", receipt, 0
    )


def test_each_source_tells_what_it_brought_and_where_its_last_trouble_is() -> None:
    running = record(9, "ann", "sims", 0)._replace(state=ImportState.RUNNING, receipt="")
    bobs, annes, newest, sims = sources_of(
        [
            running,
            record(8, "zoe", "activations", 0),
            record(7, "ann", "activations", 0, rejected=2),
            record(6, "ann", "activations", 5, doubts=3),
            record(5, "ann", "activations", 7, rejected=1),
            record(4, "Bob", "activations", 1),
        ]
    )
    assert (bobs.actor, bobs.files, bobs.accepted, bobs.refused_in) == ("Bob", 1, 1, None)
    assert (annes.actor, annes.files, annes.accepted, annes.refused) == ("ann", 3, 12, 3)
    assert annes.last is not None
    assert (annes.last.number, annes.refused_in, annes.doubts, annes.doubtful_in) == (6, 7, 3, 6)
    assert (newest.actor, newest.last) == ("zoe", None)
    assert (sims.kind, sims.files, sims.accepted, sims.last) == ("sims", 1, 0, None)
    assert sources_of([]) == []
