"""What must go out of an access list, and what must come in, before an account is let in again."""

from __future__ import annotations

import pytest

from forensics.formats.access_check import ADMINISTRATORS, EVERYONE, NETWORK_SERVICE, SYSTEM, Token, system_sids
from forensics.formats.acl import INHERIT_ONLY, INHERITED, Ace, SecurityDescriptor
from forensics.formats.shut_out import ShutOut, what_shuts_out

FULL, READ, WRITE = 0x1F01FF, 0x120089, 0x120116
READERS = [(SYSTEM, [Token.of(system_sids())])]
GUEST = "S-1-5-21-1-2-3-501"


def allow(sid: str, mask: int = FULL, flags: int = 0) -> Ace:
    return Ace(0, flags, mask, sid)


def deny(sid: str, mask: int = READ, flags: int = 0) -> Ace:
    return Ace(1, flags, mask, sid)


@pytest.mark.parametrize(
    ("dacl", "expected"),
    [
        pytest.param([allow(SYSTEM)], ShutOut(), id="let in"),
        pytest.param([], ShutOut(not_granted=[SYSTEM]), id="no entry"),
        pytest.param([allow(GUEST)], ShutOut(not_granted=[SYSTEM]), id="another's entry"),
        pytest.param([deny(SYSTEM), allow(SYSTEM)], ShutOut([SYSTEM]), id="denied, and granted behind it"),
        pytest.param([deny(ADMINISTRATORS)], ShutOut([ADMINISTRATORS], not_granted=[SYSTEM]), id="denied as a group"),
        pytest.param(
            [deny(EVERYONE, flags=INHERITED), allow(SYSTEM)], ShutOut([EVERYONE], True), id="denied by the folder"
        ),
        pytest.param([deny(GUEST), deny(EVERYONE), allow(SYSTEM)], ShutOut([EVERYONE]), id="others stay denied"),
        pytest.param([deny(SYSTEM, WRITE), allow(GUEST)], ShutOut(not_granted=[SYSTEM]), id="only writing is denied"),
        pytest.param([deny(SYSTEM, flags=INHERIT_ONLY)], ShutOut(not_granted=[SYSTEM]), id="for children only"),
        # icacls puts what it grants behind all denials, so a later one must go too.
        pytest.param(
            [deny(SYSTEM), allow(GUEST), deny(EVERYONE)], ShutOut([SYSTEM, EVERYONE], not_granted=[SYSTEM]), id="both"
        ),
        pytest.param([allow(SYSTEM), deny(SYSTEM)], ShutOut(), id="let in before it is denied"),
    ],
)
def test_what_must_go_and_what_must_come(dacl: list[Ace], expected: ShutOut) -> None:
    assert what_shuts_out(SecurityDescriptor(SYSTEM, tuple(dacl), False), READERS) == expected


def test_of_two_readers_only_the_one_that_is_shut_out_counts() -> None:
    readers = [*READERS, (NETWORK_SERVICE, [Token.of({NETWORK_SERVICE, EVERYONE})])]
    security = SecurityDescriptor(SYSTEM, (allow(SYSTEM), allow(ADMINISTRATORS)), False)
    assert what_shuts_out(security, readers) == ShutOut(not_granted=[NETWORK_SERVICE])


@pytest.mark.parametrize("null", [True, False])
def test_no_list_shuts_nobody_out(null: bool) -> None:
    assert what_shuts_out(SecurityDescriptor(SYSTEM, None, null), READERS) == ShutOut()
    assert what_shuts_out(None, READERS) == ShutOut()
