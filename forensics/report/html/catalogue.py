"""What a page says in another language: its own words, and the sentences of results."""

from __future__ import annotations

from collections.abc import Iterable

from forensics.language import _, listed, told


class Catalogue:
    """The words of one language.

    Args:
        language: The one that is spoken, of :data:`forensics.language.LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, english: str, /, **values: object) -> str:
        """Return words of the report itself, with values put in."""
        return _(english, **values)

    def join(self, texts: Iterable[str]) -> str:
        """Return a list as it stands in a sentence."""
        return listed(texts)

    def sentence(self, text: str) -> str:
        """Return a text of a result."""
        return told(text)
