"""The pack ``hyperv``: which findings a host's guardians and virtual machines give, stated by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from forensics.engine.loader import built_in_packs, load_packs
from forensics.engine.rule import Packs
from forensics.engine.run import run
from forensics.facts.facts import with_facts
from forensics.tables.finding_json import FindingJson, as_json
from forensics.tables.hyperv import CertificateHere, GuardianRow, StartsHere, VmGuardianRow, VmRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from tests.examined import examined

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
VM = "00000006-0a01-4b02-8c03-000000000001"
OLD, NEW = ("E1" * 20, "51" * 20), ("E2" * 20, "52" * 20)

IDS = [
    "bitlocker-tpm-only-no-recovery",
    "certificate-only-guardian-backup",
    "guardian-certificate-expired",
    "guardian-certificate-expiring",
    "guardian-certificate-in-wrong-store",
    "guardian-host-renamed",
    "guardian-key-unusable",
    "guardian-pair-incomplete",
    "guardian-without-private-key",
    "guest-moved-hosts",
    "hgs-mode-host",
    "old-guardian-still-needed",
    "several-guardian-generations",
    "vm-checkpoint-needs-other-guardian",
    "vm-guest-state-mismatch",
    "vm-needs-missing-guardian",
    "vm-owner-key-missing",
    "vm-vtpm-without-protector",
    "windows-server-end-of-support",
]


@cache
def _packs() -> Packs:
    packs = load_packs(examples=True)
    return Packs(tuple(r for r in packs.rules if r.path.parent == built_in_packs() / "hyperv"))


def test_the_pack_has_exactly_these_rules() -> None:
    assert sorted(r.id for r in _packs().rules) == IDS


def _host(name: str = "HV01") -> MachineRow:
    return MachineRow(machine_id=1, source_path="Windows", computer_name=name)


def _pair(pair: tuple[str, str], year: int, host: str = "HV01", newest: bool = True, **more: Any) -> list[Row]:
    common = {
        "machine_id": 1,
        "source_path": "SOFTWARE",
        "guardian": "UntrustedGuardian",
        "host": host,
        "generation": 2 if newest else 1,
        "is_newest": newest,
        "not_before": datetime(year, 10, 20, tzinfo=UTC),
        "not_after": datetime(year + 10, 10, 20, tzinfo=UTC),
        "verdict": "usable",
        "has_key_file": True,
        "exportable": "yes",
        **more,
    }
    encryption = GuardianRow(thumbprint=pair[0], role="encryption", partner=pair[1], paired_by="names", **common)
    return [encryption, GuardianRow(thumbprint=pair[1], role="signing", partner=pair[0], paired_by="names", **common)]


def _vm(
    name: str,
    pair: tuple[str, str],
    starts: StartsHere,
    here: CertificateHere,
    machine_id: int = 1,
    host: str = "HV01",
) -> list[Row]:
    path = f"{name}.vmcx"
    return [
        VmRow(
            machine_id=machine_id,
            source_path=path,
            name=name,
            vm_id=f"{name}-id",
            vtpm="present",
            key_protector="present",
            needs=list(pair),
            starts_here=starts,
        ),
        VmGuardianRow(
            machine_id=machine_id,
            source_path=path,
            configuration=path,
            vm_name=name,
            vm_id=f"{name}-id",
            wrapping=1,
            is_owner=True,
            guardian="UntrustedGuardian",
            host=host,
            encryption_thumbprint=pair[0],
            signing_thumbprint=pair[1],
            encryption_here=here,
            signing_here=here,
        ),
    ]


def _findings(*rows: Row) -> list[FindingJson]:
    tables: dict[str, list[Row]] = {}
    for row in with_facts(rows, AS_OF):
        tables.setdefault(row.table, []).append(row)
    result = run(_packs(), tables, AS_OF)
    assert result.problems == []
    return list(map(as_json, result.findings))


def _told(findings: list[FindingJson]) -> list[tuple[str, str, list[str]]]:
    return sorted((f["rule"], f["severity"], sorted(s["id"] for s in f["subjects"])) for f in findings)


def test_an_expired_pair_blocks_new_machines_and_stops_none() -> None:
    findings = _findings(_host(), *_pair(OLD, 2016), *_vm("web", OLD, "yes", "usable"))
    assert _told(findings) == [
        ("guardian-certificate-expired", "high", sorted(OLD)),
        ("old-guardian-still-needed", "medium", sorted(OLD)),
    ]
    expired = next(f for f in findings if f["rule"] == "guardian-certificate-expired")
    assert "no virtual TPM can be enabled on a new machine" in expired["because"]
    assert "Existing virtual machines start all the same" in expired["because"]
    assert (
        "NotAfter -lt (Get-Date).AddDays(0) } | ForEach-Object { Remove-HgsGuardian -Name 'UntrustedGuardian'; "
        "New-HgsGuardian -Name 'UntrustedGuardian' -GenerateCertificates }" in expired["remedy"]
    )


def test_after_the_renewal_the_old_pair_is_needed_and_nothing_is_blocked() -> None:
    findings = _findings(_host(), *_pair(OLD, 2016, newest=False), *_pair(NEW, 2026), *_vm("web", OLD, "yes", "usable"))
    assert _told(findings) == [
        ("guardian-certificate-expired", "info", sorted(OLD)),
        ("old-guardian-still-needed", "medium", sorted(OLD)),
        ("several-guardian-generations", "low", sorted(OLD + NEW)),
    ]
    assert not any("Remove-HgsGuardian -Name" in f["remedy"] for f in findings)


def test_an_imported_pair_may_expire() -> None:
    rows = [_host("HV02"), *_pair(OLD, 2016), *_pair(NEW, 2020, "HV02")]
    told = _told(_findings(*rows, *_vm("web", OLD, "yes", "usable")))
    assert ("guardian-certificate-expired", "info", sorted(OLD)) in told
    assert not any(rule == "vm-needs-missing-guardian" for rule, _, _ in told)


def test_deleted_certificates_stop_their_machines() -> None:
    findings = _findings(
        _host(), *_pair(NEW, 2026), *_vm("web", OLD, "no", "absent"), *_vm("new", NEW, "yes", "usable")
    )
    assert _told(findings) == [("vm-needs-missing-guardian", "critical", ["web"])]
    assert f'-FilePath "$folder\\{OLD[0]}.pfx" -CertStoreLocation' in findings[0]["remedy"]
    assert "make a new virtual machine with the old disks" in findings[0]["remedy"]


def test_an_export_alone_is_undecided_and_with_its_host_protects_the_pair() -> None:
    export = _vm("web", OLD, "unknown", "not_examined", machine_id=0)
    assert _told(_findings(*export)) == []
    told = _told(_findings(_host(), *_pair(OLD, 2016, newest=False), *_pair(NEW, 2026), *export))
    assert ("old-guardian-still-needed", "medium", sorted(OLD)) in told


def test_a_name_that_would_end_a_quotation_is_in_no_command() -> None:
    hostile = "web\u201d (Stop-Computer) \u201c"
    [finding] = _findings(_host(), *_vm(hostile, OLD, "no", "absent"))
    assert "Stop-Computer" in finding["because"]
    assert "Stop-Computer" not in finding["remedy"]


def test_a_name_with_a_variable_is_in_no_command() -> None:
    [finding] = _findings(_host(), *_vm("$env:USERNAME", OLD, "no", "absent"))
    assert "$env:USERNAME" in finding["because"]
    assert "$env" not in finding["remedy"]


def test_two_machines_of_one_name_are_told_apart() -> None:
    first, second = _vm("web", OLD, "no", "absent"), _vm("mail", OLD, "no", "absent")
    for row in second:
        setattr(row, "name" if isinstance(row, VmRow) else "vm_name", "WEB")
    [finding] = _findings(_host(), *first, *second)
    assert "- web (web-id at web.vmcx) (" in finding["because"]
    assert "- WEB (mail-id at mail.vmcx) (" in finding["because"]


def test_what_cannot_be_undone_is_never_typed() -> None:
    """It is told with its price, and a machine is named by its ID."""
    rows = [_host(), *_pair(NEW, 2026), *_vm("web", OLD, "no", "absent")]
    rows += [VmRow(machine_id=1, source_path="a", name="mail", vm_id=VM, vtpm="present", key_protector="not_found")]
    remedies = {f["rule"]: f["remedy"] for f in _findings(*rows)}
    assert set(remedies) == {"vm-needs-missing-guardian", "vm-vtpm-without-protector"}
    for remedy in remedies.values():
        typed = [line for line in remedy.split("\n") if line.startswith("    ")]
        assert not any(
            word in line for line in typed for word in ("VMTPM", "-NewLocal", "-EnableLocalMode", "-delstore")
        )
        assert "what the TPM kept is then lost for good" in remedy
    assert f"    Get-VM -Id {VM} | Get-VMSecurity\n" in remedies["vm-vtpm-without-protector"]
    assert (
        f"    Set-VMKeyProtector -VM (Get-VM -Id {VM}) -RestoreLastKnownGood" in remedies["vm-vtpm-without-protector"]
    )


def test_that_a_guardians_key_file_is_gone_is_told_under_the_guardian() -> None:
    found = examined("hyperv-target").finding_list
    (gone,) = [f for f in found if f.rule == "key-file-missing"]
    (guardian,) = [f for f in found if gone.id in f.consequences]
    assert guardian.rule == "guardian-without-private-key"
    assert [s.id for s in guardian.subjects] == [s.id for s in gone.subjects]
