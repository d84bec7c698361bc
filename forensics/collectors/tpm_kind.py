"""Whether a TPM is likely a virtual one, from what the machine says it is.

References:
    Parameters of the Hyper-V guest service (PhysicalHostName); Microsoft, Msvm and SMBIOS names of virtual machines.
"""

from __future__ import annotations

from forensics.collectors.registry_view import RegistryView
from forensics.language import sentence
from forensics.tables.machine import MachineRow
from forensics.tables.tpm import TpmRow

_SYSTEM_INFORMATION = "Control\\SystemInformation"
_HYPER_V = ("microsoft corporation", "virtual machine")
# In the manufacturer's or the product's name of the firmware.
_OTHERS = (
    "vmware",
    "qemu",
    "kvm",
    "xen",
    "virtualbox",
    "innotek",
    "parallels",
    "bochs",
    "google compute",
    "amazon ec2",
)
_MAX_TEXT = 128
"""Display: characters of a maker's name."""


def add_kind(system: RegistryView, control_set: str, machine: MachineRow, row: TpmRow) -> None:
    """Fill ``kind`` and ``kind_because``; a machine that does not say what it is stays ``unknown``."""
    if machine.physical_host:
        row.kind, row.kind_because = (
            "hyper_v",
            sentence("the last boot was on the Hyper-V host {physical_host}", physical_host=machine.physical_host),
        )
        return
    path = f"{control_set}\\{_SYSTEM_INFORMATION}"
    maker, product = (
        (system.text(path, name) or "")[:_MAX_TEXT] for name in ("SystemManufacturer", "SystemProductName")
    )
    if not maker and not product:
        return
    named = f"{maker} {product}".strip()
    if (maker.lower(), product.lower()) == _HYPER_V:
        row.kind = "hyper_v"
    elif any(name in named.lower() for name in _OTHERS):
        row.kind = "other_virtual"
    else:
        row.kind = "physical"
    row.kind_because = sentence("the firmware calls the machine {named}", named=named)
