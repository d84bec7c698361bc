"""Writes registry hives: nested keys with times, class names, security descriptors, every value type and big data.

References:
    - https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

REG_NONE, REG_SZ, REG_EXPAND_SZ, REG_BINARY, REG_DWORD, REG_DWORD_BIG_ENDIAN = range(6)
REG_LINK, REG_MULTI_SZ = 6, 7
REG_QWORD = 11

PAGE = 4096
BASE_BLOCK_SIZE = 4096
BIN_HEADER_SIZE = 32
NONE = 0xFFFFFFFF
SEGMENT = 16344
KEYS_PER_LEAF = 500
DEFAULT_TIME = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)

_KEY_HIVE_ENTRY, _KEY_NO_DELETE, _KEY_COMP_NAME = 0x04, 0x08, 0x20
_VALUE_COMP_NAME = 0x01


def filetime(time: datetime) -> int:
    """Return a UTC time as 100-nanosecond ticks since 1601."""
    return (time - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10


def sz(text: str) -> bytes:
    """Return the data of a REG_SZ or REG_EXPAND_SZ value."""
    return (text + "\0").encode("utf-16-le")


def multi_sz(texts: Iterable[str]) -> bytes:
    """Return the data of a REG_MULTI_SZ value."""
    return ("".join(text + "\0" for text in texts) + "\0").encode("utf-16-le")


def default_security() -> bytes:
    """Return a self-relative descriptor: owner Administrators, full control for SYSTEM and Administrators."""
    system = bytes.fromhex("010100000000000512000000")
    administrators = bytes.fromhex("01020000000000052000000020020000")
    aces = b"".join(struct.pack("<BBHI", 0, 2, 8 + len(sid), 0xF003F) + sid for sid in (system, administrators))
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(aces), 2, 0) + aces
    owner, group = 20, 20 + len(administrators)
    dacl = group + len(system)
    return struct.pack("<BBHIIII", 1, 0, 0x8004, owner, group, 0, dacl) + administrators + system + acl


@dataclass
class KeyWriter:
    """One key to write."""

    name: str
    timestamp: datetime
    class_name: str | None = None
    security: bytes | None = None
    values: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    children: dict[str, KeyWriter] = field(default_factory=dict)

    def set(self, name: str, type: int, data: bytes) -> KeyWriter:
        """Set a value from its raw data; the empty name is the default value."""
        self.values[name] = (type, data)
        return self

    def sz(self, name: str, text: str) -> KeyWriter:
        """Set a REG_SZ value."""
        return self.set(name, REG_SZ, sz(text))

    def expand_sz(self, name: str, text: str) -> KeyWriter:
        """Set a REG_EXPAND_SZ value."""
        return self.set(name, REG_EXPAND_SZ, sz(text))

    def multi_sz(self, name: str, texts: Iterable[str]) -> KeyWriter:
        """Set a REG_MULTI_SZ value."""
        return self.set(name, REG_MULTI_SZ, multi_sz(texts))

    def dword(self, name: str, number: int) -> KeyWriter:
        """Set a REG_DWORD value."""
        return self.set(name, REG_DWORD, struct.pack("<I", number))

    def qword(self, name: str, number: int) -> KeyWriter:
        """Set a REG_QWORD value."""
        return self.set(name, REG_QWORD, struct.pack("<Q", number))

    def binary(self, name: str, data: bytes) -> KeyWriter:
        """Set a REG_BINARY value."""
        return self.set(name, REG_BINARY, data)


class HiveWriter:
    """A hive to write.

    Args:
        name: File name recorded in the base block, such as ``\\SystemRoot\\System32\\Config\\SYSTEM``.
        timestamp: Time of the hive and of every key that is given none.
        minor: Format 1.minor: 3 (XP to 8: ``lf`` lists) or 5 (big data and ``lh`` lists).
        leaf: Sub-key list kind, ``lh``, ``lf`` or ``li``; None takes the one of the format.

    Attributes:
        cells: After :meth:`build`, offset in the file of the data of each key's ``nk`` cell, by path.
    """

    def __init__(self, name: str, timestamp: datetime = DEFAULT_TIME, minor: int = 5, leaf: str | None = None) -> None:
        self.name = name
        self.timestamp = timestamp
        self.minor = minor
        self.leaf = leaf or ("lh" if minor >= 5 else "lf")
        self.root = KeyWriter("ROOT", timestamp)
        self.cells: dict[str, int] = {}

    def key(
        self,
        path: str = "",
        timestamp: datetime | None = None,
        class_name: str | None = None,
        security: bytes | None = None,
    ) -> KeyWriter:
        """Return the key at a ``\\``-separated path, made with its parents where missing; ``""`` is the root."""
        node = self.root
        for part in path.split("\\") if path else []:
            node = node.children.setdefault(part.lower(), KeyWriter(part, self.timestamp))
        node.timestamp = timestamp or node.timestamp
        node.class_name = class_name if class_name is not None else node.class_name
        node.security = security if security is not None else node.security
        return node

    def build(self, sequence: tuple[int, int] = (1, 1), spare: int = 0) -> bytes:
        """Return the hive file.

        Args:
            sequence: Sequence numbers 1 and 2 of the base block; unequal ones make a dirty hive.
            spare: Zero bytes that follow the hive bins, as in files Windows grew ahead.
        """
        bins = _Bins(filetime(self.timestamp))
        keys = list(_breadth_first(self.root))
        cells = {id(key): bins.reserve(_nk_size(key)) for _, key, _ in keys}
        self.cells = {path: BASE_BLOCK_SIZE + cells[id(key)] + 4 for path, key, _ in keys}
        security = _write_security(bins, [key.security or default_security() for _, key, _ in keys])
        for _, key, parent in keys:
            bins.fill(cells[id(key)], self._nk(bins, key, parent, cells, security))
        data = bins.finish()
        root = cells[id(self.root)]
        return base_block(self.name, sequence, self.timestamp, root, len(data), self.minor) + data + bytes(spare)

    def _nk(
        self, bins: _Bins, key: KeyWriter, parent: KeyWriter | None, cells: dict[int, int], security: dict[bytes, int]
    ) -> bytes:
        name, compressed = _name(key.name)
        flags = (_KEY_COMP_NAME if compressed else 0) | (_KEY_HIVE_ENTRY | _KEY_NO_DELETE if parent is None else 0)
        class_name = (key.class_name or "").encode("utf-16-le")
        value_cells = [self._value(bins, *item) for item in key.values.items()]
        return (
            struct.pack(
                "<2sHQIIIIIIIIIIIIIIIHH",
                b"nk",
                flags,
                filetime(key.timestamp),
                0,
                cells[id(parent)] if parent else NONE,
                len(key.children),
                0,
                self._subkeys(bins, key, cells),
                NONE,
                len(value_cells),
                bins.add(struct.pack(f"<{len(value_cells)}I", *value_cells)) if value_cells else NONE,
                security[key.security or default_security()],
                bins.add(class_name) if class_name else NONE,
                max((2 * len(child.name) for child in key.children.values()), default=0),
                max((len((child.class_name or "").encode("utf-16-le")) for child in key.children.values()), default=0),
                max((2 * len(value) for value in key.values), default=0),
                max((len(data) for _, data in key.values.values()), default=0),
                0,
                len(name),
                len(class_name),
            )
            + name
        )

    def _subkeys(self, bins: _Bins, key: KeyWriter, cells: dict[int, int]) -> int:
        children = sorted(key.children.values(), key=lambda child: upper_case(child.name))
        leaves = [
            bins.add(self._leaf(children[start : start + KEYS_PER_LEAF], cells))
            for start in range(0, len(children), KEYS_PER_LEAF)
        ]
        if len(leaves) > 1:
            return bins.add(struct.pack(f"<2sH{len(leaves)}I", b"ri", len(leaves), *leaves))
        return leaves[0] if leaves else NONE

    def _leaf(self, children: Sequence[KeyWriter], cells: dict[int, int]) -> bytes:
        entries = b"".join(struct.pack("<I", cells[id(child)]) + self._hint(child.name) for child in children)
        return self.leaf.encode() + struct.pack("<H", len(children)) + entries

    def _hint(self, name: str) -> bytes:
        if self.leaf == "lh":
            return struct.pack("<I", lh_hash(name))
        if self.leaf == "lf":
            first = name[:4]
            return first.encode("latin-1").ljust(4, b"\0") if all(ord(c) < 256 for c in first) else bytes(4)
        return b""

    def _value(self, bins: _Bins, name: str, typed: tuple[int, bytes]) -> int:
        kind, data = typed
        raw, compressed = _name(name)
        size = len(data)
        if size <= 4:
            location = int.from_bytes(data.ljust(4, b"\0"), "little")
            size |= 0x80000000
        elif size > SEGMENT and self.minor >= 4:
            location = _write_big_data(bins, data)
        else:
            location = bins.add(data)
        flags = _VALUE_COMP_NAME if compressed and raw else 0
        return bins.add(struct.pack("<2sHIIIHH", b"vk", len(raw), size, location, kind, flags, 0) + raw)


def base_block(
    name: str,
    sequence: tuple[int, int],
    timestamp: datetime,
    root_cell: int,
    bins_size: int,
    minor: int = 5,
    file_type: int = 0,
) -> bytes:
    """Return a base block of 4,096 bytes with its checksum."""
    head = struct.pack(
        "<4sIIQIIIIIII", b"regf", *sequence, filetime(timestamp), 1, minor, file_type, 1, root_cell, bins_size, 1
    )
    return seal_base_block((head + name[-31:].encode("utf-16-le")).ljust(BASE_BLOCK_SIZE, b"\0"))


def seal_base_block(block: bytes) -> bytes:
    """Return a base block with the right checksum over its first 508 bytes."""
    checksum = 0
    for word in struct.unpack("<127I", block[:508]):
        checksum ^= word
    checksum = {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(checksum, checksum)
    return block[:508] + struct.pack("<I", checksum) + block[512:]


def upper_case(name: str) -> list[int]:
    """Return the UTF-16 code units of a name in upper case, one unit for one as Windows does it."""
    upper = "".join(c.upper() if len(c.upper()) == 1 and ord(c) < 0x10000 else c for c in name)
    raw = upper.encode("utf-16-le")
    return list(struct.unpack(f"<{len(raw) // 2}H", raw))


def lh_hash(name: str) -> int:
    """Return the hash of a key name in an ``lh`` list."""
    total = 0
    for unit in upper_case(name):
        total = (total * 37 + unit) % (1 << 32)
    return total


class _Bins:
    """Hands out cells in hive bins; a bin is as many pages as its largest cell needs."""

    def __init__(self, time: int) -> None:
        self.data = bytearray()
        self.time = time
        self.free = 0  # offset of the first free byte of the last bin

    def reserve(self, size: int) -> int:
        """Return the offset of a new allocated cell that can hold ``size`` bytes."""
        total = (size + 4 + 7) & ~7
        if self.free + total > len(self.data):
            self._close_bin()
            self._open_bin(total)
        offset = self.free
        struct.pack_into("<i", self.data, offset, -total)
        self.free += total
        return offset

    def fill(self, offset: int, content: bytes) -> None:
        self.data[offset + 4 : offset + 4 + len(content)] = content

    def add(self, content: bytes) -> int:
        offset = self.reserve(len(content))
        self.fill(offset, content)
        return offset

    def finish(self) -> bytes:
        self._close_bin()
        return bytes(self.data)

    def _open_bin(self, needed: int) -> None:
        start = len(self.data)
        size = (BIN_HEADER_SIZE + needed + PAGE - 1) // PAGE * PAGE
        time = self.time if start == 0 else 0
        self.data += struct.pack("<4sIIQQI", b"hbin", start, size, 0, time, 0).ljust(size, b"\0")
        self.free = start + BIN_HEADER_SIZE

    def _close_bin(self) -> None:
        left = len(self.data) - self.free
        if left:
            struct.pack_into("<i", self.data, self.free, left)
            self.free = len(self.data)


def _breadth_first(root: KeyWriter) -> Iterator[tuple[str, KeyWriter, KeyWriter | None]]:
    waiting: list[tuple[str, KeyWriter, KeyWriter | None]] = [("", root, None)]
    for path, key, parent in waiting:
        yield path, key, parent
        waiting += [(f"{path}\\{c.name}" if path else c.name, c, key) for c in key.children.values()]


def _nk_size(key: KeyWriter) -> int:
    return 76 + len(_name(key.name)[0])


def _name(name: str) -> tuple[bytes, bool]:
    """Return a name as stored, and whether it is compressed to one byte a character."""
    if all(ord(c) < 256 for c in name):
        return name.encode("latin-1"), True
    return name.encode("utf-16-le"), False


def _write_big_data(bins: _Bins, data: bytes) -> int:
    # A full segment's cell is 16,344 bytes of data and 4 more that no one uses.
    parts = [data[start : start + SEGMENT] for start in range(0, len(data), SEGMENT)]
    segments = [bins.add(part + bytes(4)) for part in parts]
    segment_list = bins.add(struct.pack(f"<{len(segments)}I", *segments))
    return bins.add(struct.pack("<2sHI", b"db", len(segments), segment_list))


def _write_security(bins: _Bins, descriptors: Sequence[bytes]) -> dict[bytes, int]:
    """Write each distinct descriptor once, in a ring of ``sk`` cells, and return their offsets."""
    distinct = list(dict.fromkeys(descriptors))
    offsets = [bins.reserve(20 + len(descriptor)) for descriptor in distinct]
    for i, descriptor in enumerate(distinct):
        after, before = offsets[(i + 1) % len(offsets)], offsets[i - 1]
        head = struct.pack("<2sHIIII", b"sk", 0, after, before, descriptors.count(descriptor), len(descriptor))
        bins.fill(offsets[i], head + descriptor)
    return dict(zip(distinct, offsets, strict=True))
