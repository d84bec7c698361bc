"""Local groups as SAM keeps them, of forged hives."""

from __future__ import annotations

import struct

from forensics.collectors.local_groups import LocalGroups, collect_local_groups
from testdata.builder.regf import HiveWriter
from tests.collectors.virtual import installation, problems, software_hive, system_hive

MACHINE = "S-1-5-21-1-2-3"
NETWORK_SERVICE = bytes.fromhex("0101000000000005") + struct.pack("<I", 20)


def alias(members: bytes, count: int) -> bytes:
    return struct.pack("<13I", *[0] * 10, 0, len(members), count) + members


def sam(damaged: bool = False) -> HiveWriter:
    hive = HiveWriter("SAM")
    builtin = hive.key("SAM\\Domains\\Builtin\\Aliases\\00000220")
    builtin.binary("C", alias(NETWORK_SERVICE, 2 if damaged else 1))
    hive.key("SAM\\Domains\\Builtin\\Aliases\\Members")
    hive.key("SAM\\Domains\\Account\\Aliases\\000003F2").binary("C", alias(b"", 0))
    return hive


def collected(sid: str | None = MACHINE, product: str = "ServerNT", damaged: bool = False) -> LocalGroups:
    system, software = system_hive(), software_hive()
    system.key("ControlSet002\\Control\\ProductOptions").sz("ProductType", product)
    hives = {"SYSTEM": system, "SOFTWARE": software, "SAM": sam(damaged)}
    return collect_local_groups(installation({}, hives), sid)


def test_members_of_both_kinds() -> None:
    found = collected()
    assert found.members == {"S-1-5-32-544": frozenset({"S-1-5-20"}), f"{MACHINE}-1010": frozenset()}
    assert (found.are_all, found.unread) == (True, frozenset())
    assert (found.filters_administrators, found.filters_built_in) == (True, False)


def test_without_the_machines_sid_not_all_are_known() -> None:
    assert (collected(None).are_all, set(collected(None).members)) == (False, {"S-1-5-32-544"})


def test_the_groups_of_a_domain_controller_are_not_in_sam() -> None:
    assert (collected(product="LanmanNT").members, collected(product="LanmanNT").are_all) == ({}, False)


def test_a_group_that_cannot_be_read_is_a_problem_and_stays_open() -> None:
    disk = installation({}, {"SAM": sam(damaged=True)})
    found = collect_local_groups(disk, MACHINE)
    assert found.unread == {"S-1-5-32-544"}
    assert [kind for _, kind in problems(disk)] == ["bad_length"]


def test_without_sam_nothing_is_known() -> None:
    assert collect_local_groups(installation({}, {}), MACHINE) == LocalGroups()


def test_user_account_control() -> None:
    software = software_hive()
    software.key("Microsoft\\Windows\\CurrentVersion\\Policies\\System").dword("EnableLUA", 0)
    software.key("Microsoft\\Windows\\CurrentVersion\\Policies\\System").dword("FilterAdministratorToken", 1)
    found = collect_local_groups(installation({}, {"SOFTWARE": software}), MACHINE)
    assert (found.filters_administrators, found.filters_built_in) == (False, True)
