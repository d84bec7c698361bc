"""The machines of a case that a reader chooses by name, of a computer or of a disk."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.case_tables import CaseTables
from forensics.language import _, listed, told
from forensics.report.facts import Facts
from forensics.report.result import UnsuitableCaseError

MOST_NAMES = 20
"""Display: names of machines that are listed where none is the one that was asked for."""


def named_machines(case: CaseTables, name: str | None) -> frozenset[int] | None:
    """Return the numbers of the machines of a name; None where none was asked for, and all are meant.

    Args:
        case: The case; its :attr:`~CaseTables.present` is without former installations.
        name: A computer, as reports call it or without what tells it from others of its name; or the disk it is on, by
            its path or file name. Case does not matter.

    Raises:
        UnsuitableCaseError: No machine is called that, of argument ``machine``.
    """
    if name is None:
        return None
    facts, wanted = Facts(case), name.strip().casefold()
    names = {row.machine_id: _names(facts, row.machine_id) for row in case.rows("machine")}
    found = frozenset(number for number, called in names.items() if wanted in called)
    if not found:
        there = list(dict.fromkeys(facts.machine_name(row.machine_id) for row in case.present.rows("machine")))
        raise UnsuitableCaseError("machine", _no_machine(name, there))
    return found


def _no_machine(name: str, there: Sequence[str]) -> str:
    """Say that no machine is called that, and how those are called that there are."""
    if not there:
        return _("{{}}: no machine here is called {name!r}; there are none", name=name)
    names = listed(map(told, there[:MOST_NAMES]))
    if len(there) > MOST_NAMES:
        return _("{{}}: no machine here is called {name!r}; there are {names} ...", name=name, names=names)
    return _("{{}}: no machine here is called {name!r}; there are {names}", name=name, names=names)


def _names(facts: Facts, number: int) -> set[str]:
    disk = facts.place(number, with_volume=False)
    file = disk.replace("\\", "/").rsplit("/", 1)[-1]
    return {called.casefold() for called in (facts.computer(number), facts.machine_name(number), disk, file)}
