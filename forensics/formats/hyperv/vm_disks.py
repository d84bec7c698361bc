"""The disks that a configuration of Hyper-V names: ``.vmcx``, or the ``.xml`` of Windows Server 2012 and before."""

from __future__ import annotations

from forensics.formats.bundles.named_disks import NamedDisk, NamedDisks
from forensics.formats.hyperv.storage import parse_hyperv_storage
from forensics.formats.hyperv.vm_configuration import parse_vm_configuration
from forensics.formats.hyperv.vm_xml import HEAD_SIZE, may_be_vm_xml, parse_vm_xml


def parse_vm_disks(data: bytes) -> NamedDisks:
    """Return the disks of a virtual machine; raises FormatError."""
    if may_be_vm_xml(data[:HEAD_SIZE]):
        storage = parse_vm_xml(data)
    else:
        storage = parse_hyperv_storage(lambda offset, count: data[offset : offset + count], len(data))
    return NamedDisks(tuple(map(NamedDisk, dict.fromkeys(parse_vm_configuration(storage).disks))))
