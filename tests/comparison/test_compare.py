"""Two examinations of one machine: which keys died, and by which change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from forensics import compare
from forensics.case_tables import CaseTables
from forensics.cli.main import cli
from forensics.comparison.compare import Comparison
from forensics.comparison.render import comparison_document, render_comparison
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.secrets import MasterKeyRow, SecretRow
from forensics.tables.source import SourceEntry
from forensics.tables.use import FolderAclRow, ProviderRow

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
OLD, NEW = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
WEB, GONE, FRESH = "AA" * 20, "BB" * 20, "CC" * 20


def machine(**columns: Any) -> MachineRow:
    defaults: dict[str, Any] = {"machine_id": 1, "source_path": "Windows", "computer_name": "WEB01", "drive": "C:"}
    return MachineRow(**defaults | {"machine_guid": OLD} | columns)


def chain(thumbprint: str = WEB, **columns: Any) -> KeyChainRow:
    defaults: dict[str, Any] = {
        "machine_id": 1,
        "source_path": "SOFTWARE",
        "thumbprint": thumbprint,
        "subject": f"CN={thumbprint[:2]}",
        "store": "MY",
        "store_scope": "machine",
        "owner_sid": "S-1-5-18",
        "not_after": datetime(2027, 3, 4, tzinfo=UTC),
        "container": "web",
        "key_file_path": f"K/f_{OLD}",
        "verdict": "usable",
    }
    return KeyChainRow(**defaults | columns)


def key_file(**columns: Any) -> KeyFileRow:
    defaults: dict[str, Any] = {
        "machine_id": 1,
        "source_path": f"K/f_{OLD}",
        "path": f"K/f_{OLD}",
        "file_name": f"f_{OLD}",
        "kind": "capi",
        "scope": "machine",
        "container": "web",
        "acl": "S-1-5-18:F",
    }
    return KeyFileRow(**defaults | columns)


def case(*rows: Row) -> CaseTables:
    return CaseTables(rows, [SourceEntry("disk.vhdx", "disk", [1])], datetime(2026, 11, 22, tzinfo=UTC))


def fates(comparison: Comparison) -> list[tuple[str, str]]:
    (one,) = comparison.machines
    return [(key.fate, key.cause) for key in one.keys]


def test_a_machine_guid_that_changed_killed_the_key() -> None:
    before = case(machine(), chain(), key_file(guid_is_current=True))
    after = case(
        machine(machine_guid=NEW),
        chain(verdict="unusable", broken_at="key_file", key_file="other_machine_guid", recoverable=True),
        key_file(guid_is_current=False),
    )
    comparison = compare(before, after)
    why = f"MachineGuid changed from {OLD} to {NEW}: key files with the earlier one are no longer found"
    assert fates(comparison) == [("died", why)]
    assert comparison.died == 1
    text = render_comparison(comparison)
    assert "WEB01: 1 private key died; 2 differences in all.\n" in text
    assert f"  {why}:\n  - CN=AA, store MY, valid until 2027-03-04, {WEB}\n" in text
    assert "the private key can still be had from the later disk" in text
    assert f"machine_guid was {OLD}, is {NEW}" in text


def test_a_key_that_hangs_on_a_shadow_copy_is_not_to_be_had_from_a_started_disk() -> None:
    lost = chain(verdict="unusable", broken_at="key_file", key_file="absent", recoverable=True, hangs_on="shadow_copy")
    text = render_comparison(compare(case(machine(), chain(), key_file()), case(machine(), lost)))
    assert (
        "the private key can still be had from the later disk, by way of a shadow copy, as long as Windows keeps that: "
        "do not start this disk\n"
    ) in text


@pytest.mark.parametrize(
    ("broken_at", "before", "after", "why"),
    [
        (
            "secret",
            SecretRow(machine_id=1, source_path="s", name="DPAPI_SYSTEM", generation="current", outcome="present",
                      fingerprint="aa"),
            SecretRow(machine_id=1, source_path="s", name="DPAPI_SYSTEM", generation="current", outcome="present",
                      fingerprint="bb"),
            "DPAPI_SYSTEM was replaced: it does not open the master key g",
        ),
        (
            "service",
            ServiceRow(machine_id=1, source_path="s", name="KeyIso", start=3),
            ServiceRow(machine_id=1, source_path="s", name="KeyIso", start=4),
            "the service KeyIso (CNG Key Isolation) went from start type 3 to 4",
        ),
        (
            "access",
            key_file(),
            key_file(acl="S-1-5-21-1:F"),
            "the access list of the key file changed from S-1-5-18:F to S-1-5-21-1:F",
        ),
        (
            "access",
            FolderAclRow(machine_id=1, source_path="K", path="K", kind="capi", scope="machine", acl="S-1-5-18:F"),
            FolderAclRow(machine_id=1, source_path="K", path="K", kind="capi", scope="machine", acl="S-1-5-21-1:F"),
            "the access list of the folder C:\\K changed",
        ),
        ("key_file", key_file(), None, f"the key file C:\\K\\f_{OLD} was removed"),
        ("key_file", key_file(size=900), key_file(size=0), f"the key file C:\\K\\f_{OLD} was changed (size)"),
        (
            "public_key",
            key_file(public_key_sha256="aa"),
            key_file(public_key_sha256="bb"),
            f"the container web was made anew: C:\\K\\f_{OLD} holds another key than the certificate's",
        ),
        (
            "master_key",
            MasterKeyRow(machine_id=1, source_path="m", guid="g", path="m", owner_sid="S-1-5-18"),
            None,
            "the master key file g was removed",
        ),
        (
            "master_key",
            MasterKeyRow(machine_id=1, source_path="m", guid="g", path="m", owner_sid="S-1-5-18"),
            MasterKeyRow(
                machine_id=1, source_path="m", guid="g", path="m", owner_sid="S-1-5-18", outcome="unreadable"
            ),
            "the master key file g was present and is unreadable",
        ),
        (
            "provider",
            ProviderRow(machine_id=1, source_path="p", kind="capi", name="Vendor"),
            None,
            "the provider Vendor is no longer registered",
        ),
    ],
)  # fmt: skip
def test_each_broken_link_is_traced_to_its_change(broken_at: str, before: Row, after: Row | None, why: str) -> None:
    covered = [
        CoverageRow(machine_id=1, source_path=name, area="folder", name=name, outcome="present")
        for name in ("Protect\\S-1-5-18", "MachineKeys (capi, machine)")
    ] + [CoverageRow(machine_id=1, source_path="SOFTWARE", area="hive", name="SOFTWARE", outcome="present")]
    was = case(machine(), chain(master_key_guid="g"), before, *covered)
    rows = [after] if after else []
    state = {"key_file": "present" if after else "absent", "provider": "vendor", "unlocked_by": "nothing"}
    dead = chain(verdict="unusable", broken_at=broken_at, master_key_guid="g", **state)
    assert fates(compare(was, case(machine(), dead, *rows, *covered))) == [("died", why)]


def test_a_private_half_that_was_proved_and_is_damaged_was_damaged_between() -> None:
    before = case(machine(), chain(private_key="proved"))
    after = case(machine(), chain(verdict="unusable", broken_at="private_key", private_key="damaged"))
    assert fates(compare(before, after)) == [
        ("died", f"the private half in C:\\K\\f_{OLD} was damaged: it was sound before")
    ]


def test_secrets_that_were_not_read_on_both_sides_are_blamed_for_nothing() -> None:
    def secret(fingerprint: str | None) -> SecretRow:
        return SecretRow(
            machine_id=1,
            source_path="s",
            name="DPAPI_SYSTEM",
            generation="current",
            outcome="present",
            fingerprint=fingerprint,
        )

    after = case(machine(), chain(verdict="unusable", broken_at="secret"), secret("bb"))
    [(_, told)] = fates(compare(case(machine(), chain(), secret(None)), after))
    assert told == "it breaks at secret now; nothing that was compared explains it"


def test_without_a_change_that_explains_it_nothing_is_blamed() -> None:
    comparison = compare(case(machine(), chain()), case(machine(), chain(verdict="unusable", broken_at="private_key")))
    assert fates(comparison) == [("died", "it breaks at private_key now; nothing that was compared explains it")]
    assert comparison.machines[0].keys[0].known_by == "inference"
    assert "nothing that was compared explains it" in render_comparison(comparison)


def test_certificates_that_went_and_came() -> None:
    comparison = compare(case(machine(), chain(WEB), chain(GONE)), case(machine(), chain(WEB), chain(FRESH)))
    assert [(k.fate, (k.after or k.before).thumbprint) for k in comparison.machines[0].keys] == [  # type: ignore[union-attr]
        ("gone", GONE),
        ("new", FRESH),
    ]


def test_what_was_not_in_a_source_is_neither_removed_nor_gone() -> None:
    hive = "Windows/System32/config/SOFTWARE"
    place = f"{hive}\\Microsoft\\SystemCertificates\\MY"
    certificate = CertificateRow(machine_id=1, source_path=place, thumbprint=WEB, store="MY", store_scope="machine")
    before = case(machine(system_root="Windows"), certificate, chain(source_path=place), key_file())
    torn = CoverageRow(
        machine_id=1, source_path=f"C/{hive}", area="hive", name="SOFTWARE", outcome="partial", detail="torn"
    )
    folder = CoverageRow(machine_id=1, source_path="C/K", area="folder", name="MachineKeys", outcome="not_examined")
    after = CaseTables([machine(system_root="C/Windows"), torn, folder], [SourceEntry("t.zip", "archive", [1])], AS_OF)
    for comparison in (compare(before, after), compare(after, before)):
        (one,) = comparison.machines
        assert (one.differences, one.keys) == ((), ())
        assert one.unexamined == ("key_file", "certificate")
        assert "did not hold them: key files, certificates." in render_comparison(comparison)


def test_what_a_source_lacks_though_it_looked_is_gone() -> None:
    hive = "Windows/System32/config/SOFTWARE"
    place = f"{hive}\\Microsoft\\SystemCertificates\\MY"
    before = case(machine(system_root="Windows"), chain(source_path=place), key_file())
    whole = CoverageRow(machine_id=1, source_path=f"C/{hive}", area="hive", name="SOFTWARE", outcome="present")
    folder = CoverageRow(machine_id=1, source_path="C/K", area="folder", name="MachineKeys", outcome="present")
    after = CaseTables([machine(system_root="C/Windows"), whole, folder], [SourceEntry("t.zip", "archive", [1])], AS_OF)
    (one,) = compare(before, after).machines
    assert [key.fate for key in one.keys] == ["gone"]
    assert [(d.table, d.change) for d in one.differences] == [("key_file", "removed")]
    assert one.unexamined == ()


def test_values_that_a_source_did_not_tell_have_not_changed() -> None:
    service = ServiceRow(machine_id=1, source_path="s", name="X")
    before = case(machine(clone_tag="Fri Nov 07 05:48:31 2025"), key_file(), service)
    archive = [SourceEntry("t.zip", "archive", [1])]
    after = CaseTables([machine(machine_guid=None), key_file(acl=None)], archive, AS_OF)
    (one,) = compare(before, after).machines
    assert one.differences == ()
    assert one.unexamined == ("service",)
    seen = CoverageRow(machine_id=1, source_path="h", area="hive", name="SYSTEM", outcome="present")
    (one,) = compare(before, CaseTables([machine(), key_file(), seen], archive, AS_OF)).machines
    assert [d.columns for d in one.differences] == [(("clone_tag", "Fri Nov 07 05:48:31 2025", None),)]


def test_machines_are_paired_by_name_and_sid() -> None:
    before = case(machine(machine_sid="S-1"), machine(machine_id=2, computer_name="OLD", machine_sid="S-2"))
    after = case(
        machine(machine_id=5, computer_name="NEW", machine_sid="S-2"),
        machine(machine_id=6, computer_name="web01", machine_sid="S-9"),
        machine(machine_id=7, computer_name="OTHER"),
    )
    pairs = [
        (m.before and m.before.machine_id, m.after and m.after.machine_id) for m in compare(before, after).machines
    ]
    assert pairs == [(1, 6), (2, 5), (None, 7)]


def test_two_machines_that_share_nothing_are_told_apart() -> None:
    comparison = compare(case(machine()), case(machine(computer_name="X", machine_guid=NEW)))
    assert not comparison.machines[0].is_one_machine
    assert "Likely two different machines" in render_comparison(comparison)


def test_nothing_changed() -> None:
    comparison = compare(case(machine(), chain(), key_file()), case(machine(), chain(), key_file()))
    assert comparison.is_empty
    assert "WEB01: nothing that was compared has changed." in render_comparison(comparison)


def test_the_document_holds_values_before_and_after() -> None:
    was, now = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    comparison = compare(case(machine(install_date=was)), case(machine(install_date=now)))
    document = comparison_document(comparison)
    assert document["machines"][0]["differences"] == [
        {
            "table": "machine",
            "change": "changed",
            "label": "WEB01",
            "columns": [{"name": "install_date", "before": "2025-01-01T00:00:00Z", "after": "2025-02-01T00:00:00Z"}],
        }
    ]


def test_names_cannot_steer_the_terminal() -> None:
    comparison = compare(case(machine()), case(machine(computer_name="EVIL\x1b[2J\u202e")))
    assert "\x1b" not in render_comparison(comparison)
    assert "\u202e" not in render_comparison(comparison)


def test_the_command_compares_case_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.sqlite", tmp_path / "b.sqlite"]
    case(machine(), chain(), key_file()).save(files[0])
    case(machine(), chain(verdict="unusable", broken_at="key_file"), key_file(size=0)).save(files[1])
    same = CliRunner().invoke(cli, ["compare", str(files[0]), str(files[0])])
    assert (same.exit_code, "nothing that was compared has changed" in same.stdout) == (0, True)
    changed = CliRunner().invoke(cli, ["compare", str(files[0]), str(files[1]), "--format", "json"])
    assert changed.exit_code == 1
    assert '"fate": "died"' in changed.stdout
