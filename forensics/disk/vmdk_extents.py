"""The files that a VMDK is made of: which is whose part, and which are not there."""

from __future__ import annotations

import re
from pathlib import Path

from forensics.disk.magic import VMDK_COWD, VMDK_DESCRIPTOR, VMDK_SESPARSE, VMDK_SPARSE
from forensics.disk.vmdk_descriptor import VmdkDescriptor
from forensics.language import sentence

_EXTENT = re.compile(r"(.*?)-(?:flat|delta|sesparse|ctk|[sf]\d{3,})(\.vmdk)", re.IGNORECASE | re.DOTALL)


def descriptor_of(path: Path) -> Path | None:
    """Return where the descriptor of an extent is, by the extent's name; None when the name is not that of one."""
    match = _EXTENT.fullmatch(path.name)
    return path.with_name(match[1] + match[2]) if match else None


def lone_extent(path: Path, head: bytes) -> str | None:
    """Say that a file is only one extent of a VMDK, and what to name instead; None when it can be read by itself.

    Args:
        path: The file.
        head: Its beginning, some KiB.
    """
    descriptor = descriptor_of(path)
    has_magic = head.startswith((VMDK_SPARSE, VMDK_COWD, VMDK_SESPARSE))
    if head.startswith(VMDK_SPARSE) and VMDK_DESCRIPTOR in head:
        return None
    if descriptor is not None and descriptor.is_file():
        return sentence("a part of a VMDK: name its descriptor, {name}, instead", name=descriptor.name)
    is_part = descriptor is not None and not path.name.lower().endswith("-flat.vmdk")
    if not has_magic and not is_part:
        return None
    name = descriptor.name if descriptor is not None else sentence("the .vmdk of a few hundred bytes that names it")
    return sentence(
        "a part of a VMDK, and its descriptor is not beside it: put {name} and all parts into one "
        "folder, and name the descriptor",
        name=name,
    )


def absent_extents(path: Path, descriptor: VmdkDescriptor) -> list[str]:
    """Return the names of the extents that a descriptor file names and that do not lie beside it."""
    named = [extent.name for extent in descriptor.extents if extent.name] if descriptor.offset == 0 else []
    return [name for name in named if "/" in name or "\\" in name or not (path.parent / name).is_file()]
