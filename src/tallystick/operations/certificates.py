"""The certificate of a server that speaks TLS itself: checked, and watched for another one."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from tallystick.core.errors import SettingRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.settings import Settings

LOOK_EVERY_S = 2.0

log = logging.getLogger(__name__)


def check_certificate(settings: Settings) -> None:
    """Raise `SettingRefused` unless the files hold a certificate and its key, or none is named."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if bool(certificate) != bool(key):
        message = "TALLYSTICK_TLS_CERTIFICATE and TALLYSTICK_TLS_KEY go together; set both"
        raise SettingRefused(message)
    if not certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_none)
    except (OSError, ValueError) as error:
        message = (
            f"TALLYSTICK_TLS_CERTIFICATE={certificate} and TALLYSTICK_TLS_KEY={key} cannot be "
            f"read as a certificate and its key, in PEM and without a password: {error}"
        )
        raise SettingRefused(message) from error


class CertificateWatch:
    """Looks whether the files of the certificate have changed, and then has the server reload it.

    Files that do not fit each other are waited for: certificate and key are seldom replaced at the
    same moment.
    """

    def __init__(self, settings: Settings, reload: Callable[[], None]) -> None:
        self._settings = settings
        self._reload = reload
        self._seen = self._looks()
        self._refused: object = None

    def look(self) -> bool:
        """Look once; the work of a loop. Gives False."""
        looks = self._looks()
        if looks in (self._seen, self._refused):
            return False
        try:
            check_certificate(self._settings)
        except SettingRefused as refusal:
            log.warning("the former certificate is kept: %s", refusal)
            self._refused = looks
            return False
        self._seen, self._refused = looks, None
        log.info("another certificate: workers are started anew with it, one after the other")
        self._reload()
        return False

    def _looks(self) -> tuple[tuple[int, int, int] | None, ...]:
        files = (self._settings.tls_certificate, self._settings.tls_key)
        return tuple(_look(Path(file)) for file in files)


def _look(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _none() -> str:
    """Answer with no password where a key has one: OpenSSL would ask at the terminal."""
    return ""
