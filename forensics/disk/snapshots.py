"""Refuses a disk that holds only changes to another one that is not read with it: what is missing, and what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import peek_at
from forensics.disk.lineage import neighbours, parent_name, parents_of
from forensics.disk.recognise import image_kind
from forensics.disk.vmdk_descriptor import read_descriptor

# Each makes a new disk and changes neither file.
_MERGE = {
    "VMDK": "vmware-vdiskmanager -r {child} -t 0 merged.vmdk, or qemu-img convert -O raw {child} merged.raw",
    "qcow2": "qemu-img convert -O raw {child} merged.raw",
    "VDI": "VBoxManage clonemedium disk {child} merged.vdi",
    "differencing VHD": "with copies of both: Hyper-V Manager, Edit Disk, Merge",
}
_FORMS = {"vmdk": "VMDK", "qcow2": "qcow2", "vdi": "VDI", "vhd": "differencing VHD"}


def needs_parent(path: Path, file: BinaryIO, form: str, unpacked: bool) -> SourceError:
    """Return the error for a disk that cannot be read without its parent.

    Args:
        path: The disk that holds only changes.
        file: It, opened.
        form: What it is: a key of :data:`_MERGE`.
        unpacked: The file at ``path`` is compressed.
    """
    beside = neighbours(path)
    named = parent_name(file)
    there = parents_of(path, beside) or [each for each in beside if named and each.name.casefold() == named.casefold()]
    if there:
        parent, first = f"'{there[0].name}', which is there", _extents_first(there[0])
    elif named:
        parent, first = f"'{named}', which is not there", f"put '{named}' beside it, then "
    else:
        parent, first = "another disk, which it does not name and which is not there", "put that disk beside it, then "
    unpack = "unpack it, then " if unpacked else ""
    first = _extents_first(path) + first
    merge = _merge(path.with_suffix("") if unpacked else path, form)
    return SourceError(
        "needs_parent",
        f"this {form} is a snapshot that holds only changes to {parent}; {unpack}{first}{merge} and examine that",
    )


def present_state_advice(newest: Path) -> str:
    """Say what to do to examine the present state of a disk on which others build.

    Args:
        newest: The last disk of the chain.
    """
    form = _FORMS.get(image_kind(newest) or "")
    return f"examine {newest}" if form is None else f"{_extents_first(newest)}{_merge(newest, form)} and examine that"


def _extents_first(path: Path) -> str:
    """Say which files must lie beside a VMDK before anything can be merged with it; nothing where all do."""
    from forensics.disk.vmdk import absent_extents

    try:
        with peek_at(path) as file:
            descriptor = read_descriptor(file)
    except OSError:
        return ""
    absent = absent_extents(path, descriptor) if descriptor is not None else []
    if not absent:
        return ""
    return f"put {' and '.join(repr(name) for name in absent[:5])}, where its data is, beside {path.name}, then "


def _merge(path: Path, form: str) -> str:
    return f"merge them into one disk ({_MERGE[form].format(child=_argument(path.name))})"


def _argument(name: str) -> str:
    """Return a file name as a command line takes it; one that a shell could misunderstand is not repeated."""
    if re.fullmatch(r"[\w.+-]+", name):
        return name
    return f'"{name}"' if re.fullmatch(r"[\w .+(){}\[\]@,=~-]+", name) else "SNAPSHOT"
