"""``keymortem migrate`` where keys cannot be exported: what is said of them, and of moving the machines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import forensics
from forensics.hyperv.migration import MigrationPlan, plan_migration
from forensics.hyperv.plan_steps import steps
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, PRESENT
from testdata.builder.scenarios.hyperv_target import IN_TPM, STRANGE
from tests.examined import examined
from tests.exports import AS_OF
from tests.paths import IMAGES
from tests.test_less_evidence import CONFIG, collect

HV01, HV02 = (str(IMAGES / f"{name}.vhdx.xz") for name in ("hyperv-source", "hyperv-target"))


def _plan(source: str, target: str) -> MigrationPlan:
    return plan_migration(*(forensics.examine(disk, as_of=AS_OF) for disk in (source, target)))


def _stuck(**changes: str | bool | None) -> str:
    """Texts of the steps for a machine whose keys HV02 holds and does not open, which is to move to HV01."""
    return " ".join(f"{step.text} {step.after}" for step in steps(_locked(**changes)))


def _locked(**changes: str | bool | None) -> MigrationPlan:
    plan = _plan(HV02, HV01)
    locked = [t for t in plan.transfers if t.thumbprint in (STRANGE.encryption.thumbprint, STRANGE.signing.thumbprint)]
    assert [(t.role, t.on_source) for t in locked] == [("encryption", "unusable"), ("signing", "usable")]
    vms = tuple(p for p in plan.vms if p.name in locked[0].needed_by)
    return replace(plan, vms=vms, transfers=tuple(replace(t, **changes) for t in locked))  # type: ignore[arg-type]


def test_keys_that_are_still_on_the_disk_are_repaired_before_a_pfx_file_is_looked_for() -> None:
    assert "they are still on that disk: repair them first" in _stuck(recoverable=True)
    assert "Look for PFX files" not in _stuck(recoverable=True)
    assert "Look for PFX files" in _stuck(recoverable=False)
    assert "Look for PFX files" in _stuck(recoverable=None)


def test_nobody_is_told_to_move_machines_that_cannot_start() -> None:
    told = _stuck(recoverable=False)
    assert "Do not move the virtual machines with a virtual TPM yet" in told
    assert "Then move" not in told
    whole = " ".join(step.after for step in steps(_plan(HV01, HV02)))
    assert "Then move the virtual machines" in whole


def test_a_key_that_never_leaves_is_given_a_second_guardian_beside_it() -> None:
    plan = _locked(exportable="no", on_source="usable")
    (vm,) = (p.vm for p in plan.vms)
    written = [s for s in steps(plan) if any("HgsGuardian" in b.text for b in s.commands)]
    assert [s.text.split(":")[0].split(". ")[0] for s in written] == ["On HV01", "Copy that file to HV02"]
    export, permit = ([b.text for b in s.commands[1:]] for s in written)
    assert export == [
        "Get-HgsGuardian -Name 'UntrustedGuardian' | Export-HgsGuardian -Path \"UntrustedGuardian-HV01.xml\""
    ]
    assert permit == [
        "Import-HgsGuardian -Path \"UntrustedGuardian-HV01.xml\" -Name 'UntrustedGuardian of HV01' "
        "-AllowExpired -AllowUntrustedRoot",
        f"Set-VMKeyProtector -VM (Get-VM -Id {vm.vm_id}) -KeyProtector (Grant-HgsKeyProtectorAccess -KeyProtector "
        f"(ConvertTo-HgsKeyProtector -Bytes (Get-VMKeyProtector -VM (Get-VM -Id {vm.vm_id}))) -Guardian "
        "(Get-HgsGuardian -Name 'UntrustedGuardian of HV01') -AllowExpired -AllowUntrustedRoot).RawData",
    ]
    assert not any("Export-PfxCertificate" in b.text for s in steps(plan) for b in s.commands)


def test_a_key_in_a_tpm_is_not_exported_and_its_machine_gets_a_second_guardian() -> None:
    plan = _plan(HV02, HV01)
    (vm,) = (p.vm for p in plan.vms if p.name == "TPM01")
    told = steps(plan)
    lines = [block.text for step in told for block in step.commands]
    assert [line for line in lines if "Pfx" in line and IN_TPM.encryption.thumbprint in line] == []
    assert sum("Grant-HgsKeyProtectorAccess" in line and str(vm.vm_id) in line for line in lines) == 1
    assert any("in the TPM of HV02, which likely never gives them away" in step.text for step in told)


def test_a_collection_without_the_hosts_list_may_lack_machines(tmp_path: Path) -> None:
    hives = collect("hyperv-source", tmp_path / "hives", lambda path: path.startswith(f"{CONFIG}/"))
    target = examined("hyperv-target")
    plan = forensics.plan_migration(forensics.examine(hives, as_of=AS_OF), target)
    assert (plan.listed, plan.has_obstacles) == (NOT_COLLECTED, True)
    assert "There may be more: the host's list of its virtual machines (data.vmcx) was not read whole" in str(plan)
    assert forensics.plan_migration(examined("hyperv-source"), target).listed == PRESENT
    exported = forensics.Case(list(examined("hyperv-source").rows("vm")), as_of=AS_OF)
    assert forensics.plan_migration(None, target, exported).listed == ABSENT
