"""Exported virtual machines, alone and together with hosts: what each needs, and where it came from."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.case_tables import CaseTables
from testdata.builder.key_protector import EMPTY_KEY_PROTECTOR
from testdata.builder.scenarios.hyperv_host import BRANCH, FIRST, GUEST_STATE_FACTS, LOST, SECOND, needs
from testdata.builder.scenarios.hyperv_source import WEB01
from testdata.builder.virtual_machine import VirtualMachine
from testdata.builder.vmgs import write_vmgs
from tests import exports
from tests.exports import APP, APP_CHECKPOINT, AS_OF, PLAIN, machine, write_export
from tests.paths import IMAGES

HV01 = IMAGES / "hyperv-source.vhdx.xz"


def _examine(*sources: Path) -> CaseTables:
    return forensics.examine(*sources, as_of=AS_OF)


def _one(case: CaseTables, **columns: Any) -> Any:
    (row,) = [r for r in case.rows("vm") if all(getattr(r, c) == v for c, v in columns.items())]
    return row


def test_an_export_alone_tells_what_the_machine_needs(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine())
    case = _examine(export)
    row = _one(case)
    assert (row.machine_id, row.name, row.vm_id, row.registered) == (0, "APP01", APP, None)
    assert (row.outcome, row.vtpm, row.key_protector, row.generation) == ("present", "present", "present", 2)
    assert row.needs == needs(FIRST)
    assert (row.starts_here, row.starts_because) == ("unknown", "no Hyper-V host was examined with it")
    assert row.source_path == f"{export}/Virtual Machines/{APP.upper()}.vmcx"
    assert row.guest_state_file == f"{export}/Virtual Machines/{APP.upper()}.vmgs"
    assert (row.guest_state, row.guest_state_facts) == ("present", GUEST_STATE_FACTS)
    (wrapping,) = case.rows("vm_guardian")
    assert (wrapping.guardian, wrapping.host, wrapping.is_owner) == ("UntrustedGuardian", "HV01", True)
    assert wrapping.encryption_thumbprint == FIRST.encryption.thumbprint
    assert wrapping.signing_thumbprint == FIRST.signing.thumbprint
    assert f"{wrapping.encryption_not_after:%Y-%m-%d}" == "2026-11-07"
    assert (wrapping.encryption_here, wrapping.signing_here) == ("not_examined", "not_examined")
    assert case.rows("guardian") == []
    assert case.rows("problem") == []
    assert case.sources[0].error is None
    assert case.sources[0].kind == "export"


def test_the_checkpoint_of_an_export_needs_its_own_guardian(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine(SECOND))
    exports.add_checkpoint(export, machine(FIRST, name="APP01 - (11/2/2026 - 9:14:51 AM)"))
    case = _examine(export)
    assert _one(case, is_checkpoint=False).needs == needs(SECOND)
    checkpoint = _one(case, is_checkpoint=True)
    assert (checkpoint.needs, checkpoint.vm_id, checkpoint.checkpoint_of) == (needs(FIRST), APP_CHECKPOINT, APP)


def test_checkpoints_of_several_machines_in_one_folder(tmp_path: Path) -> None:
    """By the GUID they hold, else by the name that Hyper-V gives them; else not at all."""
    other = "dddddddd-1111-4222-8333-444444444444"
    folder = tmp_path / "Virtual Machines"
    folder.mkdir()
    for vm in (machine(), machine(vm_id=other, name="DB01")):
        (folder / f"{vm.vm_id.upper()}.vmcx").write_bytes(vm.vmcx())
    by_name = machine(vm_id="eeeeeeee-0000-4000-8000-000000000001", name="DB01 - (11/2/2026 - 9:14:51 AM)")
    nameless = machine(vm_id="eeeeeeee-0000-4000-8000-000000000002", name="before the update")
    by_id = machine(vm_id=other, name="also before the update")
    exports.add_checkpoint(tmp_path, by_name, by_name.vm_id)
    exports.add_checkpoint(tmp_path, nameless, nameless.vm_id)
    exports.add_checkpoint(tmp_path, by_id, "eeeeeeee-0000-4000-8000-000000000003")
    found = {r.name: r.checkpoint_of for r in _examine(tmp_path).rows("vm") if r.is_checkpoint}
    assert found == {by_name.name: other, nameless.name: None, by_id.name: other}
    alone = _examine(folder / f"{APP.upper()}.vmcx").rows("vm")
    assert [r.name for r in alone] == ["APP01"]


def test_one_configuration_and_what_lies_beside_it(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine())
    write_export(tmp_path, machine(vm_id=PLAIN, name="OTHER01"))
    case = _examine(export / "Virtual Machines" / f"{APP.upper()}.vmcx")
    assert [r.name for r in case.rows("vm")] == ["APP01"]
    assert _one(case).needs == needs(FIRST)
    assert _one(case).guest_state == "present"


@pytest.mark.parametrize("name", ["app01.vmcx", "APP01.VMCX"])
def test_a_loose_configuration_of_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(machine().vmcx())
    (tmp_path / "far" / "away" / "below").mkdir(parents=True)
    (tmp_path / "far" / "away" / "below" / "other.vmcx").write_bytes(machine(vm_id=PLAIN, name="OTHER01").vmcx())
    case = _examine(tmp_path / name)
    assert (_one(case).vm_id, _one(case).needs) == (APP, needs(FIRST))
    assert case.rows("problem") == []


def test_an_export_with_the_guests_disk(tmp_path: Path) -> None:
    disks = ["C:\\VMs\\APP01\\Virtual Hard Disks\\APP01.vhdx", "C:\\VMs\\APP01\\Virtual Hard Disks\\gone.vhdx"]
    export = write_export(tmp_path, replace(machine(), disks=disks))
    exports.add_guest_disk(export)
    case = _examine(export)
    (guest,) = case.rows("machine")
    row = _one(case)
    # The guest's Windows is a machine of the examination; its host is not.
    assert (guest.machine_id, row.machine_id, row.starts_here) == (1, 0, "unknown")
    assert row.missing_disks == disks[1:]
    assert row.starts_because == (
        "no host that was examined lists it: keymortem migrate --to HOST tells what becomes of it"
    )


def test_what_was_taken_for_a_backup_of_the_guardian(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine(BRANCH))
    exports.add_useless_backup(export)
    rows = sorted(_examine(export).rows("guardian"), key=lambda r: r.source_path)
    folder = f"{export}/Guardian backup"
    assert [(r.origin, r.role, r.thumbprint, r.source_path) for r in rows] == [
        ("guardian_xml", "signing", BRANCH.signing.thumbprint, f"{folder}/BranchGuardian.xml"),
        ("guardian_xml", "encryption", BRANCH.encryption.thumbprint, f"{folder}/BranchGuardian.xml"),
        ("pfx_file", None, None, f"{folder}/all of it.pfx"),
        ("certificate_file", "encryption", BRANCH.encryption.thumbprint, f"{folder}/encryption.cer"),
        ("certificate_file", "signing", BRANCH.signing.thumbprint, f"{folder}/signing.pem"),
    ]
    assert {(r.guardian, r.host, r.verdict, r.store) for r in rows if r.thumbprint} == {
        ("BranchGuardian", "HV07", None, None)
    }
    assert {tuple(r.needed_by) for r in rows if r.thumbprint} == {("APP01",)}


def test_a_guardians_xml_among_hundreds_of_others(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine(BRANCH))
    exports.add_useless_backup(export)
    for number in range(600):
        (export / f"{number:03}.xml").write_bytes(b"<nothing/>" * (1 + number % 300))
    assert [r.origin for r in _examine(export).rows("guardian")].count("guardian_xml") == 2


def test_an_export_in_a_zip(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine())
    exports.add_useless_backup(export, FIRST)
    archive = tmp_path / "app01.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(export.rglob("*.*")):
            packed.write(path, path.relative_to(tmp_path))
    case = _examine(archive)
    row = _one(case)
    assert (row.needs, row.guest_state, row.machine_id) == (needs(FIRST), "present", 0)
    assert row.source_path == f"{archive}/APP01/Virtual Machines/{APP.upper()}.vmcx"
    assert len(case.rows("guardian")) == 5
    assert case.sources[0].error is None


def test_a_damaged_configuration_is_told_and_leaves_the_others_alone(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine())
    damaged = export / "Virtual Machines" / f"{PLAIN.upper()}.vmcx"
    damaged.write_bytes(b"\0" * 4096 + machine().vmcx()[4096:8192][::-1])
    case = _examine(export)
    assert _one(case, vm_id=APP).needs == needs(FIRST)
    row = _one(case, vm_id=PLAIN)
    assert (row.outcome, row.starts_here, row.name) == ("unreadable", "unknown", None)
    assert row.starts_because == "its configuration is unreadable"
    (problem,) = case.rows("problem")
    assert (problem.source_path, problem.machine_id) == (str(damaged), 0)


def test_a_configuration_that_lost_a_page_is_not_said_to_have_no_virtual_tpm(tmp_path: Path) -> None:
    """The page with the devices is gone: that none of those left is a TPM says nothing."""
    devices = {f"configuration/manifest/vdev{n:03}/name": "x" * 200 for n in range(100, 140)}
    vm = replace(machine(), further={**devices, **_late_tpm()}, vtpm=False)
    data = bytearray(vm.vmcx())
    late = data.rindex(b"vdev999\0")
    assert late > 0
    page = late // 4096 * 4096
    data[page : page + 4096] = bytes(4096)
    export = write_export(tmp_path, machine(vm_id=PLAIN, name="SOUND01"))
    (export / "Virtual Machines" / f"{APP.upper()}.vmcx").write_bytes(data)
    case = _examine(export)
    row = _one(case, vm_id=APP)
    assert (row.vtpm, row.generation, row.starts_here) == ("unknown", None, "unknown")
    assert case.rows("problem") != []


def _late_tpm() -> dict[str, str]:
    at = "configuration/manifest/vdev999"
    device = "736e6aa9-a3f8-49c0-9550-a963214d259a"
    return {f"{at}/device": device, f"{at}/instance": device}


def test_one_damaged_header_copy_does_no_harm(tmp_path: Path) -> None:
    export = write_export(tmp_path, VirtualMachine("PLAIN01", PLAIN, vtpm=False))
    path = export / "Virtual Machines" / f"{PLAIN.upper()}.vmcx"
    data = bytearray(path.read_bytes())
    data[8] ^= 0xFF
    path.write_bytes(data)
    case = _examine(export)
    assert (_one(case).vtpm, _one(case).starts_here) == ("absent", "not_applicable")
    assert [p.kind for p in case.rows("problem")] == ["bad_checksum"]


@pytest.mark.parametrize(
    ("protector", "said"),
    [(None, "not_found"), (EMPTY_KEY_PROTECTOR, "empty"), (bytes.fromhex("04000000"), "empty")],
)
def test_a_virtual_tpm_without_a_key_protector(tmp_path: Path, protector: bytes | None, said: str) -> None:
    row = _one(_examine(write_export(tmp_path, VirtualMachine("BARE01", PLAIN, protector=protector))))
    assert (row.vtpm, row.key_protector, row.starts_here, row.needs) == ("present", said, "unknown", [])


def test_a_damaged_key_protector(tmp_path: Path) -> None:
    whole = machine().protector
    assert whole is not None
    case = _examine(write_export(tmp_path, replace(machine(), protector=whole[: len(whole) // 2])))
    row = _one(case)
    assert (row.key_protector, row.starts_here, row.needs) == ("damaged", "unknown", [])
    assert row.starts_because == "it has a virtual TPM, and its key protector cannot be read"
    assert [(p.source_path, p.kind) for p in case.rows("problem")] == [(row.source_path, "bad_xml")]


def test_a_damaged_guest_state(tmp_path: Path) -> None:
    case = _examine(write_export(tmp_path, machine(), state=b"GUESTRTS" + b"\xff" * 200))
    row = _one(case)
    assert (row.guest_state, row.guest_state_facts) == ("unreadable", None)
    assert [p.source_path for p in case.rows("problem")] == [row.guest_state_file]


def test_a_guest_state_of_the_first_version(tmp_path: Path) -> None:
    row = _one(_examine(write_export(tmp_path, machine(), state=write_vmgs({}, 0x00010000))))
    assert (row.guest_state, row.guest_state_facts) == ("present", "version 1")


def test_an_export_with_a_host_that_does_not_list_it(tmp_path: Path) -> None:
    """It is not that host's: keymortem migrate asks what becomes of it there."""
    case = _examine(write_export(tmp_path, machine()), HV01)
    row = _one(case, vm_id=APP)
    assert (row.machine_id, row.starts_here) == (0, "unknown")
    assert "keymortem migrate --to HOST" in row.starts_because
    assert {r.machine_id for r in case.rows("vm") if r.vm_id != APP} == {1}


@pytest.mark.parametrize("export_first", [True, False])
def test_an_export_with_the_host_that_lists_it(tmp_path: Path, export_first: bool) -> None:
    """Where the host's own configuration of it is there too, the copy is not the registered one."""
    export = write_export(tmp_path, machine(LOST, WEB01, "WEB01"))
    case = _examine(export, HV01) if export_first else _examine(HV01, export)
    rows = {row.source_path.startswith(str(tmp_path)): row for row in case.rows("vm") if row.vm_id == WEB01}
    assert {m: (r.machine_id, r.registered, r.starts_here) for m, r in rows.items()} == {
        True: (1, False, "no"),
        False: (1, True, "yes"),
    }


def test_two_exports_of_one_machine_stay_apart(tmp_path: Path) -> None:
    older = write_export(tmp_path / "older", machine(FIRST))
    newer = write_export(tmp_path / "newer", machine(SECOND))
    case = _examine(older, newer)
    assert {r.source_path.split("/")[-4]: r.needs for r in case.rows("vm")} == {
        "older": needs(FIRST),
        "newer": needs(SECOND),
    }
    wrappings = {w.configuration: w.encryption_thumbprint for w in case.rows("vm_guardian")}
    assert {r.source_path: r.needs[0] for r in case.rows("vm")} == wrappings


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        (b"0\x82", 0),
        (b"\x30\x82\x01\x00\x02\x01\x03\x30".ljust(0x104, b"?"), 1),
        (b"\x30\x80\x02\x01\x03\x30\x80".ljust(0x104, b"?"), 1),
        (b"\x30\x82\x10\x00\x02\x01\x03\x30".ljust(0x104, b"?"), 0),
        (b"no certificate at all".ljust(0x104, b"?"), 0),
    ],
)
def test_only_what_can_be_a_pfx_file_counts_as_a_backup(tmp_path: Path, content: bytes, counts: int) -> None:
    export = write_export(tmp_path, machine(BRANCH))
    exports.add_useless_backup(export)
    (export / "Guardian backup" / "all of it.pfx").write_bytes(content)
    case = _examine(export)
    assert sum(row.origin == "pfx_file" for row in case.rows("guardian")) == counts
    verdicts = {f.verdict for f in case.finding_list if f.rule == "certificate-only-guardian-backup"}
    assert verdicts == (set() if counts else {"match"})
