"""Whose virtual machines are: of the Windows on whose disk they lie, or of the one host that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from forensics.late_methods import dataclass
from forensics.sources.vm_files import on_drive
from forensics.tables.hyperv import GuardianRow, VmGuardianRow, VmRow


@dataclass(slots=True)
class FoundVm:
    """One configuration, and the guardians of its key protectors.

    Attributes:
        row: Its row, which judging fills.
        wrappings: Theirs, which judging fills.
    """

    row: VmRow
    wrappings: list[VmGuardianRow] = field(default_factory=list)


@dataclass(slots=True)
class Place:
    """What one volume or folder holds of Hyper-V.

    Attributes:
        machine_id: Number of the Windows to which it belongs; 0 where that is not known, and for an export.
        is_volume: It is a volume of a disk, or a collection of one; an export is none.
        vms: Configurations there.
        listed: Path of each configuration in the host's list by the GUID of its virtual machine; None where the list
            was not there.
        is_whole: That list was read whole, so that what it does not name is not registered.
        listed_only: The row of each that is listed, for those whose configuration is not among the sources.
        disk_names: Lower-case names of the virtual disks there.
        files: Guardians' certificates in files there.
    """

    machine_id: int
    is_volume: bool
    vms: list[FoundVm] = field(default_factory=list)
    listed: Mapping[str, str] | None = None
    is_whole: bool = False
    listed_only: Mapping[str, VmRow] = field(default_factory=dict)
    disk_names: frozenset[str] = frozenset()
    files: list[GuardianRow] = field(default_factory=list)


def with_hosts(places: Sequence[Place]) -> list[FoundVm]:
    """Return every configuration with its host, and those that a host lists but the sources do not hold.

    Args:
        places: Of all sources; the rows of their virtual machines are filled.
    """
    listing: dict[str, set[int]] = {}
    for place in places:
        for vm_id in place.listed or ():
            listing.setdefault(vm_id, set()).add(place.machine_id)
    vms: list[FoundVm] = []
    for place in places:
        host = place.machine_id or _only_host_of(place, listing)
        for vm in place.vms:
            vm.row.machine_id = host or _listed_on(vm.row, listing)
            vms.append(vm)
    _find_disks(places)
    known = {(vm.row.machine_id, vm.row.vm_id) for vm in vms}
    for place in places:
        if place.listed is not None:
            own = [vm.row for vm in vms if vm.row.machine_id == place.machine_id and not vm.row.is_checkpoint]
            _tell_registered(own, place.listed, place.is_whole)
        missing = [vm_id for vm_id in place.listed or () if (place.machine_id, vm_id) not in known]
        vms += [FoundVm(place.listed_only[vm_id]) for vm_id in missing]
    return vms


def _listed_on(row: VmRow, listing: Mapping[str, set[int]]) -> int:
    """Return the one host that lists a virtual machine found on a disk or in an export of its own, else 0."""
    hosts = listing.get(row.checkpoint_of or row.vm_id or "", set()) - {0}
    return next(iter(hosts)) if len(hosts) == 1 else 0


def _only_host_of(place: Place, listing: Mapping[str, set[int]]) -> int:
    """Return the host whose data disk a volume is: all its listed virtual machines are listed by that one."""
    if not place.is_volume:
        return 0
    hosts = {_listed_on(vm.row, listing) for vm in place.vms} - {0}
    return hosts.pop() if len(hosts) == 1 else 0


def _find_disks(places: Sequence[Place]) -> None:
    """Strike out missing disks that lie on another disk of the same host."""
    names: dict[int, set[str]] = {}
    for place in places:
        for machine_id in {vm.row.machine_id for vm in place.vms} | {place.machine_id}:
            names.setdefault(machine_id, set()).update(place.disk_names)
    for place in places:
        for vm in place.vms:
            if vm.row.machine_id:
                here = names[vm.row.machine_id]
                vm.row.missing_disks = [disk for disk in vm.row.missing_disks if _file_name(disk) not in here]


def _tell_registered(rows: Sequence[VmRow], listed: Mapping[str, str], is_whole: bool) -> None:
    """Say which configurations the host's list means: of several of one machine those at the path it names."""
    for row in rows:
        row.registered = True if row.vm_id in listed else False if is_whole else None
        row.listed_at = listed.get(row.vm_id or "")
    for vm_id, path in listed.items():
        of_machine = [row for row in rows if row.vm_id == vm_id]
        split = on_drive(path)
        tail = f"/{split[1].lower()}" if split else None
        named = [row for row in of_machine if tail is not None and f"/{row.source_path.lower()}".endswith(tail)]
        if named:
            for row in of_machine:
                row.registered = row in named


def _file_name(windows_path: str) -> str:
    return windows_path.replace("/", "\\").rsplit("\\", 1)[-1].lower()
