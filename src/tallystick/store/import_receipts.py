"""Imports of files: how far they are, and their receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.imports import ImportRecord, ImportState
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.moments import Moment


class ImportEnd(NamedTuple):
    """How an import has ended: with a receipt, as JSON, or with a message that says why not.

    `rejects` are `reject_lines` of its refused lines, packed.
    """

    state: ImportState
    ended_at: Moment
    facts: int
    message: str = ""
    receipt: str = ""
    reject_lines: int = 0
    rejects: bytes | None = None


class WholeImport(NamedTuple):
    """An import with its packed rejects, as another store takes it."""

    record: ImportRecord
    rejects: bytes | None


class ImportedFacts(NamedTuple):
    """What imports with a receipt brought of one kind of facts, by what became of their lines.

    `last_at` is when the last of them ended that brought a new fact, None where none did. The kinds
    and the counts stay when receipts are forgotten.
    """

    kind: str
    accepted: int
    duplicate: int
    rejected: int
    last_at: Moment | None


class ImportQuestions(Asking):
    """Which imports there were."""

    def imports(self, before: int, at_most: int) -> list[ImportRecord]:
        """Those that began before the one of a number, the last first."""
        rows = self._connection.rows("imports_before", before=before, at_most=at_most)
        return [_record(*row) for row in rows]

    def rejects_of_import(self, number: int) -> bytes | None:
        """The packed rejects of an import, None where there are none or their time is over."""
        return self._value(bytes, "rejects_of_import", number=number)

    def imported_facts(self) -> list[ImportedFacts]:
        """What imports have brought, by kind; one row a kind, however many imports there were."""
        return [ImportedFacts(*row) for row in self._connection.rows("imported_facts")]

    def whole_imports(self) -> Iterator[WholeImport]:
        """Every import."""
        for *columns, rejects in self._connection.stream("whole_imports"):
            yield WholeImport(_record(*columns), None if rejects is None else bytes(rejects))


def _record(number: int, state: str, *columns: Any) -> ImportRecord:  # noqa: ANN401 - a row
    return ImportRecord(number, ImportState(state), *columns)


class ImportChanges(ImportQuestions):
    """What becomes of imports."""

    def begin_import(
        self, state: ImportState, kind: str, file: str, actor: str, begun_at: Moment
    ) -> int:
        """An import begins; give its number."""
        row = self._connection.row(
            "add_import", state=state, kind=kind, file=file, actor=actor, begun_at=begun_at
        )
        assert row is not None  # noqa: S101 - the statement returns the row that it makes
        return int(row[0])

    def note_import(
        self, number: int, state: ImportState, seen_at: Moment, share: int | None, facts: int
    ) -> None:
        """An import goes on, and has come so far."""
        self._connection.run(
            "note_import", number=number, state=state, seen_at=seen_at, share=share, facts=facts
        )

    def end_import(self, number: int, end: ImportEnd) -> None:
        """An import has ended."""
        self._connection.run("end_import", number=number, **end._asdict())

    def count_imported(self, facts: ImportedFacts) -> None:
        """An import has ended with a receipt, which says this; count it in."""
        self._connection.run("count_imported", **facts._asdict())

    def put_imports(self, imports: Iterable[WholeImport]) -> None:
        """Take over what another store keeps of imports."""
        for record, rejects in imports:
            self._connection.run("put_import", **record._asdict(), rejects=rejects)

    def forget_rejects(self, begun_before: Moment, newest: int) -> None:
        """Forget the refused lines of older imports; those of the newest few are kept."""
        up_to = self._last_import() - newest
        self._connection.run("forget_rejects", begun_before=begun_before, up_to=up_to)

    def forget_imports(self, begun_before: Moment, newest: int) -> None:
        """Forget older imports, but for the last one, whose number is not to be given again."""
        last = self._last_import()
        up_to = last - newest
        self._connection.run("forget_imports", begun_before=begun_before, up_to=up_to, last=last)

    def _last_import(self) -> int:
        return self._value(int, "last_import") or 0
