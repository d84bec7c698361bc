"""Makes what gettext reads of a language's translations: ``python .ci/compile_language.py``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

NEVER = datetime(2000, 1, 1, tzinfo=UTC)
"""No date of the day: the same translations are the same bytes."""
HOME = Path(__file__).parent.parent / "forensics" / "language"


def catalogue_of(language: str) -> Catalog:
    """Return the translations of a language, those of all its files.

    Raises:
        ValueError: Two files translate one message differently.
    """
    whole = Catalog(locale=language, creation_date=NEVER, revision_date=NEVER, fuzzy=False)
    for file in sorted((HOME / language).glob("*.po")):
        with file.open("rb") as stream:
            for message in read_po(stream, locale=language, abort_invalid=True):
                known = whole.get(message.id) if message.id else None
                if known is not None and known.string != message.string:
                    raise ValueError(f"{file.name} translates {message.id!r} differently than another file")
                if message.id and known is None:
                    whole[message.id] = message
    return whole


def compiled(language: str) -> bytes:
    """Return the translations of a language as gettext reads them."""
    write_mo(buffer := io.BytesIO(), catalogue_of(language))
    return buffer.getvalue()


def place_of(language: str) -> str:
    """Return where the compiled file of a language lies, in the folder of all: where gettext looks for its default."""
    return f"{language}/LC_MESSAGES/messages.mo"


def languages() -> Iterator[str]:
    """Yield the languages that there are translations into."""
    yield from sorted(each.name for each in HOME.iterdir() if any(each.glob("*.po")))


def compile_stale() -> None:
    """Write the compiled file of each language where it is missing or older than one it is made of."""
    for language in languages():
        target = HOME / place_of(language)
        newest = max(each.stat().st_mtime_ns for each in (Path(__file__), *(HOME / language).glob("*.po")))
        if not target.exists() or target.stat().st_mtime_ns < newest:
            target.parent.mkdir(exist_ok=True)
            made = target.with_suffix(".made")
            made.write_bytes(compiled(language))
            made.replace(target)


if __name__ == "__main__":
    compile_stale()
