"""The facts of a whole examination: new rows in the places of the old ones, which stay as they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from forensics.facts.facts import with_facts
from forensics.facts.tables import Tables
from forensics.facts.use import Places, label, needs_valid
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import GuardianRow, VmGuardianRow, VmRow
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.use import CertificateUseRow


def certificate(thumbprint: str, renewal_of: str | None = None) -> CertificateRow:
    return CertificateRow(
        machine_id=1,
        source_path=thumbprint,
        thumbprint=thumbprint,
        store="MY",
        store_scope="machine",
        renewal_of=renewal_of,
    )


def use(consumer: Any, thumbprint: str | None, detail: str | None = None) -> CertificateUseRow:
    place = CertificateUseRow(machine_id=1, source_path="x", consumer=consumer, certainty="proved")
    return replace(place, thumbprint=thumbprint, detail=detail)


AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
ROWS: list[Row] = [
    MachineRow(machine_id=1, source_path="disk", clone_tag="Fri May 01 05:48:31 2026"),
    certificate("AA"),
    use("IIS", "AA", "Default Web Site"),
    GuardianRow(machine_id=1, source_path="g", thumbprint="AA"),
    VmRow(machine_id=1, source_path="v", name="web"),
    VmGuardianRow(machine_id=1, source_path="w", configuration="v", vm_name="web", encryption_thumbprint="AA"),
    ServiceRow(machine_id=1, source_path="s", name="TermService", start=4),
    *(CoverageRow(machine_id=1, source_path=n, area="hive", name=n, outcome="present") for n in ("SYSTEM", "SOFTWARE")),
]


def test_each_row_is_in_its_place_and_the_old_ones_are_as_they_were() -> None:
    before = [repr(row) for row in ROWS]
    found = with_facts(ROWS, AS_OF)
    assert [(type(row), row.source_path) for row in found] == [(type(row), row.source_path) for row in ROWS]
    assert [repr(row) for row in ROWS] == before


def test_facts_of_each_table() -> None:
    machine, row, used, guardian, vm, *_ = with_facts(ROWS, AS_OF)
    assert isinstance(machine, MachineRow)
    assert (str(machine.sealed_at), machine.rdp_on) == ("2026-05-01 05:48:31+00:00", False)
    assert isinstance(row, CertificateRow)
    assert (row.used_by, row.uses, row.purpose, row.renewed_by) == (["IIS"], ["IIS Default Web Site"], "other", None)
    assert isinstance(used, CertificateUseRow)
    assert (used.label, used.needs_valid) == ("IIS Default Web Site", True)
    assert isinstance(guardian, GuardianRow)
    assert guardian.named_by == "web"
    assert isinstance(vm, VmRow)
    assert vm.label == "web"


def test_a_use_of_a_missing_certificate_tells_what_was_renewed_from_it() -> None:
    rows: list[Row] = [use("IIS", "AA"), use("IIS", None), certificate("BB", "AA"), certificate("CC", "AA")]
    found = [row.renewed_by for row in with_facts(rows, AS_OF) if isinstance(row, CertificateUseRow)]
    assert found == ["CC", None]


def test_a_use_is_called_by_consumer_and_detail() -> None:
    assert [label(use("IIS", None, "Site")), label(use("WinRM", None))] == ["IIS Site", "WinRM"]


def test_efs_virtual_machines_and_the_metabase_of_iis_do_not_need_a_valid_certificate() -> None:
    consumers = ("EFS", "Hyper-V", "IIS metabase", "IIS", "RDP")
    assert [needs_valid(use(name, None)) for name in consumers] == [False, False, False, True, True]


def test_what_a_torn_hive_names_may_be_of_yesterday() -> None:
    outcomes: dict[str, Any] = {"SYSTEM": "partial", "SOFTWARE": "present", "SOFTWARE\\Microsoft\\W": "partial"}
    seen = [CoverageRow(machine_id=1, source_path=n, area="hive", name=n, outcome=o) for n, o in outcomes.items()]
    places = Places(Tables(seen))
    paths = (
        "SYSTEM\\a!b",
        "SYSTEM2\\a!b",
        "SOFTWARE\\a!b",
        "SOFTWARE\\Microsoft\\W\\a!b",
        "SOFTWARE\\Microsoft\\W!b",
        "app.config",
    )
    uses = [replace(use("IIS", "AA"), source_path=path) for path in paths]
    assert [places.of(row) for row in uses] == ["partial", "present", "present", "partial", "partial", "present"]
    assert places.of(replace(uses[0], machine_id=2)) == "present"


def test_an_earlier_certificate_of_remote_desktop_is_replaced_whether_or_not_the_keys_were_read() -> None:
    earlier, last = certificate("AA"), certificate("BB")
    for row, end in ((earlier, 8), (last, 12)):
        row.store, row.not_after = "Remote Desktop", datetime(2026, end, 1, tzinfo=UTC)
    found = with_facts([earlier, last], AS_OF)
    assert [row.standing for row in found if isinstance(row, CertificateRow)] == ["superseded", "unused"]
