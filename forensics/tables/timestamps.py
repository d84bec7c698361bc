"""Timestamps as text: ISO 8601 in tables and documents; in sentences one shape, in UTC or the zone that was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo

from forensics.language import sentence

_ZONE: ContextVar[tzinfo] = ContextVar("zone", default=UTC)
_WRITTEN = re.compile(r"\b([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,6})?(?:Z| UTC\b)")


def as_utc(value: datetime) -> datetime:
    """Return ``value`` in UTC; a time without zone is taken as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def format_utc(value: datetime, fraction: bool = False) -> str:
    """Write a time as ``YYYY-MM-DDTHH:MM:SSZ``, for tables and documents.

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


@contextmanager
def times_in(zone: str) -> Iterator[None]:
    """Have times and days that people read written in a zone while this lasts; tables and documents stay UTC.

    Args:
        zone: Name of a zone of the IANA database, such as ``Asia/Tokyo``.

    Raises:
        ValueError: There is no such zone, or no database of them on this computer.

    Examples:
        >>> import forensics
        >>> case = forensics.open_case("case.sqlite")
        >>> with forensics.times_in("Asia/Tokyo"):
        ...     text = forensics.render(case)
    """
    from zoneinfo import ZoneInfo

    try:
        found = ZoneInfo(zone)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            sentence("there is no time zone {zone}; zones are called as Europe/Berlin or Asia/Tokyo", zone=repr(zone))
        ) from error
    before = _ZONE.set(found)
    try:
        yield
    finally:
        _ZONE.reset(before)


def zone_name() -> str:
    """Return the name of the zone asked for, else UTC."""
    return str(_ZONE.get())


def told_time(value: datetime) -> str:
    """Write a time as sentences have it: ``YYYY-MM-DD HH:MM:SS UTC``, or the abbreviation of the zone asked for."""
    moment = in_zone(value)
    return f"{moment.isoformat(' ')[:19]} {moment.tzname()}"


def told_day(value: datetime) -> str:
    """Write the day of a time, by the calendar of the zone asked for, else UTC."""
    return str(in_zone(value).date())


def told_times(text: str) -> str:
    """Write each time that a text holds, as tables have it or as it was told in UTC, as sentences have it."""
    return _WRITTEN.sub(_told, text) if ":" in text else text


def _told(found: re.Match[str]) -> str:
    try:
        return told_time(datetime.fromisoformat(f"{found[1]}T{found[2]}"))
    except ValueError:
        return found[0]


def in_zone(value: datetime) -> datetime:
    """Return a time in the zone asked for, else UTC, where it lies beyond what a calendar knows."""
    utc = as_utc(value)
    if (zone := _ZONE.get()) is UTC:
        return utc
    try:
        return utc.astimezone(zone)
    except OverflowError:  # certificates that never end do so in the last second of the year 9999
        return utc
