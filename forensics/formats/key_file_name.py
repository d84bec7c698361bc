"""Names of key files: a hash of the container's name, then the MachineGuid of the day the key was made.

References:
    https://learn.microsoft.com/windows/win32/seccng/key-storage-and-retrieval
"""

from __future__ import annotations

import hashlib
import re
import struct

_NAME = re.compile(r"([0-9a-f]{32})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)


def capi_name_hash(container: str | bytes) -> str:
    """Return the first part of a CAPI key file's name.

    Args:
        container: Container name; the 8-bit form is exact, text outside ASCII is taken as code page 1252 although
            Microsoft only says "ANSI".

    Returns:
        MD5 of the lower-case 8-bit name and a NUL, printed as four little-endian words, 32 lower hex digits.
    """
    raw = container if isinstance(container, bytes) else _lower(container).encode("cp1252", "replace")
    return _words(hashlib.md5(raw.lower() + b"\0", usedforsecurity=False).digest())


def cng_name_hash(container: str) -> str:
    """Return the first part of a CNG key file's name: as in CAPI, but of the UTF-16LE name and its 16-bit NUL."""
    raw = (_lower(container) + "\0").encode("utf-16-le", "surrogatepass")
    return _words(hashlib.md5(raw, usedforsecurity=False).digest())


def tpm_name_hash(container: str) -> str:
    """Return the name of a .PCPKEY file without its ending: SHA-1 of the UTF-16LE name, 40 lower hex digits."""
    return hashlib.sha1(container.encode("utf-16-le", "surrogatepass"), usedforsecurity=False).hexdigest()


def split_key_file_name(name: str) -> tuple[str, str] | None:
    """Return (hash, MachineGuid) of a CAPI or CNG key file name, lower case; None when it is not such a name."""
    found = _NAME.fullmatch(name.lower())
    return (found[1], found[2]) if found else None


def _words(digest: bytes) -> str:
    return "".join(f"{word:08x}" for word in struct.unpack("<4I", digest))


def _lower(text: str) -> str:
    # Windows maps one UTF-16 unit to one; Python's lower() may make two characters of one.
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)
