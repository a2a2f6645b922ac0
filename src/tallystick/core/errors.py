"""Every refusal, each with the stable code that programs match on.

    Refusal                      something that was asked for and is not done
    ├── InvalidValue             a value that does not fit its form            invalid-value
    ├── WindowRefused            a report window out of bounds                 window-refused
    ├── NotFound
    │   ├── AccountNotFound      no such account, or not this user's           account-not-found
    │   ├── GroupNotFound        no such group in that account                 group-not-found
    │   ├── AppNotFound          no such app                                   app-not-found
    │   ├── SimNotFound          no such SIM                                   sim-not-found
    │   ├── UserNotFound         no such user                                  user-not-found
    │   ├── RequestNotFound      no such upload                                request-not-found
    │   ├── ListenerNotFound     no such callback listener                     listener-not-found
    │   ├── DeliveryNotFound     no such delivery to a listener                delivery-not-found
    │   ├── ManufacturerUnknown  no type has such a manufacturer               manufacturer-unknown
    │   ├── MismatchNotFound     the SIM has no such mismatch any more         mismatch-not-found
    │   ├── ChangeSetNotFound    no such change set                            change-set-not-found
    │   └── ImportNotFound       no such import                                import-not-found
    ├── NoAccounts               the user has no account at all                no-accounts
    ├── AccountRequired          a group without its account                   account-required
    ├── NameTaken                an app, user or group of that name exists     name-taken
    ├── DefaultGroupKept         renaming or deleting the default group         default-group-kept
    ├── AccountNotEmpty          removing an account that still has something   account-not-empty
    ├── AccessRefused
    │   ├── AppRefused           wrong app key or secret                       app-refused
    │   ├── TokenRefused         wrong, expired or revoked Bearer token        token-refused
    │   ├── ScopeRefused         the app lacks the scope                       scope-refused
    │   ├── ScopeUnknown         a token is asked for with a scope it lacks    scope-unknown
    │   ├── RoleRefused          the user lacks the role                       role-refused
    │   ├── PasswordRefused      wrong password, unknown or locked user        password-refused
    │   ├── SessionRefused       no such session                               session-refused
    │   └── SessionExpired       more than 20 idle minutes                     session-expired
    ├── FileRefused              a file that cannot be read as facts           file-refused
    │   ├── TooManyRejects       a file with more bad lines than it may have   too-many-rejects
    │   └── TooManyDoubts        a file with more doubts than it may have      too-many-doubts
    ├── ImportInterrupted        an import whose server was stopped            import-interrupted
    ├── TargetRefused            a store that cannot be copied into             target-refused
    ├── BackupRefused            a backup that is not made, or not restored     backup-refused
    ├── ChangeSetRefused         a change set that cannot be decided so         change-set-refused
    │   ├── ChangeSetDecided     its state does not allow it                   change-set-decided
    │   ├── OwnProposal          it needs another person's eyes                own-proposal
    │   └── ChangedSince         later change sets stand on it                 changed-since
    ├── ApprovalRequired         one hand alone, of an account with four eyes   approval-required
    ├── KeyReused                an idempotency key that came with other facts  key-reused
    ├── IntakeBusy               more facts are waiting than the store takes    intake-busy
    ├── SettingRefused           an unknown or malformed setting               setting-refused
    └── StoreRefused
        ├── StoreMissing         there is no store at that address             store-missing
        ├── StoreBusy            another writer kept the store too long        store-busy
        ├── StoreOutdated        the store's schema is not this program's      store-outdated
        ├── ClusterMissing       there is no cluster to spread the store over  cluster-missing
        ├── StoreBroken          the store cannot be opened, read or written   store-broken
        │   └── MachineAway      a machine of the cluster is away               machine-away
        └── OutcomeUnknown       it failed while it committed                  outcome-unknown

The docstring of a class is the message where none is given.
"""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - the field's word; not every refusal is an error
    """The request was refused."""

    code = "refused"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n")[0])

    @property
    def message(self) -> str:
        """The sentence for people: what was refused and what to do."""
        return str(self)

    @property
    def message_for_callers(self) -> str:
        """The sentence for whoever calls over HTTP, who must not know the machine."""
        return self.message


class InvalidValue(Refusal):
    """A value does not fit its form."""

    code = "invalid-value"


class WindowRefused(Refusal):
    """The window is out of bounds."""

    code = "window-refused"


class NotFound(Refusal):
    """There is no such thing."""

    code = "not-found"


class AccountNotFound(NotFound):
    """There is no such account, or this user may not see it."""

    code = "account-not-found"


class GroupNotFound(NotFound):
    """There is no such group in the account."""

    code = "group-not-found"


class SimNotFound(NotFound):
    """There is no such SIM."""

    code = "sim-not-found"


class AppNotFound(NotFound):
    """There is no such app."""

    code = "app-not-found"


class UserNotFound(NotFound):
    """There is no such user."""

    code = "user-not-found"


class RequestNotFound(NotFound):
    """There is no such request of the account."""

    code = "request-not-found"


class ListenerNotFound(NotFound):
    """There is no such callback listener of the account."""

    code = "listener-not-found"


class DeliveryNotFound(NotFound):
    """There is no such delivery to a callback listener."""

    code = "delivery-not-found"


class ManufacturerUnknown(NotFound):
    """No type has this manufacturer."""

    code = "manufacturer-unknown"


class MismatchNotFound(NotFound):
    """The SIM has no such mismatch, or has it no more."""

    code = "mismatch-not-found"


class ChangeSetNotFound(NotFound):
    """There is no such change set."""

    code = "change-set-not-found"


class ImportNotFound(NotFound):
    """There is no such import, or it was too long ago to be listed."""

    code = "import-not-found"


class NoAccounts(Refusal):
    """The user has no account."""

    code = "no-accounts"


class AccountRequired(Refusal):
    """A group can only be named together with its account."""

    code = "account-required"


class NameTaken(Refusal):
    """The name is taken."""

    code = "name-taken"


class DefaultGroupKept(Refusal):
    """The default group of an account can be neither renamed, described nor deleted."""

    code = "default-group-kept"


class AccountNotEmpty(Refusal):
    """The account still has something, and only an empty one can be removed."""

    code = "account-not-empty"


class AccessRefused(Refusal):
    """Access is refused: to the app or user `actor`, where that is known."""

    code = "access-refused"

    def __init__(self, message: str | None = None, actor: str = "") -> None:
        super().__init__(message)
        self.actor = actor


class AppRefused(AccessRefused):
    """The app's key or secret is wrong."""

    code = "app-refused"


class TokenRefused(AccessRefused):
    """The Bearer token is wrong, expired or revoked."""

    code = "token-refused"


class ScopeRefused(AccessRefused):
    """The app lacks the scope for this call."""

    code = "scope-refused"


class ScopeUnknown(AccessRefused):
    """The app asks for a token with a scope that it lacks."""

    code = "scope-unknown"


class RoleRefused(AccessRefused):
    """The user's role does not allow this."""

    code = "role-refused"


class PasswordRefused(AccessRefused):
    """The user name or the password is wrong, or the user is locked."""

    code = "password-refused"


class SessionRefused(AccessRefused):
    """There is no such session."""

    code = "session-refused"


class SessionExpired(AccessRefused):
    """The session ended after 20 idle minutes."""

    code = "session-expired"


class FileRefused(Refusal):
    """The file cannot be read as facts."""

    code = "file-refused"


class TooManyRejects(FileRefused):
    """The file has more bad lines than are allowed."""

    code = "too-many-rejects"


class TooManyDoubts(FileRefused):
    """The file has more doubts than are allowed."""

    code = "too-many-doubts"


class ImportInterrupted(Refusal):
    """The server was stopped: import the same file again, and it goes on where it was."""

    code = "import-interrupted"


class TargetRefused(Refusal):
    """The store cannot be copied into: it holds other facts, or is the same one."""

    code = "target-refused"


class BackupRefused(Refusal):
    """The backup cannot be made, or cannot be restored."""

    code = "backup-refused"


class ChangeSetRefused(Refusal):
    """The change set cannot be approved, rejected or undone."""

    code = "change-set-refused"


class ChangeSetDecided(ChangeSetRefused):
    """The change set is in a state that does not allow it."""

    code = "change-set-decided"


class OwnProposal(ChangeSetRefused):
    """Whoever has proposed a change set cannot decide about it."""

    code = "own-proposal"


class ChangedSince(ChangeSetRefused):
    """Later change sets have changed the same expectations; undo those first."""

    code = "changed-since"


class ApprovalRequired(Refusal):
    """The account asks for approval: propose the change, for another person to approve."""

    code = "approval-required"


class KeyReused(Refusal):
    """The idempotency key was used before, for other facts: send these with a key of their own."""

    code = "key-reused"


class IntakeBusy(Refusal):
    """More facts are waiting than the store takes in; try again in a moment."""

    code = "intake-busy"


class SettingRefused(Refusal):
    """A setting is unknown or malformed."""

    code = "setting-refused"


class StoreRefused(Refusal):
    """The store cannot answer."""

    code = "store-refused"

    @property
    def message_for_callers(self) -> str:
        """What is wrong, without where the store is and what the database said."""
        return (type(self).__doc__ or "").split("\n")[0]


class StoreMissing(StoreRefused):
    """There is no store at that address."""

    code = "store-missing"


class StoreBusy(StoreRefused):
    """Another writer kept the store too long; try again."""

    code = "store-busy"


class StoreOutdated(StoreRefused):
    """The store's schema is not this program's; run `tallystick init`."""

    code = "store-outdated"


class ClusterMissing(StoreRefused):
    """There is no cluster to spread the store over."""

    code = "cluster-missing"


class StoreBroken(StoreRefused):
    """The store cannot be opened, read or written."""

    code = "store-broken"


class MachineAway(StoreBroken):
    """A machine that has some of these SIMs is away; what others have is taken in meanwhile."""

    code = "machine-away"


class OutcomeUnknown(StoreRefused):
    """The store failed while it committed, and whether the change holds is not known."""

    code = "outcome-unknown"
