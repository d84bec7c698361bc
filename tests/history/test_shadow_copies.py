"""What copies in a row show of one file: copies in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from forensics.disk.shadow_copy import ShadowCopy
from forensics.disk.tree import NotObtained
from forensics.history.needed_files import NeededFile, NeededFiles
from forensics.history.places import Places
from forensics.history.shadow_copies import MAX_COPIES, CopiesSeen, copy_rows
from forensics.tables.history import HistoryOf
from tests.memory_tree import MemoryTree

HASH = "4209c24da88321c2d1aa5b3e46e0c245"
NEW, OLD = f"{HASH}_64023be8-9c1a-4eee-b6ec-0f951b6c7610", f"{HASH}_9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162"
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
DAY = datetime(2026, 11, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return DAY + timedelta(days=number)


def copies(*names: str | None, cut: str = "") -> list[ShadowCopy]:
    """One copy a day with a file of that name, or with none; the newest first."""
    trees = [
        MemoryTree({f"{KEYS}/{name}" if name else f"{KEYS}/": b"k" if name else None}, cut={KEYS: cut} if cut else {})
        for name in names
    ]
    made = [ShadowCopy(f"{n:032x}", day(n), lambda tree=tree: tree) for n, tree in enumerate(trees)]  # type: ignore[misc]
    return made[::-1]


def seen(found: list[ShadowCopy], elsewhere: frozenset[HistoryOf] = frozenset()) -> CopiesSeen:
    needed = NeededFiles([NeededFile(HASH, "key_file", ["AA"])])
    return copy_rows(found, needed, Places({"key_file": [KEYS], "master_key": []}, elsewhere), 1)


def told(found: list[ShadowCopy]) -> list[tuple[object, ...]]:
    return [
        (r.happened, r.file_name, r.at and (r.at - DAY).days, r.since and (r.since - DAY).days)
        for r in seen(found).rows
    ]


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        ([NEW, NEW, None, None], [("existed", NEW, 1, 0), ("not_there", NEW, 2, 1)]),
        # It came between the second and the third.
        ([None, None, NEW], [("not_there", HASH, 1, None), ("existed", NEW, 2, None)]),
        ([None, None, None], [("not_there", HASH, 0, None)]),
        ([OLD, NEW], [("existed", OLD, 0, None), ("existed", NEW, 1, None)]),
        (
            [NEW, None, NEW, None],
            [("existed", NEW, 0, None), ("not_there", NEW, 1, 0), ("existed", NEW, 2, None), ("not_there", NEW, 3, 2)],
        ),
        ([f"{NEW}.bak"], [("not_there", HASH, 0, None)]),
    ],
)
def test_copies_that_show_a_file_alike_are_one_row(names: list[str | None], rows: list[tuple[object, ...]]) -> None:
    assert told(copies(*names)) == rows


def test_a_folder_that_was_not_seen_whole_denies_nothing() -> None:
    assert told(copies(None, cut="only some of its names are listed")) == []
    assert told(copies(NEW, cut="only some of its names are listed")) == [("existed", NEW, 0, None)]


def test_where_keys_lie_on_another_volume_a_copy_of_this_one_denies_nothing() -> None:
    assert seen(copies(None), frozenset(["key_file"])).rows == []


def test_a_copy_without_a_time_is_told_to_be_left_out() -> None:
    found = seen([ShadowCopy("0" * 32, None, lambda: MemoryTree({}))])
    assert (found.rows, found.why) == ([], "one of them has no time")


def test_of_very_many_copies_the_newest_are_looked_into() -> None:
    found = seen(copies(*[NEW] * (MAX_COPIES + 2)))
    assert found.why == f"only the newest {MAX_COPIES} of {MAX_COPIES + 2} were looked into"
    assert [(r.at, r.since) for r in found.rows] == [(day(MAX_COPIES + 1), day(2))]


def test_a_copy_whose_reader_fails_does_not_silence_the_others() -> None:
    def broken() -> MemoryTree:
        raise ZeroDivisionError

    found = seen([*copies(NEW), ShadowCopy("f" * 32, day(-1), broken)])
    assert [(r.happened, r.at) for r in found.rows] == [("existed", day(0))]
    assert found.why == "the one of 2026-10-31 00:00:00 UTC: reading it failed with ZeroDivisionError"


def test_a_name_that_a_key_would_have_with_another_provider_is_missed_by_nobody() -> None:
    other = "91d51b3353f7ab6b4d1f3f6a2f7d9c11"
    files = [NeededFile(HASH, "key_file", ["AA"]), NeededFile(other, "key_file", ["AA"])]
    places = Places({"key_file": [KEYS], "master_key": []})
    rows = copy_rows(copies(NEW, None), NeededFiles(files), places, 1).rows
    assert [(r.happened, r.file_name) for r in rows] == [("existed", NEW), ("not_there", NEW)]
    rows = copy_rows(copies(None, None), NeededFiles(files), places, 1).rows
    assert [(r.happened, r.file_name, r.at) for r in rows] == [("not_there", HASH, day(0))]


def test_a_copy_that_cannot_be_opened_is_named() -> None:
    def closed() -> MemoryTree:
        raise NotObtained("libvshadow is not installed")

    assert (
        seen([ShadowCopy("f" * 32, day(2), closed)]).why
        == "the one of 2026-11-03 00:00:00 UTC: libvshadow is not installed"
    )
