"""CRC-32C (Castagnoli), the checksum of every VHDX structure, fast enough without a compiled extension.

Trailing zeros are not walked (a region table has some 80 bytes of content in 64 KiB): a zero byte multiplies the
remainder by x^8, and a power of x is cheap to compute. Long data is folded by integer arithmetic, 1 MiB in some 20 ms.

References:
    - [MS-VHDX] v8, section 2: checksums are CRC-32C over the structure with its checksum field zero
    - RFC 3720, appendix B.4: test vectors
"""

from __future__ import annotations

from functools import cache

_POLYNOMIAL = 0x82F63B78
_ONES = 0xFFFFFFFF
_X0 = 1 << 31
_X8 = 1 << 23
_SPARSE = (5685, 1362, 426)
_FOLD_FROM = 1024


def _byte_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _byte_table()


def _fold(body: bytes) -> bytes:
    """Return some 700 bytes that leave, from zeros, the remainder ``body`` leaves from ones.

    The polynomial divides x^5685 + x^1362 + x^426 + 1, and so the same with every exponent times a power of two
    (squaring). With so few terms a division is three shifts of half the data at a time.
    """
    value = int.from_bytes(body, "little") ^ _ONES
    bits = len(body) * 8
    while bits >= _SPARSE[0] + 8:
        scale = 1 << ((bits - 8) // _SPARSE[0]).bit_length() - 1
        top, high, low = (exponent * scale for exponent in _SPARSE)
        # Bit 0 is the highest power of x; this many of them fold upon the rest without meeting themselves.
        count = min(top - high, bits - top) & ~7
        head = value & (1 << count) - 1
        value = value >> count ^ head << top - high - count ^ head << top - low - count ^ head << top - count
        bits -= count
    return value.to_bytes(bits // 8, "little")


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
    if len(body) >= _FOLD_FROM:
        body, remainder = _fold(body), 0
    for byte in body:
        remainder = _TABLE[(remainder ^ byte) & 0xFF] ^ remainder >> 8
    if zeros:
        remainder = _multiply(remainder, _zero_bytes(zeros))
    return remainder ^ _ONES


def checksum_holds(data: bytes) -> bool:
    """Tell whether a VHDX structure carries its own CRC-32C: a u32 at byte 4, counted as zero."""
    return len(data) >= 8 and crc32c(data[:4] + bytes(4) + data[8:]) == int.from_bytes(data[4:8], "little")
