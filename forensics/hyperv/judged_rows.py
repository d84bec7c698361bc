"""Judges virtual machines once more, where cases are joined: from their rows, since the disks are not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from forensics.hyperv.judge import judge_places
from forensics.hyperv.places import FoundVm, Place
from forensics.hyperv.uses import CONSUMER
from forensics.language import sentence
from forensics.sources.vm_files import HYPER_V_FOLDER, INVENTORY
from forensics.tables.former_windows import without_former
from forensics.tables.hyperv import GuardianOrigin, GuardianRow, VmGuardianRow, VmRow
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.use import CertificateUseRow

_Configuration = tuple[int, str, str | None, bool]
"""Machine, path, GUID, and whether it is a checkpoint's."""
_IN_FILES: tuple[GuardianOrigin, ...] = ("guardian_xml", "certificate_file", "pfx_file")
_TWICE = sentence(
    "two configurations of it lie at this path of two disks, and the case file does not tell "
    "apart whose guardians are whose: examine both disks together"
)


def is_judged(row: Row) -> bool:
    """Tell whether a row is of those that judging virtual machines makes."""
    if isinstance(row, CertificateUseRow):
        return row.consumer == CONSUMER
    return isinstance(row, VmRow | VmGuardianRow | GuardianRow)


def judged_anew(cases: Sequence[Sequence[Row]]) -> list[Row]:
    """Return what judging the virtual machines of several cases together gives, in place of what each said of its own.

    What only the disks tell stays as it was: a virtual disk that another case holds is not struck from
    `vm.missing_disks`.

    Args:
        cases: All rows of each; the numbers of their machines are of all cases.
    """
    places = [place for rows in cases for place in _places(rows)]
    others = [row for rows in cases for row in rows if not is_judged(row)]
    return judge_places(places, without_former(others))


def _places(rows: Sequence[Row]) -> list[Place]:
    vms = [row for row in rows if isinstance(row, VmRow)]
    disks = {row.machine_id: row.source for row in rows if isinstance(row, MachineRow)}
    guardians: dict[_Configuration, list[VmGuardianRow]] = {}
    for row in rows:
        if isinstance(row, VmGuardianRow):
            guardians.setdefault(_configuration_of(row), []).append(row)
    found = [row for row in vms if not _is_listed_only(row)]
    same = Counter(map(_key, found))
    places: dict[tuple[int, str | None, str | None], Place] = {}
    for row in found:
        # What another disk holds is placed anew: another host may list it too.
        own = row.machine_id if row.on_disk is not None and disks.get(row.machine_id) == row.on_disk else 0
        fresh = row if own else replace(row, registered=None, listed_at=None)
        wrappings = guardians.get(_key(row), [])
        if wrappings and same[_key(row)] > 1:
            fresh = replace(fresh, configuration_doubt=fresh.configuration_doubt or _TWICE)
        place = places.setdefault((own, row.on_disk, row.volume), Place(own, is_volume=row.on_disk is not None))
        place.vms.append(FoundVm(replace(fresh), [replace(wrapping) for wrapping in wrappings]))
    files = [row for row in rows if isinstance(row, GuardianRow) and row.origin in _IN_FILES]
    of_files = [Place(row.machine_id, is_volume=False, files=[replace(row)]) for row in files]
    lists = [row for row in rows if isinstance(row, CoverageRow) and (row.area, row.name) == ("file", INVENTORY)]
    hosts = sorted({row.machine_id for row in vms} - {0})
    listing = [_listing(host, [row for row in vms if row.machine_id == host], lists) for host in hosts]
    return [*places.values(), *of_files, *listing]


def _key(row: VmRow) -> _Configuration:
    return row.machine_id, row.source_path, row.vm_id, row.is_checkpoint


def _configuration_of(row: VmGuardianRow) -> _Configuration:
    return row.machine_id, row.configuration, row.vm_id, row.is_checkpoint


def _is_listed_only(row: VmRow) -> bool:
    """Tell whether a host's list is all that is known of a virtual machine: there its row was read."""
    return row.outcome != "present" and row.source_path.lower().endswith(INVENTORY)


def _listing(host: int, vms: Iterable[VmRow], lists: Sequence[CoverageRow]) -> Place:
    """Return what the list of a host says, which stands in no row of its own.

    Args:
        host: Number of the machine.
        vms: The rows of its virtual machines.
        lists: What was seen of the lists of the case, of whichever host.
    """
    rows = list(vms)
    only = {row.vm_id: replace(row) for row in rows if _is_listed_only(row) and row.vm_id}
    listed = {row.vm_id: row.listed_at for row in rows if row.vm_id and row.listed_at is not None}
    read_at = [row.source_path for row in rows if _is_listed_only(row)] + [row.source_path for row in lists]
    for vm_id in listed.keys() - only.keys():
        only[vm_id] = VmRow(
            machine_id=host,
            vm_id=vm_id,
            outcome="not_examined",
            registered=True,
            listed_at=listed[vm_id],
            starts_because=sentence(
                "the host lists it, and its configuration {path} lies where these sources do not reach",
                path=listed[vm_id],
            ),
            source_path=next(iter(read_at), f"{HYPER_V_FOLDER}/{INVENTORY}"),
        )
    is_whole = any(row.registered is False for row in rows) or (
        bool(lists) and all(row.outcome == "present" for row in lists)
    )
    return Place(host, is_volume=False, listed=listed or None, is_whole=is_whole, listed_only=only)
