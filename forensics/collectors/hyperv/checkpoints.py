"""Tells of which virtual machine a checkpoint is."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.collectors.hyperv.evidence import VmEvidence
from forensics.disk.tree import Entry

_SNAPSHOTS = "snapshots"


def is_checkpoint(entry: Entry) -> bool:
    """Tell whether a configuration is a checkpoint's: those lie in a folder of their own."""
    return _folder(entry.path).rsplit("/", 1)[-1].lower() == _SNAPSHOTS


def name_checkpoints(vms: Sequence[VmEvidence], *, others_unread: bool = False) -> None:
    """Fill ``checkpoint_of``.

    A checkpoint that names the machine's GUID, or its name (by default followed by a date), is that machine's; else it
    is of the only machine in the export that holds it.

    Args:
        vms: The configurations of one place.
        others_unread: Further machines are there whose configurations were not read.
    """
    machines = [vm.row for vm in vms if not vm.row.is_checkpoint and vm.row.vm_id is not None]
    for vm in vms:
        row = vm.row
        if not row.is_checkpoint:
            continue
        export = _folder(_folder(row.source_path)).lower()
        near = [m for m in machines if m.source_path.lower().startswith(f"{export}/" if export else "")]
        near = near or machines
        groups = [
            [m for m in machines if m.vm_id == vm.global_id],
            [m for m in near if m.name is not None and m.name == row.name],
            [m for m in near if m.name and (row.name or "").startswith(f"{m.name} - ")],
            [] if others_unread else near,
        ]
        ids = {m.vm_id for m in next(filter(None, groups), [])}
        row.checkpoint_of = ids.pop() if len(ids) == 1 else None


def _folder(path: str) -> str:
    return path.rsplit("/", 1)[0] if "/" in path else ""
