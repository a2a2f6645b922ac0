"""The store's questions: one method each, asked within one snapshot; each topic has a module."""

from __future__ import annotations

from tallystick.store.access import AccessQuestions
from tallystick.store.accounts import AccountQuestions
from tallystick.store.devices import DeviceQuestions
from tallystick.store.facts import FactQuestions
from tallystick.store.groups import GroupQuestions
from tallystick.store.ledger import LedgerQuestions
from tallystick.store.moving import MovingQuestions
from tallystick.store.progress import ProgressQuestions
from tallystick.store.report import ReportQuestions
from tallystick.store.uploads import UploadQuestions
from tallystick.store.verifying import VerifyQuestions


class Reader(
    ReportQuestions,
    FactQuestions,
    LedgerQuestions,
    DeviceQuestions,
    UploadQuestions,
    ProgressQuestions,
    VerifyQuestions,
    MovingQuestions,
    AccountQuestions,
    GroupQuestions,
    AccessQuestions,
):
    """Questions to one snapshot of the store."""
