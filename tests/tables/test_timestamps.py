"""Times are UTC in tables; people read them in one shape, in UTC or the zone that they ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from forensics.tables.timestamps import format_utc, times_in, told_day, told_time, told_times, zone_name

EVENING = datetime(2026, 12, 4, 20, 30, 5, 999_999, tzinfo=UTC)


def test_sentences_have_one_shape() -> None:
    assert (told_time(EVENING), told_day(EVENING)) == ("2026-12-04 20:30:05 UTC", "2026-12-04")
    assert told_time(datetime(2026, 12, 4, 22, tzinfo=timezone(timedelta(hours=2)))) == "2026-12-04 20:00:00 UTC"
    assert told_time(datetime(2026, 12, 4)) == "2026-12-04 00:00:00 UTC"


@pytest.mark.parametrize(
    ("zone", "time", "day"),
    [
        ("Asia/Tokyo", "2026-12-05 05:30:05 JST", "2026-12-05"),
        ("America/New_York", "2026-12-04 15:30:05 EST", "2026-12-04"),
        ("America/Sao_Paulo", "2026-12-04 17:30:05 -03", "2026-12-04"),
        ("UTC", "2026-12-04 20:30:05 UTC", "2026-12-04"),
    ],
)
def test_a_zone_changes_what_is_read_and_not_what_is_stored(zone: str, time: str, day: str) -> None:
    with times_in(zone):
        assert (told_time(EVENING), told_day(EVENING), zone_name()) == (time, day, zone)
        assert format_utc(EVENING) == "2026-12-04T20:30:05Z"
    assert (told_time(EVENING), zone_name()) == ("2026-12-04 20:30:05 UTC", "UTC")


def test_what_a_calendar_does_not_know_stays_utc() -> None:
    with times_in("Asia/Tokyo"):
        assert told_time(datetime.max.replace(tzinfo=UTC)) == "9999-12-31 23:59:59 UTC"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd", "a\0b"])
def test_a_zone_that_is_not_there_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"), times_in(zone):
        pass


def test_times_within_a_text_are_told() -> None:
    text = (
        "copy of 2026-11-06T22:30:00Z, then 2026-11-07T00:00:00.5Z; not 2026-13-07T00:00:00Z or 12026-11-07T00:00:00Z"
    )
    assert told_times(text) == (
        "copy of 2026-11-06 22:30:00 UTC, then 2026-11-07 00:00:00 UTC; not 2026-13-07T00:00:00Z or "
        "12026-11-07T00:00:00Z"
    )
    with times_in("Asia/Tokyo"):
        assert told_times("2026-11-06T22:30:00Z") == "2026-11-07 07:30:00 JST"
        assert told_times("gone at 2026-11-06 22:30:00 UTC (journal)") == "gone at 2026-11-07 07:30:00 JST (journal)"
