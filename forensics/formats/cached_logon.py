"""What Windows keeps of the last sign-ins of a domain's users (SECURITY\\Cache), still encrypted.

References:
    https://github.com/fortra/impacket (secretsdump.py, NL_RECORD), https://github.com/gentilkiwi/mimikatz
"""

from __future__ import annotations

from dataclasses import field

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

_IS_ENCRYPTED = 1
_NAME_AT = 0x48


@dataclass(frozen=True, slots=True)
class CachedLogon:
    """One sign-in.

    Attributes:
        rid: Number of the account in its domain.
        name_length: Bytes of the account's name.
        iv: 16 bytes.
        data: Cipher text, whole blocks: verifier, and from 0x48 the account's name.
    """

    rid: int
    name_length: int
    iv: bytes = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CachedLogons:
    """All of them, and what opens them.

    Attributes:
        key: Default value of CurrVal of the LSA secret NL$KM; None where it is not there.
        iterations: Rounds of the derivation of a verifier.
        logons: They.
    """

    key: bytes | None = field(default=None, repr=False)
    iterations: int = 10240
    logons: tuple[CachedLogon, ...] = ()


def parse_cached_logon(data: bytes) -> CachedLogon | None:
    """Parse a value NL$1, NL$2 and so on.

    Returns:
        The sign-in; None where the place is empty.

    Raises:
        FormatError: ``truncated``.
    """
    cursor = Cursor(data)
    name_length = cursor.u16("length of the name")
    cursor.take(14, "lengths")
    rid = cursor.u32("number of the account")
    cursor.take(28, "group, time and revision")
    flags = cursor.u32("flags")
    cursor.take(12, "lengths")
    iv = cursor.take(16, "IV")
    cursor.take(16, "checksum")
    body = cursor.take(cursor.remaining)
    if not any(iv) or not flags & _IS_ENCRYPTED:
        return None
    body = body[: len(body) // 16 * 16]
    if len(body) < _NAME_AT + name_length:
        raise FormatError(
            "truncated",
            len(data),
            sentence("a cached sign-in holds no name of {name_length} bytes", name_length=name_length),
        )
    return CachedLogon(rid, name_length, iv, body)


def iterations_of(value: int | None) -> int:
    """Return how many rounds a value NL$IterationCount stands for; those of Windows where there is none."""
    if value is None:
        return 10240
    return value & 0xFFFFFC00 if value > 10240 else value * 1024
