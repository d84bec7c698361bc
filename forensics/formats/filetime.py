"""FILETIME: 100-nanosecond ticks since 1601-01-01 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def filetime(ticks: int) -> datetime | None:
    """Return the UTC time of ``ticks``; None for zero and for values no calendar holds."""
    if ticks <= 0:
        return None
    try:
        return _EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None
