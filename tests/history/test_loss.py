"""When a key lost its file, from what witnesses say: rows by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forensics.history.loss import Replaced, with_loss, with_proof
from forensics.tables.history import KeyHistoryRow
from forensics.tables.key_chain import KeyChainRow
from tests.hand_made import chain

NOW, BEFORE = "64023be8-9c1a-4eee-b6ec-0f951b6c7610", "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162"
HASH = "4209c24da88321c2d1aa5b3e46e0c245"
KEY, OLD = f"{HASH}_{NOW}", f"{HASH}_{BEFORE}"
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
DAY = datetime(2026, 11, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return DAY + timedelta(days=number)


def row(happened: Any, number: int, witness: Any = "change_journal", name: str = KEY, **more: Any) -> KeyHistoryRow:
    return KeyHistoryRow(
        machine_id=1,
        source_path="j",
        file_name=name,
        what=more.pop("what", "key_file"),
        folder=KEYS,
        thumbprints=["AA"],
        happened=happened,
        at=day(number),
        witness=witness,
        **more,
    )


def dead(**values: Any) -> KeyChainRow:
    known = {"thumbprint": "AA", "verdict": "unusable", "key_file": "absent", "broken_at": "key_file"}
    return chain(**(known | {"not_before": day(-9)} | values))


def times(found: KeyChainRow) -> tuple[object, ...]:
    return found.lost_at, found.lost_by, found.lost_after, found.lost_before


def test_the_journal_dates_a_loss_and_what_else_was_seen_bounds_it() -> None:
    rows = [
        row("deleted", 5),
        row("existed", 3, "audit_log"),
        row("deleted", 6, "audit_log"),
        row("existed", 2, "shadow_copy"),
        row("not_there", 7, "shadow_copy"),
    ]
    found = with_loss(dead(), rows, NOW)
    assert times(found) == (day(5), "deleted", day(3), None)
    # What the Security log calls a deletion is likely one: it dates nothing by itself.
    assert times(with_loss(dead(), rows[1:], NOW)) == (None, None, day(3), day(7))
    assert times(with_loss(dead(), rows[3:], NOW)) == (None, None, day(2), day(7))


def test_a_copy_from_before_the_certificate_bounds_nothing() -> None:
    rows = [row("not_there", 3, "shadow_copy", name=HASH)]
    assert with_loss(dead(not_before=day(4)), rows, NOW).lost_before is None
    assert with_loss(dead(not_before=day(2)), rows, NOW).lost_before == day(3)


def test_a_copy_without_the_file_that_is_older_than_one_with_it_bounds_nothing() -> None:
    rows = [row("not_there", 1, "shadow_copy", name=HASH), row("existed", 2, "shadow_copy")]
    assert times(with_loss(dead(), rows, NOW)) == (None, None, day(2), None)


def test_a_key_file_that_got_another_suffix_was_lost_by_that() -> None:
    rows = [row("renamed", 2, other_name=OLD), row("existed", 9, "shadow_copy", name=OLD)]
    found = with_loss(dead(key_file="other_machine_guid"), rows, NOW)
    assert (found.lost_at, found.lost_by, found.lost_file) == (day(2), "renamed", KEY)
    # What is there under its old name was not lost when a copy last had it.
    assert found.lost_after is None
    assert with_loss(dead(key_file="other_machine_guid"), rows[1:], NOW).lost_after is None


def test_a_key_file_that_got_the_right_suffix_came_by_that() -> None:
    rows = [row("renamed", 2, name=OLD, other_name=KEY), row("deleted", 3)]
    assert with_loss(dead(), rows, NOW).lost_at == day(3)


def test_another_suffix_that_is_deleted_is_not_what_windows_lacks() -> None:
    other = f"{HASH}_0badf00d-0000-4000-8000-000000000001"
    found = with_loss(dead(key_file="other_machine_guid"), [row("deleted", 2, name=other)], NOW)
    assert found.lost_at is None


def test_of_a_file_that_was_replaced_the_one_before_was_lost() -> None:
    mismatch = dead(key_file="present", public_key="mismatch", broken_at="public_key")
    rows = [row("deleted", 2), row("created", 3), row("existed", 1, "shadow_copy"), row("existed", 5, "shadow_copy")]
    assert times(with_loss(mismatch, rows, NOW, Replaced(day(3)))) == (day(2), "deleted", day(1), None)
    assert times(with_loss(mismatch, rows[2:], NOW, Replaced(day(3)))) == (None, None, day(1), day(3))
    # Since when the other file is there is not known: the copies may show either.
    assert with_loss(mismatch, rows[2:], NOW, Replaced(None)) == mismatch


IN_COPY = f"k/{KEY} (shadow copy 00000001-0000-4000-8000-000000000000 of 2026-11-05T02:00:00Z)"


@pytest.mark.parametrize(
    ("given", "times_told"),
    [
        # It was written over in place, and has the time at which the one before was made.
        ({"lost_before": day(2), "lost_before_witness": "file_times"}, (None, None, day(5), None)),
        ({"lost_before": day(7), "lost_before_witness": "file_times"}, (None, None, day(5), day(7))),
        ({"lost_after": day(3), "lost_before": day(7)}, (None, None, day(5), day(7))),
        ({"lost_after": day(6), "lost_before": day(7)}, (None, None, day(6), day(7))),
        ({"lost_at": day(6), "lost_by": "deleted"}, (day(6), "deleted", None, None)),
        ({"lost_before": day(2), "recoverable_from": IN_COPY.replace("k/", "b/")}, (None, None, None, day(2))),
        ({"lost_before": day(2), "public_key": "match"}, (None, None, None, day(2))),
    ],
)
def test_a_shadow_copy_that_has_the_right_key_proves_until_when_it_was_there(
    given: dict[str, Any], times_told: tuple[object, ...]
) -> None:
    values: dict[str, Any] = {"key_file": "present", "public_key": "mismatch", "broken_at": "public_key"}
    values |= {"key_file_path": f"k/{KEY}", "recoverable": True, "recoverable_from": IN_COPY}
    assert times(with_proof(dead(**(values | given)), day(5))) == times_told


@pytest.mark.parametrize(
    "well",
    [
        {"verdict": "usable"},
        {"verdict": "unknown"},
        {"key_file": "present", "public_key": "match", "broken_at": "access"},
    ],
)
def test_a_key_that_lacks_no_file_has_lost_none(well: dict[str, Any]) -> None:
    given = dead(**well)
    assert with_loss(given, [row("deleted", 2), row("existed", 1, "shadow_copy")], NOW) is given


def test_a_master_key_that_is_damaged_was_not_lost_when_it_was_last_seen() -> None:
    guid = "2f46d17f-9287-4022-86e6-4304c986198f"
    given = dead(key_file="present", public_key="match", master_key="unreadable", broken_at="master_key")
    seen = row("existed", 2, "deleted_record", name=guid, what="master_key")
    assert with_loss(given, [seen], NOW) is given
    absent = dead(key_file="present", public_key="match", master_key="absent", broken_at="master_key")
    assert with_loss(absent, [seen, row("deleted", 3)], NOW).lost_after == day(2)


def test_a_file_of_the_container_from_before_the_certificate_and_the_identity_is_another_one() -> None:
    rows = [row("deleted", 3, name=OLD), row("existed", 2, "deleted_record", name=OLD)]
    assert with_loss(dead(not_before=day(4)), rows, NOW).lost_after is None
    found = with_loss(dead(not_before=day(1)), rows, NOW)
    assert (found.lost_at, found.lost_file, found.lost_after) == (day(3), OLD, day(2))
