"""Every message that the source says has a translation, and every translation is of such a message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

import forensics.language
from forensics.language.spoken import has_words
from tests.cli.help_messages import help_messages
from tests.language.conditions import conditions
from tests.language.messages import HOME, constants, counted, messages
from tests.language.translations import catalogue, translated

CONVERTED = (
    "attestation/answer.py",
    "attestation/trust.py",
    "chain",
    "collectors",
    "contained",
    "disk",
    "dpapi",
    "examining",
    "facts",
    "formats",
    "given_secrets.py",
    "history",
    "registry",
    "sources",
)
"""Rooms whose errors are raised with sentences."""
ERRORS = frozenset(
    {
        "BrokenImage",
        "BrokenStructure",
        "CannotPlaceError",
        "ContainedFailure",
        "EwfReadError",
        "FormatError",
        "NoPlaceError",
        "NoTarget",
        "NotInImageError",
        "NotObtained",
        "RemoteError",
        "SourceError",
        "Unreadable",
        "VhdxReadError",
    }
)
"""Errors whose texts become rows."""
_MAY_RAISE = re.compile("|".join(ERRORS))
_PROSE = re.compile(r"[a-z]{2,},? [a-z]{2,}")


def test_every_message_has_a_translation() -> None:
    known = translated()
    missing = {place: text for text, place in messages().items() if has_words(text) and text not in known}
    assert missing == {}


def test_every_translation_is_of_a_message() -> None:
    said = messages().keys() | constants() | set(help_messages()) | conditions()
    assert sorted(text for text in translated() if text not in said) == []


def _raised() -> Iterator[tuple[str, str]]:
    for room in CONVERTED:
        files = [HOME / room] if room.endswith(".py") else sorted((HOME / room).rglob("*.py"))
        for file in files:
            source = file.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(source)) if _MAY_RAISE.search(source) else ():
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
                    for argument in node.args:
                        if isinstance(argument, ast.Constant | ast.JoinedStr):
                            yield file.relative_to(HOME).as_posix(), ast.unparse(argument)


def test_errors_of_evidence_are_raised_with_sentences() -> None:
    assert [(place, text) for place, text in _raised() if _PROSE.search(text)] == []


@pytest.mark.parametrize("language", [name for name in forensics.language.LANGUAGES if name != "en"])
def test_no_translation_is_the_message_itself(language: str) -> None:
    same = [text for text, said in translated(language).items() if text == said and has_words(text)]
    assert [text for text in same if re.search(r"[a-z]{3,} [a-z]{3,}", text)] == []


def test_counted_messages_are_translated_as_counted_ones() -> None:
    """gettext looks for the pair; an entry of one of the two alone is never found."""
    pairs = {tuple(message.id) for message in catalogue() if isinstance(message.id, tuple)}
    written = {pair for pair in counted() if any(map(has_words, pair))}
    assert written - pairs == set()
