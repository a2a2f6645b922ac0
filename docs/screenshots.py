"""Pictures of the console for the documentation, of the demo's fleet.

`make screenshots` runs this; it needs a Chromium on the machine.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import ViewportSize, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import FilePayload, Page

FOLDER = Path(__file__).parent / "console"
PORT = 8479
SERVING = re.compile(
    r"Serving at (?P<base>\S+)/ until .* as (?P<name>\S+) with the password (?P<password>\S+)"
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SIZE: ViewportSize = {"width": 1280, "height": 800}
EXPORT: FilePayload = {
    "name": "november.csv",
    "mimeType": "text/csv",
    "buffer": b"SIM ICCID;imei;activated_at;Colour\n"
    b"89148000004812805169;862041033602294;2026-11-20 10:00:00;red\n"
    b"89148000003372794151;12;2026-11-20 10:05:00;red\n",
}
"""A file to import, of which one line is refused and one is doubtful."""
TIMEOUT_MS = 90_000  # of a step, on a machine that does other work
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> None:
    """Make every picture anew."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        sys.exit("there is no Chromium on this machine: install the package chromium")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tallystick", "demo", "--port", str(PORT)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        ) as demo:
            try:
                _take(_served(demo), browser_path)
            finally:
                demo.send_signal(signal.SIGINT)


def _served(demo: subprocess.Popen[str]) -> re.Match[str]:
    """Where the demo serves, and how to sign in there."""
    assert demo.stdout is not None  # noqa: S101 - a pipe was asked for
    for line in demo.stdout:
        if found := SERVING.search(line):
            return found
    sys.exit("the demo ended")


def _take(served: re.Match[str], browser_path: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        for scheme in SCHEMES:
            page = browser.new_page(base_url=served["base"], viewport=SIZE, color_scheme=scheme)
            page.set_default_timeout(TIMEOUT_MS)
            _pictures(page, served, scheme)
        browser.close()


def _pictures(page: Page, served: re.Match[str], scheme: str) -> None:
    """Every page, from the sign-in on, in the order in which the work goes."""
    save = partial(_save, page, scheme)
    _sign_in(page, served, save)
    _list_and_work(page, save)
    _sims_and_files(page, save)
    _administration(page, save)


def _sign_in(page: Page, served: re.Match[str], save: Callable[[str], None]) -> None:
    page.goto("/docs")
    save("docs")
    page.goto("/login")
    save("login")
    page.get_by_label("User name").fill(served["name"])
    page.get_by_label("Password").fill(served["password"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="By day").wait_for()
    save("overview")


def _list_and_work(page: Page, save: Callable[[str], None]) -> None:
    page.goto("/mismatches")
    _pick(page)
    save("mismatches")
    page.get_by_role("button", name="Explain").click()
    page.get_by_label("Ticket").fill("OPS-9")
    page.get_by_label("Note").fill("Spares of the workshop")
    save("explain")
    page.goto("/mismatches")
    page.locator(".rows tbody tr", has_text="Swapped pair").first.get_by_role("checkbox").check()
    page.get_by_role("button", name="Propose a correction").click()
    page.get_by_role("button", name="Put both sides right").click()
    page.get_by_role("button", name="Show what it would do").click()
    page.get_by_role("button", name="Propose it").wait_for()
    save("correct")
    page.get_by_role("button", name="Propose it").click()
    page.get_by_role("heading", name="What it would do").wait_for()
    save("change")
    page.goto("/changes")
    save("changes")


def _sims_and_files(page: Page, save: Callable[[str], None]) -> None:
    page.goto("/mismatches")
    page.locator(".rows tbody a[href^='/hardware/']").nth(3).click()
    page.get_by_role("heading", name="SIMs", exact=True).wait_for()
    save("hardware")
    page.goto("/mismatches")
    page.locator(".rows tbody a.sim").nth(3).click()
    page.get_by_role("heading", name="Stays").wait_for()
    save("sim")
    page.get_by_role("link", name="Correct", exact=True).first.click()
    page.get_by_role("button", name="Show what it would do").click()
    page.get_by_role("button", name="Propose it").wait_for()
    save("correct-sim")
    page.goto("/coverage")
    save("coverage")
    page.goto("/corrections")
    save("corrections")
    page.goto("/imports")
    page.get_by_label("File", exact=True).set_input_files(EXPORT)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("heading", name="Receipt").wait_for()
    save("import")
    page.goto("/imports")
    save("imports")


def _administration(page: Page, save: Callable[[str], None]) -> None:
    page.goto("/admin/callbacks")
    save("admin-callbacks")
    for name in ("user", "app", "account"):
        page.goto(f"/admin/{name}s")
        save(f"admin-{name}s")
        page.locator("main section a").first.click()
        page.get_by_role("heading", name=name).wait_for()
        save(f"admin-{name}")
    page.locator("main a[href^='/admin/group']").first.click()
    page.get_by_role("heading", name="Group").wait_for()
    save("admin-group")
    page.goto("/sessions")
    save("sessions")
    page.goto("/sims/1")
    save("refusal")


def _pick(page: Page) -> None:
    """Select a few rows by keys."""
    for key in ("j", "j", "x", "j", "j", "X"):
        page.keyboard.press(key)


def _save(page: Page, scheme: str, name: str) -> None:
    page.screenshot(path=FOLDER / f"{name}-{scheme}.png", animations="disabled")


if __name__ == "__main__":
    main()
