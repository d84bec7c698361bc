"""Names in a sentence of the spoken language, as the texts of rules have them."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.engine.forms import WORDINGS
from forensics.engine.templates import listed
from forensics.language import spoken_language, told


def all_named(names: Sequence[str]) -> str:
    """Return names with a word before the last one; of very many the first, and how many more there are."""
    return listed([told(name) for name in names], WORDINGS[spoken_language()])
