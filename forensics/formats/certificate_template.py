"""Values of certificate templates, as the directory writes them and enrolment caches them.

References:
    MS-CRTD (attributes of certificate templates).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from forensics.formats.errors import FormatError
from forensics.language import sentence

_TICKS_PER_SECOND = 10_000_000


def provider_name(text: str) -> str:
    """Drop the number by which the directory orders providers: ``1,Microsoft Platform Crypto Provider``."""
    number, comma, name = text.partition(",")
    return name if comma and number.strip().isdigit() else text


def key_algorithm(policies: Iterable[str]) -> str | None:
    """Return the key algorithm of a template for key storage providers.

    Args:
        policies: Texts of msPKI-RA-Application-Policies: name, type and value of properties, each after a backtick.
    """
    for text in policies:
        fields = text.split("`")
        for name, value in zip(fields, fields[2:], strict=False):
            if name.lower() == "mspki-asymmetric-algorithm":
                return value or None
    return None


def period_seconds(data: bytes) -> int:
    """Return a period in seconds, which the directory keeps as a negative number of 100-nanosecond ticks.

    Raises:
        FormatError: ``bad_length``, or ``bad_period`` for a positive number.
    """
    if len(data) != 8:
        raise FormatError("bad_length", 0, sentence("{count} bytes; a period has 8", count=len(data)))
    ticks: int = struct.unpack("<q", data)[0]
    if ticks > 0:
        message = sentence("a positive number of ticks; the directory keeps periods as negative ones")
        raise FormatError("bad_period", 0, message)
    return -ticks // _TICKS_PER_SECOND
