"""The language that is spoken, and what messages are in it.

References:
    https://www.gnu.org/software/gettext/manual/gettext.html (message ids, plural forms, LC_ALL, LC_MESSAGES, LANG)
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.language.sentences import BETWEEN, STANDING, Sentence

if TYPE_CHECKING:
    from gettext import GNUTranslations

HOME = Path(__file__).parent
"""Where gettext finds translations."""
LANGUAGES = ("en", "ja")
"""Languages that people may be told in; messages themselves are English."""
MOST_LONGER = 8
"""Format: times that a sentence may be longer than its English text and its message, lest values grow by being said."""

_FIELD = re.compile(r"\{([^\W\d]\w*)\}")
_VALUE = re.compile(r"\{[^{}]*\}")
_WORD = re.compile("[a-z]{2}")
_CLAUSE = re.compile(r"(?:です|でした|ます|ました|ません|ませんでした|ください)(?: \([^()]*\))?$")
"""The end of a clause of Japanese, as translations have it, with a remark behind it."""
_NO_SENTENCES: Mapping[str, Sentence] = {}
_SPOKEN: ContextVar[str] = ContextVar("language", default="en")
_SENTENCES: ContextVar[Mapping[str, Sentence]] = ContextVar("sentences", default=_NO_SENTENCES)


@contextmanager
def speaking(language: str, sentences: Mapping[str, Sentence] | None = None) -> Iterator[None]:
    """Speak a language while this lasts.

    Args:
        language: One of :data:`LANGUAGES`.
        sentences: Of the case that is told, by their English text: for texts that went through a database.

    Raises:
        ValueError: There is no such language, or its translations were not made (:func:`is_made`).

    Examples:
        >>> import forensics
        >>> case = forensics.open_case("case.sqlite")
        >>> with forensics.speaking("ja"):
        ...     text = forensics.compare(case, case).render()
        >>> "比較" in text
        True
    """
    if language not in LANGUAGES:
        raise ValueError(f"there is no language {language!r}; there are {', '.join(LANGUAGES)}")
    if not is_made(language):
        raise ValueError(
            f"the translations of language {language!r} are not made here: keymortem runs from its source and was not "
            "installed; pip install makes them"
        )
    before = _SPOKEN.set(language)
    known = _SENTENCES.set(_SENTENCES.get() if sentences is None else sentences)
    try:
        yield
    finally:
        _SENTENCES.reset(known)
        _SPOKEN.reset(before)


@cache
def is_made(language: str) -> bool:
    """Tell whether there is what gettext reads of a language; installing makes it of the translations."""
    return language == "en" or _catalogue_file(language).is_file()


def spoken_language() -> str:
    """Return the language that is spoken here: one of :data:`LANGUAGES`."""
    return _SPOKEN.get()


def language_of_environment() -> str:
    """Return the language that the environment asks for: by the first of LC_ALL, LC_MESSAGES and LANG that is set."""
    asked = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    language = asked.partition(".")[0].partition("_")[0].lower()
    return language if language in LANGUAGES else "en"


def _(message: str, /, **values: object) -> str:
    """Return a message in the spoken language.

    Args:
        message: English, with ``{name}`` for each value.
        values: The values; a sentence among them is said in the spoken language too.
    """
    if (language := _SPOKEN.get()) == "en":
        return message.format(**values) if values else message
    said = _catalogue(language).gettext(message)
    return said.format(**_told_values(values)) if values else said


def _n(one: str, many: str, count: int, /, **values: object) -> str:
    """Return a message in which something is counted, in the spoken language.

    Args:
        one: English, where ``count`` is 1.
        many: English, for any other count; both may hold ``{count}``.
        count: How many.
        values: As of :func:`_`.
    """
    language = _SPOKEN.get()
    said = (one if count == 1 else many) if language == "en" else _catalogue(language).ngettext(one, many, count)
    return said.format(count=count, **_told_values(values))


def told(text: str) -> str:
    """Return a text of a result in the spoken language.

    Args:
        text: A sentence; or its English text, of a case whose sentences are known (:func:`speaking`). What is neither
            stays as it is: it may be a name.
    """
    if (language := _SPOKEN.get()) == "en":
        return text
    known = text if isinstance(text, Sentence) else _SENTENCES.get().get(text)
    return text if known is None else _told(known, language)


def _told(text: Sentence, language: str) -> str:
    # A stranger's case file may name any message with any values, and sentences within sentences.
    said = _said(text, language)
    return said if len(said) <= MOST_LONGER * (len(text) + len(text.made.message)) else str(text)


def _said(text: Sentence, language: str) -> str:
    message, many, values, number = text.made
    filled = _told_values(values)
    if message in BETWEEN:
        return _following([str(value) for value in filled.values()], BETWEEN[message])
    if message == STANDING:
        return _standing(text, str(filled.get("text", text)))
    catalogue = _catalogue(language)
    said = catalogue.ngettext(message, many, number) if many else catalogue.gettext(message)
    if said in (message, many) and (has_words(message) or not _is_frame(message)):
        return str(text)
    try:
        return said.format(**filled) if filled else said
    except (LookupError, ValueError):
        return str(text)


def _following(texts: Sequence[str], between: str) -> str:
    """Return texts after each other: in Japanese a whole clause ends as a sentence where another one follows."""
    ends = ("。" if between == "、" and _CLAUSE.search(text) else between for text in texts[:-1])
    return "".join([*(f"{text}{end}" for text, end in zip(texts, ends, strict=False)), *texts[-1:]])


def _standing(text: Sentence, said: str) -> str:
    """Return a sentence with the full stop of its language; as it is in English where it has no translation."""
    if said == text.made.values.get("text"):
        return str(text)
    return said if said.endswith("。") else f"{said}。"


@lru_cache(maxsize=1024)
def has_words(message: str) -> bool:
    """Tell whether there is anything to translate in a message besides its values and names such as KEY_PROV_INFO."""
    return _WORD.search(_VALUE.sub("", message)) is not None


@lru_cache(maxsize=1024)
def _is_frame(message: str) -> bool:
    """Tell whether a message that no catalogue holds says each value once and as it is.

    It may be a stranger's, in which ``{a}{a}`` within another such, or ``{a:>1000000000}``, would take all memory.
    """
    names = _FIELD.findall(message)
    return len(set(names)) == len(names) and not set("{}") & set(_FIELD.sub("", message))


def _told_values(values: Mapping[str, object]) -> dict[str, object]:
    return {name: told(value) if isinstance(value, Sentence) else value for name, value in values.items()}


def listed(texts: Iterable[str], last: str = ", ") -> str:
    """Return texts as a list stands in a sentence of the spoken language.

    Args:
        texts: The items.
        last: What stands before the last of them in English, such as ``" and "``.
    """
    if _SPOKEN.get() == "ja":
        return "、".join(texts)
    *others, end = list(texts) or [""]
    return f"{', '.join(others)}{last}{end}" if others else end


@cache
def _catalogue(language: str) -> GNUTranslations:
    from gettext import GNUTranslations

    with _catalogue_file(language).open("rb") as file:
        return GNUTranslations(file)


def _catalogue_file(language: str) -> Path:
    return HOME / language / "LC_MESSAGES" / "messages.mo"
