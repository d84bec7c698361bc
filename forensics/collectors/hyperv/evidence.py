"""What the Hyper-V collectors hand to the judge of :mod:`forensics.hyperv`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from forensics.collectors.system_drive import USUAL_DRIVE
from forensics.late_methods import dataclass
from forensics.tables.hyperv import GuardianRow, VmRow
from forensics.tables.outcome import NOT_COLLECTED, Outcome

if TYPE_CHECKING:
    from forensics.formats.hyperv.guardian_certificate import GuardianCertificate
    from forensics.formats.hyperv.key_protector import KeyProtector


@dataclass(slots=True)
class VmEvidence:
    """A row of table vm and what stands behind it.

    Attributes:
        row: The row.
        protectors: Its key protectors by where they stand; several where nothing tells which is the one of today.
        global_id: GUID that the configuration itself names, lower case.
        tpm_was_off: A virtual TPM is among its devices, and nothing in the configuration says that it was ever on.
    """

    row: VmRow
    protectors: Mapping[str, KeyProtector] = field(default_factory=dict)
    global_id: str | None = None
    tpm_was_off: bool = False


@dataclass(slots=True)
class HyperVEvidence:
    """What one place of a source holds of Hyper-V.

    Attributes:
        disk: Source path of the disk or collection on which it lies; None for a folder of an export.
        is_complete: What is not there was not on the machine either: it is a volume, and no collection of files.
        machine_id: Number of the Windows whose volume this is; 0 where that is not known, and for an export.
        drive: That Windows' own drive; the usual one where it is not known.
        vms: Configurations found there.
        inventory: Path of each registered virtual machine's configuration by its GUID; None where the source does not
            hold the host's list.
        inventory_path: Where that list was read.
        inventory_seen: Whether the list was read whole, so that what it does not name is not registered.
        hidden: Why a configuration that the list names could not be looked for, by its path there.
        disk_names: Lower-case names of the virtual disks there.
        guardian_files: Exported guardians, certificates and PFX files beside virtual machines.
    """

    disk: str | None
    is_complete: bool
    machine_id: int = 0
    drive: str = USUAL_DRIVE
    vms: list[VmEvidence] = field(default_factory=list)
    inventory: Mapping[str, str] | None = None
    inventory_path: str = ""
    inventory_seen: Outcome = NOT_COLLECTED
    hidden: dict[str, str] = field(default_factory=dict)
    disk_names: frozenset[str] = frozenset()
    guardian_files: list[GuardianRow] = field(default_factory=list)

    def certificates(self) -> Iterator[GuardianCertificate]:
        """Yield the certificates that key protectors name."""
        for vm in self.vms:
            for protector in vm.protectors.values():
                for wrapping in protector.wrappings:
                    yield from filter(None, (wrapping.encryption, wrapping.signing))
