"""When sessions were last used, saved behind the calls that use them (decision 0006)."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from tallystick.core.errors import StoreRefused

if TYPE_CHECKING:
    from tallystick.core.moments import Moment
    from tallystick.store import Store

SAVE_WITHIN_S = 1.0

log = logging.getLogger(__name__)


class LastUses:
    """Last uses: exact in this process, saved from a thread of its own within a second or so.

    A report must not wait for whoever is writing to the store, an import for example, only to say
    that its session was used. Other workers go by what is saved.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unsaved: dict[bytes, Moment] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._noted = threading.Event()

    def of(self, digest: bytes) -> int:
        """Give the last use that may not be saved yet; 0 where there is none."""
        return self._unsaved.get(digest, 0)

    def note(self, digest: bytes, moment: Moment) -> None:
        """Note that the session was used at this moment."""
        with self._lock:
            self._unsaved[digest] = moment
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._keep_saving, name="last-uses", daemon=True
                )
                self._thread.start()
        self._noted.set()

    def close(self) -> None:
        """Save what is not saved yet, and save no more after it."""
        self._closing.set()
        self._noted.set()
        if self._thread:
            self._thread.join()

    def _keep_saving(self) -> None:
        while not self._closing.is_set():
            self._noted.wait()
            self._noted.clear()
            self._closing.wait(SAVE_WITHIN_S)  # uses in the meantime go into the same transaction
            self._save()

    def _save(self) -> None:
        with self._lock:
            uses = dict(self._unsaved)
        if not uses:
            return
        try:
            with self._store.transaction() as writer:
                for digest, moment in uses.items():
                    writer.use_session(digest, moment)
        except StoreRefused as refusal:
            log.warning("sessions' last uses are not saved yet: %s", refusal)
            self._noted.set()
            return
        with self._lock:
            for digest, moment in uses.items():
                if self._unsaved[digest] == moment:
                    del self._unsaved[digest]
