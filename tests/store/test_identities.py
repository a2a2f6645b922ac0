"""Activations that name a SIM by IMSI or MSISDN are the SIM's that had it then, in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.facts import Identity, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Imsi, Msisdn
from tallystick.core.identities import (
    NamedActivation,
    Subscriber,
    attributed,
    statements_in,
)
from tallystick.core.ledger import Origin
from tallystick.core.moments import BEGINNING, Moment
from tallystick.fleet.ledger import undo
from tallystick.operations.copying import copy
from tallystick.operations.verify import Attributions, verify, verify_attributions
from tallystick.thingspace.rows import wire_row
from tests.empty_stores import empty_store_on
from tests.engines import SQLITE, many_stores
from tests.examples import examples
from tests.kept import everything_in, rule_of
from tests.store.test_any_order_same_answer import in_columns
from tests.worlds import ICCIDS, IMEIS, MOMENTS, Fact, expectations, sims

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from random import Random

    from tallystick.store import Store
    from tests.empty_stores import Schemas
    from tests.engines import Stores

IMSIS = [Imsi.parse(text) for text in ("295050900000011", "295050900000029")]
MSISDNS = [Msisdn.parse("882285000000011")]
SUBSCRIBERS = [*map(Subscriber.of_imsi, IMSIS), *map(Subscriber.of_msisdn, MSISDNS)]
ORIGIN = Origin("test", Moment(0))

identities = st.builds(
    Identity,
    st.sampled_from(ICCIDS),
    st.sampled_from(IMSIS),
    st.sampled_from([None, *MSISDNS]),
    st.sampled_from([BEGINNING, *MOMENTS[1:4]]),
)
# Few moments and few units, so that what is named by ICCID and by IMSI is often the same.
named, activations = (
    st.builds(
        SimActivation,
        st.sampled_from(names),
        st.sampled_from(MOMENTS[1:4]),
        st.sampled_from([IMEIS[0], IMEIS[3]]),
    )
    for names in (SUBSCRIBERS, ICCIDS)
)
facts = st.lists(
    st.one_of(sims, expectations, activations, activations, identities, identities, named, named),
    max_size=30,
)


def is_named(fact: object) -> bool:
    """Whether a fact is an activation that names its SIM by IMSI or MSISDN."""
    return isinstance(fact, SimActivation) and fact.iccid < 0


def by_iccid(taken: Iterable[Any]) -> list[Fact]:
    """The same facts with every activation under the ICCID of its SIM, by the plain rule."""
    kept = list(taken)
    statements = [each for f in kept if isinstance(f, Identity) for each in statements_in(f)]
    owners = attributed([NamedActivation(*f) for f in kept if is_named(f)], statements)
    others = [f for f in kept if not is_named(f) and not isinstance(f, Identity)]
    return others + [
        SimActivation(owner, activation.activated_at, activation.imei)
        for activation, owner in owners.items()
        if owner is not None
    ]


def take(store: Store, batch: Sequence[Any], *, columns: bool) -> None:
    """Take facts of one kind in, as a transaction."""
    with store.transaction() as writer:
        writer.take(type(batch[0]), in_columns(batch) if columns else batch)


def requires_the_same(store: Store, taken: Iterable[Any]) -> None:
    """A store holds the activations, and the rows, that follow from facts by the plain rules."""
    expected = by_iccid(taken)
    everything = everything_in(store)
    seen = {each for each in expected if isinstance(each, SimActivation)}
    assert everything.activations == sorted(seen)
    assert everything.kept == rule_of(everything)
    assert [d for part in verify(store, wire_row) for d in part.differences] == []
    assert sum(part.wrong for part in verify_attributions(store)) == 0


@examples(40)
@given(facts, st.randoms(use_true_random=False), st.booleans())
def test_any_facts_in_any_order_are_attributed_by_the_rule(
    stores: Stores, world: list[Any], random: Random, columns: bool
) -> None:
    taken = world + random.choices(world, k=min(len(world), 4)) if world else world
    random.shuffle(taken)
    with stores.fresh() as store:
        for fact in taken:
            take(store, [fact], columns=columns)
        requires_the_same(store, taken)


@examples(15)
@given(
    facts,
    st.lists(st.lists(identities, min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.one_of(activations, named), max_size=4),
)
def test_identities_that_are_undone_leave_what_was_there_before(
    stores: Stores, world: list[Any], put: list[list[Identity]], later: list[SimActivation]
) -> None:
    with stores.fresh() as store:
        for fact in world:
            take(store, [fact], columns=False)
        before = len(_change_sets(store))
        for batch in put:
            take(store, batch, columns=False)
        for fact in later:
            take(store, [fact], columns=False)
        made = _change_sets(store)[: len(_change_sets(store)) - before]
        undoing = [undo(store, number, ORIGIN) for number in made]
        requires_the_same(store, [*world, *later])
        for number in reversed(undoing):
            undo(store, number, ORIGIN)
        requires_the_same(store, [*world, *later, *(each for batch in put for each in batch)])


def _change_sets(store: Store) -> list[int]:
    """The numbers of the change sets of identities, the last first."""
    with store.snapshot() as reader:
        return [
            each.change_set_id
            for each in reader.change_sets(1 << 60, 1000)
            if each.kind == "identities" and each.undoes is None
        ]


@pytest.fixture(scope="module")
def others(
    tmp_path_factory: pytest.TempPathFactory, schemas: dict[str, Schemas]
) -> Iterator[Stores]:
    """Fresh stores on SQLite beside `stores`."""
    folder = tmp_path_factory.mktemp("others")
    with (
        empty_store_on(SQLITE, folder, schemas) as address,
        many_stores(SQLITE, address) as several,
    ):
        yield several


@examples(12)
@given(facts)
def test_a_copy_tells_direct_activations_from_those_that_follow(
    stores: Stores, others: Stores, world: list[Any]
) -> None:
    with stores.fresh() as source, others.fresh() as target:
        for fact in world:
            take(source, [fact], columns=False)
        assert copy(source, target, lambda _, __: None).is_same
        take(target, [Identity(ICCIDS[0], IMSIS[0], None, BEGINNING)], columns=False)
        requires_the_same(target, [*world, Identity(ICCIDS[0], IMSIS[0], None, BEGINNING)])


def test_verify_finds_an_activation_that_is_attributed_to_another_sim(
    stores: Stores,
) -> None:
    with stores.fresh() as store:
        take(store, [SimActivation(SUBSCRIBERS[0], MOMENTS[2], IMEIS[0])], columns=False)
        take(store, [Identity(ICCIDS[0], IMSIS[0], None, BEGINNING)], columns=False)
        assert list(verify_attributions(store)) == [Attributions(1, 0)]
        stores.change("UPDATE named_activations SET iccid = iccid + 4")
        assert list(verify_attributions(store)) == [Attributions(1, 2)]


@pytest.mark.parametrize("comes_first", ["by ICCID", "by IMSI"])
def test_a_direct_activation_stays_when_the_named_one_goes(store: Store, comes_first: str) -> None:
    seen = SimActivation(SUBSCRIBERS[0], MOMENTS[2], IMEIS[0])
    direct = seen._replace(iccid=ICCIDS[0])
    both = [direct, seen] if comes_first == "by ICCID" else [seen, direct]
    for fact in [Identity(ICCIDS[0], IMSIS[0], None, BEGINNING), *both]:
        take(store, [fact], columns=False)
    take(store, [Identity(ICCIDS[1], IMSIS[0], None, BEGINNING)], columns=False)
    assert everything_in(store).activations == sorted([direct, seen._replace(iccid=ICCIDS[1])])
    take(store, [Identity(ICCIDS[0], IMSIS[0], None, BEGINNING)], columns=False)
    assert everything_in(store).activations == [direct]


def test_a_row_comes_with_the_identity_and_goes_with_it(store: Store) -> None:
    for fact in (
        Sim(ICCIDS[0], None, "a", None, "4G"),
        SimExpectation(ICCIDS[0], BEGINNING, IMEIS[0]),
        SimActivation(SUBSCRIBERS[0], MOMENTS[2], IMEIS[3]),
    ):
        take(store, [fact], columns=False)
    assert everything_in(store).kept == []
    take(store, [Identity(ICCIDS[0], IMSIS[0], None, MOMENTS[1])], columns=False)
    assert len(everything_in(store).kept) == 1
    undo(store, _change_sets(store)[0], ORIGIN)
    assert everything_in(store).kept == []


def test_what_waits_is_counted_by_source_and_listed(store: Store) -> None:
    with store.transaction() as writer:
        for name, at in (("a.csv", 1), ("a.csv", 3), ("b.csv", 2)):
            fact = SimActivation(SUBSCRIBERS[0], MOMENTS[at], IMEIS[0])
            writer.take(SimActivation, [fact], None, Origin("", Moment(0), "import", name))
    with store.snapshot() as reader:
        assert reader.unattributed_by_source() == {"import a.csv": 2, "import b.csv": 1}
        first, second = reader.unattributed_after(-(1 << 62), 10)
    assert first == (SUBSCRIBERS[0], "import a.csv", 2, MOMENTS[1], MOMENTS[3])
    assert (second.source, second.activations) == ("import b.csv", 1)
    take(store, [Identity(ICCIDS[0], IMSIS[0], None, MOMENTS[2])], columns=False)
    with store.snapshot() as reader:
        assert reader.unattributed_by_source() == {"import a.csv": 1}


@pytest.mark.parametrize("columns", [False, True])
def test_a_batch_without_imsi_asks_nothing_about_named_activations(
    store: Store, monkeypatch: pytest.MonkeyPatch, columns: bool
) -> None:
    batch = [SimActivation(ICCIDS[0], moment, IMEIS[0]) for moment in MOMENTS]
    asked: list[str] = []
    with store.transaction() as writer:
        monkeypatch.setattr(writer, "direct_repeated", lambda _: asked.append(""))
        writer.take(SimActivation, in_columns(batch) if columns else batch)
        assert asked == []
        writer.take(SimActivation, pl.DataFrame(batch, orient="row") if columns else batch)
        assert len(asked) == 1
