"""Each translation puts in the values of its message, has one form a count, and is in use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Message

import forensics.language
from tests.language.translations import catalogue, compiler

VALUE = re.compile(r"\{([a-z_0-9]+)[^{}]*\}")
HOME = Path(forensics.language.__file__).parent


def faults(message: Message) -> Iterator[str]:
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    said = message.string if isinstance(message.string, tuple | list) else (message.string or "",)
    if len(said) != 1 or not said[0]:
        yield f"{ids[0]}: not one form, which Japanese has"
    if message.fuzzy:
        yield f"{ids[0]}: not sure (fuzzy)"
    if set(VALUE.findall(said[0])) != set(VALUE.findall(ids[-1])):
        yield f"{ids[-1]}: other values"


def test_translations_have_one_form_and_put_in_the_values_of_their_messages() -> None:
    """In one test: there are thousands."""
    assert [fault for message in catalogue() if message.id for fault in faults(message)] == []


def test_installed_translations_are_those_of_the_files() -> None:
    assert (HOME / "ja" / "LC_MESSAGES" / "messages.mo").read_bytes() == compiler().compiled("ja")
