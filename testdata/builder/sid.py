"""Security identifiers as bytes."""

from __future__ import annotations

import struct


def sid_bytes(sid: str) -> bytes:
    """Return the binary form of ``S-1-...``."""
    parts = sid.split("-")
    authority, subs = int(parts[2]), [int(p) for p in parts[3:]]
    return struct.pack("<BB", 1, len(subs)) + authority.to_bytes(6, "big") + struct.pack(f"<{len(subs)}I", *subs)


def sid_text_bytes(sid: str) -> bytes:
    """Return the SID as DPAPI hashes it: UTF-16LE text with its NUL."""
    return sid.encode("utf-16-le") + b"\0\0"
