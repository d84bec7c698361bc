"""CRC-32C (Castagnoli), the checksum of every VHDX structure, fast enough without a compiled extension.

VHDX structures are mostly zeros (a region table has some 80 bytes of content in 64 KiB), so trailing zeros are not
walked: a zero byte multiplies the remainder by x^8, and a power of x is cheap to compute.

References:
    - [MS-VHDX] v8, section 2: checksums are CRC-32C over the structure with its checksum field zero
    - RFC 3720, appendix B.4: test vectors
"""

from __future__ import annotations

import sys
from functools import cache

_POLYNOMIAL = 0x82F63B78
_ONES = 0xFFFFFFFF
_X0 = 1 << 31
_X8 = 1 << 23
_WIDE_FROM = 2048


def _byte_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _byte_table()


@cache
def _wide_table() -> list[int]:
    """Return the remainders of all two-byte values; built only for long data, because it costs milliseconds."""
    low = [_TABLE[value & 0xFF] ^ value >> 8 for value in _TABLE]
    return [a ^ b for b in _TABLE for a in low]


def _multiply(a: int, b: int) -> int:
    """Return a * b modulo the polynomial; bit 31 is x^0, as in the reflected remainder."""
    product = 0
    while a:
        if a & _X0:
            product ^= b
        a = a << 1 & _ONES
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product


@cache
def _zero_bytes(count: int) -> int:
    """Return x^(8 * count) modulo the polynomial."""
    power, base = _X0, _X8
    while count:
        if count & 1:
            power = _multiply(power, base)
        base = _multiply(base, base)
        count >>= 1
    return power


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of ``data``."""
    body = data.rstrip(b"\0")
    zeros = len(data) - len(body)
    remainder = _ONES
    start = 0
    if len(body) >= _WIDE_FROM and sys.byteorder == "little":
        start = len(body) & ~1
        wide = _wide_table()
        for word in memoryview(body)[:start].cast("H"):
            remainder = wide[(remainder ^ word) & 0xFFFF] ^ remainder >> 16
    for byte in body[start:]:
        remainder = _TABLE[(remainder ^ byte) & 0xFF] ^ remainder >> 8
    if zeros:
        remainder = _multiply(remainder, _zero_bytes(zeros))
    return remainder ^ _ONES


def checksum_holds(data: bytes) -> bool:
    """Tell whether a VHDX structure carries its own CRC-32C: a u32 at byte 4, counted as zero."""
    return len(data) >= 8 and crc32c(data[:4] + bytes(4) + data[8:]) == int.from_bytes(data[4:8], "little")
