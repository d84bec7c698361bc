"""What to call a virtual machine, and which ones hang on a guardian's certificate."""

from __future__ import annotations

from typing import Any

from forensics.facts.tables import Tables
from forensics.facts.virtual_machines import VirtualMachines
from forensics.tables.hyperv import GuardianRow, VmGuardianRow, VmRow
from forensics.tables.row import Row


def vm(name: str | None, number: int, **values: Any) -> VmRow:
    return VmRow(**{"machine_id": 1, "source_path": f"vm{number}.vmcx", "vm_id": f"id{number}", "name": name, **values})


def names(machine: VmRow, **thumbprints: Any) -> VmGuardianRow:
    return VmGuardianRow(
        machine_id=machine.machine_id,
        source_path=machine.source_path,
        configuration=machine.source_path,
        vm_id=machine.vm_id,
        vm_name=machine.name,
        is_checkpoint=machine.is_checkpoint,
        **thumbprints,
    )


def guardian(*rows: Row, thumbprint: str | None = "AA") -> GuardianRow:
    row = GuardianRow(machine_id=1, source_path="SOFTWARE", thumbprint=thumbprint)
    return VirtualMachines(Tables([row, *rows])).guardian(row)


def test_a_virtual_machine_is_called_by_its_name_else_by_what_there_is() -> None:
    rows = [vm("web", 1), vm(None, 2), vm(None, 3, vm_id=None), vm("web", 4, is_checkpoint=True, vm_id="id1")]
    machines = VirtualMachines(Tables(rows))
    assert [machines.label(row) for row in rows] == ["web", "id2", "vm3.vmcx", "web (checkpoint)"]


def test_two_machines_of_one_name_are_told_apart() -> None:
    rows = [vm("web", 1), vm("WEB", 2), vm("web", 3, machine_id=2)]
    machines = VirtualMachines(Tables(rows))
    assert [machines.label(row) for row in rows] == ["web (id1 at vm1.vmcx)", "WEB (id2 at vm2.vmcx)", "web"]


def test_machines_that_name_a_guardian() -> None:
    web, mail, old = vm("web", 1), vm("mail", 2), vm("web", 3, is_checkpoint=True)
    exported = vm("lab", 4, machine_id=0)
    elsewhere = vm("other", 5, machine_id=2)
    row = guardian(
        names(web, encryption_thumbprint="AA", signing_thumbprint="BB"),
        names(mail, encryption_thumbprint="CC", signing_thumbprint="AA"),
        names(old, encryption_thumbprint="AA"),
        names(exported, encryption_thumbprint="AA"),
        names(elsewhere, encryption_thumbprint="AA"),
    )
    assert row.named_by == "lab, mail, web, web (checkpoint)"


def test_machines_that_do_not_start_without_a_guardian() -> None:
    machines = [
        vm("no", 1, starts_here="no"),
        vm("likely", 2, starts_here="likely_no"),
        vm("yes", 3, starts_here="yes"),
        vm("unknown", 4, starts_here="unknown"),
        vm("signed", 5, starts_here="no"),
    ]
    wrappings = [names(machine, encryption_thumbprint="AA") for machine in machines[:4]]
    row = guardian(*machines, *wrappings, names(machines[4], signing_thumbprint="AA"))
    assert row.stops == "likely, no"


def test_a_guardian_that_no_machine_names() -> None:
    other = names(vm("web", 1), encryption_thumbprint="BB")
    assert (guardian(other).named_by, guardian(other).stops) == (None, None)
    assert guardian(other, thumbprint=None).named_by is None
