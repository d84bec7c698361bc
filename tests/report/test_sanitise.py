"""Text from a disk on a terminal: whatever it is, it stays one harmless line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.report.folded_lines import fold
from forensics.tables.sanitise import LONGEST, sanitise

ANY_TEXT = st.text(alphabet=st.characters(), max_size=500)  # surrogates and unassigned code points too


@given(ANY_TEXT)
def test_no_character_that_is_not_seen(text: str) -> None:
    safe = sanitise(text)
    assert not [c for c in safe if unicodedata.category(c)[0] == "C" or unicodedata.category(c) in ("Zl", "Zp")]
    assert len(safe) <= LONGEST + 3
    assert sanitise(safe) == safe or safe.endswith("...")


@given(ANY_TEXT, st.integers(min_value=1, max_value=200))
def test_folding_loses_no_word(text: str, width: int) -> None:
    safe = sanitise(text)
    assert " ".join(fold(safe, width, "  - ", "    ")).split() == ["-", *safe.split()]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("CN=ordinary, O=Köln GmbH 株式会社", "CN=ordinary, O=Köln GmbH 株式会社"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("a\u202eb\u202cc\u2066d\u200fe\u061cf", "abcdef"),
        ("two\nlines\r\n and\ttabs\u2028more", "two lines and tabs more"),
        ("a\x00b\x7fc\x85d\x9be", "abc de"),
        ("\ud83d alone", "alone"),
        ("", ""),
    ],
)
def test_examples(text: str, safe: str) -> None:
    assert sanitise(text) == safe


def test_long_values_are_cut_even_when_most_of_them_is_invisible() -> None:
    assert sanitise("x" * LONGEST) == "x" * LONGEST
    assert sanitise("x" * (LONGEST + 1)) == "x" * LONGEST + "..."
    assert sanitise("\u200b" * 10_000 + "x") == "..."


def test_a_pipe_is_not_folded() -> None:
    assert fold("word " * 100, None, "- ", "  ") == ["- " + "word " * 100]


def test_paths_are_never_broken() -> None:
    path = "ProgramData/Microsoft/Crypto/RSA/MachineKeys/f686aace6942fb7f7ceb231212eef4a4_44d42aa2-dee4-4023-bea5"
    assert fold(f"key file {path}", 60, "  ", "    ") == ["  key file", f"    {path}"]
