"""What a page says in another language: its own words, and the sentences that other modules write in English.

Sentences that were filled in already (``The previous DPAPI_SYSTEM was set``) and do not know of what
(:mod:`forensics.language`) are found by the pattern that their entry makes. What no catalogue holds stays English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

from forensics.language import LANGUAGES, _, listed, told

LONGEST = 2000
"""Characters of a sentence that is looked up."""

_VALUE = re.compile(r"\{([a-z_]+)\}")
_ENDS = re.compile(r"(?<=[.]) (?=[A-Za-z])")
_NESTED = frozenset({"why", "what"})
"""Values that are words of the program themselves."""


class Catalogue:
    """The words of one language.

    Args:
        language: The one that is spoken, of :data:`forensics.language.LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = _entries(language)["sentences"]
        self._patterns = _patterns(language)
        self._known: dict[str, str] = {}

    def __call__(self, english: str, /, **values: object) -> str:
        """Return words of the report itself, with values put in."""
        return _(english, **values)

    def join(self, texts: Iterable[str]) -> str:
        """Return a list as it stands in a sentence."""
        return listed(texts)

    def sentence(self, english: str) -> str:
        """Return a sentence, or several, whose values stand in it already."""
        if not self._texts or not english or (said := told(english)) != english:
            return said if self._texts and english else english
        if english not in self._known:
            self._known[english] = self._sentence(english)
        return self._known[english]

    def _sentence(self, english: str) -> str:
        if len(english) > LONGEST:
            return english
        pieces = _ENDS.split(english)
        found = [self._found(piece) for piece in pieces]
        if None in found and (whole := self._found(english)) is not None:
            return whole
        known = (other or f"{piece} " for other, piece in zip(found, pieces, strict=True))
        return "".join(known).rstrip()

    def _found(self, english: str) -> str | None:
        text = self._texts.get(english)
        if text is not None:
            return text
        for pattern, template in self._patterns:
            match = pattern.fullmatch(english)
            if match:
                values = {n: self._found(v) or v if n in _NESTED else v for n, v in match.groupdict().items()}
                return template.format(**values)
        return None


@lru_cache(maxsize=len(LANGUAGES))
def _entries(language: str) -> dict[str, dict[str, str]]:
    """Return the catalogue: the ``sentences`` that others write."""
    if language == "en":
        return {"sentences": {}}
    found: dict[str, dict[str, str]] = json.loads((files(__package__) / f"{language}.json").read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=len(LANGUAGES))
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the sentences with values, those with the most words of their own first."""
    entries = [(english, text) for english, text in _entries(language)["sentences"].items() if _VALUE.search(english)]
    entries.sort(key=lambda entry: -len(_VALUE.sub("", entry[0])))
    return tuple((re.compile(_pattern(english)), text) for english, text in entries)


def _pattern(english: str) -> str:
    pieces = _VALUE.split(english)
    return "".join(f"(?P<{p}>.+?)" if number % 2 else re.escape(p) for number, p in enumerate(pieces))
