"""What is told of the guest state of a virtual machine: its version, and the parts that are there."""

from __future__ import annotations

from forensics.formats.hyperv.vmgs import Vmgs, VmgsEntry
from forensics.language import joined, sentence


def told_guest_state(vmgs: Vmgs) -> str:
    """Return version and parts of a guest state as one text."""
    version = sentence("version {version}", version=vmgs.version)
    names = joined(map(_entry, vmgs.entries), ", ")
    return joined([version, names], ": ") if names else version


def _entry(entry: VmgsEntry) -> str:
    if entry.encrypted:
        return sentence("{name} {size} bytes, encrypted", name=entry.name, size=entry.size)
    return sentence("{name} {size} bytes", name=entry.name, size=entry.size)
