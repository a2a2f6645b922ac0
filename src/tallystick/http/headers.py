"""The headers of every answer, whatever it is."""

from __future__ import annotations

HEADERS = (
    ("Server", "tallystick"),  # without versions, of which an attacker could know the faults
    ("X-Content-Type-Options", "nosniff"),
)
ONLY_TLS = ("Strict-Transport-Security", "max-age=31536000")
"""Has browsers call this host over TLS only, for a year from each answer on (RFC 6797)."""
POLICY_HEADER = "Content-Security-Policy"
NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
"""The policy of answers that are no pages: whoever shows one in a browser gets nothing with it."""
UNLESS_SAID = ((POLICY_HEADER, NO_PAGE), ("Cache-Control", "no-store"))
"""Those of which an answer may have its own.

Answers hold phone numbers and secrets, so no cache may keep one.
"""


def headers_of_all(*, is_over_tls: bool) -> tuple[tuple[str, str], ...]:
    """Those that no answer changes; `is_over_tls` is whether callers reach the server over TLS."""
    return (*HEADERS, ONLY_TLS) if is_over_tls else HEADERS
