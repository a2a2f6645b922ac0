"""Every refusal has its own stable code, its sentence, and its place in the module's tree."""

from __future__ import annotations

import re

import pytest

from tallystick.core import errors
from tallystick.core.errors import Refusal

DRAWN = re.compile(
    r"^ {4}(?P<branch>(?:│ {3}| {4})*(?:├── |└── )?)(?P<name>\w+)(?: {2,}(?P<about>.*))?$"
)
BRANCH_WIDTH = 4
CODE = re.compile(r"^[a-z]+(-[a-z]+)*$")


def every_refusal(root: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """The root and all below it."""
    below = [
        leaf
        for child in root.__subclasses__()
        if child.__module__ == errors.__name__
        for leaf in every_refusal(child)
    ]
    return [root, *below]


def tree_drawn() -> dict[str, tuple[str | None, str | None]]:
    """Parent and code of every class, as the module's docstring draws them."""
    drawn: dict[str, tuple[str | None, str | None]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        form = DRAWN.match(line)
        if form is None:
            continue
        depth = len(form["branch"]) // BRANCH_WIDTH
        path = [*path[:depth], form["name"]]
        last = (form["about"] or "").split("  ")[-1].strip()
        drawn[form["name"]] = (path[-2] if depth else None, last if CODE.match(last) else None)
    return drawn


REFUSALS = every_refusal()


def test_the_tree_is_drawn_whole_and_drawn_right() -> None:
    actual = {
        refusal.__name__: refusal.__bases__[0].__name__
        for refusal in REFUSALS
        if refusal is not Refusal
    }
    drawn = {name: parent for name, (parent, _) in tree_drawn().items() if parent is not None}
    assert drawn == actual


@pytest.mark.parametrize("refusal", [each for each in REFUSALS if not each.__subclasses__()])
def test_each_leaf_is_drawn_with_its_code(refusal: type[Refusal]) -> None:
    assert tree_drawn()[refusal.__name__][1] == refusal.code


def test_no_code_stands_twice() -> None:
    codes = [refusal.code for refusal in REFUSALS]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("refusal", REFUSALS)
def test_each_has_a_code_and_a_sentence_of_its_own(refusal: type[Refusal]) -> None:
    assert CODE.match(vars(refusal)["code"])
    sentence = (vars(refusal)["__doc__"] or "").split("\n")[0]
    assert sentence.endswith(".")
    assert refusal().message == sentence


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_given_message_takes_the_sentences_place(refusal: type[Refusal]) -> None:
    assert refusal("the reason").message == str(refusal("the reason")) == "the reason"


def test_no_class_in_the_module_stands_outside_the_tree() -> None:
    classes = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and each.__module__ == errors.__name__
    }
    assert classes == set(REFUSALS)
