"""When sessions were last used, saved behind the calls that use them (decision 0006)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tallystick.background import Loops
    from tallystick.core.moments import Moment
    from tallystick.store import Store

SAVE_WITHIN_S = 1.0


class LastUses:
    """Last uses: exact in this process, saved by a background loop within a second or so.

    A report must not wait for whoever is writing to the store, an import for example, only to say
    that its session was used. Other workers go by what is saved.
    """

    def __init__(self, store: Store, loops: Loops) -> None:
        self._store = store.without_places()
        self._unsaved: dict[bytes, Moment] = {}
        self._lock = threading.Lock()
        self._loop = loops.loop("last uses of sessions", self._save, SAVE_WITHIN_S)

    def of(self, digest: bytes) -> int:
        """Give the last use that may not be saved yet; 0 where there is none."""
        return self._unsaved.get(digest, 0)

    def note(self, digest: bytes, moment: Moment) -> None:
        """Note that the session was used at this moment."""
        with self._lock:
            self._unsaved[digest] = moment
        self._loop.start()

    def close(self) -> None:
        """Save what is not saved yet, and save no more after it."""
        self._loop.finish()

    def _save(self) -> bool:
        with self._lock:
            uses = dict(self._unsaved)
        if not uses:
            return False
        with self._store.transaction() as writer:
            for digest, moment in uses.items():
                writer.use_session(digest, moment)
        with self._lock:
            for digest, moment in uses.items():
                if self._unsaved[digest] == moment:
                    del self._unsaved[digest]
        return False
