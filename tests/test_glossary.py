"""Japanese pages, rules and messages use the words of the glossary, and each of its words once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.each import each
from tests.language.translations import translated
from tests.paths import PROJECT

TEXT = (PROJECT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| ")]
TERMS = [row for row in ROWS if len(row) == 3 and row[0] not in ("English", "---")]
SHUNNED = [word for row in ROWS if len(row) == 2 and row[0] not in ("not", "---") for word in row[0].split("、")]
PAGES = sorted([*PROJECT.glob("*.ja.md"), *(PROJECT / "docs").rglob("*.ja.md")])
RULES = sorted((PROJECT / "rules").rglob("*.ja.yaml"))


def shunned(text: str) -> list[str]:
    """Return the words of a text that the glossary replaces; a word that only begins one with a long vowel is none."""
    found = [word for word in SHUNNED if re.search(rf"{re.escape(word)}(?!ー)", text)]
    return [*found, *re.findall(r".{0,3}(?<!証明書)チェーン", text)]


def test_a_term_stands_there_once() -> None:
    assert len(TERMS) > 60
    assert [term for term, count in Counter(row[0] for row in TERMS).items() if count > 1] == []
    assert "秘密鍵" in SHUNNED


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_japanese_page_has_no_word_that_the_glossary_replaces(page: Path) -> None:
    assert shunned(page.read_text(encoding="utf-8")) == []


@each("rule", RULES, ids=lambda rule: rule.name)
def test_a_japanese_text_of_a_rule_has_no_word_that_the_glossary_replaces(rule: Path) -> None:
    assert shunned(rule.read_text(encoding="utf-8")) == []


def test_no_translation_has_a_word_that_the_glossary_replaces() -> None:
    assert {message: found for message, said in translated().items() if (found := shunned(said))} == {}


def test_what_is_found() -> None:
    assert shunned("サーバが秘密鍵を開きます") == ["秘密鍵", "サーバ"]
    assert shunned("サーバーの証明書チェーン") == []
    assert shunned("キーのチェーンが切れています") == ["キーのチェーン"]


def test_every_recipe_of_an_article_is_in_both_languages() -> None:
    names = {page.name for page in PAGES}
    assert names == {
        "README.ja.md",
        "start.ja.md",
        *("sysprep.ja.md", "vtpm-certificates.ja.md", "moving-windows-11.ja.md"),
        *("tpm-attestation.ja.md", "keyiso-rdp.ja.md"),
    }
