"""What all machines of a case together say, asked in one place: by an examination, and where cases are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from forensics.tables.efs_agent import EfsAgentRow
from forensics.tables.identity import SharedIdentityRow
from forensics.tables.row import Row
from forensics.tables.shared_key import SharedKeyRow


class AcrossMachines(NamedTuple):
    """One comparison of all machines.

    Attributes:
        table: The table whose rows it makes, all of them.
        doing: What is said of it where it fails.
        rows: Makes them of all other rows of the case, without former installations, and of the disk or collection of
            each installation by `machine.machine_id`.
    """

    table: str
    doing: str
    rows: Callable[[Sequence[Row], Mapping[int, str]], Iterable[Row]]


def _shared_identities(rows: Sequence[Row], disks: Mapping[int, str]) -> Iterable[Row]:
    from forensics.chain.identities import shared_identities

    return shared_identities(rows, disks)


def _efs_agents(rows: Sequence[Row], disks: Mapping[int, str]) -> Iterable[Row]:
    from forensics.facts.efs_agents import efs_agents

    return efs_agents(rows)


def _shared_keys(rows: Sequence[Row], disks: Mapping[int, str]) -> Iterable[Row]:
    from forensics.facts.shared_keys import shared_keys

    return shared_keys(rows, disks)


COMPARISONS = (
    AcrossMachines(SharedIdentityRow.table, "comparing identities", _shared_identities),
    AcrossMachines(EfsAgentRow.table, "looking for recovery agents", _efs_agents),
    AcrossMachines(SharedKeyRow.table, "comparing keys", _shared_keys),
)
"""In the order in which they are asked, when every row has its facts; keys ask whose identity is shared."""
