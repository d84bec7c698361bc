"""What texts, answers, first screens and scripts say has a translation, and no translation is of what nobody says."""

from __future__ import annotations

import pytest
from babel.messages.pofile import read_po

from forensics.language.spoken import has_words
from tests.language.conditions import conditions
from tests.language.messages import HOME, messages
from tests.language.translations import translated

PARTS = ("text", "screen", "explain", "symptoms", "runbook")
"""Files of translations that are of texts about one case."""


def of_part(part: str) -> set[str]:
    with (HOME / "language" / "ja" / f"{part}.po").open("rb") as file:
        ids = [message.id for message in read_po(file, locale="ja") if message.id]
    return {text for each in ids for text in ([each] if isinstance(each, str) else each)}


def test_what_a_report_says_is_translated() -> None:
    known = translated()
    said = {message for message, file in messages().items() if file.startswith("report/") or file == "case.py"}
    assert {message for message in said if has_words(message) and message not in known} == set()


@pytest.mark.parametrize("part", PARTS)
def test_no_translation_is_stale(part: str) -> None:
    assert of_part(part) - set(messages()) == set()


def test_conditions_of_rules_are_translated_and_no_others() -> None:
    assert of_part("rules") == conditions()
