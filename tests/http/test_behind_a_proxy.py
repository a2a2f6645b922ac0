"""The server behind nginx, Caddy and Traefik, configured as the page about proxies shows it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tallystick.clock import system_clock
from tallystick.core.roles import Role
from tallystick.http.file_forms import FILE_BYTES_MAX
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.quick_access import quick_access
from tests.serving import PASSWORD, Reply, call, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/behind-a-proxy.md").read_text("utf-8")
CERTIFICATES = ROOT / "tests/certificates"
START_S_MAX = 30
NOTED_S_MAX = 30
TRIES = 3
FORGED = dict.fromkeys(
    ("X-Forwarded-For", "X_Forwarded_For", "X-Forwarded_For", "x_forwarded-for"), "198.51.100.7"
)
"""WSGI takes a `_` in the name of a header for a `-`, so each of these would be believed."""
PATHS = ("//", "/api/v1//sims", "/api/v1/sims/../sims", "/api/v1/sims/a%2Fb", "/api/v1/sims/%2e%2e")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BOUNDARY = "0-a-boundary-0"
NGINX = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/errors warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    {shown}
}}
"""
CADDY = """
{{
    admin off
    auto_https disable_redirects
}}
{shown}
"""
TRAEFIK = """
{shown}
global:
  checkNewVersion: false
"""


def shown(heading: str, number: int = 0) -> str:
    """A block of code of the page, by the heading that it stands below."""
    part = PAGE.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    blocks: list[str] = re.findall(r"^```\w+\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    return blocks[number]


def as_here(text: str, port: int, upstream: int) -> str:
    """A configuration of the page with the addresses and files that there are here."""
    here = {
        "listen 443 ": f"listen {port} ",
        ":443": f":{port}",
        "127.0.0.1:8080": f"127.0.0.1:{upstream}",
        "/etc/ssl/tally.example.pem": str(CERTIFICATES / "listener.pem"),
        "/etc/ssl/tally.example.key": str(CERTIFICATES / "listener.pem"),
        "tally.example": "localhost",
    }
    for there, local in here.items():
        text = text.replace(there, local)
    return text


def nginx(folder: Path, port: int, upstream: int) -> list[str]:
    """Write down the configuration of nginx, and give the command that starts it."""
    file = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    site = as_here(shown("nginx"), port, upstream)
    file.write_text(NGINX.format(folder=folder, user=user, shown=site))
    return ["nginx", "-p", str(folder), "-e", str(folder / "errors"), "-c", str(file)]


def caddy(folder: Path, port: int, upstream: int) -> list[str]:
    """The same of Caddy, with a certificate of ours in the place of one that it gets by itself."""
    file = folder / "Caddyfile"
    certificate = CERTIFICATES / "listener.pem"
    site = as_here(shown("Caddy"), port, upstream)
    site = site.replace("localhost {", f"localhost:{port} {{\n    tls {certificate} {certificate}")
    file.write_text(CADDY.format(shown=site))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]


def traefik(folder: Path, port: int, upstream: int) -> list[str]:
    """The same of Traefik."""
    static, named = folder / "traefik.yaml", folder / "tallystick.yaml"
    text = shown("Traefik").replace("/etc/traefik/tallystick.yaml", str(named))
    static.write_text(TRAEFIK.format(shown=as_here(text, port, upstream)))
    named.write_text(as_here(shown("Traefik", 1), port, upstream))
    return ["traefik", f"--configFile={static}"]


PROXIES = {"nginx": nginx, "caddy": caddy, "traefik": traefik}


@contextmanager
def proxy(name: str, folder: Path, port: int, upstream: int) -> Iterator[None]:
    """A proxy at a port, before the server at another one."""
    command = PROXIES[name](folder, port, upstream)
    own = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(command, env=os.environ | own, stdout=said, stderr=said) as process,
    ):
        try:
            until = time.monotonic() + START_S_MAX
            while not answers(port):
                assert process.poll() is None, (folder / "said").read_text("utf-8")
                assert time.monotonic() < until, "the proxy does not answer"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def answers(port: int) -> bool:
    """Whether a proxy hands calls on."""
    with suppress(OSError):
        return Caller(port).call("GET", "/healthz").status == 200
    return False


def trusting() -> ssl.SSLContext:
    """Trust in the certificate of these tests."""
    return ssl.create_default_context(cafile=str(CERTIFICATES / "authority.pem"))


@dataclass(frozen=True)
class Caller:
    """Somebody who calls a proxy, from an address of this machine."""

    port: int
    address: str = "127.0.0.2"

    def call(
        self, method: str, path: str, body: bytes | str = b"", headers: Mapping[str, str] = {}
    ) -> Reply:
        """One call on a connection of its own."""
        connection = HTTPSConnection(
            "localhost",
            self.port,
            timeout=60,
            context=trusting(),
            source_address=(self.address, 0),
        )
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read())
        finally:
            connection.close()

    def sign_in(self, password: str, more: Mapping[str, str] = {}) -> Reply:
        """Send the form by which people sign in, as a browser does."""
        form = urlencode({"name": "ann", "password": password})
        origin = {"Origin": f"https://localhost:{self.port}", "Sec-Fetch-Site": "same-origin"}
        return self.call("POST", "/login", form, FORM | origin | dict(more))


@dataclass(frozen=True)
class Site:
    """A server behind a proxy: the proxy's port, the server's, and the server's store."""

    port: int
    upstream: int
    database: str


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                shutil.which(name) is None, reason=f"left out: {name} is not installed"
            ),
        )
        for name in PROXIES
    ],
)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A server behind each proxy that is installed."""
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    database = f"sqlite:///{folder}/store.db"
    with open_store(database, wire_row) as store:
        store.init("UTC")
        access = quick_access(store, system_clock, secrets.token_bytes)
        access.add_user("ann", PASSWORD, [], all_accounts=True, role=Role.OPERATOR)
        access.close()
    settings = {
        "PUBLIC_URL": f"https://localhost:{port}",
        "TRUSTED_PROXIES": "127.0.0.1",
        "LOGIN_TRIES_A_MIN": str(TRIES),
    }
    with (
        serving(database, **settings) as upstream,
        proxy(request.param, folder, port, upstream),
    ):
        yield Site(port, upstream, database)


def recorded_addresses(site: Site) -> set[str]:
    """Whom the audit has seen."""
    with open_store(site.database, wire_row) as store, store.snapshot() as reader:
        return {record.entry.address for record in reader.audit_records()} - {""}


def test_a_browser_signs_in_over_tls_and_keeps_to_it(site: Site) -> None:
    signed_in = Caller(site.port).sign_in(PASSWORD)
    assert (signed_in.status, signed_in.headers["location"]) == (303, "/")
    assert signed_in.headers["set-cookie"].startswith("__Host-tallystick-session=")
    assert "; Secure" in signed_in.headers["set-cookie"]
    assert signed_in.headers["strict-transport-security"].startswith("max-age=31536000")


def test_limits_and_the_audit_know_the_caller_whatever_it_says_of_itself(site: Site) -> None:
    guesser, other = Caller(site.port, "127.0.0.3"), Caller(site.port, "127.0.0.4")
    statuses = [guesser.sign_in("wrong", FORGED).status for _ in range(TRIES + 1)]
    assert statuses[-1] == 429
    assert other.sign_in(PASSWORD).status == 303
    until = time.monotonic() + NOTED_S_MAX
    while guesser.address not in (seen := recorded_addresses(site)):
        assert time.monotonic() < until, seen
        time.sleep(0.1)
    assert seen <= {"127.0.0.2", guesser.address, other.address}


def test_paths_come_as_they_were_sent(site: Site) -> None:
    caller = Caller(site.port)
    for path in PATHS:
        straight, through = call(site.upstream, "GET", path), caller.call("GET", path)
        assert (through.status, through.body) == (straight.status, straight.body), path


def form_before_file(fields: dict[str, str], file_name: str) -> bytes:
    """A form as a browser sends it, up to where the content of its file begins."""
    part = 'Content-Disposition: form-data; name="{}"'.format
    parts = [f"{part(name)}\r\n\r\n{value}\r\n" for name, value in fields.items()]
    parts.append(f'{part("file")}; filename="{file_name}"\r\n\r\n')
    return "".join(f"--{BOUNDARY}\r\n{each}" for each in parts).encode()


def test_the_largest_file_comes_to_the_server(site: Site) -> None:
    caller = Caller(site.port)
    cookie = caller.sign_in(PASSWORD).headers["set-cookie"].partition(";")[0]
    page = caller.call("GET", "/imports", headers={"Cookie": cookie}).body.decode()
    (csrf,) = set(re.findall(r'name="csrf" value="(\w+)"', page))
    begin = form_before_file({"csrf": csrf, "kind": "sims", "do": "preview"}, "large.xlsx")
    body = begin + bytes(FILE_BYTES_MAX) + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {"Cookie": cookie, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = caller.call("POST", "/imports", body, headers)
    assert answer.status == 400, answer
    assert b"large.xlsx" in answer.body


def test_http_2_is_spoken_with_callers(site: Site) -> None:
    context = trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", site.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        assert connection.selected_alpn_protocol() == "h2"
