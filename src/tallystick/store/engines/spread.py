"""Which tables of a store lie on the machines of a cluster, and how they come to lie there.

All others, of users and tokens for example, are on the coordinator alone, and need no other
machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tallystick.store.engines.postgresql_connection import PostgresqlConnection

SHARED = (
    "accounts",
    "groups",
    "types",
)
"""Small ones that are joined where the others lie: each machine has a copy.

Those that refer to others come after these.
"""
OF_SIMS = (
    "sims",
    "expectations",
    "activations",
    "group_members",
    "mismatches",
    "former_expectations",
    "proposed_expectations",
    "expectation_lists",
    "list_members",
    "sightings",
    "explanations",
)
"""What is told of SIMs: all rows of one SIM lie on one machine."""
OF_NUMBERS = (
    "identities",
    "former_identities",
    "named_activations",
    "direct_twins",
)
"""What is told of SIMs by IMSI or MSISDN, on the coordinator alone: it is joined with no other."""
COPIED_BEFORE = (
    "identities",
    "sources",
    "named_activations",
    "direct_twins",
)
"""Each machine has a copy of these too where an earlier program spread the store."""
SHARD_TURNS = "shard_turns"
"""It has a row for each shard of these, in that shard."""


def spread(connection: PostgresqlConnection) -> int:
    """Spread the tables over the machines; give how many were not spread yet.

    Nothing else may be asked in this transaction.
    """
    of_sims = connection.set_of((*OF_SIMS, SHARD_TURNS))
    moved = [
        *connection.rows("share_tables", tables=connection.set_of(SHARED)),
        *connection.rows("spread_sims"),
        *connection.rows("spread_tables", tables=of_sims),
    ]
    connection.rows("drop_what_was_spread", tables=of_sims)
    connection.run("make_shard_turns")
    return len(moved)
