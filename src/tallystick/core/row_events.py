"""Row events: what becomes of rows of the kept answer, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class RowChange(StrEnum):
    """What became of a row."""

    OPENED = "opened"
    """It is new in the answer."""
    CLOSED = "closed"
    """It is no longer in the answer."""
    REPRINTED = "reprinted"
    """It stays in the answer under the same key, and reads differently."""


class CauseKind(StrEnum):
    """What kind of change led to a row event."""

    ACTIVATION = "activation"
    """An activation was taken in."""
    EXPECTATION = "expectation"
    """An expectation was put, corrected or taken away; the change set says by whom."""
    IDENTITY = "identity"
    """An identity was put, corrected or taken away; the change set says by whom."""
    SIM = "sim"
    """What the device database knows of the SIM was loaded or corrected."""
    MOVE = "move"
    """The SIM was moved to another account."""
    REMOVAL = "removal"
    """The SIM was removed."""
    RENAME = "rename"
    """The SIM's account was renamed."""
    POLICY = "policy"
    """The account's policy of first use was changed."""
    ZONE = "zone"
    """The store prints its times in another zone."""
    MIGRATION = "migration"
    """The store was brought to this program's schema."""


class Cause(NamedTuple):
    """Why a row event happened; `change_set_id` is 0 where no change set is concerned."""

    kind: CauseKind
    change_set_id: int = 0


ACTIVATION = Cause(CauseKind.ACTIVATION)
SIM = Cause(CauseKind.SIM)
MOVE = Cause(CauseKind.MOVE)
RENAME = Cause(CauseKind.RENAME)
POLICY = Cause(CauseKind.POLICY)
ZONE = Cause(CauseKind.ZONE)
MIGRATION = Cause(CauseKind.MIGRATION)
