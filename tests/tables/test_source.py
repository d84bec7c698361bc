"""Which entries count as evidence."""

from __future__ import annotations

from forensics.tables.source import SourceEntry, entry_of, leaves

NAMED = SourceEntry("a.vhdx", "disk", [1])
FOLDER = SourceEntry("case", "folder", [2, 3])
FIRST = SourceEntry("case/b.vhdx", "disk", [2], found_in="case")
SECOND = SourceEntry("case/c.zip", "archive", [3], found_in="case")
EMPTY = SourceEntry("empty", "unknown", error="nothing")


def test_a_folder_does_not_count_beside_what_was_found_in_it() -> None:
    assert leaves([NAMED, FOLDER, FIRST, SECOND, EMPTY]) == [NAMED, FIRST, SECOND, EMPTY]
    assert leaves([NAMED, EMPTY]) == [NAMED, EMPTY]
    assert leaves([FOLDER, FIRST]) == [FIRST]
    assert leaves([]) == []


def test_the_same_folder_named_twice() -> None:
    assert leaves([FOLDER, FIRST, FOLDER, FIRST]) == [FIRST, FIRST]


def test_what_lies_in_an_archive_counts_and_the_archive_does_not() -> None:
    archive = SourceEntry("case/d.zip", "archive", [4, 5], found_in="case")
    inside = [SourceEntry(f"case/d.zip/{n}", "disk", [n], found_in="case/d.zip") for n in (4, 5)]
    assert leaves([FOLDER, FIRST, archive, *inside, SECOND]) == [FIRST, *inside, SECOND]


def test_a_configuration_counts_beside_the_disks_found_with_it() -> None:
    named, itself = SourceEntry("a.vmcx", "export"), SourceEntry("a.vmcx", "export", found_in="a.vmcx")
    found = SourceEntry("a.vhdx", "disk", [1], found_in="a.vmcx")
    assert leaves([named, itself, found]) == [itself, found]


def test_a_copy_of_another_does_not_count() -> None:
    copy = SourceEntry("case/b.vhdx.gz", "unknown", found_in="case", same_as="case/b.vhdx")
    assert leaves([FOLDER, FIRST, copy]) == [FIRST]


def test_a_machine_is_found_in_the_piece_of_evidence_and_not_in_its_folder() -> None:
    entries = [NAMED, FOLDER, FIRST, SECOND]
    assert entry_of(entries, 1) is NAMED
    assert entry_of(entries, 3) is SECOND
    assert entry_of(entries, 4) is None
