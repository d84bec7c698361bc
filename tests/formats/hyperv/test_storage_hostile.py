"""No bytes make the reader of HyperVStorage files raise anything but FormatError, or take long."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage import HyperVStorage, parse_hyperv_storage
from testdata.builder.hyperv_storage import (
    OBJECT_TABLE,
    PAGE,
    Finished,
    Image,
    Layout,
    Pending,
    Value,
    build_image,
    write_hyperv_storage,
)
from tests.formats.hyperv.storage_files import REST, key, key_table, kinds, object_entry, one_table, storage_file
from tests.time_bound import within

MIB = 1 << 20
TREE: dict[str, Value] = {
    "configuration/properties/name": "machine",
    "configuration/properties/version": 2304,
    "configuration/settings/protector": bytes(range(256)) * 12,
    **{f"configuration/devices/vdev{n}/instance": f"{n:032}" for n in range(60)},
}
OLDER: dict[str, Value] = TREE | {"configuration/properties/name": "older", "configuration/devices/vdev9/instance": "x"}
CLEAN = write_hyperv_storage(TREE)
FILES = [
    CLEAN,
    write_hyperv_storage(TREE, log=Pending(OLDER), layout=Layout(log_size=8 * PAGE)),
    write_hyperv_storage(TREE, log=Finished(OLDER), layout=Layout(log_size=8 * PAGE, grain=512)),
]


def parse(data: bytes | bytearray) -> HyperVStorage:
    with within(0.1):
        return parse_hyperv_storage(lambda offset, length: bytes(data[offset : offset + length]), len(data))


def kinds_of(storage: HyperVStorage) -> set[str]:
    return set(kinds(storage))


def survives(data: bytes | bytearray) -> HyperVStorage | None:
    """Parse damaged bytes; None when they are refused."""
    try:
        return parse(data)
    except FormatError:
        return None


def test_truncated_anywhere() -> None:
    known = {**parse(CLEAN).values}
    for data in FILES:
        ends = {*range(0, len(data), 1777), *range(0, 60, 7), *range(4090, 4150, 5), *range(8190, 8300, 9)}
        for end in sorted(ends | {end - 1 for end in ends if end}):
            storage = survives(data[:end])
            for path, value in (storage.values if storage else {}).items():
                if value.value is not None and not path.startswith("?"):
                    assert value.value in (known[path].value, OLDER[path])


def test_every_byte_of_the_headers_and_tables_may_be_wrong() -> None:
    known = {path: value.value for path, value in parse(CLEAN).values.items()}
    image = build_image(TREE)
    places = [*range(48), *range(OBJECT_TABLE, OBJECT_TABLE + 90), *range(image.log_offset, image.log_offset + 40)]
    places += range(image.tables[1], image.tables[1] + 200)
    for at in places:
        data = bytearray(CLEAN)
        data[at] ^= 0x55
        storage = survives(data)
        for path, value in (storage.values if storage else {}).items():
            if value.value is not None and not path.startswith("?"):
                assert value.value == known[path]


@pytest.mark.parametrize("length", [1, 2, 50])
def test_nodes_that_are_above_themselves(length: int) -> None:
    size = 21 + 2 + 12
    keys = b"".join(key(9, (1, 10 + (n + 1) % length * size), b"n", bytes(12)) for n in range(length))
    storage = parse(one_table(keys + key(3, (1, 10), b"leaf", bytes(8))))
    assert [path.rpartition("/")[2] for path in storage.values] == ["leaf"]
    assert next(iter(storage.values)).startswith("?1:")
    assert kinds_of(storage) == {"cycle"}


def test_nodes_that_are_very_deep() -> None:
    size = 21 + 255 + 12
    keys = key(9, (0, 0), b"n" * 254, bytes(12))
    for n in range(3000):
        keys += key(9, (1, 10 + n * size), b"n" * 254, bytes(12))
    leaves = b"".join(key(3, (1, 10 + n * size), b"leaf", bytes(8)) for n in range(0, 3000, 3))
    for data in (one_table(keys + leaves), one_table(leaves + keys)):
        storage = parse(data)
        assert max(map(len, storage.values)) < 2400
        assert "too_deep" in kinds_of(storage) or "bad_parent" in kinds_of(storage)


def test_parents_that_are_leaves_or_nowhere() -> None:
    leaf = key(3, (0, 0), b"leaf", bytes(8))
    data = one_table(leaf + key(3, (1, 10), b"below", bytes(8)) + key(3, (77, 5), b"lost", bytes(8)))
    storage = parse(data)
    assert list(storage.values) == ["leaf", "?1:10/below", "?77:5/lost"]
    assert kinds_of(storage) == {"bad_parent"}


def test_tables_that_overlap() -> None:
    table = key_table(1, key(3, (0, 0), b"a", bytes(8)))
    shifted = key_table(2, key(3, (0, 0), b"b", bytes(8)))
    objects = object_entry(2, REST, 4096) + object_entry(2, REST + 100, 4096) + object_entry(2, 4096, 64)
    storage = parse(storage_file(objects, (table.ljust(100, b"\0") + shifted).ljust(8192, b"\0")))
    assert list(storage.values) == ["a"]
    assert [error.kind for error in storage.errors] == ["overlap", "overlap"]


def test_object_tables_that_list_each_other() -> None:
    further = struct.pack("<II", 0x01110001, 2) + object_entry(1, OBJECT_TABLE, 4096) + object_entry(1, REST, 4096)
    storage = parse(storage_file(object_entry(1, REST, 4096), further))
    assert (storage.values, storage.errors) == ({}, ())


def test_thousands_of_object_tables_in_one_place() -> None:
    objects = b"".join(object_entry(1, REST + n, 64) for n in range(220))
    further = struct.pack("<II", 0x01110001, 0xFFFFFFFF) * 1000
    assert kinds_of(parse(storage_file(objects, further))) >= {"overlap", "bad_magic"}


def test_a_huge_count_of_objects() -> None:
    storage = parse(storage_file(b"", bytes(18 * 140_000), count=0xFFFFFFFF))
    assert "too_many" in kinds_of(storage)
    storage = parse(storage_file(b"", count=5000))
    assert "truncated" in kinds_of(storage)
    noise = bytes(range(1, 256)) * 8000
    assert "too_many_errors" in kinds_of(parse(storage_file(b"", noise, count=0xFFFFFFFF)))


def test_more_keys_than_are_read() -> None:
    keys = b"".join(key(8, (0, 0), b"%x" % n, b"\1\0\0\0") for n in range(70_000))
    data = one_table(keys)
    with within(1):
        storage = parse_hyperv_storage(lambda offset, length: bytes(data[offset : offset + length]), len(data))
    assert len(storage.values) == 1 << 16
    assert kinds_of(storage) == {"too_many"}


@pytest.mark.parametrize("size", [0, 1, 20, 0x7FFFFFFF, 0xFFFFFFFF])
def test_keys_that_lie_about_their_size(size: int) -> None:
    image = build_image(TREE)
    at = image.keys["configuration/properties/name"]
    image.data[at + 2 : at + 6] = struct.pack("<I", size)
    assert kinds_of(parse(image.data)) >= {"bad_length" if size < 21 else "truncated"}


@pytest.mark.parametrize("length", [5, 0x7FFFFFFF, 0xFFFFFFFF])
def test_arrays_that_lie_about_their_size(length: int) -> None:
    storage = parse(one_table(key(7, (0, 0), b"a", struct.pack("<I", length) + b"1234")))
    assert (storage.values, kinds_of(storage)) == ({}, {"bad_length"})


@pytest.mark.parametrize(
    ("size", "offset", "kind"),
    [
        (5000, REST + 4096, "bad_length"),
        (0xFFFFFFFF, REST + 4096, "bad_length"),
        (10, 0xFFFFFFFFFFFFFFFF, "bad_pointer"),
        (10, REST + 4095, "bad_pointer"),
        (4097, REST + 8192, "truncated"),
    ],
)
def test_pointers_that_lie(size: int, offset: int, kind: str) -> None:
    table = key_table(1, key(7, (0, 0), b"a", struct.pack("<IQ", size, offset), flags=1))
    objects = object_entry(2, REST, len(table)) + object_entry(3, REST + 4096, 4096)
    objects += object_entry(3, REST + 8192, 0xFFFFFFFF)
    storage = parse(storage_file(objects, table.ljust(12288, b"\0")))
    assert (storage.values["a"].value, storage.values["a"].size) == (None, size)
    assert kinds_of(storage) == {kind}


def test_many_keys_that_share_a_huge_file_object() -> None:
    pointer = struct.pack("<IQ", 4 * MIB, REST + MIB)
    keys = b"".join(key(7, (0, 0), b"%d" % n, pointer, flags=1) for n in range(3000))
    keys += key(7, (0, 0), b"small", struct.pack("<IQ", 3000, REST + 6 * MIB), flags=1)
    table = key_table(1, keys).ljust(MIB, b"\0")
    objects = object_entry(2, REST, MIB) + object_entry(3, REST + MIB, 4 * MIB) + object_entry(3, REST + 6 * MIB, 4096)
    data = bytes(storage_file(objects, table + bytes(5 * MIB) + b"s" * 4096))
    tracemalloc.start()
    storage = parse_hyperv_storage(lambda offset, length: data[offset : offset + length], len(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * MIB
    assert storage.values["small"].value == b"s" * 3000
    assert sum(value.value is not None for value in storage.values.values()) == 16
    assert kinds_of(storage) == {"too_large", "too_many_errors"}


def with_log(image: Image, entries: list[tuple[int, int, int, int]], current: int, room: int) -> bytearray:
    """Return the file with a log of entries (offset, size, offset in the log, checksum of the bytes)."""
    at = image.log_offset
    head = struct.pack("<IIIBI17x", 0x01110003, 0, current, 0, room)
    log = head[:4] + struct.pack("<I", zlib.crc32(head)) + head[8:]
    for offset, size, inside, checksum in entries:
        blank = struct.pack("<QIQII", offset, size, inside, 0, checksum)
        log += struct.pack("<QIQII", offset, size, inside, zlib.crc32(blank), checksum)
    image.data[at : at + len(log)] = log
    return image.data


@pytest.mark.parametrize(
    ("offset", "size", "inside", "kind"),
    [
        (1 << 63, 16, 4096, "bad_offset"),
        (0xFFFFFFFFFFFFFFFF, 16, 4096, "bad_offset"),
        (0, 0xFFFFFFFF, 0, "bad_length"),
        (0, 16, 0xFFFFFFFFFFFFFFF0, "bad_length"),
        (0, 16, 65536, "bad_length"),
        (0, 16, 4096, "bad_checksum"),
    ],
)
def test_log_entries_that_lie(offset: int, size: int, inside: int, kind: str) -> None:
    for current in (1, 0):
        storage = parse(with_log(build_image(TREE), [(offset, size, inside, 0)], current, 10))
        assert storage.replayed == 0
        assert kinds_of(storage) == ({kind} if current else set())
        assert storage.get("configuration/properties/version") is not None


@pytest.mark.parametrize(("offset", "size"), [(0, 1 << 60), (1 << 62, 4096), (REST - 20, 4096)])
def test_a_log_larger_than_the_file(offset: int, size: int) -> None:
    image = build_image(TREE)
    for copy in (0, 1):
        image.data[copy * PAGE + 26 : copy * PAGE + 42] = struct.pack("<QQ", offset, size)
        image.stamp_header(copy)
    storage = parse(image.data)
    assert storage.errors
    assert {path: value.value for path, value in storage.values.items()} == TREE


def test_a_log_whose_entries_share_their_bytes() -> None:
    image = build_image(TREE, layout=Layout(log_size=4 * MIB))
    checksum = zlib.crc32(bytes(3 * MIB))
    entries = [(REST + 100 * n, 3 * MIB, MIB, checksum) for n in range(4000)]
    for current in (4000, 0):
        storage = parse(with_log(image, entries, current, 4000))
        assert storage.replayed == (5 if current else 0)
        assert kinds_of(storage) <= {
            "too_large",
            "too_many_errors",
            "bad_magic",
            "bad_checksum",
            "bad_pointer",
            "too_much_history",
        }


def test_a_history_of_many_large_key_tables() -> None:
    keys = b"".join(key(8, (0, 0), b"%x" % n, b"\1\0\0\0") for n in range(20_000))
    table = key_table(1, keys)
    image = build_image({}, layout=Layout(log_size=4 * MIB))
    start = len(image.data)
    image.data += table
    image.data[OBJECT_TABLE + 8 : OBJECT_TABLE + 26] = object_entry(2, start, len(table))
    # Each of thousands of old entries changes one key of the table.
    at = image.log_offset
    patch = key(8, (0, 0), b"0", b"\0\0\0\0")
    image.data[at + MIB : at + MIB + len(patch)] = patch
    entries = [(start + 10, len(patch), MIB, zlib.crc32(patch))] * 4000
    with within(1):
        data = with_log(image, entries, 0, 4000)
        storage = parse_hyperv_storage(lambda offset, length: bytes(data[offset : offset + length]), len(data))
    assert len(storage.values) == 20_000
    assert [(value.path, value.value) for value in storage.superseded] == [("0", False)]
    assert kinds_of(storage) == {"too_much_history"}


def test_reads_never_leave_the_file() -> None:
    for data in FILES:
        damaged = bytearray(data)
        damaged[OBJECT_TABLE + 4 : OBJECT_TABLE + 8] = b"\xff" * 4

        def read(offset: int, length: int, damaged: bytes = bytes(damaged)) -> bytes:
            assert offset >= 0
            assert 0 <= length <= 64 * MIB
            return damaged[offset : offset + length]

        parse_hyperv_storage(read, len(damaged))


def test_a_file_shorter_than_is_said() -> None:
    for data in FILES:
        cut = data[:-5000]

        def read(offset: int, length: int, cut: bytes = cut) -> bytes:
            return cut[offset : offset + length]

        with within(0.1):
            storage = parse_hyperv_storage(read, len(data))
        assert storage.errors or {path: value.value for path, value in storage.values.items()} == TREE
        values = {path: value.value for path, value in storage.values.items() if not path.startswith("?")}
        assert all(value in (None, TREE[path], OLDER[path]) for path, value in values.items())


@settings(max_examples=100, deadline=None)
@given(noise=st.binary(max_size=600), data=st.sampled_from(FILES), at=st.sampled_from([0, 4096, 8192, 12288, 77824]))
def test_noise(noise: bytes, data: bytes, at: int) -> None:
    survives(noise)
    survives(data[:at] + noise + data[at + len(noise) :])


WORDS = st.sampled_from([b"\0", b"\xff", bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x00\xd8", b"\1", b"\x10\0\0\0"])


@settings(max_examples=200, deadline=None)
@given(
    which=st.integers(0, 2),
    changes=st.lists(st.tuples(st.integers(0, 120_000), WORDS), min_size=1, max_size=6),
    stamped=st.booleans(),
)
def test_mutations(which: int, changes: list[tuple[int, bytes]], stamped: bool) -> None:
    image = Image(bytearray(FILES[which]), Layout())
    for at, word in changes:
        at %= len(image.data) - 8
        image.data[at : at + len(word)] = word
    if stamped:
        image.stamp_header(0)
        image.stamp_header(1)
        image.stamp_log()
    survives(image.data)


@settings(max_examples=200, deadline=None)
@given(
    fields=st.lists(
        st.tuples(
            st.integers(0, 12),
            st.integers(0, 3),
            st.tuples(st.integers(0, 3), st.sampled_from([0, 10, 45, 80, 0xFFFFFFFF])),
            st.binary(max_size=4),
            st.binary(max_size=20),
        ),
        max_size=12,
    ),
    index=st.integers(0, 2),
)
def test_keys_of_any_content_with_right_checksums(
    fields: list[tuple[int, int, tuple[int, int], bytes, bytes]], index: int
) -> None:
    keys = b"".join(key(kind, parent, name, data, flags) for kind, flags, parent, name, data in fields)
    table = key_table(index, keys)
    storage = parse(storage_file(object_entry(2, REST, len(table)) + object_entry(3, 0, 0xFFFFFFFF), table))
    assert len(storage.values) + len(storage.errors) <= 4 * len(fields) + 4
