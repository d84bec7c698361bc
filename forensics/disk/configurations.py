"""Tells the configuration of a virtual machine, or of a backup, by its text: it names the disks of one machine."""

from __future__ import annotations

from pathlib import PurePath

_MARKS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("vbox", (b"<VirtualBox",)),
    ("ovf", (b"<Envelope", b"ovf")),
    ("ovf", (b"<ovf:Envelope",)),
    ("pvs", (b"<ParallelsVirtualMachine",)),
    ("parallels", (b"<Parallels_disk_image",)),
    ("libvirt", (b"<domain", b"<devices")),
    ("utm", (b"<plist", b"<key>Drive")),
    ("windows_backup", (b"<BackupSpecs",)),
    ("vmx", (b"virtualHW.version",)),
)
_BY_SUFFIX = {".vmx": "vmx", ".vmsd": "vmsd", ".vbox": "vbox", ".ovf": "ovf", ".pvs": "pvs"}
SUFFIXES = (".vmx", ".vmsd", ".vbox", ".xml", ".vmcx")
"""Suffixes of the configurations that know of snapshots."""
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\0")
_SETTINGS = b".encoding ="
_DISK_NAME = "diskdescriptor.xml"
CONFIGURATIONS = ("vmx", "vmsd", "vbox", "ovf", "pvs", "libvirt", "utm", "windows_backup")
"""Kinds that name disks and are none."""


def configuration_kind(name: str, head: bytes) -> str | None:
    """Return what a file says of a machine or a disk in its text: one of CONFIGURATIONS, or ``parallels``.

    Args:
        name: Its file name.
        head: Its first bytes.
    """
    if head.startswith(_WIDE):
        head = head.replace(b"\0", b"")
    if not head or b"\0" in head:
        return None
    for kind, marks in _MARKS:
        if all(mark in head for mark in marks):
            # Parallels keeps a copy of the description of a disk beside it.
            return kind if kind != "parallels" or name.lower() == _DISK_NAME else None
    return _BY_SUFFIX.get(PurePath(name).suffix.lower()) or ("vmx" if _SETTINGS in head else None)
