"""Access: apps and their Bearer tokens, users and their sessions, lockout.

Nothing that opens a door rests in the store. Of secrets and tokens, which are random and long, it
keeps the SHA-256 digest; of passwords the argon2 hash.
"""

from __future__ import annotations

from tallystick.access.apps import SCOPES, SCOPES_DEFAULT, App, Apps, Credentials
from tallystick.access.callers import Caller, Callers
from tallystick.access.last_uses import SAVE_WITHIN_S
from tallystick.access.sessions import CONSOLE_S_MAX, IDLE_S_MAX
from tallystick.access.shared import CLOCK_AHEAD_S_MAX, TOKEN_S
from tallystick.access.tokens import HELD_OVER_S, RENEWED_S, Issued
from tallystick.access.users import FAILED_LOGINS_MAX, User, UserChange, Users

__all__ = [
    "CLOCK_AHEAD_S_MAX",
    "CONSOLE_S_MAX",
    "FAILED_LOGINS_MAX",
    "HELD_OVER_S",
    "IDLE_S_MAX",
    "RENEWED_S",
    "SAVE_WITHIN_S",
    "SCOPES",
    "SCOPES_DEFAULT",
    "TOKEN_S",
    "Access",
    "App",
    "Caller",
    "Credentials",
    "Issued",
    "User",
    "UserChange",
]


class Access(Apps, Callers, Users):
    """Every check of a secret, a token, a password or a session: the one object that shells hold.

    Its methods stand in the module of their topic.
    """
