"""What the Hyper-V collectors hand to the chain."""

from __future__ import annotations

from collections.abc import Mapping

from forensics.formats.key_protector import KeyProtector
from forensics.sources.place import Place
from forensics.structure import dataclass, field
from forensics.tables.hyperv import GuardianRow, VmRow


@dataclass(slots=True)
class VmEvidence:
    """A row of table vm with the key protector behind it; None where there is none that can be read."""

    row: VmRow
    protector: KeyProtector | None = None


@dataclass(slots=True)
class HyperVEvidence:
    """What one place of a source holds of Hyper-V.

    Attributes:
        place: The volume or folder.
        source: The source as the user named it.
        vms: Configurations found there.
        inventory: Path of each registered virtual machine's configuration by its GUID; None where the source does not
            hold the host's list.
        inventory_path: Where that list was read.
        guardian_files: Exported guardians, certificates and PFX files beside virtual machines.
    """

    place: Place
    source: str
    vms: list[VmEvidence] = field(default_factory=list)
    inventory: Mapping[str, str] | None = None
    inventory_path: str = ""
    guardian_files: list[GuardianRow] = field(default_factory=list)
