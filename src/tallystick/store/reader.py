"""The store's questions: one method each, asked within one snapshot; each topic has a module."""

from __future__ import annotations

from tallystick.store.access import AccessQuestions
from tallystick.store.accounts import AccountQuestions
from tallystick.store.approvals import ApprovalQuestions
from tallystick.store.audit import AuditQuestions
from tallystick.store.callbacks import CallbackQuestions
from tallystick.store.copying import MovingQuestions
from tallystick.store.corrections import CorrectionQuestions
from tallystick.store.coverage import CoverageQuestions
from tallystick.store.devices import DeviceQuestions
from tallystick.store.doubtful import DoubtfulQuestions
from tallystick.store.explanations import ExplanationQuestions
from tallystick.store.facts import FactQuestions
from tallystick.store.groups import GroupQuestions
from tallystick.store.hardware import HardwareQuestions
from tallystick.store.history import HistoryQuestions
from tallystick.store.identities import IdentityQuestions
from tallystick.store.import_receipts import ImportQuestions
from tallystick.store.ledger import LedgerQuestions
from tallystick.store.listing import ListingQuestions
from tallystick.store.progress import ProgressQuestions
from tallystick.store.reasons import ReasonQuestions
from tallystick.store.saved_views import SavedViewQuestions
from tallystick.store.sightings import SightingQuestions
from tallystick.store.types import TypeQuestions
from tallystick.store.unfinished import WorkQuestions
from tallystick.store.uploads import UploadQuestions
from tallystick.store.verifying import VerifyQuestions


class Reader(
    ReasonQuestions,
    SightingQuestions,
    HardwareQuestions,
    ApprovalQuestions,
    LedgerQuestions,
    IdentityQuestions,
    FactQuestions,
    HistoryQuestions,
    DeviceQuestions,
    TypeQuestions,
    CorrectionQuestions,
    ListingQuestions,
    ExplanationQuestions,
    SavedViewQuestions,
    ImportQuestions,
    CoverageQuestions,
    DoubtfulQuestions,
    UploadQuestions,
    ProgressQuestions,
    VerifyQuestions,
    WorkQuestions,
    MovingQuestions,
    CallbackQuestions,
    AccountQuestions,
    GroupQuestions,
    AccessQuestions,
    AuditQuestions,
):
    """Questions to one snapshot of the store."""
