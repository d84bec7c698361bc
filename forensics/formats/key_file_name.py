"""Names of key files: a hash of the container's name, then the MachineGuid of the day the key was made.

References:
    https://learn.microsoft.com/windows/win32/seccng/key-storage-and-retrieval
"""

from __future__ import annotations

import hashlib
import re
import struct

from forensics.formats.code_page import ANSI_CODE_PAGES, decode_ansi, spellings

_NAME = re.compile(r"([0-9a-f]{32})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)


def capi_name_hashes(container: str, code_page: int | None = None) -> frozenset[str]:
    """Return what the first part of a CAPI key file's name can be: one hash for a name of ASCII.

    Beyond ASCII it is over the name in the ANSI code page of the machine, and how that is made lower-case is not
    published: each way gives a hash of its own, of which at most one is the name of a file.

    Args:
        container: Container name.
        code_page: ANSI code page of the machine; None where it is not known.

    Returns:
        MD5 of the lower-case 8-bit name and a NUL, printed as four little-endian words, 32 lower hex digits; none where
        the name cannot be written in the code page.
    """
    if container.isascii():
        return frozenset([_capi_hash(container.lower().encode("ascii"))])
    hashed: set[bytes] = set()
    for text in (_lower(container), _lower_ascii(container)):
        for raw in spellings(text, code_page):
            # bytes.lower() changes the second bytes of double-byte characters too.
            hashed |= {raw, raw.lower()}
    return frozenset(map(_capi_hash, hashed))


def stored_name_hashes(name: bytes, code_page: int | None = None) -> frozenset[str]:
    """Return the same for a name as a CAPI key file stores it.

    Args:
        name: The 8-bit name without its NUL.
        code_page: ANSI code page of the machine; None where it is not known.
    """
    found = {_capi_hash(name.lower())}
    if not name.isascii():
        found.add(_capi_hash(name))
        pages = ANSI_CODE_PAGES if code_page is None else (code_page,)
        for text in {decode_ansi(name, page) for page in pages}:
            found |= capi_name_hashes(text, code_page)
    return frozenset(found)


def cng_name_hashes(container: str) -> frozenset[str]:
    """Return what the first part of a CNG key file's name can be: as in CAPI, but of the UTF-16LE name and its NUL.

    How letters beyond ASCII are made lower-case is not published for CNG either.
    """
    small = {container.lower()} if container.isascii() else {_lower(container), _lower_ascii(container)}
    return frozenset([_hash((name + "\0").encode("utf-16-le", "surrogatepass")) for name in small])


def tpm_name_hash(container: str) -> str:
    """Return the name of a .PCPKEY file without its ending: SHA-1 of the UTF-16LE name, 40 lower hex digits."""
    return hashlib.sha1(container.encode("utf-16-le", "surrogatepass"), usedforsecurity=False).hexdigest()


def split_key_file_name(name: str) -> tuple[str, str] | None:
    """Return (hash, MachineGuid) of a CAPI or CNG key file name, lower case; None when it is not such a name."""
    found = _NAME.fullmatch(name.lower())
    return (found[1], found[2]) if found else None


def find_key_file_name(name: str) -> tuple[str, str] | None:
    """Return the same of a name that holds such a name: a copy with ``.bak`` behind it, or ``copy of`` before."""
    found = _NAME.search(name.lower())
    return (found[1], found[2]) if found else None


def _capi_hash(raw: bytes) -> str:
    return _hash(raw + b"\0")


def _hash(name: bytes) -> str:
    digest = hashlib.md5(name, usedforsecurity=False).digest()
    return struct.pack(">4I", *struct.unpack("<4I", digest)).hex()


def _lower_ascii(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def _lower(text: str) -> str:
    # Windows maps one UTF-16 unit to one; Python's lower() may make two characters of one.
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)
