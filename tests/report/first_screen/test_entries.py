"""Lines of the first screen: cut where they must be, never in what has to stand whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.language.folding import columns
from forensics.report.first_screen.entries import Entry, Section, Step, cut, short
from forensics.report.first_screen.layout import height, place

LONG = "certutil -x " + "y" * 100


def test_a_line_is_cut_before_its_end() -> None:
    assert cut("abcdefghij", 20, "  ", "; key is sound") == "  a...; key is sound"
    assert cut("abcdefghij", None, "  ", "; key is sound") == "  abcdefghij; key is sound"
    assert cut("abc", 20, "  ", "; key is sound") == "  abc; key is sound"


def test_letters_of_two_columns_count_two() -> None:
    assert columns("鍵の証明") == 8
    assert cut("鍵の証明書です", 9) == "鍵の証..."


@given(st.text(), st.integers(40, 120), st.text(max_size=30))
def test_a_cut_line_fits(text: str, width: int, end: str) -> None:
    assert columns(cut(text, width, "  ", end)) <= max(width, columns(f"  ...{end}"))


def test_thumbprints_are_short() -> None:
    assert short(f"needs {'1ABF8CEB' + 'A' * 32}: gone") == "needs 1ABF8CEB...: gone"
    assert short("0123456789ABCDEF") == "0123456789ABCDEF"


@pytest.mark.parametrize(
    ("length", "indent"), [(10, 6), (74, 6), (75, 5), (78, 2), (79, 6), (200, 6)], ids=lambda value: str(value)
)
def test_a_command_moves_left_where_it_fits_only_there(length: int, indent: int) -> None:
    lines = Entry("what", step=Step("c" * length, is_command=True)).in_short(80)
    assert lines == ["  what", " " * indent + "c" * length]


def test_a_command_without_room_is_replaced_by_its_condition_or_by_where_it_is() -> None:
    entry = Entry("what", mark="HIGH", why="why", step=Step(LONG, is_command=True, unless="If you have a PFX"))
    assert entry.in_short(80) == ["  HIGH what", "    why", "    If you have a PFX", f"      {LONG}"]
    assert entry.without_command(80, "-v") == ["  HIGH what", "    why", "    Do: If you have a PFX: see -v"]
    meant = Entry("what", step=Step(LONG, is_command=True, purpose="Import it " + "again " * 20))
    assert meant.without_command(40, "above") == ["  what", "    Do: Import it again ag...: see above"]
    plain = Entry("what", step=Step(LONG, is_command=True))
    assert plain.without_command(80, "-v") == ["  what", "    Do: see -v"]


def test_everything_is_folded_and_nothing_cut_where_it_was_asked_for() -> None:
    entry = Entry("w " * 60, since="since 2026-11-01", key="key is sound", all_names="all of them", why="y " * 60)
    assert " ".join(entry.whole(80)).split() == [
        *["all", "of", "them,", "since", "2026-11-01;", "key", "is", "sound"],
        *(["y"] * 60),
    ]


def sections() -> list[Section]:
    down = [Entry(f"service {n}", mark="HIGH", why="why", step=Step("mend it", True), weight=2) for n in range(4)]
    rest = [Entry(f"key {n}") for n in range(9)]
    return [
        Section("services", "DOWN", down, share=5, in_full=5),
        Section("savable", "SAVE", rest),
        Section("ending", "ENDS", rest),
    ]


@pytest.mark.parametrize("room", range(9, 40))
def test_what_is_placed_fits_and_counts_what_is_not(room: int) -> None:
    placed = place(sections(), room, 80, "-v")
    assert height([line for one in placed for line in one.lines()], 80) <= room
    for one in placed:
        assert one.more + sum(entry.weight for entry in one.section.entries[: len(one.shown)]) == one.section.count


def test_the_first_section_is_told_in_full_before_the_others_get_more() -> None:
    placed = place(sections(), 19, 80, "-v")
    assert [line for one in placed for line in one.lines()] == [
        "DOWN: 8",
        *(line for n in range(4) for line in (f"  HIGH service {n}", "    why", "      mend it")),
        "SAVE: 9",
        "  key 0",
        "  and 8 more: see -v",
        "ENDS: 9",
        "  key 0",
        "  and 8 more: see -v",
    ]


def test_a_section_without_room_is_a_headline() -> None:
    assert [one.lines()[0] for one in place(sections(), 3, 80, "-v")] == [
        "DOWN: 8: see -v",
        "SAVE: 9: see -v",
        "ENDS: 9: see -v",
    ]
