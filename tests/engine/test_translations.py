"""Texts of rules in another language: read when asked for, with the same values; English where there are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.asked_rules import speak
from forensics.case_tables import CaseTables
from forensics.engine.loader import load_packs
from forensics.engine.rule import RulePackError
from forensics.engine.run import run
from forensics.tables.finding import as_text
from tests.engine.rule_files import tables, write_rules

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
RULE: dict[str, Any] = {
    "values": {"fate": "CASE WHEN this.recoverable = 1 THEN 'still on ' || this.store ELSE 'gone' END"},
    "because": "{{ count: # key, # keys }}:\n- {{ each.subject }}: {{ each.fate }}\n\nOf {{ thumbprint }};"
    " {{ container }}",
    "remedy": "Run:\n    certutil {{ container }}",
    "ja": {
        "title": "キー ファイルを読み取れません",
        "because": "キー {{ count }} 件:\n- {{ each.subject }}: {{ each.fate }}\n\n"
        "拇印は\n{{ thumbprint }}。\n{{ container }}",
        "remedy": "実行:\n    certutil {{ container }}",
        "phrases": {"still on ": "残存: ", "gone": "なし"},
    },
}
ROWS = {
    "key_chain": [
        {"thumbprint": "A1", "access": "denied", "subject": "CN=gone", "store": "gone", "recoverable": True},
        {"thumbprint": "A2", "access": "denied", "subject": "CN=b", "container": 'x"&', "recoverable": False},
    ]
}


def texts(folder: Path, language: str | None, asked: str) -> list[str]:
    packs = load_packs([write_rules(folder, RULE)], built_in=False, language=language)
    [found] = run(packs.spoken(asked), tables(ROWS), AS_OF).findings
    return [found.title, as_text(found.because), as_text(found.remedy)]


def test_filled_in_japanese(tmp_path: Path) -> None:
    # Where a line of the text ends, a blank stands between Japanese and what the disk says, and none before a sign.
    assert texts(tmp_path, "ja", "ja") == [
        "キー ファイルを読み取れません",
        'キー 2 件:\n- CN=gone: 残存: gone\n- CN=b: なし\n\n拇印は A1、A2。x"&',
        "実行:\n    # ルール パックに書かれたままのもの (未確認)\n"
        "    certutil (シェルが解釈する文字を含むため表示しません)",
    ]


def test_english_where_no_other_language_was_read(tmp_path: Path) -> None:
    english = [
        "The key file shuts out who must read it",
        '2 keys:\n- CN=gone: still on gone\n- CN=b: gone\n\nOf A1 and A2; x"&',
        "Run:\n    # as the rule pack has it, not checked\n    certutil (not shown: a shell would act on it)",
    ]
    assert texts(tmp_path, None, "en") == english
    assert texts(tmp_path, None, "ja") == english


@pytest.mark.parametrize(
    ("ja", "line", "message"),
    [
        ("text", 1, "a translation is a mapping of title, because, remedy, phrases"),
        ({"title": "鍵"}, 1, "the translation lacks the text 'because'"),
        ({"title": "鍵", "because": "x", "remedy": ["y"]}, 3, "the translation lacks the text 'remedy'"),
        (
            {"title": "鍵", "because": "x", "colour": "y"},
            3,
            "a translation has no 'colour'; it has title, because, remedy, phrases",
        ),
        ({"title": "鍵", "because": "x", "phrases": ["y"]}, 3, "'phrases' is a mapping of English text to text"),
        (
            {"title": "鍵", "because": "{{ nothing }}"},
            2,
            "'nothing' is no column of the row and no value of the rule",
        ),
    ],
)
def test_a_broken_translation_is_told_once_it_is_read(ja: object, line: int, message: str, tmp_path: Path) -> None:
    folder = write_rules(tmp_path, {"ja": ja})
    assert load_packs([folder], built_in=False).rules[0].translations == {}
    with pytest.raises(RulePackError) as refused:
        load_packs([folder], built_in=False, language="ja")
    assert list(map(str, refused.value.problems)) == [f"{folder}/0-rule.ja.yaml:{line}: {message}"]


def test_findings_of_a_case_are_spoken_in_another_language(tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, RULE)], built_in=False, language="ja")
    english = run(packs, tables(ROWS), AS_OF).findings
    foreign = replace(english[0], rule="of-a-pack-that-is-not-here")
    case = CaseTables([row for rows in tables(ROWS).values() for row in rows], [], AS_OF, [*english, foreign])
    speak(case, packs, "ja")
    assert [f.title for f in case.finding_list] == ["キー ファイルを読み取れません", foreign.title]
    told = case.finding_list[0]
    assert replace(told, title=foreign.title, because=foreign.because, remedy=foreign.remedy) == english[0]


def test_packs_that_are_translated_are_so_wholly() -> None:
    rules = load_packs(language="ja").rules
    packs = {"attestation", "chain", "era2026", "expiry", "hyperv", "rdp", "sysprep", "tpm", "use"}
    lacking = [rule.id for rule in rules if rule.pack in packs and not rule.translations]
    assert lacking == []
    # Without being asked for they are not even parsed.
    assert not any(rule.translations for rule in load_packs().rules)
