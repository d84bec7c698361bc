"""What the registry holds about LSA secrets, still encrypted, and the boot key that opens them."""

from __future__ import annotations

import re
from dataclasses import field
from datetime import datetime

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

BOOT_KEY_NAMES = ("JD", "Skew1", "GBG", "Data")
"""Sub-keys of Control\\Lsa whose class names hold the boot key, in the order they are put together."""

_ORDER = (8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7)
_CLASS = re.compile(r"[0-9a-fA-F]{8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LsaMaterial:
    """Registry values that lead to DPAPI_SYSTEM and TBAL; a field is None when its key or value is not there.

    Attributes:
        boot_key_classes: Class names of JD, Skew1, GBG and Data.
        pol_ek_list: Default value of Policy\\PolEKList (Vista and later).
        pol_secret_encryption_key: Default value of Policy\\PolSecretEncryptionKey (XP and 2003).
        current: Default value of Policy\\Secrets\\DPAPI_SYSTEM\\CurrVal.
        previous: Default value of OldVal.
        tbal: Default value of CurrVal of the secret of automatic sign-on after a restart.
        current_time: CupdTime, UTC.
        previous_time: OupdTime, UTC.
    """

    boot_key_classes: tuple[str, str, str, str] | None = field(default=None, repr=False)
    pol_ek_list: bytes | None = field(default=None, repr=False)
    pol_secret_encryption_key: bytes | None = field(default=None, repr=False)
    current: bytes | None = field(default=None, repr=False)
    previous: bytes | None = field(default=None, repr=False)
    tbal: bytes | None = field(default=None, repr=False)
    current_time: datetime | None = None
    previous_time: datetime | None = None


def boot_key(classes: tuple[str, str, str, str]) -> bytes:
    """Return the 16-byte boot key.

    Args:
        classes: Class names of JD, Skew1, GBG and Data, eight hex digits each.

    Raises:
        FormatError: ``bad_text`` when a class name is anything else; the message holds none of it.
    """
    for name, text in zip(BOOT_KEY_NAMES, classes, strict=True):
        if not _CLASS.fullmatch(text):
            raise FormatError("bad_text", 0, sentence("the class name of {name} is not eight hex digits", name=name))
    raw = bytes.fromhex("".join(classes))
    return bytes(raw[i] for i in _ORDER)
