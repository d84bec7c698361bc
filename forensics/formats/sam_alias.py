"""Value C of a local group (alias) in SAM.

References:
    RegRipper, plugin samparse: 13 words, then name, comment and members, at offsets from the end of those.
"""

from __future__ import annotations

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.formats.sid import parse_sid
from forensics.language import sentence

_HEADER = 0x34
_MEMBERS_AT, _MEMBERS_LENGTH, _MEMBERS_COUNT = 0x28, 0x2C, 0x30
_SID_HEADER = 8


def parse_alias_members(data: bytes) -> list[str]:
    """Return the SIDs of the members of a local group.

    Raises:
        FormatError: ``truncated``, ``bad_length`` or ``bad_sid``.
    """
    if len(data) < _HEADER:
        raise FormatError("truncated", len(data), sentence("a local group has {header} bytes at least", header=_HEADER))
    start, length, count = (Cursor(data, at).u32("members") for at in (_MEMBERS_AT, _MEMBERS_LENGTH, _MEMBERS_COUNT))
    at, end = _HEADER + start, _HEADER + start + length
    if end > len(data):
        raise FormatError(
            "bad_length",
            _MEMBERS_AT,
            sentence("the members end at {end}, the value at {count}", end=end, count=len(data)),
        )
    members: list[str] = []
    while at + _SID_HEADER <= end and len(members) < count:
        members.append(parse_sid(data[at:end]))
        at += _SID_HEADER + 4 * data[at + 1]
    if len(members) != count:
        raise FormatError(
            "bad_length",
            _MEMBERS_COUNT,
            sentence(
                "{count} members are announced, {count_of_members} are there",
                count=count,
                count_of_members=len(members),
            ),
        )
    return members
