"""Exported virtual machines, written to folders as Hyper-V writes them."""

from __future__ import annotations

import lzma
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from testdata.builder.key_protector import GuardianPair, write_guardian_metadata, write_key_protector
from testdata.builder.scenarios.hyperv_host import BRANCH, FIRST, GUEST_STATE
from testdata.builder.virtual_machine import VirtualMachine
from tests.paths import IMAGES

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
APP = "aaaaaaaa-1111-4222-8333-444444444444"
APP_CHECKPOINT = "bbbbbbbb-1111-4222-8333-444444444444"
PLAIN = "cccccccc-1111-4222-8333-444444444444"
GUEST = "mbr"
"""Image that serves as the disk of an exported machine."""


def machine(pair: GuardianPair = FIRST, vm_id: str = APP, name: str = "APP01") -> VirtualMachine:
    """Return a machine that one guardian may start."""
    return VirtualMachine(name, vm_id, protector=write_key_protector(pair))


def write_export(folder: Path, vm: VirtualMachine, *, state: bytes | None = GUEST_STATE) -> Path:
    """Write the export of a machine into a folder of its name; returns that folder."""
    machines = folder / vm.name / "Virtual Machines"
    machines.mkdir(parents=True)
    (machines / f"{vm.vm_id.upper()}.vmcx").write_bytes(vm.vmcx())
    if state is not None:
        (machines / f"{vm.vm_id.upper()}.vmgs").write_bytes(state)
    return folder / vm.name


def add_checkpoint(export: Path, vm: VirtualMachine, vm_id: str = APP_CHECKPOINT) -> None:
    """Add a checkpoint of a machine."""
    (export / "Snapshots").mkdir(exist_ok=True)
    (export / "Snapshots" / f"{vm_id.upper()}.vmcx").write_bytes(vm.vmcx())


def add_guest_disk(export: Path, name: str = "APP01.vhdx") -> None:
    """Add a virtual disk with a Windows on it."""
    (export / "Virtual Hard Disks").mkdir()
    disk = lzma.decompress((IMAGES / f"{GUEST}.vhdx.xz").read_bytes())
    (export / "Virtual Hard Disks" / name).write_bytes(disk)


def add_useless_backup(export: Path, pair: GuardianPair = BRANCH) -> None:
    """Add what somebody took for a backup of the guardian: its XML, its certificate, and a PFX of unknown content."""
    folder = export / "Guardian backup"
    folder.mkdir()
    (folder / f"{pair.guardian}.xml").write_bytes(write_guardian_metadata(pair))
    (folder / "encryption.cer").write_bytes(pair.encryption.der)
    (folder / "signing.pem").write_bytes(pair.signing.x509.public_bytes(Encoding.PEM))
    (folder / "all of it.pfx").write_bytes(b"\x30\x82\x01\x00\x02\x01\x03\x30".ljust(0x104, b"?"))
    (folder / "settings.xml").write_bytes(b"<settings/>" + b" " * 4096)
