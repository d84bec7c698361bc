"""Collects the virtual machines of a source: on every volume of a host's disk, and in folders of exports."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.collectors.hyperv.evidence import HyperVEvidence
from forensics.sources.guest_disks import read_guest_disks
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.sources.vm_files import has_hyper_v


def collect_hyperv(source: Source) -> list[HyperVEvidence]:
    """Collect what each place of a source holds of Hyper-V; failures become problems of the source.

    A Windows that is no Hyper-V host is not searched, nor are the other volumes of its disk.
    """
    whole = [place for place in source.searched if place.disk is not None]
    exports = [place for place in source.searched if place.disk is None]
    # A folder of exports that lies in a collection of a Windows is not that host once more.
    hosts = [*whole, *(e for e in exports if not any(e.tree is place.tree for place in whole))]
    hosts = [place for place in hosts if has_hyper_v(place)]
    any_windows = any(place.windows and place.tree.complete for place in source.searched)
    places = [
        place
        for place in source.searched
        if not place.tree.complete or place in hosts or (not place.windows and (hosts or not any_windows))
    ]
    if not places:
        return []
    # Here, because most disks are no Hyper-V host's and need none of its formats.
    from forensics.collectors.hyperv.place_reader import PlaceReader

    readers = [
        PlaceReader(source, place, _machine_id(source, place, hosts), is_host=place in hosts) for place in places
    ]
    for reader in readers:
        reader.find()
    for reader in readers:
        reader.find_listed(readers)
    for reader in readers:
        reader.leave_to(readers)
    for reader in readers:
        reader.list_disks()
    found = [reader.read(readers) for reader in readers]
    for reader in readers:
        # The disks beside an export are sources of their own.
        if reader.place.tree.complete:
            read_guest_disks(source, reader.place, reader.files.disks, reader.evidence.machine_id)
    return [e for e in found if e.vms or e.inventory is not None or e.guardian_files or e.disk_names]


def _machine_id(source: Source, place: SearchedTree, hosts: Sequence[SearchedTree]) -> int:
    """Return the number of the Windows to which a place belongs: its own, else the only one on its disk."""
    if place.disk is None:
        return 0
    here = [i for i in source.installations if i.own_tree is place.tree and i.windows in place.windows]
    if here:
        return here[0].machine_id
    trees = [host.tree for host in hosts if host.disk == place.disk]
    on_disk = [i for i in source.installations if i.source_path == place.disk and i.kind != "former"]
    ids = {i.machine_id for i in on_disk if any(i.own_tree is tree for tree in trees)} or {
        i.machine_id for i in on_disk
    }
    return ids.pop() if len(ids) == 1 else 0
