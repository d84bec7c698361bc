"""Headings in bold and severities in colour, for terminals only; nothing from a disk gets into an escape."""

from __future__ import annotations

import re

_COLOURS = {"CRITICAL": "1;31", "HIGH": "31", "MEDIUM": "33", "LOW": "36"}
_SEVERITY = re.compile(rf"^(\s*(?:\d+\. |\* From this follows )?)({'|'.join(_COLOURS)})\b")


def in_bold(line: str) -> str:
    """Set a line in bold."""
    return f"\x1b[1m{line}\x1b[0m"


def in_colour(line: str) -> str:
    """Set the severity with which a line begins in its colour."""
    return _SEVERITY.sub(lambda found: f"{found[1]}\x1b[{_COLOURS[found[2]]}m{found[2]}\x1b[0m", line)
