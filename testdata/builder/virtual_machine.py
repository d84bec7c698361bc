"""Configurations of virtual machines as Hyper-V stores them, and the list that a host keeps of them.

Names of keys as in a published sample of configuration version 9.0. That sample has no virtual TPM: where the key
protector stands below its device is an assumption (``PROTECTOR_NAME``), which no reader may build on.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md
    - dissect.hypervisor, descriptor/hyperv.py; dissect.target, plugins/child/hyperv.py
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from testdata.builder.hyperv_storage import Layout, Pending, Value, write_hyperv_storage
from testdata.builder.seeded import Seeded

HYPER_V = "ProgramData/Microsoft/Windows/Hyper-V"
INVENTORY = f"{HYPER_V}/data.vmcx"
PROTECTOR_NAME = "KeyProtector"

VIRTUAL_TPM = "736e6aa9-a3f8-49c0-9550-a963214d259a"
GUEST_STATE = "917bd8cb-3bb6-4124-9383-b7d21ac07f79"
FIRMWARE = "ac6b8dc1-3257-4a70-b1b2-a9c9215659ad"
IDE = "83f8638b-8dca-4152-9eda-2ca8b33039b4"
SCSI = "d422512d-2bf2-4752-809d-7b82b5fcb1b4"
_NAMES = {
    VIRTUAL_TPM: "Microsoft Virtual TPM Device",
    GUEST_STATE: "Microsoft Guest Runtime State",
    FIRMWARE: "Microsoft Virtual BIOS",
    IDE: "Microsoft Emulated IDE Controller",
    SCSI: "Microsoft Synthetic SCSI Controller",
}
WINDOWS_TEMPLATE = "1734C6E8-3154-4DDA-BA5F-A874CC483422"
UEFI_CA_TEMPLATE = "272E7447-90A4-4563-A4B9-8E4AB00526CE"


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """One virtual machine, or one checkpoint of it.

    Attributes:
        name: Its name.
        vm_id: Its GUID, lower case.
        generation: 1 (IDE, no UEFI) or 2.
        version: Configuration version, 0x0900 for 9.0.
        vtpm: A virtual TPM is among its devices.
        protector: Key protector; None stores none.
        protector_name: Name of the value that holds it.
        secure_boot: Secure Boot is on; generation 2 only.
        template: Secure Boot template.
        state_file: Windows path of its guest state.
        disks: Windows paths of its disks.
        isolation: GuestStateIsolationType.
        further: Values besides, by path.
    """

    name: str
    vm_id: str
    generation: int = 2
    version: int = 0x0900
    vtpm: bool = True
    protector: bytes | None = field(default=None, repr=False)
    protector_name: str = PROTECTOR_NAME
    secure_boot: bool = True
    template: str = WINDOWS_TEMPLATE
    state_file: str | None = None
    disks: Sequence[str] = ()
    isolation: int | None = None
    further: Mapping[str, Value] = field(default_factory=dict, repr=False)

    def values(self) -> dict[str, Value]:
        """Return the configuration by path."""
        values: dict[str, Value] = {
            "configuration/properties/global_id": self.vm_id.upper(),
            "configuration/properties/name": self.name,
            "configuration/properties/version": self.version,
            "configuration/properties/highly_available": False,
        }
        for number, (device, instance) in enumerate(self._devices()):
            at = f"configuration/manifest/vdev{number:03}"
            values[f"{at}/device"] = device
            values[f"{at}/instance"] = instance
            values[f"{at}/name"] = _NAMES[device]
            values[f"{at}/flags"] = 1
        if self.generation == 2:
            values[f"configuration/_{FIRMWARE}_/secure_boot_enabled"] = self.secure_boot
            values[f"configuration/_{FIRMWARE}_/secure_boot_template_id"] = self.template
        if self.state_file:
            values[f"configuration/_{GUEST_STATE}_/StateFilePath"] = self.state_file
            values[f"configuration/_{GUEST_STATE}_/UseTransient"] = False
        if self.isolation is not None:
            values["configuration/settings/security/GuestStateIsolationType"] = self.isolation
        controller = IDE if self.generation == 1 else self._instance(SCSI)
        for number, disk in enumerate(self.disks):
            at = f"configuration/_{controller}_/controller0/drive{number}"
            values[f"{at}/type"] = "VHD"
            values[f"{at}/pathname"] = disk
        if self.vtpm:
            values[f"configuration/_{VIRTUAL_TPM}_/TpmEnabled"] = True
        if self.protector is not None:
            values[f"configuration/_{VIRTUAL_TPM}_/{self.protector_name}"] = self.protector
        return values | dict(self.further)

    def vmcx(self, *, log: Pending | None = None, layout: Layout | None = None) -> bytes:
        """Return its ``.vmcx`` file; ``log`` leaves the last changes in its log."""
        return write_hyperv_storage(self.values(), log=log, layout=layout)

    def _devices(self) -> list[tuple[str, str]]:
        devices = [(FIRMWARE, FIRMWARE), (GUEST_STATE, GUEST_STATE)]
        devices.append((IDE, IDE) if self.generation == 1 else (SCSI, self._instance(SCSI)))
        if self.vtpm:
            devices.append((VIRTUAL_TPM, VIRTUAL_TPM))
        return devices

    def _instance(self, device: str) -> str:
        """Devices of which a machine may have several have an instance GUID of their own."""
        return str(uuid.UUID(bytes=Seeded(f"{self.vm_id}/{device}").bytes(16), version=4))


def inventory(paths: Mapping[str, str]) -> bytes:
    """Return a host's ``data.vmcx``: Windows path of each configuration by GUID."""
    values: dict[str, Value] = {"Configurations/Version": 1}
    values |= {f"Configurations/VirtualMachines/{vm_id.upper()}": path for vm_id, path in paths.items()}
    return write_hyperv_storage(values)
