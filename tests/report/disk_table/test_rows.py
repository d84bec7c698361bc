"""The table of disks: its counts are those of the first screen, and what was not examined stands in its row."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

import forensics
from forensics.language.folding import columns
from forensics.report.accounted import has_several_disks
from forensics.report.disk_table.ends import ending_rows
from forensics.report.disk_table.roles import roles_of, short_roles
from forensics.report.disk_table.row import DiskRow
from forensics.report.disk_table.rows import disk_rows
from forensics.report.disk_table.text import LEGEND, details, head_table, table_lines
from forensics.tables.authority import CaRow
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import BitLockerRow, VmRow
from forensics.tables.identity import SharedIdentityRow
from forensics.tables.machine import ServiceRow
from forensics.tables.record import CoverageRow
from forensics.tables.source import SourceEntry
from tests.examined import examined
from tests.hand_made import ALIVE, AS_OF, case, chain, dead_chain, machine, rows, utc
from tests.report.first_screen.test_screen import case_of, dead, finding, use

FOUR = ("web-server", "hyperv-source", "sample", "healthy")


def row_of(found: forensics.Case, at: int = 0) -> DiskRow:
    return disk_rows(found)[at]


def test_the_rows_of_four_disks() -> None:
    told = [
        (r.machine, short_roles(r.roles), len(r.down), r.keys, r.dead, r.missed, r.undecided, r.savable)
        for r in disk_rows(examined(*FOUR))
    ]
    assert told == [
        ("WEB01", "SQL Server, web server", 7, 5, 1, 1, 0, 0),
        ("HV01", "Hyper-V", 1, 4, 2, 2, 0, 0),
        ("WEB01", "server", 0, 9, 5, 5, 1, 4),
        ("WEB01", "server", 0, 21, 0, 0, 4, 0),
    ]


@pytest.mark.parametrize("names", [FOUR, ("server-roles", "laptop", "bound"), ("expiring", "clone-one", "clone-two")])
def test_counts_add_up_to_those_of_the_first_screen(names: tuple[str, ...]) -> None:
    found = examined(*names)
    screen, table = forensics.render(found, "screen"), disk_rows(found)
    [[keys, broken, undecided]] = re.findall(r"Keys of (\d+) certificates: (\d+) .*?broken.*, (\d+) undecided", screen)
    counted = [sum(getattr(row, name) for row in table) for name in ("keys", "dead", "undecided")]
    assert counted == [int(keys), int(broken), int(undecided)]
    for heading, count in (
        ("SERVICES DOWN", sum(len(row.down) for row in table)),
        ("KEYS YOU CAN STILL SAVE (keymortem recover)", sum(row.savable for row in table)),
        ("NOT KNOWN WHETHER THEY WORK", sum(row.doubtful for row in table)),
    ):
        told = re.search(rf"^{re.escape(heading)}: (\d+)", screen, re.M)
        assert (int(told[1]) if told else 0) == count, heading


def test_what_could_not_be_opened_has_a_row_that_says_why() -> None:
    lost = SourceEntry("lost.vhdx", "unknown", error="lost.vhdx does not exist: check its name")
    found = forensics.Case(rows(), [SourceEntry("disk.vhdx", "disk", [1]), lost], AS_OF, tool_version="9.9")
    row = row_of(found, 1)
    assert (row.state, row.machine, row.not_examined) == ("not_examined", None, ["does not exist: check its name"])
    assert table_lines([row], 80)[1] == "lost.vhdx    NOT EXAMINED: does not exist: check its name"


def test_what_was_examined_in_part_says_so() -> None:
    at: dict[str, Any] = {"machine_id": 1, "source_path": "x"}
    torn = CoverageRow(**at, area="hive", name="SECURITY", outcome="partial", detail="its log is torn")
    unread = CoverageRow(**at, area="hive", name="SOFTWARE", outcome="not_examined", detail="the member is encrypted")
    told = row_of(case(torn, unread)).not_examined
    assert "SECURITY: read in part, later changes are not seen" in told
    assert "its certificate stores were not seen whole: the member is encrypted" in told
    assert table_lines([row_of(case(torn, unread))], 80)[1].endswith(f" {len(told)}")


def test_an_older_state_is_named_and_is_a_blocker() -> None:
    older = SourceEntry("base.vhdx", "vhdx", [1], older_state_of="folder/child.avhdx")
    row = row_of(forensics.Case(rows(), [older, SourceEntry("b.vhdx", "vhdx")], AS_OF))
    assert row.state == "older_state"
    assert row.not_examined[0] == "is an older state of a machine: the present one is folder/child.avhdx"
    assert row.blockers == ["a newer state builds on it (child.avhdx)"]
    assert "OLDER STATE, server" in table_lines([row], None)[1]
    backup = row_of(forensics.Case(rows(), [SourceEntry("b", "folder", [1], backup_of="2026-11-01 12:00:00")], AS_OF))
    assert (backup.state, backup.blockers) == ("older_state", [])
    assert backup.not_examined[0].startswith("is a backup: it shows its machine as it was at 2026-11-01 12:00:00")


def test_the_next_end_is_of_one_in_use_that_nobody_renews() -> None:
    later = chain(thumbprint="D" * 40, subject="CN=used", not_after=utc(2027, 1, 1), standing="in_use")
    row = row_of(case(later))
    assert (row.next_end, row.next_end_of, row.next_end_in_use) == (utc(2027, 1, 1), "CN=used", True)
    renews = CertificateRow(
        machine_id=1, source_path="x", thumbprint="D" * 40, store="MY", renewer="Remote Desktop", store_scope="machine"
    )
    row = row_of(case(later, renews))
    assert (row.next_end_of, row.next_end_in_use) == ("CN=alive.contoso.test", False)
    cared = {ending.thumbprint: ending.care for ending in ending_rows(case(later, renews))}
    assert cared == {"A" * 40: "missed", ALIVE: "missed", "D" * 40: "self-renewing"}


def test_a_dead_key_is_no_next_end() -> None:
    assert row_of(case_of(dead(1))).next_end is None


def test_keys_that_something_has_taken_over_from_are_dead_and_not_missed() -> None:
    row = row_of(case_of(dead(1), dead(2, standing="superseded")))
    assert (row.keys, row.dead, row.missed) == (2, 2, 1)


def test_roles() -> None:
    at: dict[str, Any] = {"machine_id": 1, "source_path": "SYSTEM"}
    more = [
        ServiceRow(**at, name="W3SVC", start=2),
        ServiceRow(**at, name="vmms", start=4),
        CaRow(**at, name="CA1", active=True),
        use(1, consumer="SQL Server", certainty="likely"),
        use(2, consumer="AD FS", certainty="candidate"),
        use(3, consumer="IIS"),
    ]
    assert roles_of(case(*more)) == {1: ["certification authority", "SQL Server (likely)", "web server"]}
    controller = machine(machine_id=2, domain_sid="S-1-5-21-1", machine_sid="S-1-5-21-1")
    client = machine(machine_id=3, product_name="Windows 11 Pro")
    nameless, alone = machine(machine_id=4, product_name=None), machine(machine_id=5, kind="profile")
    found = roles_of(case(controller, client, nameless, alone))
    assert found == {1: ["server"], 2: ["domain controller"], 3: ["workstation"], 4: [], 5: ["profile"]}
    assert short_roles(["domain controller", "certification authority", "web server"]) == "DC, CA, web server"


def test_blockers_are_what_rules_and_rows_say() -> None:
    at: dict[str, Any] = {"machine_id": 1, "source_path": "x"}
    told = case(
        BitLockerRow(**at, volume="partition 3", disk="d", has_tpm=True, has_recovery_password=True, suspended=False),
        BitLockerRow(**at, volume="partition 4", disk="d", has_tpm=True, has_recovery_password=True, suspended=True),
        BitLockerRow(
            **at,
            volume="5",
            disk="d",
            has_tpm=True,
            has_recovery_password=True,
            suspended=False,
            protectors=["password"],
        ),
        VmRow(**at, vm_id="1", vtpm="present"),
        VmRow(**at, vm_id="1", vtpm="present", is_checkpoint=True),
        VmRow(**at, vm_id="2", vtpm="absent"),
        SharedIdentityRow(
            machine_id=0,
            source_path="",
            shared_group=1,
            member=1,
            disk="d",
            relation="clone",
            reason="",
            with_members=["A", "B", "C"],
        ),
    )
    told.finding_list = [
        finding("medium", "a", "b", rule="tpm-key-will-not-survive-move"),
        finding("medium", "a", rule="tpm-key-will-not-survive-move", verdict="unknown"),
        finding("info", "a", rule="vbs-key-bound-to-device", confidence="likely"),
        finding("high", "a", rule="certificate-expired"),
    ]
    row = row_of(told)
    assert row.blockers == [
        "2 keys sealed by the TPM",
        "1 key bound to the device by VBS, likely",
        "BitLocker asks for its recovery password without this TPM",
        "1 virtual machine needs guardian keys on the new host (virtual TPM)",
        "shares its identity with A, B and 1 more",
    ]
    assert row.blocker_kinds == ["tpm_key", "vbs_key", "bitlocker", "guardian", "identity"]
    assert row.worst == "high"


def test_lines_fit_a_terminal_whatever_the_names() -> None:
    row = row_of(case_of(use(1), dead(1)))
    wide = replace(row, source="d" * 90 + ".vhdx", machine="機械" * 20, roles=["certification authority", "web server"])
    for width in (60, 80, 120):
        assert [columns(line) <= width for line in table_lines([row, wide], width)] == [True] * 3
    assert table_lines([row], 80) == [
        "DISK         MACHINE   ROLE     DOWN DEAD SAVE   NEXT END MOVE GAPS",
        "disk1.vhdx   WEB01     server      1    1    0          -    0    0",
    ]


def test_the_whole_text_of_several_disks_begins_with_them() -> None:
    found = case_of(use(1, 2), dead(1, 2), machines=2)
    lines = forensics.render(found, "text", width=80).splitlines()
    assert lines[:5] == [
        "keymortem 9.9, as of 2026-11-22",
        "DISK         MACHINE   ROLE     DOWN DEAD SAVE   NEXT END MOVE GAPS",
        "disk2.vhdx   WEB02     server      1    1    0          -    0    0",
        "    down: http.sys 10.0.0.1:443",
        "disk1.vhdx   WEB01     server      0    0    0          -    0    0",
    ]
    assert LEGEND in forensics.render(found, "text")


def test_of_one_disk_nothing_changes() -> None:
    assert not has_several_disks(case().sources)
    assert head_table(case(), 80) == []
    assert 'id="disks"' not in forensics.render(case(), "html")


def test_details_say_what_numbers_stand_for() -> None:
    row = row_of(case(dead_chain(thumbprint="E" * 40, recoverable=False)))
    assert list(details(row)) == [
        "ends next: 2026-12-02 CN=alive.contoso.test, which nothing is known to use",
    ]


def test_the_page_of_several_disks_has_them_in_a_table() -> None:
    lost = SourceEntry("lost.vhdx", "unknown", error="lost.vhdx does not exist: check its name")
    found = forensics.Case(rows(), [SourceEntry("disk.vhdx", "disk", [1]), lost], AS_OF)
    page = forensics.render(found, "html")
    assert 'id="t-disks"' in page
    row = '<td class="short state-undecided" data-heading="State">not examined</td>'
    row += '<td class="machine" data-heading="Machine, disk">–<div class="below">lost.vhdx</div></td>'
    assert row in page
    assert "調査できなかった" in forensics.render(found, "html", language="ja")
