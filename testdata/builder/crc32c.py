"""CRC-32C (Castagnoli), byte by byte, as VHDX structures carry it."""

from __future__ import annotations

from functools import lru_cache


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ 0x82F63B78 if value & 1 else value >> 1
        table.append(value)
    return table


_TABLE = _table()


@lru_cache(maxsize=64)
def crc32c(data: bytes) -> int:
    """Return the CRC-32C of ``data``."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def stamp(structure: bytes) -> bytes:
    """Return a structure with its checksum at byte 4, where it has zeros now."""
    return structure[:4] + crc32c(structure).to_bytes(4, "little") + structure[8:]
