"""The access check for one right: the first entry about it and about a SID of the token decides."""

from __future__ import annotations

import pytest

from forensics.formats.access_check import SYSTEM, Right, Token, is_granted, system_sids
from forensics.formats.acl import Ace

USERS, ADMINISTRATORS = "S-1-5-32-545", "S-1-5-32-544"
READ, WRITE, FULL = 0x00120089, 0x00120116, 0x001F01FF
GENERIC_READ, GENERIC_WRITE, GENERIC_ALL = 0x80000000, 0x40000000, 0x10000000
INHERIT_ONLY = 0x08


@pytest.mark.parametrize(
    ("mask", "reads", "creates"),
    [
        (READ, True, False),
        (WRITE, False, True),
        (FULL, True, True),
        (GENERIC_READ, True, False),
        (GENERIC_WRITE, False, True),
        (GENERIC_ALL, True, True),
        (0x00100080, False, False),
    ],
)
def test_a_mask_grants_its_rights_and_no_others(mask: int, reads: bool, creates: bool) -> None:
    dacl = [Ace(0, 0, mask, USERS)]
    assert is_granted(dacl, {USERS}, Right.READ_DATA) is reads
    assert is_granted(dacl, {USERS}, Right.ADD_FILE) is creates
    assert not is_granted(dacl, {ADMINISTRATORS}, Right.READ_DATA)


@pytest.mark.parametrize(
    ("dacl", "granted"),
    [
        ([], False),
        ([Ace(1, 0, READ, USERS), Ace(0, 0, FULL, SYSTEM)], False),
        ([Ace(0, 0, FULL, SYSTEM), Ace(1, 0, READ, USERS)], True),
        ([Ace(1, 0, WRITE & ~READ, USERS), Ace(0, 0, FULL, SYSTEM)], True),
        ([Ace(1, INHERIT_ONLY, FULL, USERS), Ace(0, 0, FULL, SYSTEM)], True),
        ([Ace(0, INHERIT_ONLY, FULL, SYSTEM)], False),
        ([Ace(17, 0, FULL, SYSTEM), Ace(0, 0, READ, SYSTEM)], True),
    ],
    ids=["empty", "denied first", "denied last", "another right", "inherited denial", "inherited grant", "other type"],
)
def test_entries_are_walked_in_their_order(dacl: list[Ace], granted: bool) -> None:
    assert is_granted(dacl, {SYSTEM, USERS}, Right.READ_DATA) is granted


OWNER, GROUP, DOMAIN_GROUP = "S-1-5-21-1-2-3-1001", "S-1-5-32-551", "S-1-5-21-9-9-9-1105"


@pytest.mark.parametrize(
    ("dacl", "granted"),
    [
        ([Ace(1, 0, READ, GROUP), Ace(0, 0, FULL, OWNER)], False),
        ([Ace(0, 0, FULL, GROUP)], False),
        ([Ace(0, 0, FULL, GROUP), Ace(0, 0, READ, OWNER)], True),
        ([Ace(0, 0, READ, DOMAIN_GROUP)], None),
        ([Ace(0, 0, READ, DOMAIN_GROUP), Ace(0, 0, READ, OWNER)], True),
        ([Ace(1, 0, READ, DOMAIN_GROUP), Ace(0, 0, READ, OWNER)], None),
        ([Ace(1, 0, READ, DOMAIN_GROUP)], False),
        ([Ace(0, 0, WRITE, DOMAIN_GROUP)], False),
        ([Ace(9, 0, READ, OWNER)], None),
        ([Ace(10, 0, READ, OWNER), Ace(0, 0, READ, OWNER)], None),
        ([Ace(0, 0, READ, "S-1-3-4")], True),
        ([Ace(1, 0, READ, "S-1-3-4"), Ace(0, 0, READ, OWNER)], False),
        ([Ace(0, 0, READ, "S-1-5-5-0-12345")], False),
    ],
)
def test_groups_that_deny_only_and_groups_of_a_domain(dacl: list[Ace], granted: bool | None) -> None:
    token = Token(frozenset({OWNER}), frozenset({GROUP}), lambda sid: sid == DOMAIN_GROUP)
    assert is_granted(dacl, token, Right.READ_DATA, OWNER) is granted


def test_owning_a_file_gives_no_right_to_its_data() -> None:
    assert is_granted([Ace(0, 0, READ, SYSTEM)], Token.of([OWNER]), Right.READ_DATA, OWNER) is False
    assert is_granted([Ace(0, 0, READ, "S-1-3-4")], Token.of([OWNER]), Right.READ_DATA, SYSTEM) is False


def test_the_token_of_system() -> None:
    assert system_sids() == {SYSTEM, ADMINISTRATORS, "S-1-1-0", "S-1-5-11"}
