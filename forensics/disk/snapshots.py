"""Refuses a disk that holds only changes to another one that is not read with it: what is missing, and what to do."""

from __future__ import annotations

from pathlib import Path

from forensics.disk.errors import SourceError
from forensics.disk.lineage import neighbours, parent_name, parents_of

# Each makes a new disk and changes neither file.
_MERGE = {
    "VMDK": "vmware-vdiskmanager -r {child} -t 0 merged.vmdk, or qemu-img convert -O raw {child} merged.raw",
    "qcow2": "qemu-img convert -O raw {child} merged.raw",
    "VDI": "VBoxManage clonemedium disk {child} merged.vdi",
    "differencing VHD": "with copies of both: Hyper-V Manager, Edit Disk, Merge",
}


def needs_parent(path: Path, form: str) -> SourceError:
    """Return the error for a disk that cannot be read without its parent.

    Args:
        path: The disk that holds only changes.
        form: What it is: a key of :data:`_MERGE`.
    """
    merge = _MERGE[form].format(child=path.name)
    there = parents_of(path, neighbours(path))
    named = parent_name(path)
    parent = f"'{there[0].name if there else named}'" if there or named else "another disk, which it does not name"
    first = "" if there else f"put {parent if named else 'that disk'} beside it, then "
    return SourceError(
        "needs_parent",
        f"this {form} is a snapshot that holds only changes to {parent}, which is {'' if there else 'not '}there; "
        f"{first}merge them into one disk ({merge}) and examine that",
    )
