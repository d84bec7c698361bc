"""Makes sums right again, so that a mutated input is not refused for its sum alone."""

from __future__ import annotations

import hashlib
import struct
import zlib

from forensics.disk.vhdx.crc32c import crc32c
from tests.fuzz import sparse


def put_crc32(data: bytearray, at: int, size: int, where: int) -> None:
    """Put the CRC-32 of some bytes into them, where it counts as zeros; what is cut off stays as it is."""
    if at + size <= len(data):
        data[at + where : at + where + 4] = bytes(4)
        struct.pack_into("<I", data, at + where, zlib.crc32(data[at : at + size]))


def put_fixups(record: bytearray, sector: int = 512) -> None:
    """Write the update sequence of an NTFS record into the ends of its sectors."""
    if len(record) < 8:
        return
    at, count = struct.unpack_from("<HH", record, 4)
    if at + 2 * count > len(record) or not count:
        return
    mark = bytes(record[at : at + 2])
    for number in range(1, min(count, len(record) // sector + 1)):
        end = number * sector
        if record[end - 2 : end] == mark:
            continue
        record[at + 2 * number : at + 2 * number + 2] = record[end - 2 : end]
        record[end - 2 : end] = mark


def put_tar_sums(data: bytes) -> bytes:
    """Make the sums of all headers of a tar right."""
    made = bytearray(data)
    for at in range(0, len(made) - 511, 512):
        if made[at + 257 : at + 262] == b"ustar":
            made[at + 148 : at + 156] = b" " * 8
            made[at + 148 : at + 156] = b"%06o\0 " % sum(made[at : at + 512])
    return bytes(made)


def put_7z_sums(data: bytes) -> bytes:
    """Make the sums of both headers of a 7z right."""
    if len(data) < 32:
        return data
    made = bytearray(data)
    offset, size = struct.unpack_from("<QQ", made, 12)
    struct.pack_into("<I", made, 28, zlib.crc32(made[32 + offset : 32 + offset + size]))
    struct.pack_into("<I", made, 8, zlib.crc32(made[12:32]))
    return bytes(made)


def put_ewf_sums(data: bytes) -> bytes:
    """Make the sums of all sections of an E01 right, and of what a volume and a table hold."""
    made, at = bytearray(data), 13
    for _ in range(64):
        if at + 76 > len(made):
            break
        kind = bytes(made[at : at + 16]).rstrip(b"\0")
        following, size = struct.unpack_from("<QQ", made, at + 16)
        _put_adler(made, at, at + 72)
        end = at + min(size, len(made))
        if kind in (b"volume", b"disk", b"data") and at + 80 < end <= len(made):
            _put_adler(made, at + 76, end - 4)
        elif kind in (b"table", b"table2") and at + 104 < end <= len(made):
            _put_adler(made, at + 76, at + 96)
            _put_adler(made, at + 100, end - 4)
        if following <= at:
            break
        at = following
    return bytes(made)


def _put_adler(data: bytearray, start: int, end: int) -> None:
    if end + 4 <= len(data):
        struct.pack_into("<I", data, end, zlib.adler32(data[start:end]))


def put_gpt_sums(data: bytes) -> bytes:
    """Make the sums of both GPT headers of a small disk, and of their entries, right."""
    made = bytearray(data)
    for at in (512, len(made) - 512):
        if at < 0 or made[at : at + 8] != b"EFI PART" or at + 92 > len(made):
            continue
        entries, count, size = struct.unpack_from("<QII", made, at + 72)
        if entries * 512 < len(made) and count * size < 1 << 20:
            struct.pack_into("<I", made, at + 88, zlib.crc32(made[entries * 512 : entries * 512 + count * size]))
        (length,) = struct.unpack_from("<I", made, at + 12)
        put_crc32(made, at, min(length, 512), 16)
    return bytes(made)


def put_vma_sums(data: bytes) -> bytes:
    """Make the MD5 of the header and of all headers of extents of a VMA right."""
    made = bytearray(data)
    if len(made) < 60:
        return data
    (size,) = struct.unpack_from(">I", made, 56)
    for at in range(min(size, len(made)), len(made) - 511, 512):
        if made[at : at + 4] == b"VMAE":
            made[at + 24 : at + 40] = bytes(16)
            made[at + 24 : at + 40] = hashlib.md5(made[at : at + 512]).digest()
    made[32:48] = bytes(16)
    made[32:48] = hashlib.md5(made[:size]).digest()
    return bytes(made)


def put_wim_sums(data: bytes) -> bytes:
    """Make the SHA-1 of all blobs of a WIM right that are stored as they are."""
    made = bytearray(data)
    if len(made) < 208:
        return data
    size, at = struct.unpack_from("<QQ", made, 48)
    for row in range(at, min(at + (size & (1 << 56) - 1), len(made) - 49), 50):
        stored, start, whole = struct.unpack_from("<QQQ", made, row)
        if stored & (1 << 56) - 1 == whole and start + whole <= len(made):
            made[row + 30 : row + 50] = hashlib.sha1(made[start : start + whole]).digest()
    return bytes(made)


def put_vhdx_sums(data: bytes) -> bytes:
    """Make the CRC-32C of headers, region tables and entries of the log of a VHDX right, which is a sparse input."""
    size, found = sparse.pieces(data)
    whole = {at: bytearray(piece) for at, piece in found}
    for at, piece in whole.items():
        length = {b"head": 4096, b"regi": 65536}.get(bytes(piece[:4]), 0)
        if piece[:4] == b"loge" and len(piece) >= 12:
            length = min(int(struct.unpack_from("<I", piece, 8)[0]), 1 << 18)
        if length < 8 or len(piece) < 8:
            continue
        piece[4:8] = bytes(4)
        structure = bytearray(length)
        for other, content in whole.items():
            if at <= other < at + length:
                structure[other - at : other - at + len(content)] = content[: length - (other - at)]
        struct.pack_into("<I", piece, 4, crc32c(bytes(structure)))
    return sparse.packed(size, [(at, bytes(piece)) for at, piece in whole.items()])
