"""Each translation puts in the values of its message, has one form a count, and is in use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import forensics.language
from tests.language.translations import catalogue, compiler

VALUE = re.compile(r"\{([a-z_0-9]+)[^{}]*\}")
HOME = Path(forensics.language.__file__).parent
MESSAGES = [message for message in catalogue() if message.id]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: str(message.id)[:60])
def test_translation_puts_in_the_values_of_its_message(message: object) -> None:
    ids = message.id if isinstance(message.id, tuple) else (message.id,)  # type: ignore[attr-defined]
    said = message.string if isinstance(message.string, tuple) else (message.string,)  # type: ignore[attr-defined]
    assert len(said) == 1
    assert said[0]
    assert not message.fuzzy  # type: ignore[attr-defined]
    assert set(VALUE.findall(said[0])) == set(VALUE.findall(ids[-1]))


def test_files_of_a_language_agree() -> None:
    assert compiler().compiled("ja")


def test_installed_translations_are_those_of_the_files() -> None:
    assert (HOME / "ja" / "LC_MESSAGES" / "messages.mo").read_bytes() == compiler().compiled("ja")
