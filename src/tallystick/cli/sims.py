"""`tallystick sim`: list, show, move and remove."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tallystick.api.answers import sims as answers
from tallystick.cli.command import EXIT_REFUSED, EXIT_SOME_REJECTED, Command, LongCommand
from tallystick.cli.ledger import Actor, Reason, Ticket, origin_of
from tallystick.cli.output import AsJson, print_json, print_table, say
from tallystick.cli.sim_files import Line, lines_of
from tallystick.cli.stores import current_settings, store_of
from tallystick.clock import system_clock
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import BEFORE_ALL, Iccid, parse_name
from tallystick.fleet import inventory
from tallystick.fleet.inventory import Move
from tallystick.intake.sims_changed import SIMS_NAMED_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tallystick.core.errors import Refusal
    from tallystick.fleet.inventory import SimsDone
    from tallystick.store import Writer

SIMS_A_TRANSACTION = 10_000  # so that live intake and other writers are not kept waiting
REFUSED_SHOWN_MAX = 20
REMOVAL = "removal"
"""What the ledger calls this."""

commands = typer.Typer(
    help="SIMs: listed, shown, moved between accounts, and removed.", no_args_is_help=True
)

Iccids = Annotated[list[str] | None, typer.Argument(metavar="ICCID…", help="The SIMs.")]
File = Annotated[
    Path | None,
    typer.Option("--file", help="Read them from this file, one ICCID a line; - is standard input."),
]


@commands.command("list", cls=Command)
def list_(
    account: Annotated[
        str | None, typer.Option(help="Of this account; of all of them if none is named.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="ICCID", help="Those behind this one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List SIMs in order of ICCID, 2,000 at a time.

    Each with where and when it was last seen, and where it is expected now.
    """
    settings = current_settings()
    begin = BEFORE_ALL if after is None else Iccid.parse(after)
    with store_of(settings) as store, store.snapshot() as reader:
        page = answers.sim_page(
            inventory.page(reader, account, begin, system_clock()), settings.zone
        )
    if as_json:
        print_json(page)
        return
    _print_table(answers.ListedSim, page.sims)
    if page.next:
        say(f"there are more: --after {page.next}", err=True)


@commands.command(cls=Command)
def show(
    iccid_or_mdn: Annotated[
        str, typer.Argument(metavar="ICCID|MDN", help="The SIM, or its phone number.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show a SIM in short: its account and group, and how much is told of it."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        records = [
            answers.sim_answer(each, settings.zone)
            for each in inventory.records(reader, iccid_or_mdn)
        ]
    if as_json:
        print_json({"sims": records})
        return
    _print_table(answers.SimAnswer, records)


def _print_table(kind: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> None:
    names = kind.__struct_fields__
    print_table(names, [[_cell(getattr(row, name)) for name in names] for row in rows])


def _cell(value: object) -> str:
    return (
        ""
        if value is None
        else ("yes" if value else "no")
        if isinstance(value, bool)
        else str(value)
    )


@commands.command(cls=LongCommand)
def move(
    iccid: Iccids = None,
    to: Annotated[
        str | None, typer.Option(metavar="ACCOUNT", help="The account that they go to.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="Read them from this file, one ICCID a line, or CSV with the columns iccid and "
            "account; - is "
            "standard input.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Move SIMs to another account, out of their groups.

    Exit status: 0 all done, 3 some refused, 1 nothing done.
    """
    done = _Tally("moved", file)
    _do(
        lines_of(iccid or [], file, to),
        done,
        lambda iccid, line: Move(iccid, _account(line)),
        inventory.move,
    )
    done.tell(as_json=as_json)


@commands.command(cls=LongCommand)
def remove(
    iccid: Iccids = None,
    file: File = None,
    ticket: Ticket = "",
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Take SIMs out of the device database; what the network saw of them stays, and waits.

    That they are expected nowhere any more is a change set of the ledger, for each 10,000 of them.
    Exit status: 0 all done, 3 some refused, 1 nothing done.
    """
    done = _Tally("removed", file)
    origin = origin_of(actor, ticket, reason)._replace(source=REMOVAL)
    _do(
        lines_of(iccid or [], file, ""),
        done,
        lambda iccid, _: iccid,
        lambda writer, iccids: inventory.remove(writer, iccids, origin),
    )
    done.tell(as_json=as_json)


def _account(line: Line) -> str:
    return parse_name("account", line.account)


def _do(
    lines: Iterator[Line],
    tally: _Tally,
    parse: Callable[[Iccid, Line], Any],
    action: Callable[[Writer, Sequence[Any]], SimsDone],
) -> None:
    """Do something to the SIMs of all lines, a batch in each transaction.

    Bad lines never stop the good ones.
    """
    with store_of(current_settings()) as store:
        while portion := list(islice(lines, SIMS_A_TRANSACTION)):
            good, refused = _parsed(portion, parse)
            sims = frozenset(iccid for iccid, _ in good.values())
            changed = sims if len(sims) <= SIMS_NAMED_MAX else None
            with store.transaction(sims=changed) as writer:
                done = action(writer, [said for _, said in good.values()])
            places = list(good)
            refused |= {places[place]: refusal for place, refusal in done.refused.items()}
            tally.add(portion, len(done.sims), refused)


def _parsed(
    lines: Sequence[Line], parse: Callable[[Iccid, Line], Any]
) -> tuple[dict[int, tuple[Iccid, Any]], dict[int, Refusal]]:
    """The SIM of each line and what it says, and the refusals of the others, by their place."""
    good: dict[int, tuple[Iccid, Any]] = {}
    refused: dict[int, Refusal] = {}
    for place, line in enumerate(lines):
        try:
            iccid = Iccid.parse(line.iccid)
            good[place] = iccid, parse(iccid, line)
        except InvalidValue as refusal:
            refused[place] = refusal
    return good, refused


@dataclass
class _Tally:
    """What became of the SIMs of all lines."""

    what: str
    file: Path | None
    read: int = 0
    done: int = 0
    refused: int = 0
    first: list[tuple[Line, str]] = field(default_factory=list)

    def add(self, lines: Sequence[Line], done: int, refused: Mapping[int, Refusal]) -> None:
        """Count some lines, and keep the first that were refused."""
        self.read += len(lines)
        self.done += done
        self.refused += len(refused)
        room = REFUSED_SHOWN_MAX - len(self.first)
        self.first += [(lines[place], refused[place].message) for place in sorted(refused)[:room]]

    def tell(self, *, as_json: bool) -> None:
        """Print it, and exit with the status that says it."""
        unchanged = self.read - self.done - self.refused
        if as_json:
            rejects = [
                {"line": line.number, "iccid": line.iccid, "reason": reason}
                for line, reason in self.first
            ]
            counts = {
                "read": self.read,
                self.what: self.done,
                "unchanged": unchanged,
                "rejected": self.refused,
            }
            print_json(counts | {"rejects": rejects})
        else:
            self._print(unchanged)
        if self.refused:
            raise typer.Exit(EXIT_SOME_REJECTED if self.refused < self.read else EXIT_REFUSED)

    def _print(self, unchanged: int) -> None:
        say(f"SIMs: {self.done:,} {self.what}, {unchanged:,} unchanged, {self.refused:,} refused")
        for line, reason in self.first:
            place = f"{self.file}:{line.number}: " if self.file else ""
            say(f"{place}{reason}", err=True)
        if self.refused > len(self.first):
            say(f"and {self.refused - len(self.first):,} more refused", err=True)
