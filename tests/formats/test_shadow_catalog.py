"""The catalog of shadow copies, written here by the format's documentation: what is in it, and what is refused."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.shadow_catalog import (
    BLOCK,
    HEADER_AT,
    MAX_COPIES,
    STORE_ID,
    ShadowCatalog,
    parse_catalog,
    parse_shadow_header,
    saved_blocks,
)

SIZE = 1 << 30
CATALOG = 0x40000
WHEN = [130305261097363787 + n * 36_000_000_000 for n in range(4)]
VOLUME = UUID("600f0b64-5bdf-11e3-9d6c-005056c00008")


def guid(number: int) -> UUID:
    return UUID(int=0xABC << 96 | number)


def header(
    catalog: int = CATALOG, kept_on: UUID = VOLUME, version: int = 1, kind: int = 1, at: int = HEADER_AT
) -> bytes:
    head = STORE_ID.bytes_le + struct.pack("<IIQQQQQ", version, kind, at, at, 0, catalog, 0)
    return (head + VOLUME.bytes_le + kept_on.bytes_le).ljust(512, b"\0")


def described(number: int, ticks: int, sequence: int | None = None) -> bytes:
    fields = 2, SIZE, guid(number).bytes_le, number if sequence is None else sequence, 0x40, ticks
    return struct.pack("<QQ16sQQQ", *fields).ljust(128, b"\0")


def stored(number: int, saved: int = 0x80000) -> bytes:
    fields = 3, saved, guid(number).bytes_le, saved - BLOCK, saved + BLOCK, saved + 2 * BLOCK, 0x25, 0, 0
    return struct.pack("<QQ16sQQQQQQ", *fields).ljust(128, b"\0")


UNUSED, EMPTY = struct.pack("<Q", 1).ljust(128, b"\0"), bytes(128)


def block(at: int, entries: list[bytes], after: int = 0, kind: int = 2, here: int | None = None) -> bytes:
    head = STORE_ID.bytes_le + struct.pack("<IIQQQ", 1, kind, at - CATALOG, at if here is None else here, after)
    return (head.ljust(128, b"\0") + b"".join(entries)).ljust(BLOCK, b"\0")


def catalog(blocks: Mapping[int, bytes], start: int = CATALOG) -> ShadowCatalog:
    return parse_catalog(lambda at, size: blocks[at][:size], start, SIZE)


def test_the_header_leads_to_the_catalog() -> None:
    found = parse_shadow_header(header())
    assert found is not None
    assert (found.catalog, found.volume, found.kept_on) == (CATALOG, VOLUME, VOLUME)
    assert parse_shadow_header(header(version=2)) == found
    assert parse_shadow_header(bytes(512)) is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (header()[:100], "truncated"),
        (header(version=3), "bad_version"),
        (header(kind=2), "bad_offset"),
        (header(at=0x1C00), "bad_offset"),
    ],
)
def test_a_header_that_lies(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as raised:
        parse_shadow_header(data)
    assert raised.value.kind == kind


def test_copies_come_the_newest_first_however_the_catalog_has_them() -> None:
    # The newest first, a store before what it is the store of, unused and empty entries between, over two blocks.
    second = 0x90000
    found = catalog(
        {
            CATALOG: block(
                CATALOG,
                [
                    stored(3, 0x300000),
                    described(3, WHEN[3]),
                    UNUSED,
                    EMPTY,
                    described(1, WHEN[1]),
                    EMPTY,
                    described(2, WHEN[2]),
                ],
                second,
            ),
            second: block(second, [EMPTY, UNUSED, stored(2, 0x200000), EMPTY, stored(1, 0x100000)]),
        }
    )
    assert [(c.identifier, c.ticks, c.sequence, c.saved, c.volume_size) for c in found.copies] == [
        (guid(3), WHEN[3], 3, 0x300000, SIZE),
        (guid(2), WHEN[2], 2, 0x200000, SIZE),
        (guid(1), WHEN[1], 1, 0x100000, SIZE),
    ]
    assert found.copies[0].created == datetime(2013, 12, 3, 9, 35, 9, 736378, tzinfo=UTC)
    assert found.copies[0].entries == (described(3, WHEN[3]), stored(3, 0x300000))
    assert list(found.heads) == [CATALOG, second]
    assert found.is_in_order


def test_a_catalog_without_copies() -> None:
    found = catalog({CATALOG: block(CATALOG, [UNUSED] * 127)})
    assert found.copies == ()
    assert found.is_in_order


def test_halves_of_copies_are_told() -> None:
    found = catalog({CATALOG: block(CATALOG, [described(1, WHEN[1]), stored(2)])})
    assert [(c.identifier, c.is_described, c.created, c.saved) for c in found.copies] == [
        (guid(1), True, datetime(2013, 12, 3, 7, 35, 9, 736378, tzinfo=UTC), None),
        (guid(2), False, None, 0x80000),
    ]
    assert not found.is_in_order


@pytest.mark.parametrize(
    "entries",
    [
        [described(1, WHEN[1], sequence=2), described(2, WHEN[2], sequence=1)],  # a clock that was set back
        [described(1, WHEN[1]), described(2, WHEN[1])],
    ],
)
def test_an_order_that_is_not_certain(entries: list[bytes]) -> None:
    assert not catalog({CATALOG: block(CATALOG, [*entries, stored(1), stored(2)])}).is_in_order


@pytest.mark.parametrize(
    ("blocks", "kind"),
    [
        ({CATALOG: block(CATALOG, [], CATALOG)}, "loop"),
        ({CATALOG: block(CATALOG, [], 0x90000), 0x90000: block(0x90000, [], CATALOG)}, "loop"),
        ({CATALOG: block(CATALOG, [], SIZE - 512)}, "bad_offset"),
        ({CATALOG: block(CATALOG, [], (1 << 64) - BLOCK)}, "bad_offset"),
        ({CATALOG: block(CATALOG, [], here=0x90000)}, "bad_offset"),
        ({CATALOG: bytes(BLOCK)}, "bad_magic"),
        ({CATALOG: block(CATALOG, [], kind=3)}, "bad_magic"),
        ({CATALOG: block(CATALOG, [], 0x90000), 0x90000: bytes(BLOCK)}, "bad_magic"),
        ({CATALOG: block(CATALOG, [struct.pack("<Q", 4).ljust(128, b"\0")])}, "bad_entry"),
        ({CATALOG: block(CATALOG, [described(1, 1), described(1, 2)])}, "bad_entry"),
        ({CATALOG: block(CATALOG, [stored(1), stored(1)])}, "bad_entry"),
        (
            {CATALOG + n * BLOCK: block(CATALOG + n * BLOCK, [], CATALOG + (n + 1) * BLOCK) for n in range(65)},
            "too_many",
        ),
    ],
)
def test_a_catalog_that_lies_is_refused(blocks: dict[int, bytes], kind: str) -> None:
    with pytest.raises(FormatError) as raised:
        catalog(blocks)
    assert raised.value.kind == kind


def test_more_copies_than_a_volume_can_have() -> None:
    numbers = list(range(1, MAX_COPIES + 2))
    blocks = {}
    for place, start in enumerate(range(0, len(numbers), 127)):
        at, last = CATALOG + place * BLOCK, start + 127 >= len(numbers)
        entries = [described(n, n) for n in numbers[start : start + 127]]
        blocks[at] = block(at, entries, 0 if last else at + BLOCK)
    with pytest.raises(FormatError, match="513 shadow copies"):
        catalog(blocks)


def saved_of(*chain: bytes) -> set[int]:
    (copy,) = catalog({CATALOG: block(CATALOG, [described(1, WHEN[1]), stored(1)])}).copies
    blocks = {0x80000 + n * BLOCK: each for n, each in enumerate(chain)}
    return set().union(*saved_blocks(lambda at, size: blocks[at][:size], copy, SIZE))


def test_what_a_copy_saved_is_in_any_of_its_list_blocks() -> None:
    def saved(original: int, relative: int, flags: int) -> bytes:
        return struct.pack("<QQQII", original, relative, 0, flags, 0)

    # A forwarder, an overlay at some sector, an unused one; a block that is partly filled, and one after it.
    first = block(0x80000, [saved(0x4000, 0xC000, 1), saved(0x10200, 1, 2), saved(0x20000, 0, 4)], 0x84000, kind=3)
    assert saved_of(first, block(0x84000, [saved(0x30000, 0, 0)], kind=3)) == {0, 0x4000, 0x10000, 0x20000, 0x30000}


@pytest.mark.parametrize(
    ("chain", "kind"),
    [
        ([bytes(BLOCK)], "bad_magic"),
        ([block(0x80000, [], 0x80000, kind=3)], "loop"),
        ([block(0x80000, [], SIZE, kind=3)], "bad_offset"),
    ],
)
def test_a_list_that_lies_is_refused(chain: list[bytes], kind: str) -> None:
    with pytest.raises(FormatError) as raised:
        saved_of(*chain)
    assert raised.value.kind == kind
