"""PKCS#12 (PFX) files, by how they begin: they are told apart, never opened.

References:
    RFC 7292 section 4; ITU-T X.690 (lengths).
"""

from __future__ import annotations

import re

HEAD_SIZE = 16
"""Bytes at the beginning that tell."""

# Shorter is no private key.
_MIN_SIZE = 256
_HEAD = re.compile(rb"\x30(?:\x80|([\x01-\x7f]|\x81.|\x82..|\x83...))(\x02\x01\x03\x30)", re.DOTALL)


def is_pkcs12(head: bytes, size: int) -> bool:
    """Tell whether a file can be PKCS#12 with a key: a SEQUENCE of its own length that begins with version 3.

    Args:
        head: Its first :data:`HEAD_SIZE` bytes.
        size: Bytes of the whole file.
    """
    match = _HEAD.match(head)
    if match is None or size < _MIN_SIZE:
        return False
    # BER of indefinite length says no length.
    return match[1] is None or match.start(2) + int.from_bytes(match[1][1:] or match[1], "big") <= size
