"""Reads what the subject of a guardian certificate says."""

from __future__ import annotations

import re

from forensics.formats.hyperv.guardian_certificate import GuardianName, parse_guardian_name

GUARDIAN_STORE = "shielded vm local certificates"
"""Name of the store, in lower case."""

_COMMON_NAME = re.compile(r"(?:^|,|\+)CN=((?:\\.|[^,+\\])*)")
_ESCAPED = re.compile(r"\\(.)")


def guardian_name(subject: str | None) -> GuardianName | None:
    """Read the subject (RFC 4514) of a generated guardian certificate; None for any other subject."""
    match = _COMMON_NAME.search(subject or "")
    return parse_guardian_name(_ESCAPED.sub(r"\1", match[1])) if match else None
