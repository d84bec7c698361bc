"""The sentences in the rows of a case, and how a case file holds what they were made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any

from forensics.language import Sentence
from forensics.language.sentences import MOST_NESTED, foreign_sentence

MAX_SENTENCE = 1 << 20
"""Format: characters of one sentence in a case file; a longer one is kept in English alone."""


def sentences_in(things: Iterable[Any]) -> dict[str, Sentence]:
    """Return the sentences in rows, or other data classes, by their English text.

    Args:
        things: Objects of data classes; their texts and lists of texts are looked at.
    """
    return {str(each): each for thing in things for each in _of(thing)}


def _of(thing: Any) -> Iterator[Sentence]:
    for value in _values(thing.__class__)(thing):
        # By class: nearly all are something else, and there are thousands.
        if value.__class__ is Sentence:
            yield value
        elif value.__class__ is list:
            yield from (item for item in value if isinstance(item, Sentence))


@cache
def _values(cls: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Return what takes the values of all fields, two or more, from an object."""
    return attrgetter(*(field.name for field in fields(cls)))


def sentences_to_json(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield what each of some sentences was made of, as JSON; one that would be too long is left out."""
    return filter(None, map(sentence_to_json, sentences))


def sentences_from_json(texts: Iterable[str]) -> dict[str, Sentence]:
    """Return the sentences that :func:`sentences_to_json` wrote, by their English text.

    Raises:
        ValueError: It did not write that.
    """
    return {str(made): made for made in map(sentence_from_json, texts) if isinstance(made, Sentence)}


def sentence_to_json(sentence: Sentence) -> str:
    """Return what a sentence was made of, as JSON; what is nested too deep in it is text. Empty: it is too long."""
    plain = json.dumps(_plain(sentence, MOST_NESTED), ensure_ascii=True)
    return plain if len(plain) <= MAX_SENTENCE else ""


def _plain(text: Sentence, depth: int) -> list[Any]:
    message, many, values, number = text.made
    told = {name: _value(value, depth - 1) for name, value in values.items()}
    return [str(text), message, many, told, number]


def _value(value: str | int, depth: int) -> Any:
    if isinstance(value, Sentence):
        return _plain(value, depth) if depth else str(value)
    return value


def sentence_from_json(text: str) -> str:
    """Return the sentence that :func:`sentence_to_json` wrote.

    Raises:
        ValueError: It did not write that.
    """
    if len(text) > MAX_SENTENCE:
        raise ValueError(f"a sentence has more than {MAX_SENTENCE} characters")
    return _sentence(json.loads(text), MOST_NESTED)


def _sentence(plain: Any, depth: int) -> str:
    match plain:
        case [text, message, many, dict(values), number] if depth:
            made = {n: _sentence(v, depth - 1) if isinstance(v, list) else v for n, v in values.items()}
            return foreign_sentence(text, message, many, made, number)
    raise ValueError("a sentence is not as keymortem writes it")
