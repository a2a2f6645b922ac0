from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from falcon import testing

from tallystick.core.roles import Role
from tallystick.intake import LiveIntake
from tallystick.outbox.uploads import Uploads
from tallystick.settings import Settings
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tallystick.wiring import build_app
from tests.conftest import Clock
from tests.console.world import MINE, PASSWORD, Browser, fill
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.access import Access
    from tallystick.store import Store

USUAL = Settings()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The small fleet, which tests of one module share and do not change."""
    path = tmp_path_factory.mktemp("console") / "store.db"
    with open_store(f"sqlite:///{path}", wire_row) as store:
        store.init("UTC")
        fill(store)
        yield store


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def access(filled: Store, clock: Clock) -> Iterator[Access]:
    opened = quick_access(filled, clock, secrets.token_bytes)
    opened.add_user("ann", PASSWORD, [MINE], all_accounts=False)
    opened.add_user("bob", PASSWORD, [], all_accounts=True, role=Role.OPERATOR)
    opened.add_user("new", PASSWORD, [], all_accounts=False)
    yield opened
    opened.close()


def client_of(
    store: Store,
    access: Access,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings = USUAL,
) -> testing.TestClient:
    """The whole app, with the clock that is set by hand."""
    live = LiveIntake(store, clock, lambda: 0.0)
    uploads = Uploads(store, clock, secrets.token_bytes)
    monkeypatch.setattr("tallystick.wiring.system_clock", clock)
    return testing.TestClient(build_app(settings, store, access, live, uploads))


@pytest.fixture(scope="module")
def client(filled: Store, access: Access, clock: Clock) -> testing.TestClient:
    """One app for all tests of a module, as they have one store: to build it takes a while.

    Its clock stands still, and so the counts of `Recent`, which are kept for half a minute, never
    age: a test that changes rows, and looks at the overview or the manufacturers then, first moves
    the clock by more than `COUNTS_KEPT_S`.
    """
    with pytest.MonkeyPatch.context() as patch:
        return client_of(filled, access, clock, patch)


@pytest.fixture
def ann(client: testing.TestClient) -> Browser:
    """A browser of a user who sees one account."""
    browser = Browser(client)
    assert browser.sign_in("ann").status == 303
    return browser


@pytest.fixture
def bob(client: testing.TestClient) -> Browser:
    """A browser of a user who sees all of them."""
    browser = Browser(client)
    assert browser.sign_in("bob").status == 303
    return browser
