"""Timestamps as text: UTC, ISO 8601, ending in Z."""

from __future__ import annotations

from datetime import UTC, datetime


def as_utc(value: datetime) -> datetime:
    """Return ``value`` in UTC; a time without zone is taken as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def format_utc(value: datetime, fraction: bool = False) -> str:
    """Write a time as ``YYYY-MM-DDTHH:MM:SSZ``.

    Args:
        value: The time.
        fraction: Keep microseconds where there are any; otherwise they are cut off.
    """
    utc = value if value.tzinfo is UTC else as_utc(value)
    return utc.isoformat(timespec="auto" if fraction else "seconds").removesuffix("+00:00") + "Z"


def parse_utc(text: str) -> datetime:
    """Read a date, or an ISO 8601 time (UTC where it names no zone).

    Raises:
        ValueError: The text is neither.

    Examples:
        >>> import forensics
        >>> forensics.parse_utc("2026-11-22").isoformat()
        '2026-11-22T00:00:00+00:00'
    """
    return as_utc(datetime.fromisoformat(text.strip()))
