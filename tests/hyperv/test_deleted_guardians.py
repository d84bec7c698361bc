"""A guardian's certificates that were deleted from the store, while Windows' key files of them stayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

import forensics
from forensics.hyperv.migration import plan_migration
from forensics.hyperv.plan_steps import steps
from testdata.builder.cng import CngKey
from testdata.builder.key_protector import guardian_pair, write_key_protector
from testdata.builder.ordinary.windows import SERVER_2022, Windows, day
from testdata.builder.virtual_machine import HYPER_V, INVENTORY, VirtualMachine, inventory
from tests.ordinary import examined

PAIR = guardian_pair("UntrustedGuardian", "HV01", day("2016-12-05"), day("2026-12-05"))
VM = "0000000a-0a01-4b02-8c03-000000000001"


def _host(**options: Any) -> Windows:
    windows = Windows("HV01", SERVER_2022)
    windows.service("vmms")
    for certificate in (PAIR.signing, PAIR.encryption):
        windows.machine.put_cng(f"guardian {certificate.thumbprint[:4]}", CngKey.rsa(certificate.key), **options)  # type: ignore[arg-type]
    path = f"{HYPER_V}/Virtual Machines/{VM.upper()}.vmcx"
    windows.machine.write(path, VirtualMachine("APP01", VM, protector=write_key_protector(PAIR)).vmcx())
    windows.machine.write(INVENTORY, inventory({VM: "C:\\" + path.replace("/", "\\")}))
    return windows


def test_their_keys_are_told_and_how_the_certificates_are_put_back() -> None:
    case = examined(_host().machine)
    (vm,) = case.rows("vm")
    assert vm.starts_here == "no"
    assert vm.starts_because.endswith(": it is not there any more, but a key file with its public key is")
    (row,) = case.rows("vm_guardian")
    files = {chain.key_file_path for chain in case.rows("key_chain") if (chain.container or "").startswith("guardian ")}
    assert {row.encryption_key_file, row.signing_key_file} == files
    (finding,) = [f for f in case.finding_list if f.rule == "vm-needs-missing-guardian"]
    typed = [block.text for block in finding.remedy if block.kind == "command"]
    assert [line for line in typed if "repairstore" in line] == [
        f'certutil -repairstore "Shielded VM Local Certificates" {certificate.thumbprint}'
        for certificate in (PAIR.encryption, PAIR.signing)
    ]
    assert not [line for line in typed if "-Pfx" in line], "nothing has to be brought"
    orphans = [f for f in case.finding_list if f.rule == "orphan-key-file"]
    assert not [s.id for f in orphans for s in f.subjects if s.id in files], "a virtual machine needs these"


def test_key_files_that_windows_would_not_open_are_told_and_nothing_is_put_back() -> None:
    case = examined(_host(suffix="9b2f0c51-7d3e-4f60-a1b2-c3d4e5f60718").machine)
    (finding,) = [f for f in case.finding_list if f.rule == "vm-needs-missing-guardian"]
    assert [b.text for b in finding.because if "Windows would not open it as it is" in b.text]
    assert not [b.text for b in finding.remedy if "repairstore" in b.text]
    assert [b.text for b in finding.remedy if b.text.startswith("Export-PfxCertificate")]


@pytest.mark.parametrize(
    ("options", "told"),
    [({}, "key is sound"), ({"suffix": "9b2f0c51-7d3e-4f60-a1b2-c3d4e5f60718"}, "key can be saved")],
)
def test_the_first_screen_says_what_became_of_their_keys(options: dict[str, Any], told: str) -> None:
    screen = forensics.render(examined(_host(**options).machine), "text")
    assert f"virtual machine APP01; {told}" in screen


def test_a_plan_has_them_put_back_before_anything_is_given_up() -> None:
    plan = plan_migration(examined(_host().machine), examined(Windows("HV02", SERVER_2022).machine))
    assert [transfer.key_stayed for transfer in plan.transfers] == ["opens", "opens"]
    assert "they were deleted there, and their key files were not. Put them back first" in steps(plan)[0].text


def test_a_plan_tells_nobody_to_put_back_what_windows_may_not_open() -> None:
    source = _host(suffix="9b2f0c51-7d3e-4f60-a1b2-c3d4e5f60718")
    plan = plan_migration(examined(source.machine), examined(Windows("HV02", SERVER_2022).machine))
    assert [transfer.key_stayed for transfer in plan.transfers] == ["unproved", "unproved"]
    assert "it is not proved that Windows opens these" in steps(plan)[0].text
    assert "Put them back first" not in steps(plan)[0].text


def test_recover_writes_their_keys_with_the_certificates_of_the_key_protector(tmp_path: Path) -> None:
    disk, password = tmp_path / "C", tmp_path / "password.txt"
    password.write_text("of the test\n")
    for file in _host(export_policy=3).machine.volume():
        if file.data is not None:
            (disk / file.path).parent.mkdir(parents=True, exist_ok=True)
            (disk / file.path).write_bytes(file.data)
    wanted = PAIR.encryption.thumbprint
    kept = forensics.recover(str(disk), wanted[:8], to=tmp_path / "keys", pfx_password_file=password)
    assert kept.is_whole
    assert [key.thumbprint for key in kept.keys] == [wanted]
    written = (tmp_path / "keys" / f"{wanted}.pfx").read_bytes()
    key, certificate, _ = pkcs12.load_key_and_certificates(written, b"of the test")
    assert certificate == PAIR.encryption.x509
    assert key is not None
    assert key.public_key() == PAIR.encryption.key.public_key()
    assert 'importPFX "Shielded VM Local Certificates"' in str(kept)
