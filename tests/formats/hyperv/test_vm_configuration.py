"""The configuration of a virtual machine out of its container, and what is not known of a torn one."""

from __future__ import annotations

import pytest

from forensics.formats.hyperv.guardian_name import GuardianName, guardian_name
from forensics.formats.hyperv.storage import HyperVStorage, parse_hyperv_storage
from forensics.formats.hyperv.vm_configuration import (
    IDE,
    SCSI,
    VIRTUAL_TPM,
    guid_of,
    is_virtual_machine,
    parse_vm_configuration,
)
from testdata.builder.hyperv_storage import write_hyperv_storage
from testdata.builder.virtual_machine import VirtualMachine

VM = "44d42aa2-dee4-4023-bea5-d2f166bbb42c"
DISKS = ("C:\\VMs\\web.vhdx", "D:\\data.vhdx")


def _read(vmcx: bytes) -> HyperVStorage:
    return parse_hyperv_storage(lambda offset, length: vmcx[offset : offset + length], len(vmcx))


def test_what_a_configuration_says() -> None:
    machine = VirtualMachine("WEB01", VM, version=0x0A03, state_file="C:\\s.vmgs", disks=DISKS, isolation=1)
    found = parse_vm_configuration(_read(machine.vmcx()))
    assert (found.name, found.global_id, found.version) == ("WEB01", VM, "10.3")
    assert (found.secure_boot, found.secure_boot_template) == (True, "MicrosoftWindows")
    assert (found.guest_state_file, found.disks, found.isolation) == ("C:\\s.vmgs", DISKS, "VBS")
    assert (found.has(VIRTUAL_TPM), found.has(SCSI), found.has(IDE)) == (True, True, False)
    assert found.security_settings == (f"configuration/_{VIRTUAL_TPM}_/TpmEnabled = True",)
    assert found.is_torn is False


def test_a_machine_of_generation_1_without_a_virtual_tpm() -> None:
    machine = VirtualMachine("OLD01", VM, generation=1, vtpm=False, disks=DISKS[:1])
    found = parse_vm_configuration(_read(machine.vmcx()))
    assert (found.has(IDE), found.has(VIRTUAL_TPM), found.disks) == (True, False, DISKS[:1])
    assert (found.secure_boot, found.secure_boot_template, found.isolation) == (None, None, None)


def test_without_a_manifest_no_device_is_absent() -> None:
    storage = _read(write_hyperv_storage({"configuration/properties/name": "WEB01"}))
    found = parse_vm_configuration(storage)
    assert (found.name, found.devices, found.has(VIRTUAL_TPM)) == ("WEB01", frozenset(), None)
    assert is_virtual_machine(storage) is True
    assert is_virtual_machine(_read(write_hyperv_storage({"Configurations/Version": 1}))) is False


@pytest.mark.parametrize(
    ("text", "guid"), [(f"{{{VM.upper()}}}", VM), (f" {VM} ", VM), (VM[:-1], None), ("", None), (f"{{{VM}", VM)]
)
def test_guids(text: str, guid: str | None) -> None:
    assert guid_of(text) == guid


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (
            "CN=Shielded VM Signing Certificate (UntrustedGuardian) (HV01)",
            GuardianName("signing", "UntrustedGuardian", "HV01"),
        ),
        ("O=x,CN=Shielded VM Encryption Certificate (A\\, B)", GuardianName("encryption", "A, B", None)),
        ("CN=web01", None),
        (None, None),
    ],
)
def test_guardians_in_subjects(subject: str | None, name: GuardianName | None) -> None:
    assert guardian_name(subject) == name
