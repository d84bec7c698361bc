"""Members of a local group: real ones of Windows 8.1, and what is wrong with forged ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.sam_alias import parse_alias_members
from tests import student_pc8
from tests.oracles import needs_shared
from tests.paths import REALDATA

USERS = ["S-1-5-4", "S-1-5-11"]


def value(members: bytes, count: int, name: bytes = b"U\0s\0") -> bytes:
    header = struct.pack("<13I", 545, 0, 0, 65538, 0, len(name), 0, 0, 0, 0, len(name), len(members), count)
    return header + name + members


def sid(last: int) -> bytes:
    return bytes.fromhex("0101000000000005") + struct.pack("<I", last)


def test_members_in_their_order() -> None:
    assert parse_alias_members(value(sid(4) + sid(11), 2)) == USERS
    assert parse_alias_members(value(b"", 0)) == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (value(sid(4), 2), "bad_length"),
        (value(sid(4) + sid(11), 2)[:-1], "bad_length"),
        (value(b"\2" + sid(4)[1:], 1), "bad_sid"),
        (value(sid(4)[:1] + b"\x0f" + sid(4)[2:], 1), "truncated"),
        (b"short", "truncated"),
        (b"", "truncated"),
    ],
    ids=["fewer than announced", "cut", "no SID", "SID beyond the end", "no header", "nothing"],
)
def test_what_is_wrong(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as raised:
        parse_alias_members(data)
    assert raised.value.kind == kind
    assert 0 <= raised.value.offset <= len(data)


@needs_shared(REALDATA)
def test_the_groups_of_a_real_windows() -> None:
    """Read with dissect.regf: these hold what Windows and a join to a domain put there."""
    hive = student_pc8.hive(Path(REALDATA), "SAM")

    def of(rid: str) -> list[str]:
        return parse_alias_members(hive.open(f"SAM\\Domains\\Builtin\\Aliases\\{rid}").value("C").value)

    assert [s.rpartition("-")[2] for s in of("00000220")] == ["500", "1001", "512"]
    assert of("00000221")[:2] == USERS
    assert of("00000238") == ["S-1-5-17"]
    assert of("00000223") == []
