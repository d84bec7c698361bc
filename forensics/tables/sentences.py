"""The sentences in the rows of a case, and how a case file holds what they were made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from forensics.language import Sentence
from forensics.language.sentences import Made

MOST_NESTED = 8
"""Format: sentences within sentences."""


def sentences_in(things: Iterable[Any]) -> dict[str, Sentence]:
    """Return the sentences in rows, or other data classes, by their English text.

    Args:
        things: Objects of data classes; their texts and lists of texts are looked at.
    """
    return {str(each): each for thing in things for each in _of(thing)}


def _of(thing: Any) -> Iterator[Sentence]:
    for field in fields(thing):
        value = getattr(thing, field.name)
        if isinstance(value, Sentence):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, Sentence))


def sentence_to_json(sentence: Sentence) -> str:
    """Return what a sentence was made of, as JSON."""
    return json.dumps(_plain(sentence), ensure_ascii=True)


def _plain(sentence: Sentence) -> list[Any]:
    message, many, values, number = sentence.made
    told = {name: _plain(v) if isinstance(v, Sentence) else v for name, v in values.items()}
    return [str(sentence), message, many, told, number]


def sentence_from_json(text: str) -> Sentence:
    """Return the sentence that :func:`sentence_to_json` wrote.

    Raises:
        ValueError: It did not write that.
    """
    return _sentence(json.loads(text), MOST_NESTED)


def _sentence(plain: Any, depth: int) -> Sentence:
    match plain:
        case [str(text), str(message), str(many), dict(values), int(number)] if depth:
            made = {
                name: _sentence(value, depth - 1) if isinstance(value, list) else _value(value)
                for name, value in values.items()
            }
            return Sentence(text, Made(message, many, made, number))
    raise ValueError("a sentence is not as keymortem writes it")


def _value(value: Any) -> str | int:
    if not isinstance(value, str | int):
        raise ValueError("a value of a sentence is neither text nor number")
    return value
