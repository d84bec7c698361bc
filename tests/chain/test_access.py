"""The DACL walk, entry by entry."""

from __future__ import annotations

import pytest

from forensics.chain.access import judge_access
from forensics.chain.tokens import Tokens
from forensics.formats.access_check import NETWORK_SERVICE, SYSTEM
from forensics.formats.acl import Ace, SecurityDescriptor
from forensics.tables.machine import UserRow
from tests.chain.evidence import Windows

READ, WRITE, FULL = 0x00120089, 0x00120116, 0x001F01FF
GENERIC_READ, GENERIC_ALL = 0x80000000, 0x10000000
ADMINISTRATORS, USERS = "S-1-5-32-544", "S-1-5-32-545"
EVERYONE, AUTHENTICATED = "S-1-1-0", "S-1-5-11"
ALICE = "S-1-5-21-1-2-3-1001"


def allow(sid: str, mask: int = FULL, flags: int = 0) -> Ace:
    return Ace(0, flags, mask, sid)


def deny(sid: str, mask: int = FULL, flags: int = 0) -> Ace:
    return Ace(1, flags, mask, sid)


@pytest.mark.parametrize(
    ("dacl", "accounts", "expected"),
    [
        ([allow(SYSTEM), allow(ADMINISTRATORS)], [SYSTEM], ("ok", None)),
        ([allow(ADMINISTRATORS)], [SYSTEM], ("ok", None)),
        ([allow(SYSTEM, GENERIC_READ)], [SYSTEM], ("ok", None)),
        ([allow(SYSTEM, GENERIC_ALL)], [SYSTEM], ("ok", None)),
        ([], [SYSTEM], ("denied", SYSTEM)),
        ([allow(ALICE)], [SYSTEM], ("denied", SYSTEM)),
        ([allow(SYSTEM, WRITE)], [SYSTEM], ("denied", SYSTEM)),
        ([allow(SYSTEM, FULL, 0x08)], [SYSTEM], ("denied", SYSTEM)),
        ([deny(SYSTEM), allow(ADMINISTRATORS)], [SYSTEM], ("denied", SYSTEM)),
        ([deny(ADMINISTRATORS), allow(SYSTEM)], [SYSTEM], ("denied", SYSTEM)),
        ([allow(SYSTEM), deny(SYSTEM)], [SYSTEM], ("ok", None)),
        ([deny(SYSTEM, WRITE & ~READ), allow(SYSTEM)], [SYSTEM], ("ok", None)),
        ([deny(SYSTEM, FULL, 0x08), allow(SYSTEM)], [SYSTEM], ("ok", None)),
        ([allow(SYSTEM), allow(EVERYONE, READ)], [SYSTEM], ("too_open", None)),
        ([allow(SYSTEM), allow(USERS, READ)], [SYSTEM], ("too_open", None)),
        ([allow(SYSTEM), allow(AUTHENTICATED, READ)], [SYSTEM], ("too_open", None)),
        ([allow(SYSTEM), allow(EVERYONE, 0x00100080)], [SYSTEM], ("ok", None)),
        ([allow(SYSTEM), allow(EVERYONE, READ, 0x08)], [SYSTEM], ("ok", None)),
        ([allow(SYSTEM), allow(ADMINISTRATORS)], [SYSTEM, NETWORK_SERVICE], ("denied", NETWORK_SERVICE)),
        ([allow(SYSTEM), allow(NETWORK_SERVICE, READ)], [SYSTEM, NETWORK_SERVICE], ("ok", None)),
        ([deny(NETWORK_SERVICE), allow(EVERYONE)], [SYSTEM, NETWORK_SERVICE], ("denied", NETWORK_SERVICE)),
        ([allow(ALICE)], [ALICE], ("ok", None)),
    ],
)
def test_entries_are_walked_in_order(dacl: list[Ace], accounts: list[str], expected: tuple[str, str | None]) -> None:
    tokens = Tokens(Windows().evidence)
    readers = [(sid, tokens.of(sid)) for sid in accounts]
    assert judge_access(SecurityDescriptor(SYSTEM, tuple(dacl), False), readers) == expected


@pytest.mark.parametrize("null_dacl", [True, False])
def test_a_null_dacl_and_no_dacl_let_everyone_read(null_dacl: bool) -> None:
    assert judge_access(
        SecurityDescriptor(SYSTEM, None, null_dacl), [(SYSTEM, Tokens(Windows().evidence).of(SYSTEM))]
    ) == ("too_open", None)


def test_no_descriptor_says_nothing() -> None:
    assert judge_access(None, [(SYSTEM, ())]) == ("not_examined", None)


DOMAIN = "S-1-5-21-7-8-9"
GROUP, PROFILE, ENTRA = f"{DOMAIN}-2200", f"{DOMAIN}-1105", "S-1-12-1-1-2-3-4"
OPEN, SHUT = ("not_examined", SYSTEM), ("denied", SYSTEM)


@pytest.mark.parametrize(
    ("dacl", "expected"),
    [
        ([allow(GROUP)], OPEN),
        ([allow(ENTRA)], OPEN),
        ([allow(f"{DOMAIN}-512"), allow(GROUP)], OPEN),
        ([allow(GROUP, READ), allow(ADMINISTRATORS, WRITE)], OPEN),
        ([allow(GROUP), allow(SYSTEM, FULL, 0x08)], OPEN),
        # Somebody else is admitted, or SYSTEM is surely not.
        ([allow(GROUP), allow(SYSTEM)], ("ok", None)),
        ([allow(GROUP), allow(ALICE)], SHUT),
        ([deny(SYSTEM), allow(GROUP)], SHUT),
        ([deny(EVERYONE), allow(GROUP)], SHUT),
        ([allow(GROUP, WRITE)], SHUT),
        ([allow(GROUP, FULL, 0x08)], SHUT),
        # An account is no group: of this machine, with a profile here, by its number.
        ([allow(ALICE)], SHUT),
        ([allow(PROFILE)], SHUT),
        ([allow(f"{DOMAIN}-500")], SHUT),
    ],
)
@pytest.mark.parametrize("others", [[], [NETWORK_SERVICE]])
def test_a_list_that_admits_only_groups_of_a_domain(
    dacl: list[Ace], expected: tuple[str, str | None], others: list[str]
) -> None:
    evidence = Windows().evidence
    evidence.machine.machine_sid = ALICE.rpartition("-")[0]
    evidence.users.append(UserRow(machine_id=1, source_path="x", sid=PROFILE))
    tokens = Tokens(evidence)
    readers = [(sid, tokens.of(sid)) for sid in (SYSTEM, *others)]
    found = judge_access(SecurityDescriptor(SYSTEM, tuple(dacl), False), readers, tokens.is_group_elsewhere)
    assert found == (("denied", NETWORK_SERVICE) if expected == ("ok", None) and others else expected)
