"""Values from a disk inside PowerShell commands that a reader will paste."""

from __future__ import annotations

import re

from forensics.tables.sanitise import sanitise

# PowerShell takes typographic single quotes for quotes.
_QUOTES = re.compile("(['\u2018\u2019\u201a\u201b])")


def quoted(text: str) -> str:
    """Return a single-quoted string that PowerShell reads as exactly this text, control characters taken out."""
    return "'" + _QUOTES.sub(r"\1\1", sanitise(text)) + "'"


def file_stem(text: str) -> str:
    """Return a text as part of a file name: letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("._") or "host"
