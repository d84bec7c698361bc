"""Marvin32, the keyed checksum over registry log entries.

References:
    - US patent 8,555,082 B2 (Symmetric-key hash), Niels Ferguson, Microsoft
    - https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct

REGISTRY_SEED = 0x82EF4D887A4E55C5
_MASK = 0xFFFFFFFF


def marvin32(data: bytes | memoryview, seed: int = REGISTRY_SEED) -> int:
    """Return the 64-bit Marvin32 hash of ``data``.

    Args:
        data: Any number of bytes.
        seed: 64-bit key; the default is the one of registry logs.
    """
    whole = len(data) & ~3
    # One padding block carries the 0 to 3 odd bytes and the end mark 0x80; a block of zeros ends the hash.
    tail = int.from_bytes(bytes(data[whole:]) + b"\x80", "little")
    low, high = seed & _MASK, seed >> 32 & _MASK
    for words in (struct.iter_unpack("<I", data[:whole]), ((tail,), (0,))):
        # In one expression each, since a log holds a million words and this loop is the cost of a replay.
        for (word,) in words:
            low = (low + word) & _MASK
            high ^= low
            low = ((low << 20 | low >> 12) + high) & _MASK
            high = ((high << 9 | high >> 23) & _MASK) ^ low
            low = ((low << 27 | low >> 5) + high) & _MASK
            high = (high << 19 | high >> 13) & _MASK
    return high << 32 | low
