"""English texts of a result that know of what message and values they were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

BETWEEN = {
    " ": "",
    "; ": "、",
    ", ": "、",
    ", or ": "、または",
    ", and ": "、",
    " and ": "と",
    " or ": "または",
    ": ": ": ",
    " < ": " < ",
}
"""What may stand between joined sentences: in English, and in Japanese."""
MOST_NESTED = 8
"""Format: sentences within sentences that another process or a case file tells."""
MOST_PARTS = 10_000
"""Format: values of such a sentence and of all within it."""

_NO_VALUES: Mapping[str, str | int] = {}
STANDING = "."
"""In the place of a message: a sentence that was a part of others stands alone."""


class Made(NamedTuple):
    """What a sentence was made of.

    Attributes:
        message: The English message, with ``{name}`` for each value; of a counted one that of 1; of joined ones what
            stands between them; of one that stands alone :data:`STANDING`.
        many: Of a counted one the message of any other count; else empty.
        values: The values by name: numbers and texts, some of which are sentences themselves.
        number: Of a counted one how many; else 0.
    """

    message: str
    many: str
    values: Mapping[str, str | int]
    number: int = 0


class Sentence(str):
    """An English text, as any other, that can be said in another language.

    Attributes:
        made: What it was made of.
    """

    __slots__ = ("made",)
    made: Made

    def __new__(cls, text: str, made: Made) -> Sentence:
        """Return the text with what it was made of."""
        self = super().__new__(cls, text)
        self.made = made
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Sentence, (str(self), self.made)


def message(text: str) -> str:
    """Return a message that is said later, so that it is found here to be translated."""
    return text


def sentence(message: str, /, **values: object) -> Sentence:
    """Return a sentence of a result.

    Args:
        message: English, with ``{name}`` for each value.
        values: The values; a sentence among them is said in the spoken language too, as what an error says
            (:func:`said_by`). Any other text stays as it is.
    """
    if not values:
        return Sentence(message, Made(message, "", _NO_VALUES))
    kept = _kept(values)
    return Sentence(message.format(**kept), Made(message, "", kept))


def _kept(values: Mapping[str, object]) -> dict[str, str | int]:
    return {name: v if isinstance(v, str | int) else _text(v) for name, v in values.items()}


def _text(value: object) -> str:
    return said_by(value) if isinstance(value, BaseException) else str(value)


def sentence_n(one: str, many: str, count: int, /, **values: object) -> Sentence:
    """Return a sentence of a result in which something is counted.

    Args:
        one: English, where ``count`` is 1.
        many: English, for any other count; both may hold ``{count}``.
        count: How many.
        values: As of :func:`sentence`.
    """
    filled = {"count": count, **_kept(values)}
    return Sentence((one if count == 1 else many).format(**filled), Made(one, many, filled, count))


def foreign_sentence(text: object, message: object, many: object, values: object, number: object) -> str:
    """Return a sentence that another process or a stranger's file tells, as its English text and what it was made of.

    One that is nested deeper than :data:`MOST_NESTED`, or has more than :data:`MOST_PARTS` parts, stays a text.

    Raises:
        ValueError: That is not what a sentence is made of.
    """
    match text, message, many, values, number:
        case str(), str(), str(), dict(), int():
            # Copied, because whoever told it could put the sentence itself into it.
            made = Made(message, many, {**values}, number)
        case _:
            raise ValueError("a sentence is not as keymortem tells it")
    if not all(isinstance(name, str) and isinstance(value, str | int) for name, value in made.values.items()):
        raise ValueError("a value of a sentence is neither text nor number")
    return Sentence(text, made) if message and _is_small(made) else str(text)


def _is_small(made: Made) -> bool:
    parts, level = 0, [made]
    for _depth in range(MOST_NESTED):
        parts += sum(len(each.values) for each in level)
        if parts > MOST_PARTS:
            return False
        level = [v.made for each in level for v in each.values.values() if isinstance(v, Sentence)]
        if not level:
            return True
    return False


def joined(texts: Iterable[str], between: str = " ") -> str:
    """Return sentences after each other as one that can be said in another language.

    Args:
        texts: Sentences, or other texts, which stay as they are.
        between: What stands between them in English; one of :data:`BETWEEN`.
    """
    values = {f"s{number}": text for number, text in enumerate(texts)}
    return Sentence(between.join(values.values()), Made(between, "", dict(values))) if values else ""


def renamed(text: str, name: str, other: str) -> str:
    """Return a text with another name wherever one stands in it; a sentence stays one."""
    said = text.replace(name, other)
    if not isinstance(text, Sentence):
        return said
    values = {key: renamed(v, name, other) if isinstance(v, str) else v for key, v in text.made.values.items()}
    return Sentence(said, text.made._replace(values=values))


def standing(text: str) -> str:
    """Return a clause as a sentence that stands alone: in English with a capital letter and a full stop.

    Args:
        text: A clause such as the reason of a chain, without a full stop; empty for none.
    """
    return Sentence(f"{text[0].upper()}{text[1:]}.", Made(STANDING, "", {"text": text})) if text else ""


def said_by(error: BaseException) -> str:
    """Return what an error says: as the sentence that it was raised with, where there is one.

    That is its only argument, or the text beside the number of an error of the operating system.
    """
    for said in error.args[:2]:
        if isinstance(said, Sentence):
            return said
    return str(error)
