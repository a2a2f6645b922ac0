"""`/imports`: a file of facts is looked at, and then taken in; the list of those before it."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, get_args

import falcon
import msgspec

from tallystick.console.form_answers import go_to
from tallystick.console.forms import notes_of, users_file_form
from tallystick.console.import_queue import Job
from tallystick.console.imports import (
    FORBIDDEN,
    PASSED_OVER_SHOWN_MAX,
    PATH,
    listed_file,
    require_all_accounts,
)
from tallystick.core.choices import choice_of
from tallystick.core.errors import FileRefused, InvalidValue, Refusal
from tallystick.core.identifiers import printable, shown
from tallystick.core.imports import parse_import_number
from tallystick.core.ledger import BEHIND_ALL
from tallystick.core.roles import Right
from tallystick.core.written_values import CheckDigit
from tallystick.http.acts import answered_refusal, records
from tallystick.http.bodies import BodyTooLarge
from tallystick.http.calls import CallsBusy, leave_seat
from tallystick.http.file_forms import FILE_BYTES_MAX
from tallystick.http.gate import caller_of, for_console_to, user_of
from tallystick.intake import (
    KINDS,
    WORDINGS,
    ImportOptions,
    checked,
    listed,
    preset_for,
    presets,
    preview_file,
    require_account_column,
)
from tallystick.store.acting import act_under_way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from falcon import Request, Response

    from tallystick.console.import_queue import ImportQueue
    from tallystick.console.pages import Pages
    from tallystick.core.moments import Moment
    from tallystick.http.file_forms import FileForm, SentFile
    from tallystick.intake import KindName, Mapping, Preview, Reject
    from tallystick.store import Store

IMPORT = "import"
UNTOUCHED = {
    "kind": "activations",
    "map": "",
    "zone": "",
    "check_digit": "",
    "account": "",
    "ticket": "",
    "reason": "",
    "previewed": "",
}
"""What the form has at first."""
HOW_READ = ("kind", "map", "zone", "check_digit", "account")
"""The fields that say how a file is read."""
CHECK_DIGITS: tuple[CheckDigit, ...] = get_args(CheckDigit)
SUFFIXES = (".csv", ".tsv", ".txt", ".out", ".ndjson", ".jsonl", ".json", ".xlsx")
"""Files that are not packed, so that the bound of what is sent bounds the work, too."""
FILES_AT_ONCE = 2
"""Forms with files that a worker receives and reads at a time: each takes disk and memory."""
ANSWERED_S_MAX = 2.0
"""So long the answer waits for a file to be taken in; then the page says how far it is."""
LISTED_MAX = 20
VALUE_LENGTH_MAX = 80


class RejectedValue(NamedTuple):
    """One thing wrong with one line; the field is empty where the line as such is wrong."""

    line: int
    field: str
    value: str
    reason: str


@dataclass
class Outcome:
    """What the page shows below the form: how a file would be read, or what became of it."""

    problem: str = ""
    file_name: str = ""
    preview: Preview | None = None
    previewed: str = ""
    rejected: list[RejectedValue] = field(default_factory=list)


class ImportPage:
    """The form for a file, which is looked at first and then sent a second time to be taken in.

    The server keeps nothing of a file between the two: it may hold phone numbers, several workers
    and machines would have to share it, and somebody would have to clear up. The page brings back
    what was looked at as a digest, and another file is not taken in for it. Where there is
    JavaScript the browser still has the file, and it need not be chosen twice.
    """

    def __init__(
        self, pages: Pages, store: Store, clock: Callable[[], Moment], queue: ImportQueue
    ) -> None:
        self._pages = pages
        self._store = store
        self._clock = clock
        self._queue = queue
        self._places = threading.BoundedSemaphore(FILES_AT_ONCE)

    @for_console_to(Right.IMPORT)
    def on_get(self, req: Request, resp: Response) -> None:
        """Show the form, or why there is none."""
        self._show(req, resp, UNTOUCHED, Outcome())

    @for_console_to(Right.IMPORT)
    @records("import.file", is_long=True)
    def on_post(self, req: Request, resp: Response) -> None:
        """Show how the file would be read, or take it in if that is what was shown before."""
        with self._store.glance() as reader:
            require_all_accounts(reader, req)
        form = users_file_form(req)
        try:
            with self._place(), ExitStack() as held:
                folder = TemporaryDirectory(prefix="tallystick-import-")
                held.enter_context(folder)
                outcome = self._outcome(req, form, folder)
                if isinstance(outcome, Job):
                    go_to(resp, f"{PATH}/{self._queue.put(outcome)}")
                    held.pop_all()  # the folder goes with the job
        except (FileRefused, InvalidValue, BodyTooLarge, CallsBusy) as refusal:
            outcome = Outcome(refusal.message)
            resp.status = _status(refusal)
            answered_refusal(req, refusal)
        if isinstance(outcome, Job):
            leave_seat(req)
            outcome.ended.wait(ANSWERED_S_MAX)  # most files are small: their receipt comes at once
            return
        if outcome.problem and outcome.preview:
            resp.status = falcon.HTTP_400
        self._show(req, resp, UNTOUCHED | form.fields, outcome)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the places for files. Raises `CallsBusy` where none is free."""
        if not self._places.acquire(blocking=False):
            message = "the server reads as many files as it may at a time; try again in a moment"
            raise CallsBusy(message)
        try:
            yield
        finally:
            self._places.release()

    def _outcome(
        self, req: Request, form: FileForm, folder: TemporaryDirectory[str]
    ) -> Outcome | Job:
        """How the file of a form would be read, or how it is to be taken in.

        Raises `FileRefused` or `InvalidValue`.
        """
        sent = form.read(Path(folder.name))
        typed = UNTOUCHED | form.fields
        if sent is None:
            message = "choose a file"
            raise InvalidValue(message)
        kind, mapping = _asked(typed, sent)
        looked_at = _digest(typed, sent)
        if typed.get("do") == IMPORT and typed["previewed"] == looked_at:
            return self._job(req, typed, sent, folder, mapping)
        try:
            with self._store.snapshot() as reader:
                preview = preview_file(kind, str(sent.path), mapping, self._clock(), reader)
        except FileRefused as refusal:
            message = f"the file {sent.without_folder(refusal.message)}"
            raise FileRefused(message) from refusal
        return Outcome(
            _objection(typed),
            sent.path.name,
            preview,
            looked_at,
            rejected=rejected_values(preview.rejects, preview.columns),
        )

    def _job(
        self,
        req: Request,
        typed: dict[str, str],
        sent: SentFile,
        folder: TemporaryDirectory[str],
        mapping: Mapping,
    ) -> Job:
        """What the queue is to do with a file."""
        origin = notes_of(typed).by(caller_of(req).name, self._clock())
        options = ImportOptions(
            origin.at,
            origin=origin._replace(detail=sent.path.name),
            mapping=mapping,
            content=sent.digest,
        )
        act = act_under_way()
        own_act = None if act is None else replace(act, details={}, recorded_in=set())
        ended = threading.Event()
        path = str(sent.path)
        return Job(_kind(typed), sent.path.name, path, folder, options, own_act, ended)

    def _show(self, req: Request, resp: Response, typed: dict[str, str], outcome: Outcome) -> None:
        before_text = req.get_param("before")
        before = parse_import_number(before_text) if before_text else BEHIND_ALL
        with self._store.snapshot() as reader:
            sees_all = reader.view_of(user_of(req)).sees_all
            records = listed(reader, before, LISTED_MAX + 1, self._clock()) if sees_all else []
        self._pages.show(
            resp,
            "imports.html",
            caller_of(req),
            typed=typed,
            outcome=outcome,
            sees_all=sees_all,
            imports=[listed_file(each) for each in records[:LISTED_MAX]],
            before=records[LISTED_MAX - 1].number if len(records) > LISTED_MAX else None,
            forbidden=FORBIDDEN,
            kinds=KINDS,
            maps=presets(),
            check_digits=CHECK_DIGITS,
            suffixes=SUFFIXES,
            mebibytes_max=FILE_BYTES_MAX >> 20,
            passed_over_max=PASSED_OVER_SHOWN_MAX,
            wordings=WORDINGS,
        )


def _status(refusal: Refusal) -> str:
    if isinstance(refusal, BodyTooLarge):
        return falcon.HTTP_413
    return falcon.HTTP_503 if isinstance(refusal, CallsBusy) else falcon.HTTP_400


def _kind(typed: dict[str, str]) -> KindName:
    """The kind of facts that was chosen. Raises `InvalidValue`."""
    return choice_of(KINDS, "kind", typed["kind"])


def _asked(typed: dict[str, str], sent: SentFile) -> tuple[KindName, Mapping]:
    """What the form says of a file: its kind and how it is read. Raises `InvalidValue`."""
    kind = _kind(typed)
    notes_of(typed)
    mapping = _mapping(kind, typed)
    if sent.path.suffix.lower() not in SUFFIXES:
        message = (
            f"the name of the file must end in one of {', '.join(SUFFIXES)}, and is "
            f"{shown(sent.path.name)}; other files are taken in by tallystick import"
        )
        raise InvalidValue(message)
    return kind, mapping


def _mapping(kind: KindName, typed: dict[str, str]) -> Mapping:
    """The mapping that was chosen, with what the form says in its place. Raises `InvalidValue`."""
    mapping = preset_for(kind, typed["map"])
    if zone := typed["zone"].strip():
        mapping = msgspec.structs.replace(mapping, zone=zone)
    if account := typed["account"].strip():
        require_account_column(kind)
        mapping = msgspec.structs.replace(mapping, account=account)
    for choice in CHECK_DIGITS:
        if choice == typed["check_digit"]:
            return checked(msgspec.structs.replace(mapping, check_digit=choice))
    return checked(mapping)


def _digest(typed: dict[str, str], sent: SentFile) -> str:
    """What tells a file, and how it is read, from others."""
    parts = (sent.digest, sent.path.name, *(typed[name] for name in HOW_READ))
    return sha256("\n".join(parts).encode()).hexdigest()


def _objection(typed: dict[str, str]) -> str:
    """Why a file is shown and not taken in; empty where nobody asked for more."""
    if typed.get("do") != IMPORT:
        return ""
    return (
        "nothing was taken in: the file, or how it is to be read, is not what you were shown; look "
        "at it again below"
    )


def rejected_values(rejects: Sequence[Reject], columns: Sequence[str]) -> list[RejectedValue]:
    """What is wrong with refused lines, one thing after the other, with the values as they came."""
    return [
        RejectedValue(
            reject.line,
            fault.column,
            printable(values.get(fault.column, "")[:VALUE_LENGTH_MAX]),
            fault.reason,
        )
        for reject in rejects
        for values in [dict(zip(columns, reject.values, strict=False))]
        for fault in reject.faults
    ]
