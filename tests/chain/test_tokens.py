"""Whether an account may read: what its token holds, does not hold, and may hold for all that the disk tells."""

from __future__ import annotations

import pytest

from forensics.chain.access import may_read
from forensics.chain.tokens import Tokens
from forensics.collectors.local_groups import LocalGroups
from forensics.collectors.service_identities import ServiceIdentity
from forensics.formats.acl import Ace, SecurityDescriptor
from forensics.tables.machine import UserRow
from tests.chain.evidence import Windows

READ = 0x120089
MACHINE, DOMAIN = "S-1-5-21-1-2-3", "S-1-5-21-7-8-9"
SYSTEM, LOCAL_SERVICE, NETWORK_SERVICE = "S-1-5-18", "S-1-5-19", "S-1-5-20"
ADMINISTRATORS, USERS, OPERATORS = "S-1-5-32-544", "S-1-5-32-545", "S-1-5-32-551"
BUILT_IN, ADMIN, ALICE, DOMAIN_USER = f"{MACHINE}-500", f"{MACHINE}-1001", f"{MACHINE}-1002", f"{DOMAIN}-1105"
OWN_GROUP, DOMAIN_GROUP, DOMAIN_ADMINS = f"{MACHINE}-1010", f"{DOMAIN}-2200", f"{DOMAIN}-512"
POOL, OTHER_POOL = "S-1-5-82-1-2-3-4-5", "S-1-5-82-9-9-9-9-9"
# sc.exe showsid TermService, as Microsoft's own tools print it.
TERM_SERVICE = "S-1-5-80-446051430-1559341753-4161941529-1950928533-810483104"
VIRTUAL = "S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003"  # NT SERVICE\MSSQLSERVER


def windows(**groups: object) -> Windows:
    made = Windows()
    evidence = made.evidence
    evidence.machine.machine_sid = MACHINE
    members = {
        ADMINISTRATORS: frozenset({BUILT_IN, ADMIN, DOMAIN_ADMINS}),
        USERS: frozenset({"S-1-5-4", "S-1-5-11"}),
        OPERATORS: frozenset({OWN_GROUP}),
        OWN_GROUP: frozenset({ALICE, NETWORK_SERVICE}),
    }
    evidence.local_groups = LocalGroups(**{"members": members, "are_all": True, **groups})  # type: ignore[arg-type]
    for sid in (BUILT_IN, ADMIN, ALICE, DOMAIN_USER):
        evidence.users.append(UserRow(machine_id=1, source_path="x", sid=sid))
    evidence.service_identities = {
        name.lower(): ServiceIdentity(name, "account", account, sid_type, group)
        for name, account, sid_type, group in [
            ("TermService", NETWORK_SERVICE, 1, "termsvcs"),
            ("MpsSvc", LOCAL_SERVICE, 3, "nonetwork"),
            ("KeyIso", SYSTEM, None, None),
            ("Quiet", NETWORK_SERVICE, 0, "termsvcs"),
        ]
    }
    return made


def reads(of: Windows, sid: str, *entries: str, service: str | None = None, owner: str = SYSTEM) -> bool | None:
    """Entries are SIDs that may read; a hyphen before one denies."""
    dacl = tuple(Ace(int(e.startswith("-")), 0, READ, e.removeprefix("-")) for e in entries)
    return may_read(SecurityDescriptor(owner, dacl, False), Tokens(of.evidence).of(sid, service))


@pytest.mark.parametrize(
    ("sid", "entry", "expected"),
    [
        (SYSTEM, ADMINISTRATORS, True),
        (SYSTEM, USERS, False),
        (SYSTEM, DOMAIN_GROUP, False),
        (SYSTEM, "S-1-5-6", None),
        (NETWORK_SERVICE, "S-1-2-0", True),
        (NETWORK_SERVICE, "S-1-5-6", True),
        (NETWORK_SERVICE, "S-1-5-4", False),
        (NETWORK_SERVICE, OWN_GROUP, True),
        (NETWORK_SERVICE, OPERATORS, True),
        (NETWORK_SERVICE, ADMINISTRATORS, False),
        (NETWORK_SERVICE, DOMAIN_GROUP, False),
        (LOCAL_SERVICE, OWN_GROUP, False),
        (POOL, "S-1-5-32-568", True),
        (POOL, POOL, True),
        (POOL, OTHER_POOL, False),
        (VIRTUAL, VIRTUAL, True),
        (VIRTUAL, "S-1-5-80-0", True),
        (ALICE, USERS, True),
        (ALICE, OWN_GROUP, True),
        (ALICE, "S-1-5-4", None),
        (ALICE, ADMINISTRATORS, False),
        (ALICE, DOMAIN_GROUP, False),
        (ALICE, "S-1-5-5-0-99999", False),
        (DOMAIN_USER, DOMAIN_GROUP, None),
        (DOMAIN_USER, ADMINISTRATORS, None),
        (DOMAIN_USER, OWN_GROUP, False),
        (DOMAIN_USER, ALICE, False),
        (ADMIN, ADMINISTRATORS, None),
        (BUILT_IN, ADMINISTRATORS, True),
    ],
)
def test_one_entry(sid: str, entry: str, expected: bool | None) -> None:
    assert reads(windows(), sid, entry) is expected


def test_an_administrator_who_is_not_elevated_is_held_to_what_is_denied_to_the_group() -> None:
    assert reads(windows(), ADMIN, f"-{ADMINISTRATORS}", ADMIN) is False
    assert reads(windows(), ADMIN, ADMIN, f"-{ADMINISTRATORS}") is True


def test_elevation_by_policy_and_of_services() -> None:
    assert reads(windows(filters_administrators=False), ADMIN, ADMINISTRATORS) is True
    assert reads(windows(filters_built_in=True), BUILT_IN, ADMINISTRATORS) is None
    assert reads(windows(), ADMIN, ADMINISTRATORS, service="Quiet") is True


@pytest.mark.parametrize(
    ("account", "service", "expected"),
    [
        (NETWORK_SERVICE, "TermService", True),
        (NETWORK_SERVICE, "termservice", True),
        (NETWORK_SERVICE, "Quiet", None),  # in the same host, whose token may be shared
        (LOCAL_SERVICE, "MpsSvc", False),
        (SYSTEM, "KeyIso", False),
        (NETWORK_SERVICE, "Gone", False),
        (NETWORK_SERVICE, None, None),  # whichever service it is
        (ALICE, None, False),
    ],
)
def test_the_sid_of_a_service_is_in_the_token_by_its_type(
    account: str, service: str | None, expected: bool | None
) -> None:
    assert reads(windows(), account, TERM_SERVICE, service=service) is expected


def test_where_the_services_were_not_read_the_type_is_open() -> None:
    disk = windows()
    disk.evidence.service_identities = None
    assert reads(disk, NETWORK_SERVICE, TERM_SERVICE, service="TermService") is None
    assert reads(disk, NETWORK_SERVICE, VIRTUAL, service="TermService") is False


def test_where_sam_was_not_read_a_users_groups_are_open_and_those_of_services_are_not() -> None:
    disk = windows(members={}, are_all=False)
    assert reads(disk, ALICE, ADMINISTRATORS) is None
    assert reads(disk, NETWORK_SERVICE, ADMINISTRATORS) is False


def test_an_owner_is_let_in_by_owner_rights_alone() -> None:
    assert reads(windows(), ALICE, "S-1-3-4", owner=ALICE) is True
    assert reads(windows(), ALICE, "S-1-3-4", owner=ADMIN) is False
    assert reads(windows(), ALICE, SYSTEM, owner=ALICE) is False


def test_groups_that_hold_each_other_end() -> None:
    members = {OPERATORS: frozenset({OWN_GROUP}), OWN_GROUP: frozenset({OPERATORS, ALICE})}
    disk = windows(members=members)
    assert reads(disk, ALICE, OPERATORS) is True
    assert reads(disk, ADMIN, OPERATORS) is None
