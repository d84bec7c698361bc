"""Registry hives with their logs, and the structures in them."""

from __future__ import annotations

import struct

from forensics.disk.errors import SourceError
from forensics.formats.errors import FormatError
from forensics.registry.base_block import base_block_checksum, parse_base_block
from forensics.registry.cells import parse_big_data, parse_cell_list, parse_key_node, parse_key_value, parse_subkey_list
from forensics.registry.hives import open_hive
from forensics.registry.log_entries import LOG_START, parse_dirty_vector, parse_entry, parse_entry_header
from forensics.registry.marvin32 import marvin32
from tests.fuzz.target import Target, hold
from tests.fuzz.targets.formats import told_inside
from tests.memory_tree import MemoryTree

_BLOCK = 512
_MOST_KEYS = 20_000


def _parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return both logs and the hive; the first two bytes of an input count the blocks of each log."""
    first, second = (count * _BLOCK for count in data[:2].ljust(2, b"\0"))
    return data[2 : 2 + first], data[2 + first : 2 + first + second], data[2 + first + second :]


def _hive(data: bytes) -> None:
    log1, log2, hive = _parts(data)
    told: list[str] = []
    tree = MemoryTree({"SYSTEM": hive, "SYSTEM.LOG1": log1, "SYSTEM.LOG2": log2})
    opened = open_hive(tree, "SYSTEM", lambda kind, message, offset: told.append(f"{kind}: {message}"))
    root = opened.key("")
    waiting, seen = [root] if root is not None else [], 0
    while waiting:
        key = waiting.pop()
        seen += 1
        assert seen < _MOST_KEYS, "more keys than bytes"
        assert key.class_name is None or isinstance(key.class_name, str)
        for value in key.values():
            assert isinstance(value.text, str | None)
            assert isinstance(value.number, int | None)
        waiting.extend(key.subkeys())
    for path in ("a\\sub", "Select", "a\\sub\\deeper"):
        found = opened.key(path)
        opened.covers(path)
        opened.covers_values(path)
        assert found is None or found.value("v") is None or found.values() is not None
    assert all(told)


def _hive_seeds() -> list[bytes]:
    from testdata.builder.regf import HiveWriter
    from testdata.builder.regf_log import dirty_with_new_logs, dirty_with_old_log

    def writer(leaf: str, more: int = 0) -> bytes:
        hive = HiveWriter("SYSTEM", leaf=leaf)
        for name in ("a", "b", "c" * 20):
            key = hive.key(name, class_name=f"class {name}").sz("v", name).dword("n", 7).multi_sz("m", ["x", "y"])
            key.binary("w", b"x" * 50)
            hive.key(f"{name}\\sub")
        hive.key("Select").dword("Current", 1)
        for number in range(more):
            hive.key(f"more{number:03}").dword("v", 2)
        return bytes(hive.build())

    big = HiveWriter("SYSTEM")
    big.key("a").binary("v", bytes(20_000))
    found = [bytes(2) + hive for hive in (writer("lh"), writer("lf"), writer("li"), big.build())]
    for make in (dirty_with_new_logs, dirty_with_old_log):
        dirty = make(writer("lh"), writer("lh", 60))
        blocks = bytes(-(-len(log) // _BLOCK) for log in (dirty.log1, dirty.log2))
        logs = b"".join(
            log.ljust(count * _BLOCK, b"\0") for log, count in zip((dirty.log1, dirty.log2), blocks, strict=True)
        )
        found.append(blocks + logs + dirty.hive)
    return found


def _seal_block(data: bytearray, at: int) -> None:
    if at + _BLOCK <= len(data):
        struct.pack_into("<I", data, at + 508, base_block_checksum(bytes(data[at : at + _BLOCK])))


def _sealed_hive(data: bytes) -> bytes:
    """Make the sums of all base blocks and of all entries of logs right."""
    made = bytearray(data)
    log1, log2, _ = _parts(data)
    starts = (2, 2 + len(log1), 2 + len(log1) + len(log2))
    for start, log in zip(starts, (log1, log2, b""), strict=True):
        _seal_block(made, start)
        for at in range(start + _BLOCK, start + len(log), _BLOCK):
            if made[at : at + 4] == b"HvLE":
                sealed = sealed_entry(bytes(made[at : start + len(log)]))
                made[at : at + len(sealed)] = sealed
    return bytes(made)


def sealed_entry(data: bytes) -> bytes:
    """Make both hashes of an entry of a log right."""
    if len(data) < 40:
        return data
    size = min(int(struct.unpack_from("<I", data, 4)[0]), len(data), 1 << 16)
    made = bytearray(data)
    struct.pack_into("<Q", made, 24, marvin32(bytes(made[40:size])))
    struct.pack_into("<Q", made, 32, marvin32(bytes(made[:32])))
    return bytes(made)


def _cells(data: bytes) -> None:
    for parse in (parse_key_node, parse_key_value, parse_subkey_list, parse_big_data):
        told_inside(parse)(data)
    told_inside(lambda part: parse_cell_list(part[1:], part[0] if part else 0))(data)
    told_inside(parse_base_block)(data)


def _cell_seeds() -> list[bytes]:
    from testdata.builder.regf import HiveWriter

    hive = HiveWriter("SYSTEM")
    hive.key("a", class_name="class").sz("v", "text").dword("n", 7)
    data, found = hive.build(), []
    at = 4096 + 32
    while at + 8 < len(data):
        (size,) = struct.unpack_from("<i", data, at)
        if size < 0:
            found.append(data[at + 4 : at - size])
        at += abs(size) or 8
    return [data[:512], *found[:8], b"db\x02\x00\x20\0\0\0", b"lh\x01\x00\x20\0\0\0abcd"]


def _entry(data: bytes) -> None:
    told_inside(parse_entry_header)(data)
    told_inside(parse_entry)(data)
    try:
        parse_dirty_vector(data, 4096 * max(1, len(data) % 9))
    except FormatError as error:
        hold(LOG_START <= error.offset <= LOG_START + len(data), f"refused at byte {error.offset}")


def _entry_seeds() -> list[bytes]:
    from testdata.builder.regf_log import hvle_entry

    return [hvle_entry(7, 8192, [(0, b"a" * 512), (4096, b"b" * 512)]), b"DIRT" + bytes(8)]


TARGETS = (
    Target("hive", _hive, _hive_seeds, _sealed_hive, errors=(SourceError,), is_slow=True, seconds=1),
    Target("hive-cell", _cells, _cell_seeds),
    Target("hive-log-entry", _entry, _entry_seeds, sealed_entry),
)
