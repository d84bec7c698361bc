"""Reads what the subject of a guardian certificate says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forensics.formats.hyperv.guardian_certificate import GuardianName

GUARDIAN_STORE = "shielded vm local certificates"
"""Name of the store, in lower case."""

_COMMON_NAME = re.compile(r"(?:^|,|\+)CN=((?:\\.|[^,+\\])*)")
_ESCAPED = re.compile(r"\\(.)")


def guardian_name(subject: str | None) -> GuardianName | None:
    """Read the subject (RFC 4514) of a generated guardian certificate; None for any other subject."""
    match = _COMMON_NAME.search(subject or "")
    if match is None:
        return None
    from forensics.formats.hyperv.guardian_certificate import parse_guardian_name

    return parse_guardian_name(_ESCAPED.sub(r"\1", match[1]))
