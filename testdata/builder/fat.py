"""FAT16 and FAT32 volumes with folders and long names, as the EFI system partition is formatted.

References:
    Microsoft, FAT32 File System Specification 1.03.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

SECTOR = 512
_RESERVED = {16: 1, 32: 32}
_ROOT_ENTRIES = 512
_END = {16: 0xFFFF, 32: 0x0FFFFFFF}
_DIRECTORY, _ARCHIVE, _VOLUME_ID, _LONG = 0x10, 0x20, 0x08, 0x0F
_DATE, _TIME = (2024 - 1980) << 9 | 3 << 5 | 4, 9 << 11


@dataclass
class _Folder:
    name: str = ""
    folders: dict[str, _Folder] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def build_fat(files: Mapping[str, bytes], size: int, *, bits: int = 32, label: str = "ESP") -> bytearray:
    """Write a volume.

    Args:
        files: Content by path, ``/``-separated; folders follow from the paths.
        size: Bytes; FAT32 wants 34 MiB at least, FAT16 from 3 to 32 MiB.
        bits: 16 or 32.
        label: Name of the volume.

    Raises:
        ValueError: The files do not fit.
    """
    return FatWriter(size, bits, label).write(files)


class FatWriter:
    """One volume under construction; clusters are single sectors, handed out in order.

    Attributes:
        first_cluster: First cluster by path of each file and folder, once written.
    """

    def __init__(self, size: int, bits: int, label: str) -> None:
        self.bits = bits
        self.sectors = size // SECTOR
        self.first_cluster: dict[str, int] = {}
        self._label = label.encode("ascii").ljust(11)
        root_sectors = _ROOT_ENTRIES * 32 // SECTOR if bits == 16 else 0
        self._reserved = _RESERVED[bits]
        self._table_sectors = -(-(self.sectors * bits // 8) // SECTOR)
        self.table_at = self._reserved * SECTOR
        self._root_at = (self._reserved + 2 * self._table_sectors) * SECTOR
        self.data_at = self._root_at + root_sectors * SECTOR
        self._clusters = self.sectors - self.data_at // SECTOR
        self._table: list[int] = [0xFFFFFFF8 & _END[bits] | 0xF8, _END[bits]]
        self._image = bytearray(size)

    def write(self, files: Mapping[str, bytes]) -> bytearray:
        root = _Folder()
        for path, data in files.items():
            at = root
            *parents, name = path.split("/")
            for parent in parents:
                at = at.folders.setdefault(parent, _Folder(parent))
            at.files[name] = data
        if self.bits == 32:
            start = self._take(1)  # the root folder is cluster 2 by custom
            entries = self._entries(root, "", 0)
            self._put_root(start, entries)
        else:
            entries = self._entries(root, "", 0)
            self._image[self._root_at : self._root_at + len(entries)] = entries
        self._finish()
        return self._image

    def _put_root(self, start: int, entries: bytes) -> None:
        more = -(-len(entries) // SECTOR) - 1
        self._image[self._at(start) : self._at(start) + SECTOR] = entries[:SECTOR].ljust(SECTOR, b"\0")
        if more > 0:
            self._table[start] = self._content(entries[SECTOR:])

    def _entries(self, folder: _Folder, path: str, parent: int) -> bytes:
        """Write what lies in a folder and return its own entries, without ``.`` and ``..``."""
        del parent
        entries = _entry(self._label, _VOLUME_ID, 0, 0) if not path else b""
        number = 0
        for name, data in folder.files.items():
            number += 1
            where = f"{path}/{name}".lstrip("/")
            cluster = self.first_cluster[where] = self._content(data) if data else 0
            entries += _named(name, number, _ARCHIVE, cluster, len(data))
        for name, inner in folder.folders.items():
            number += 1
            where = f"{path}/{name}".lstrip("/")
            own = self._take(1)
            content = _entry(b".".ljust(11), _DIRECTORY, own, 0) + _entry(b"..".ljust(11), _DIRECTORY, 0, 0)
            content += self._entries(inner, where, own)
            self._put_root(own, content)
            self.first_cluster[where] = own
            entries += _named(name, number, _DIRECTORY, own, 0)
        return entries

    def _content(self, data: bytes) -> int:
        count = -(-len(data) // SECTOR)
        first = self._take(count)
        for number in range(count - 1):
            self._table[first + number] = first + number + 1
        self._image[self._at(first) : self._at(first) + len(data)] = data
        return first

    def _take(self, count: int) -> int:
        first = len(self._table)
        if first + count > self._clusters + 2:
            raise ValueError("the files do not fit on the volume")
        self._table += [_END[self.bits]] * count
        return first

    def _at(self, cluster: int) -> int:
        return self.data_at + (cluster - 2) * SECTOR

    def _finish(self) -> None:
        width = "<H" if self.bits == 16 else "<I"
        table = b"".join(struct.pack(width, value) for value in self._table)
        for number in range(2):
            at = self.table_at + number * self._table_sectors * SECTOR
            self._image[at : at + len(table)] = table
        boot = self._boot_sector()
        self._image[:SECTOR] = boot
        if self.bits == 32:
            self._image[6 * SECTOR : 7 * SECTOR] = boot
            free = self._clusters + 2 - len(self._table)
            info = b"RRaA" + bytes(480) + b"rrAa" + struct.pack("<II", free, len(self._table)) + bytes(12)
            self._image[SECTOR : 2 * SECTOR] = info + b"\0\0\x55\xaa"

    def _boot_sector(self) -> bytes:
        small = self.sectors if self.sectors < 0x10000 else 0
        large = 0 if small else self.sectors
        common = struct.pack(
            "<3s8sHBHBHHBHHHII",
            b"\xeb\x58\x90",
            b"MSDOS5.0",
            SECTOR,
            1,
            self._reserved,
            2,
            _ROOT_ENTRIES if self.bits == 16 else 0,
            small if self.bits == 16 else 0,
            0xF8,
            self._table_sectors if self.bits == 16 else 0,
            63,
            255,
            0,
            large if self.bits == 16 else self.sectors,
        )
        if self.bits == 32:
            common += struct.pack("<IHHIHH12x", self._table_sectors, 0, 0, 2, 1, 6)
        common += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 0x4B45594D, self._label, f"FAT{self.bits}   ".encode())
        return common.ljust(510, b"\0") + b"\x55\xaa"


def _named(name: str, number: int, attributes: int, cluster: int, size: int) -> bytes:
    base, _, extension = name.upper().rpartition(".") if "." in name else (name.upper(), "", "")
    if name == name.upper() and name.isascii() and len(base) <= 8 and len(extension) <= 3:
        return _entry(base.ljust(8).encode() + extension.ljust(3).encode(), attributes, cluster, size)
    plain = base.replace(".", "").encode("ascii", "replace").replace(b"?", b"_")
    short = plain[:6] + f"~{number}".encode()
    short = short[:8].ljust(8) + extension[:3].ljust(3).encode("ascii")
    return _long_entries(name, short) + _entry(short, attributes, cluster, size)


def _long_entries(name: str, short: bytes) -> bytes:
    total = 0
    for octet in short:
        total = ((total >> 1) | (total & 1) << 7) + octet & 0xFF
    text = name.encode("utf-16-le")
    if len(text) % 26:
        text = (text + b"\0\0").ljust(-(-(len(text) + 2) // 26) * 26, b"\xff")
    count = len(text) // 26
    entries = b""
    for number in range(count, 0, -1):
        part = text[(number - 1) * 26 : number * 26]
        order = number | (0x40 if number == count else 0)
        entries += bytes([order]) + part[:10] + bytes([_LONG, 0, total]) + part[10:22] + bytes(2) + part[22:]
    return entries


def _entry(short: bytes, attributes: int, cluster: int, size: int) -> bytes:
    high, low = cluster >> 16, cluster & 0xFFFF
    return struct.pack("<11sBBBHHHHHHHI", short, attributes, 0, 0, _TIME, _DATE, _DATE, high, _TIME, _DATE, low, size)
