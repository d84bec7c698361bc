"""Names of key files, from the container's name.

References: format notes, "File naming".
"""

from __future__ import annotations

import hashlib
import struct


def _swapped_md5(data: bytes) -> str:
    return "".join(f"{word:08x}" for word in struct.unpack("<4I", hashlib.md5(data).digest()))


def capi_name_hash(container: str) -> str:
    """Hash of a CryptoAPI container: lower-case 8-bit name and its NUL."""
    return _swapped_md5(container.lower().encode("ascii") + b"\0")


def cng_name_hash(container: str) -> str:
    """Hash of a CNG key: lower-case UTF-16LE name and its NUL."""
    return _swapped_md5(container.lower().encode("utf-16-le") + b"\0\0")


def capi_file_name(container: str, machine_guid: str) -> str:
    """File name that CryptoAPI looks for."""
    return f"{capi_name_hash(container)}_{machine_guid}"


def cng_file_name(container: str, machine_guid: str) -> str:
    """File name that the Microsoft Software Key Storage Provider looks for."""
    return f"{cng_name_hash(container)}_{machine_guid}"


def pcp_file_name(container: str) -> str:
    """File name of a key of the Platform Crypto Provider."""
    return hashlib.sha1(container.encode("utf-16-le")).hexdigest() + ".PCPKEY"
