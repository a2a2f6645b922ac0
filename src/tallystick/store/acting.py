"""The act that the current thread is doing, which the transactions it commits are recorded as.

A shell begins an act and ends it. In between, `Store.transaction` appends the act's record before
it commits, so that no change can be made without its record, and no code that makes one has to
think of it. Threads that do no act, live intake's among them, pay one look at a variable.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from tallystick.core.acts import details_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.core.acts import Act

_current: ContextVar[Act | None] = ContextVar("act", default=None)


def begin_act(act: Act) -> None:
    """Have what this thread changes from now on recorded as this act."""
    _current.set(act)


def end_act() -> None:
    """Have what this thread changes from now on recorded as nothing."""
    _current.set(None)


def act_under_way() -> Act | None:
    """Give the act of this thread."""
    return _current.get()


@contextmanager
def acting(act: Act | None) -> Iterator[None]:
    """A stretch in which this thread does this act, or none."""
    token = _current.set(act)
    try:
        yield
    finally:
        _current.reset(token)


def name_actor(name: str) -> None:
    """Say who does the act under way, if there is one."""
    act = _current.get()
    if act is not None:
        act.actor = name


def name_deed(deed: str) -> None:
    """Say which of several deeds the act under way is, if there is one: `app.remove`, not `app`."""
    act = _current.get()
    if act is not None:
        act.action = f"{act.action.partition('.')[0]}.{deed}"


def add_details(fields: Mapping[str, object]) -> None:
    """Say more of the act under way, if there is one, as far as a record may show it.

    Its subject is the field `name` where it has none yet.
    """
    act = _current.get()
    if act is None:
        return
    act.details |= details_of(fields)
    act.subject = act.subject or str(act.details.get("name", ""))
