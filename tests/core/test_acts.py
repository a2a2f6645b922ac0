"""The chain of the audit's records, and what a record shows of a call."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.acts import (
    BEFORE_ALL_RECORDS,
    LIST_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    Act,
    AuditRecord,
    Entry,
    Link,
    Via,
    details_of,
    digest_of_record,
    first_misfit,
)
from tallystick.core.moments import Moment

entries = st.lists(
    st.builds(Entry, st.integers(0, 9), *[st.text(max_size=3)] * 8), min_size=1, max_size=6
)


def chained(given_entries: list[Entry]) -> list[AuditRecord]:
    """Records that follow each other."""
    records, before = [], BEFORE_ALL_RECORDS.digest
    for number, entry in enumerate(given_entries, 1):
        before = digest_of_record(before, number, entry)
        records.append(AuditRecord(number, entry, before))
    return records


def head_of(records: list[AuditRecord]) -> Link:
    """The last record."""
    return Link(records[-1].number, records[-1].digest)


@given(entries, st.data())
def test_whatever_is_changed_in_a_chain_is_named_and_nothing_else(
    given_entries: list[Entry], data: st.DataObject
) -> None:
    records = chained(given_entries)
    head = head_of(records)
    assert first_misfit(records, BEFORE_ALL_RECORDS, head, head) is None
    place = data.draw(st.integers(0, len(records) - 1))
    number = records[place].number

    def misfit(changed: list[AuditRecord]) -> int | None:
        found = first_misfit(changed, BEFORE_ALL_RECORDS, head)
        return found and found.number

    other = records[place].entry._replace(actor=records[place].entry.actor + "x")
    changed = records[place]._replace(entry=other)
    assert misfit([*records[:place], changed, *records[place + 1 :]]) == number
    assert misfit([*records[:place], *records[place + 1 :]]) == number
    assert misfit(records[:place]) == number


def test_a_chain_that_was_made_anew_is_caught_by_a_record_noted_elsewhere() -> None:
    entry = Entry(1, "http", "app", "user.add", "bob", "", "done", "", "{}")
    noted = head_of(chained([entry, entry]))
    rewritten = chained([entry, entry._replace(subject="eve"), entry])
    assert first_misfit(rewritten, BEFORE_ALL_RECORDS, head_of(rewritten)) is None
    misfit = first_misfit(rewritten, BEFORE_ALL_RECORDS, head_of(rewritten), noted)
    assert misfit
    assert misfit.number == 2
    beyond = Link(4, noted.digest)
    misfit = first_misfit(rewritten, BEFORE_ALL_RECORDS, head_of(rewritten), beyond)
    assert misfit
    assert misfit.number == 4


def test_a_record_shows_no_secret_and_subscribers_in_part() -> None:
    shown = details_of(
        {
            "name": "ann",
            "password": "correct horse",
            "client_secret": "x",
            "url": "https://u:p@host/",
            "iccid": "89148000000800784259",
            "add": ["89148000000800784259", "2"],
            "scopes": ["m2m", "intake"],
            "all_accounts": True,
            "ticket": "",
            "grant": [],
        }
    )
    assert shown == {
        "name": "ann",
        "password": "…",
        "client_secret": "…",
        "url": "…",
        "iccid": "89148…4259",
        "add": "2 values",
        "scopes": ["m2m", "intake"],
        "all_accounts": True,
    }


def test_a_record_is_of_bounded_length_and_of_one_line() -> None:
    long = details_of({"name": "n" * 10_000, "accounts": ["a"] * (LIST_LENGTH_MAX + 1)})
    assert len(str(long["name"])) == TEXT_LENGTH_MAX + 1
    assert long["accounts"] == f"{LIST_LENGTH_MAX + 1} values"
    act = Act(Moment(0), Via.HTTP, "user.add", actor="a\nb\x00\x1b\ud800", subject="s" * 10_000)
    entry = act.entry("done")
    assert entry.actor == "a\\nb\\x00\\x1b\\ud800"
    assert len(entry.subject) == TEXT_LENGTH_MAX + 1
