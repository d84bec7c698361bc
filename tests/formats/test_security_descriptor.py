"""Security descriptors: by hand, by the builder, and two that Windows wrote into a real hive."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from forensics.formats.acl import Ace, parse_security_descriptor
from forensics.formats.errors import FormatError
from forensics.formats.sid import parse_sid
from testdata.builder import acl
from tests import student_pc8

SYSTEM = bytes.fromhex("010100000000000512000000")
EVERYONE = bytes.fromhex("010100000000000100000000")


def descriptor(aces: bytes, count: int) -> bytes:
    head = struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20)
    return head + struct.pack("<BBHHH", 2, 0, 8 + len(aces), count, 0) + aces


def test_sids() -> None:
    assert parse_sid(SYSTEM) == "S-1-5-18"
    assert parse_sid(EVERYONE + b"rest") == "S-1-1-0"
    assert parse_sid(bytes.fromhex("0100ffffffffffff")) == "S-1-0xffffffffffff"
    domain = "S-1-5-21-226059406-2984137831-1201299043-1107"
    raw = (
        struct.pack("<BB", 1, 5)
        + (5).to_bytes(6, "big")
        + struct.pack("<5I", 21, 226059406, 2984137831, 1201299043, 1107)
    )
    assert parse_sid(raw) == domain
    for broken in (b"", b"\1", SYSTEM[:11], b"\2" + SYSTEM[1:], b"\1\x10" + bytes(100)):
        with pytest.raises(FormatError):
            parse_sid(broken)


def test_owner_and_dacl_in_order() -> None:
    data = acl.security_descriptor(
        [acl.Ace("S-1-5-11", acl.READ, acl.DENY), acl.Ace("S-1-5-18", flags=acl.INHERIT_ONLY)], owner="S-1-5-32-544"
    )
    parsed = parse_security_descriptor(data)
    assert parsed.owner == "S-1-5-32-544"
    assert parsed.dacl == (Ace(1, 0, 0x120089, "S-1-5-11"), Ace(0, 8, 0x1F01FF, "S-1-5-18"))
    assert not parsed.null_dacl


def test_empty_null_and_no_dacl_are_three_things() -> None:
    empty, null, none = (
        parse_security_descriptor(data)
        for data in (
            acl.security_descriptor([]),
            acl.security_descriptor(None, null_dacl=True),
            acl.security_descriptor(None),
        )
    )
    assert (empty.dacl, empty.null_dacl) == ((), False)
    assert (null.dacl, null.null_dacl) == (None, True)
    assert (none.dacl, none.null_dacl) == (None, False)


def test_object_callback_and_unknown_entries() -> None:
    plain = struct.pack("<BBHI", 9, 0, 8 + 12 + 4, 1) + SYSTEM + b"cond"
    object_ = struct.pack("<BBHII", 5, 0, 12 + 32 + 12, 2, 3) + bytes(32) + EVERYONE
    unknown = struct.pack("<BBHI", 0x42, 0, 8, 4)
    parsed = parse_security_descriptor(descriptor(plain + object_ + unknown, 3))
    assert parsed.dacl == (Ace(9, 0, 1, "S-1-5-18"), Ace(5, 0, 2, "S-1-1-0"), Ace(0x42, 0, 4, ""))
    assert parsed.owner is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "truncated"),
        (struct.pack("<BBHIIII", 1, 0, 0x0004, 0, 0, 0, 20), "bad_magic"),
        (struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 4), "bad_offset"),
        (struct.pack("<BBHIIII", 1, 0, 0x8004, 0xFFFFFFFF, 0, 0, 0), "bad_offset"),
        (descriptor(b"", 1), "truncated"),
        (descriptor(struct.pack("<BBHI", 0, 0, 4, 1) + SYSTEM, 1), "bad_length"),
        (descriptor(struct.pack("<BBHI", 0, 0, 12, 1) + SYSTEM, 1), "truncated"),
    ],
)
def test_damage(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_security_descriptor(data)
    assert caught.value.kind == kind


def test_what_windows_wrote(realdata: Path) -> None:
    key = student_pc8.hive(realdata, "SECURITY").open("Policy\\Secrets\\DPAPI_SYSTEM\\SecDesc")
    parsed = parse_security_descriptor(key.value("(Default)").value)
    assert parsed.owner == "S-1-5-32-544"
    assert parsed.dacl is not None
    assert {ace.sid for ace in parsed.dacl} >= {"S-1-5-32-544"}
    assert all(ace.type in (0, 1) for ace in parsed.dacl)
