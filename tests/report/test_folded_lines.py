"""Lines are folded by columns of a terminal, also where no blank stands between words."""

from __future__ import annotations

from forensics.language.folding import columns, padded
from forensics.report.folded_lines import FoldedText, fold

JAPANESE = "キー ファイルの名前の MachineGuid は 1234 ですが、このコンピューターのものは「5678」です。"


def test_english_is_folded_between_words() -> None:
    text = "The key file is named for MachineGuid 1234; this machine's is 5678."
    assert fold(text, 40, "  ", "    ") == [
        "  The key file is named for MachineGuid",
        "    1234; this machine's is 5678.",
    ]


def test_japanese_is_folded_between_any_two_letters_at_its_columns() -> None:
    lines = fold(JAPANESE, 40, "  ", "    ")
    assert lines == [
        "  キー ファイルの名前の MachineGuid は",
        "    1234 ですが、このコンピューターのも",
        "    のは「5678」です。",
    ]
    assert [columns(line) for line in lines] == [38, 39, 22]


def test_no_line_begins_with_a_mark_that_ends_something() -> None:
    text = "あ" * 19 + "い。" + "あ" * 18 + "」、" + "(MachineGuid)。" + "う" * 13 + "ー"
    assert fold(text, 40) == ["あ" * 19, "い。" + "あ" * 17, "あ」、(MachineGuid)。" + "う" * 9, "う" * 4 + "ー"]


def test_no_line_ends_with_a_mark_that_begins_something() -> None:
    assert fold("あ" * 19 + "「い」", 40) == ["あ" * 19, "「い」"]


def test_paths_are_not_broken_in_japanese() -> None:
    path = "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\45ce8faf60a482cea8613ee0b9826bb5"
    assert fold(f"キー ファイルは {path} です", 40, "- ", "  ") == ["- キー ファイルは", f"  {path}", "  です"]


def test_a_pipe_has_whole_lines() -> None:
    assert fold(JAPANESE, None, "  ", "    ") == [f"  {JAPANESE}"]


def test_wide_letters_take_two_columns() -> None:
    assert (columns("キー file"), padded("キー", 6), padded("key", 6)) == (9, "キー  ", "key   ")


def test_nothing_folds_to_its_indent() -> None:
    text = FoldedText(40)
    text.add("", "  ")
    assert text.whole() == "\n"
