"""The page of manufacturers: whom mismatches concern, and each one's file."""

from __future__ import annotations

import re
import secrets
from html import unescape
from typing import TYPE_CHECKING

from tallystick.console import corrections
from tallystick.core.facts import HardwareType
from tallystick.core.identifiers import Tac
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.console.conftest import client_of
from tests.console.world import (
    CROWD,
    FOREIGN,
    MINE,
    ONE,
    OTHERS,
    PASSWORD,
    TWO,
    WINDOW,
    Browser,
    fill,
)
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.conftest import Clock

PAGE = f"/corrections?{WINDOW}"
MAKER = re.compile(
    r'<th scope="row" class="maker">([^<]+)</th>\s*<td[^>]*><a href="([^"]+)">([0-9,]+)</a>'
)
FILE = re.compile(r'<a href="(/corrections/export[^"]+)" download')
TACS = re.compile(r'<a class="digits" href="(/mismatches[^"]+)">[0-9]{8}</a>')


def test_each_count_leads_to_its_rows_and_each_file_has_what_was_seen(bob: Browser) -> None:
    page = bob.get(PAGE)
    ((maker, rows, count),) = MAKER.findall(page.text)
    assert (unescape(maker), count) == ("Corvid & Sons", "1")
    assert bob.get(unescape(rows)).sims == [str(ONE)]
    (file,) = FILE.findall(page.text)
    export = bob.get(unescape(file))
    assert export.headers["content-disposition"] == (
        'attachment; filename="corrections-corvid-sons.csv"'
    )
    assert export.text == f"iccid,imei,effective_from\n{ONE},{FOREIGN},\n"
    assert f"{CROWD:,} more were seen in hardware of 2 types" in " ".join(page.text.split())
    of_types = [bob.get(f"{unescape(each)}&all=yes").sims for each in TACS.findall(page.text)]
    assert [len(each) for each in of_types] == [CROWD - 1, 1]
    assert of_types[1] == [str(TWO)]


def test_a_user_sees_of_it_what_is_of_their_accounts(ann: Browser) -> None:
    page = ann.get(PAGE).text
    assert f"{CROWD - 1:,} more were seen in hardware of 1 type " in " ".join(page.split())
    assert OTHERS not in page
    assert "an editor who sees every account" in page
    assert 'id="file-form"' not in page
    foreign = ann.get(f"/corrections/export?{WINDOW}&manufacturer=Corvid+%26+Sons&account={OTHERS}")
    assert foreign.status == 404
    unknown = ann.get(f"{PAGE}&account={OTHERS}")
    assert (unknown.status, "there is no account" in unknown.text.lower()) == (400, True)
    assert ann.get(f"{PAGE}&account={MINE}").status == 200


def test_a_file_of_nobody_is_refused_and_an_empty_window_has_nobody_to_tell(bob: Browser) -> None:
    assert bob.get(f"/corrections/export?{WINDOW}").status == 400
    nobody = bob.get(f"/corrections/export?{WINDOW}&manufacturer=Nobody")
    assert (nobody.status, "No type has the manufacturer" in nobody.text) == (404, True)
    empty = bob.get("/corrections?earliest=2020-01-01&latest=2020-01-02").text
    assert "Nobody to tell" in empty


def test_it_is_said_that_there_are_more_manufacturers_than_are_shown(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "The 1 with most of 2 manufacturers"
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", wire_row) as store:
        store.init("UTC")
        fill(store)
        with store.transaction() as writer:
            writer.take_types([HardwareType(Tac(86123405), "Wren", "W1")])
        access = quick_access(store, clock, secrets.token_bytes)
        access.add_user("eve", PASSWORD, [], all_accounts=True)
        eve = Browser(client_of(store, access, clock, monkeypatch))
        assert eve.sign_in("eve").status == 303
        whole = eve.get(PAGE).text
        monkeypatch.setattr(corrections, "MAKERS_SHOWN", 1)
        cut = eve.get(PAGE).text
        access.close()
    assert ([maker for maker, *_ in MAKER.findall(whole)], said in whole) == (
        ["Wren", "Corvid &amp; Sons"],
        False,
    )
    assert ([maker for maker, *_ in MAKER.findall(cut)], said in cut) == (["Wren"], True)


def test_the_form_says_when_a_file_is_kept_as_a_proposal(bob: Browser) -> None:
    page = " ".join(bob.get(PAGE).text.split())
    assert "unless the file would change what is expected of a SIM whose account asks" in page
