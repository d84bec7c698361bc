"""Unpacks XPRESS with Huffman codes, where libwim is not installed.

References:
    [MS-XCA] 2.2 LZ77+Huffman Decompression Algorithm Details.
"""

from __future__ import annotations

_SYMBOLS = 512
_LENGTHS = _SYMBOLS // 2
_CODE_BITS = 15
_WORD, _BITS = 0xFFFF, 0xFFFFFFFF


def unpack_xpress(chunk: bytes, size: int) -> bytes:
    """Unpack a chunk.

    Args:
        chunk: It.
        size: Bytes that it unpacks to.

    Raises:
        ValueError: It is damaged.
    """
    table = _table(chunk)
    # Zeros follow its end: two words are read ahead of what is decoded.
    data = chunk + bytes(8)
    end = len(data) - 2
    at = _LENGTHS + 4
    hold = int.from_bytes(data[256:258], "little") << 16 | int.from_bytes(data[258:260], "little")
    left = 32
    out = bytearray()
    while len(out) < size:
        entry = table[hold >> 17]
        if entry < 0 or at > end:
            raise ValueError("no such code")
        symbol, length = entry >> 4, entry & 15
        hold = hold << length & _BITS
        left -= length
        if left < 16:
            hold |= (data[at] | data[at + 1] << 8) << 16 - left
            left += 16
            at += 2
        if symbol < 256:
            out.append(symbol)
            continue
        count, bits = symbol & 15, symbol - 256 >> 4
        if count == 15:
            count, at = _long(data, at)
        # No match is shorter.
        count += 3
        distance = 1 << bits | hold >> 32 - bits
        hold = hold << bits & _BITS
        left -= bits
        if left < 16:
            hold |= int.from_bytes(data[at : at + 2], "little") << 16 - left
            left += 16
            at += 2
        start = len(out) - distance
        if start < 0 or len(out) + count > size:
            raise ValueError("a match that leads out of it")
        repeated = bytes(out[start : start + count])
        out += repeated if len(repeated) == count else (repeated * (count // distance + 1))[:count]
    return bytes(out)


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Read the length of a long match, which stands between the words of the codes."""
    count = data[at] + 15
    if count < 270:
        return count, at + 1
    count = int.from_bytes(data[at + 1 : at + 3], "little")
    if count < 15:
        raise ValueError("no such length")
    return count, at + 3


def _table(chunk: bytes) -> list[int]:
    """Return for each 15 bits the symbol that they begin with and the bits of its code; -1 for no code."""
    if len(chunk) < _LENGTHS + 4:
        raise ValueError("cut short")
    by_length: list[list[int]] = [[] for _ in range(_CODE_BITS + 1)]
    for number, byte in enumerate(chunk[:_LENGTHS]):
        by_length[byte & 15].append(2 * number)
        by_length[byte >> 4].append(2 * number + 1)
    table: list[int] = []
    for length in range(1, _CODE_BITS + 1):
        for symbol in by_length[length]:
            table += [symbol << 4 | length] * (1 << _CODE_BITS - length)
        if len(table) > 1 << _CODE_BITS:
            raise ValueError("too many codes")
    return table + [-1] * ((1 << _CODE_BITS) - len(table))
