"""A container of Veeam (.vbk) as bytes, in the layout of format 13: slots, one bank of pages, tables, blocks.

References:
    - VeeamPhaser, docs/veeam_file_format.md
    - dissect.archive, c_vbk.py
"""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence

from testdata.builder.crc32c import crc32c

_PAGE = 4096
_IN_TABLE = 1088
_MAX_BANKS = 16
_SLOT = 0x1000
FOLDER, INTERNAL, INCREMENT = 1, 3, 5
PLAIN, ZLIB, LZ4, ZSTD = -1, 3, 7, 8


def literal_lz4(data: bytes) -> bytes:
    """Pack as LZ4 without looking for repeats, behind Veeam's header."""
    more = len(data) - 15
    lengths = b"\xff" * (more // 255) + bytes([more % 255])
    return struct.pack("<III", 0xF800000F, zlib.crc32(data), len(data)) + b"\xf0" + lengths + data


class _Bank:
    """The pages of the one bank, and the blocks of all files."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []
        self.blocks: list[tuple[bytes, int, bytes]] = []

    def page(self, data: bytes = b"") -> int:
        self.pages.append(data.ljust(_PAGE, b"\0"))
        return len(self.pages) - 1

    def vector(self, items: Sequence[bytes]) -> int:
        """Store items of one size; return the page of their table."""
        table = self.page()
        size = len(items[0]) if items else 1
        each = _PAGE // size
        pages = [self.page(b"".join(items[at : at + each])) for at in range(0, len(items), each)]
        self.pages[table] = struct.pack("<qq", -1, table) + struct.pack(f"<{len(pages)}q", *pages)
        self.pages[table] = self.pages[table].ljust(_PAGE, b"\0")
        return table


def vbk(
    files: Mapping[str, bytes],
    *,
    compression: int = PLAIN,
    packed: Callable[[bytes], bytes] = bytes,
    kind: int = INTERNAL,
    flags: int = 0,
    version: int = 13,
    seed: int = 1,
    block: int = 1 << 20,
) -> bytes:
    """Write a backup with one folder.

    Args:
        files: Content by name in the folder.
        compression: Kind of the compression of each block.
        packed: What compresses one.
        kind: Kind of the files.
        flags: Of the bank; 2 for encrypted.
        version: Of the format.
        seed: Mixes the order of the blocks in the file.
        block: Bytes of a block.
    """
    bank = _Bank()
    items = [_file(bank, name, content, compression, packed, kind, block) for name, content in files.items()]
    folder = _item(
        FOLDER, "6745a759-2205-4cd2-b172-8ec8f7e60ef8 (web01)", struct.pack("<qI", bank.vector(items), len(items))
    )
    root = bank.vector([folder])
    slot_size = -(-(8 + 108 + 16 * _MAX_BANKS) // _PAGE) * _PAGE
    data_at = _SLOT + 2 * slot_size
    order = list(range(len(bank.blocks)))
    random.Random(seed).shuffle(order)
    data, places = bytearray(), {}
    for number in order:
        places[number] = data_at + len(data)
        data += bank.blocks[number][0]
    stored = [
        struct.pack(
            "<BIQIB16sbBII16s", 4, 1, places[n], len(d), 0, hashlib.md5(d).digest(), c, 0, len(d), len(plain), bytes(16)
        )
        for n, (d, c, plain) in enumerate(bank.blocks)
    ]
    store = bank.vector(stored)
    bank_at = data_at + len(data)
    content = struct.pack("<HH", len(bank.pages), flags).ljust(_PAGE, b"\0") + b"".join(bank.pages) + bytes(_PAGE)
    end = bank_at + len(content)
    slot = struct.pack("<I", 1) + struct.pack("<QQI", 7, end, 1) + struct.pack("<qQ", root, 1)
    slot += struct.pack("<qQqqqq", store, len(stored), -1, -1, -1, -1) + struct.pack("<qQQ", -1, 0, 0)
    slot += struct.pack("<II", _MAX_BANKS, 1) + struct.pack("<IQI", crc32c(content), bank_at, len(content))
    slot = slot.ljust(4 + 108 + 8 + 16 * _MAX_BANKS, b"\0")
    slot = (struct.pack("<I", crc32c(slot)) + slot).ljust(slot_size, b"\0")
    header = struct.pack("<III251sIIB", version, 1, 3, b"md5", 9, block, 3).ljust(_PAGE, b"\0")
    return header + slot + slot + bytes(data) + content


def _file(
    bank: _Bank, name: str, content: bytes, compression: int, packed: Callable[[bytes], bytes], kind: int, block: int
) -> bytes:
    descriptors = []
    for at in range(0, len(content), block):
        plain = content[at : at + block]
        if plain == bytes(len(plain)):
            descriptors.append(struct.pack("<IB16sQB16s", len(plain), 1, bytes(16), 0, 0, bytes(16)))
            continue
        digest = hashlib.md5(plain).digest()
        descriptors.append(struct.pack("<IB16sQB16s", len(plain), 0, digest, len(bank.blocks), 0, bytes(16)))
        bank.blocks.append((packed(plain), compression, plain))
    tables = []
    for at in range(0, len(descriptors), _IN_TABLE):
        part = descriptors[at : at + _IN_TABLE]
        tables.append(struct.pack("<qQQ", bank.vector(part), block, len(part)))
    vector = bank.vector(tables)
    return _item(kind, name, struct.pack("<HBBqQQQ", 0, 0, 8, vector, len(descriptors), len(content), len(content)))


def _item(kind: int, name: str, more: bytes) -> bytes:
    return struct.pack("<II128sqI", kind, len(name), name.encode(), -1, 0) + more.ljust(44, b"\0")
