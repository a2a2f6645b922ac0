"""`/coverage`: the SIMs behind the overview's shares, which lack what a mismatch takes."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from tallystick.console.asked import Asked, asked_by
from tallystick.console.listing_page import ListingPage, Problem
from tallystick.core.choices import choice_or_none
from tallystick.core.moments import exact
from tallystick.http.gate import caller_of, for_console
from tallystick.report.coverage import Lacking, SampledLacking, sampled_lacking

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.report.listing import Lister

PATH = "/coverage"
LACKING = {
    Lacking.UNSEEN: "Not seen in this window",
    Lacking.WITHOUT_EXPECTATION: "Expected nowhere",
}
"""What SIMs may lack that the overview counts, in words."""


class CoverageList(ListingPage):
    """The SIMs of the overview's sample that lack something."""

    @for_console
    def on_get(self, req: Request, resp: Response) -> None:
        """List those that lack what the parameter `lacking` says."""
        zone, now = self._pages.settings.zone, self._clock()
        asked = asked_by(req, zone, now)
        lacking = choice_or_none(LACKING, "lacking", req.get_param("lacking")) or Lacking.UNSEEN
        problem, sample = Problem(asked.problem), None
        with self._store.snapshot() as reader:
            lister = self._lister(reader, req, now)
            if lister.visible and not problem.message:
                with problem:
                    sample = _sample(lister, asked, lacking)
        problem.mark(resp)
        self._pages.show(
            resp,
            "coverage.html",
            caller_of(req),
            asked=asked,
            problem=problem.message,
            accounts=sorted(lister.visible),
            sample=sample,
            lacking=lacking,
            command=_command(asked, lacking),
            topics=[
                (name, words, asked.address(PATH, lacking=name)) for name, words in LACKING.items()
            ],
            presets=asked.presets(PATH, zone, now, lacking=lacking),
        )


def _command(asked: Asked, lacking: Lacking) -> str:
    """What lists all SIMs of the accounts that lack it."""
    window, words = asked.question.window, ["tallystick coverage --list", str(lacking)]
    if lacking is Lacking.UNSEEN:
        words += ["--earliest", exact(window.earliest), "--latest", exact(window.latest)]
    words += [f"--account {quote(name)}" for name in asked.question.accounts]
    return " ".join(words)


def _sample(lister: Lister, asked: Asked, lacking: Lacking) -> SampledLacking:
    return sampled_lacking(
        lister.reader, lister.visible, asked.question, lister.generations, lacking
    )
