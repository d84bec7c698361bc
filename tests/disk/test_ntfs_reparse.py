"""Where links of NTFS lead, by buffers laid out as [MS-FSCC] 2.1.2 does, and that they are not followed there."""

from __future__ import annotations

import struct
from functools import partial

import pytest

from forensics.disk.links import Link
from forensics.disk.ntfs.reparse import parse_link

JUNCTION, SYMLINK, COMPACT = 0xA0000003, 0xA000000C, 0x80000017
VOLUME = "Volume{f0a2e1c4-0000-0000-0000-100000000000}\\"


windows = partial(Link, is_windows=True)


def buffer(tag: int, substitute: str, shown: str = "", flags: int = 0) -> bytes:
    first, second = substitute.encode("utf-16-le"), shown.encode("utf-16-le")
    names = struct.pack("<HHHH", 0, len(first), len(first) + 2, len(second))
    body = names + (struct.pack("<I", flags) if tag == SYMLINK else b"") + first + b"\0\0" + second + b"\0\0"
    return struct.pack("<IHH", tag, len(body), 0) + body


@pytest.mark.parametrize(
    ("data", "link"),
    [
        (buffer(JUNCTION, "\\??\\D:\\Keys", "D:\\Keys"), windows("junction", "D:\\Keys")),
        # What Windows goes by is not what it shows.
        (buffer(JUNCTION, "\\??\\D:\\Keys", "C:\\Harmless"), windows("junction", "D:\\Keys")),
        (buffer(JUNCTION, f"\\??\\{VOLUME}"), windows("mounted volume", VOLUME)),
        (buffer(SYMLINK, "\\??\\E:\\Keys", "E:\\Keys"), windows("symbolic link", "E:\\Keys")),
        (buffer(SYMLINK, "..\\Keys", "..\\Keys", flags=1), windows("symbolic link", "..\\Keys", is_relative=True)),
        (
            buffer(SYMLINK, "\\??\\UNC\\server\\share", "\\\\server\\share"),
            windows("symbolic link", "\\\\server\\share"),
        ),
        (buffer(COMPACT, "x"), None),
        (buffer(JUNCTION, ""), None),
        (buffer(JUNCTION, "\\??\\D:\\Keys")[:20], None),
        (b"", None),
    ],
)
def test_target(data: bytes, link: Link | None) -> None:
    assert parse_link(data) == link


def test_every_buffer_cut_short_or_changed_is_a_link_or_none() -> None:
    whole = buffer(SYMLINK, "\\??\\E:\\Keys", "E:\\Keys")
    for at in range(len(whole)):
        parse_link(whole[:at])
        for byte in (0, 0xFF):
            parse_link(whole[:at] + bytes([byte]) + whole[at + 1 :])


@pytest.mark.parametrize(
    ("link", "told"),
    [
        (Link("junction", "D:\\Keys"), "a junction to D:\\Keys, which is not followed: examine what lies there too"),
        (
            Link("mounted volume", VOLUME),
            f"the mount point of {VOLUME}, which is not followed: examine that volume too",
        ),
    ],
)
def test_it_is_told_that_a_link_was_not_followed(link: Link, told: str) -> None:
    assert link.not_followed("ProgramData/Microsoft/Crypto") == f"ProgramData\\Microsoft\\Crypto is {told}"
