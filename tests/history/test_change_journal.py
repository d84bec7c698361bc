"""What the records of a journal make of files: journals in memory, as drivers write them."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from forensics.disk.ntfs.journal import ChangeJournal
from forensics.history.change_journal import journal_rows
from forensics.history.needed_files import NeededFile, NeededFiles
from forensics.tables.history import KeyHistoryRow
from testdata.builder.change_journal import (
    CLOSE,
    CREATE,
    DELETE,
    RENAME_NEW,
    RENAME_OLD,
    Change,
    creation,
    deletion,
    journal,
    renaming,
)

HASH = "4209c24da88321c2d1aa5b3e46e0c245"
KEY, OTHER = f"{HASH}_64023be8-9c1a-4eee-b6ec-0f951b6c7610", f"{HASH}_9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162"
KEYS, AWAY = 42, 43
FOLDERS = {"k": KEYS, "away": AWAY}
DAY = datetime(2026, 11, 7, 9, 0, tzinfo=UTC)


def rows_of(changes: list[Change]) -> list[KeyHistoryRow]:
    stream = io.BytesIO(journal(changes, FOLDERS, 0))
    folders = {record | 1 << 48: path for path, record in FOLDERS.items()}
    needed = NeededFiles([NeededFile(HASH, "key_file", ["AA"])])
    return journal_rows(ChangeJournal(stream, [(0, len(stream.getvalue()))]), needed, folders.get, 1, "$J")


def told(changes: list[Change]) -> list[tuple[str, str | None, str | None]]:
    return [(row.happened, row.other_name, row.other_folder) for row in rows_of(changes)]


def windows_renaming(path: str, to: str, file: int) -> list[Change]:
    """The records of a new name whose reasons do not add up with that of the old one."""
    return [
        Change(DAY, path, RENAME_OLD, file),
        Change(DAY, to, RENAME_NEW, file),
        Change(DAY, to, RENAME_NEW | CLOSE, file),
    ]


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        (renaming(DAY, f"k/{KEY}", "k/a.old", 7), [("renamed", "a.old", None)]),
        (windows_renaming(f"k/{KEY}", "k/a.old", 7), [("renamed", "a.old", None)]),
        (windows_renaming(f"k/{KEY}", f"away/{KEY}", 7), [("moved", KEY, "away")]),
        # Only what the new record names is known of one that got the right name.
        (windows_renaming("k/restored", f"k/{KEY}", 7), [("named", None, None)]),
        (windows_renaming(f"k/{OTHER}", f"k/{KEY}", 7), [("renamed", KEY, None)]),
        # There and back: the one that came back had the right name before.
        (
            [*windows_renaming(f"k/{KEY}", "k/a.old", 7), *windows_renaming("k/a.old", f"k/{KEY}", 7)],
            [("renamed", "a.old", None), ("renamed", KEY, None)],
        ),
        # One that was closed twice was made once, and deleted once.
        (
            [
                Change(DAY, f"k/{KEY}", CREATE | CLOSE, 7),
                Change(DAY, f"k/{KEY}", CREATE | CLOSE, 7),
                Change(DAY, f"k/{KEY}", DELETE | CLOSE, 7),
                Change(DAY, f"k/{KEY}", DELETE | CLOSE, 7),
            ],
            [("created", None, None), ("deleted", None, None)],
        ),
    ],
)
def test_names_that_come_and_go(changes: list[Change], rows: list[tuple[str, str | None, str | None]]) -> None:
    assert told(changes) == rows


def test_deletions_beside_it_are_counted_with_their_seconds() -> None:
    others = [c for n in range(4) for c in deletion(DAY + timedelta(seconds=n * 0.7), f"k/{n}", 100 + n)]
    far = [c for n in range(4) for c in deletion(DAY + timedelta(minutes=5), f"k/x{n}", 200 + n)]
    (row,) = rows_of([*deletion(DAY, f"k/{KEY}", 7), *others, *far])
    assert (row.together, row.together_seconds) == (4, 3)
    (alone,) = rows_of(deletion(DAY, f"k/{KEY}", 7))
    assert (alone.together, alone.together_seconds) == (0, None)


def test_a_time_that_went_back_is_doubted() -> None:
    created, deleted = rows_of([*creation(DAY, f"k/{KEY}", 7), *deletion(DAY - timedelta(days=3), f"k/{KEY}", 7)])
    assert created.doubt is None
    assert deleted.doubt == (
        "the journal has it behind a change of 2026-11-07 09:00:00 UTC: the clock of the computer was set between the "
        "two"
    )
