"""UTC datetimes as FILETIME: 100 ns since 1601."""

from __future__ import annotations

from datetime import UTC, datetime

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def filetime(moment: datetime) -> int:
    """Return ``moment`` as a FILETIME number."""
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * 10_000_000 + since.microseconds * 10


def filetime_bytes(moment: datetime) -> bytes:
    """Return ``moment`` as the eight bytes of a FILETIME."""
    return filetime(moment).to_bytes(8, "little")
