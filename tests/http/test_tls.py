"""A server that speaks TLS itself, and one that stands behind proxies."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from contextlib import closing, suppress
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from tallystick.core.addresses import caller_behind, networks
from tallystick.core.errors import SettingRefused
from tallystick.operations.certificates import CertificateWatch, check_certificate
from tallystick.settings import Settings
from tests.listening import PATIENCE_S, wait_until
from tests.serving import SERVE, call, free_port, serving, told

CERTIFICATES = Path(__file__).parents[1] / "certificates"
PROXIES = networks("10.0.0.0/8,2001:db8::/32")


def another_certificate(folder: Path) -> None:
    """Put another certificate and its key where the first ones are."""
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    files = ["-nodes", "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run([*make, *files, "-subj", "/CN=another", "-days", "9"], check=True)


def tls_settings(folder: Path) -> Settings:
    """Settings that name a certificate and a key, which are put there."""
    for name in ("certificate.pem", "key.pem"):
        shutil.copy(CERTIFICATES / "listener.pem", folder / name)
    return Settings(
        tls_certificate=str(folder / "certificate.pem"), tls_key=str(folder / "key.pem")
    )


def presented(port: int) -> str | None:
    """The certificate that a server shows to those who call it; None where nobody answers."""
    with suppress(ConnectionError, ssl.SSLError):
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE_S)
    return None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the other certificate")
def test_it_serves_over_tls_and_takes_another_certificate_without_a_restart(
    tmp_path: Path,
) -> None:
    settings = tls_settings(tmp_path)
    port = free_port()
    environment = told(
        DATABASE=f"sqlite:///{tmp_path}/store.db",
        PORT=str(port),
        TLS_CERTIFICATE=settings.tls_certificate,
        TLS_KEY=settings.tls_key,
    )
    command = [sys.executable, "-c", SERVE]
    environment |= {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=os.environ | environment) as server:
        try:
            assert strict_transport_of(port) == "max-age=31536000"
            before = presented(port)
            assert before is not None
            another_certificate(tmp_path)
            wait_until(lambda: presented(port) not in {before, None})
            assert server.poll() is None
        finally:
            server.kill()  # asked to stop, it would first end the change of its workers


def strict_transport_of(port: int) -> str | None:
    """What a server whose certificate is trusted says of TLS, once it answers."""
    trusting = ssl.create_default_context(cafile=str(CERTIFICATES / "authority.pem"))
    wait_until(lambda: presented(port))
    connection = HTTPSConnection("localhost", port, timeout=PATIENCE_S, context=trusting)
    with closing(connection):
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        return answer.headers["Strict-Transport-Security"]


def test_a_certificate_without_its_key_is_refused_before_anything_is_served(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingRefused, match="go together"):
        check_certificate(Settings(tls_key="key.pem"))
    settings = tls_settings(tmp_path)
    check_certificate(settings)
    Path(settings.tls_key).write_text("no key")
    with pytest.raises(SettingRefused, match=r"key\.pem cannot be"):
        check_certificate(settings)


def test_files_that_do_not_fit_are_waited_for_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, reloads = tls_settings(tmp_path), list[int]()
    watch = CertificateWatch(settings, lambda: reloads.append(1))
    watch.look()
    Path(settings.tls_key).write_text("half a key")
    watch.look()
    watch.look()
    assert (reloads, caplog.text.count("the former certificate is kept")) == ([], 1)
    shutil.copy(CERTIFICATES / "listener.pem", settings.tls_key)
    watch.look()
    watch.look()
    assert reloads == [1]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "caller"),
    [
        ("198.51.100.7", "192.0.2.1", "198.51.100.7"),  # nobody's proxy
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "1.2.3.4, 192.0.2.1", "192.0.2.1"),  # what the caller made up
        ("10.0.0.1", "192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("10.0.0.1", "[2001:db9::1]:4711", "2001:db9::1"),
        ("2001:db8::1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1\x1b", "10.0.0.1"),
        ("no address", "192.0.2.1", "no address"),
    ],
)
def test_the_caller_is_the_last_address_that_is_no_trusted_proxys(
    peer: str, forwarded_for: str, caller: str
) -> None:
    assert caller_behind(peer, forwarded_for, PROXIES) == caller


def test_the_address_behind_a_trusted_proxy_is_the_one_that_is_limited(tmp_path: Path) -> None:
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "ADDRESS_CALLS_A_S": "1"}
    with serving(f"sqlite:///{tmp_path}/store.db", **settings) as port:
        for address in ("192.0.2.1", "192.0.2.2"):
            behind = {"X-Forwarded-For": address}
            statuses = [call(port, "GET", "/nope", headers=behind).status]
            while statuses[-1] != 429:
                assert len(statuses) < 100, "the address is not limited"
                statuses.append(call(port, "GET", "/nope", headers=behind).status)
            assert statuses[:2] == [404, 404]
