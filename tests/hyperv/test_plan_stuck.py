"""``keymortem migrate`` where keys cannot be exported: what is said of them, and of moving the machines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import forensics
from forensics.hyperv.migration import MigrationPlan, plan_migration
from forensics.hyperv.plan_steps import steps
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, PRESENT
from testdata.builder.scenarios.hyperv_target import STRANGE
from tests.examined import examined
from tests.exports import AS_OF
from tests.paths import IMAGES
from tests.test_less_evidence import CONFIG, collect

HV01, HV02 = (str(IMAGES / f"{name}.vhdx.xz") for name in ("hyperv-source", "hyperv-target"))


def _plan(source: str, target: str) -> MigrationPlan:
    return plan_migration(*(forensics.examine(disk, as_of=AS_OF) for disk in (source, target)))


def _stuck(**changes: bool | None) -> str:
    """Steps for a machine whose keys HV02 holds and does not open, which is to move to HV01."""
    plan = _plan(HV02, HV01)
    locked = [t for t in plan.transfers if t.thumbprint in (STRANGE.encryption.thumbprint, STRANGE.signing.thumbprint)]
    assert [(t.role, t.on_source) for t in locked] == [("encryption", "unusable"), ("signing", "usable")]
    vms = tuple(p for p in plan.vms if p.name in locked[0].needed_by)
    alone = replace(plan, vms=vms, transfers=tuple(replace(t, **changes) for t in locked))  # type: ignore[arg-type]
    return " ".join(step.text for step in steps(alone))


def test_keys_that_are_still_on_the_disk_are_repaired_before_a_pfx_file_is_looked_for() -> None:
    assert "they are still on that disk: repair them first" in _stuck(recoverable=True)
    assert "Look for PFX files" not in _stuck(recoverable=True)
    assert "Look for PFX files" in _stuck(recoverable=False)
    assert "Look for PFX files" in _stuck(recoverable=None)


def test_nobody_is_told_to_move_machines_that_cannot_start() -> None:
    told = _stuck(recoverable=False)
    assert "Do not move the virtual machines with a virtual TPM yet" in told
    assert "Then move" not in told
    whole = " ".join(step.text for step in steps(_plan(HV01, HV02)))
    assert "Then move the virtual machines" in whole


def test_a_collection_without_the_hosts_list_may_lack_machines(tmp_path: Path) -> None:
    hives = collect("hyperv-source", tmp_path / "hives", lambda path: path.startswith(f"{CONFIG}/"))
    target = examined("hyperv-target")
    plan = forensics.plan_migration(forensics.examine(hives, as_of=AS_OF), target)
    assert (plan.listed, plan.has_obstacles) == (NOT_COLLECTED, True)
    assert "There may be more: the host's list of its virtual machines (data.vmcx) was not read whole" in str(plan)
    assert forensics.plan_migration(examined("hyperv-source"), target).listed == PRESENT
    assert forensics.plan_migration(examined("healthy"), target).listed == ABSENT
