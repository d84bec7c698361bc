"""The answers of contained children as bytes, and back without trusting whoever wrote them.

A child has read hostile evidence with libraries in C and Rust: should one of them have been made to overwrite memory,
what comes over the pipe may be anything. So an answer consists of plain values (numbers, texts, sentences, bytes,
lists, tuples, dicts, sets, times) and objects of the classes that the reader names, and of nothing else: unpickling
looks up no name outside that list and imports nothing. Objects are made field by field, without ``__init__``; a class
itself is never handed to the unpickler, which could set attributes of it.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import cache
from operator import attrgetter, methodcaller
from types import MemberDescriptorType
from typing import Any

from forensics.contained.failure import ContainedFailure
from forensics.language import Sentence, sentence
from forensics.language.sentences import foreign_sentence

_PLAIN = {f"{each.__module__}.{each.__qualname__}": each for each in (date, datetime, time, timedelta, timezone)}
_SENTENCE = Sentence.__name__
_PROTOCOL = 5


class _Writers(dict[type, Callable[[Any], Any]]):
    """What says of objects of each class how they are made again; those of others are refused."""

    def __missing__(self, cls: type) -> Any:
        # Its name alone: the value may be secret.
        raise pickle.PicklingError(f"an answer holds a {cls.__module__}.{cls.__qualname__}")


class _Reader(pickle.Unpickler):
    """Knows plain types and one function, which makes objects of the classes."""

    def __init__(self, data: bytes, make: Callable[[str, Sequence[Any]], Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._make = make

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for, of the few that there are."""
        if (module, name) == (__name__, _made.__name__):
            return self._make
        try:
            return _PLAIN[f"{module}.{name}"]
        except KeyError:
            raise pickle.UnpicklingError("the name of something that is no part of an answer") from None


def _made(name: str, values: Sequence[Any]) -> Any:
    """Stand in an answer for the function that makes an object again."""
    raise NotImplementedError


def dumped(value: Any, classes: Iterable[type]) -> bytes:
    """Return an answer as bytes.

    Args:
        value: The answer.
        classes: Of the objects in it: data classes, and exceptions, which are their attributes and nothing besides.

    Raises:
        pickle.PicklingError: There is something else in it.
    """
    writer = pickle.Pickler(buffer := io.BytesIO(), _PROTOCOL)
    writer.dispatch_table = _writers(tuple(classes))
    writer.dump(value)
    return buffer.getvalue()


def loaded(data: bytes, classes: Iterable[type]) -> Any:
    """Return the answer that :func:`dumped` wrote, if it did.

    Args:
        data: Whatever a child sent.
        classes: Those that :func:`dumped` was given.

    Raises:
        ContainedFailure: ``bad_answer``.
    """
    known = _readers(tuple(classes))

    def make(name: str, values: Sequence[Any]) -> Any:
        if name == _SENTENCE:
            return foreign_sentence(*values)
        cls, assign = known[name]
        new = cls.__new__(cls)
        for each, value in zip(assign, values, strict=True):
            each(new, value)
        return new

    try:
        return _Reader(data, make).load()
    except Exception:
        # From None: what it holds may be secret, or a stranger's.
        raise ContainedFailure("bad_answer", sentence("what it answered cannot be read")) from None


@cache
def _writers(classes: tuple[type, ...]) -> _Writers:
    known = _Writers({each: _writer(each) for each in classes})
    known[Sentence] = _sentence_written
    for plain in _PLAIN.values():
        known[plain] = methodcaller("__reduce_ex__", _PROTOCOL)
    return known


def _writer(cls: type) -> Callable[[Any], Any]:
    name, values = _name_of(cls), _values_of(_attributes(cls))
    return lambda value: (_made, (name, values(value)))


def _values_of(attributes: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(attributes) > 1:
        return attrgetter(*attributes)
    return lambda value: tuple(getattr(value, each) for each in attributes)


def _sentence_written(value: Sentence) -> Any:
    return _made, (_SENTENCE, (str(value), *value.made))


@cache
def _readers(classes: tuple[type, ...]) -> dict[str, tuple[Any, list[Callable[[Any, Any], None]]]]:
    """Return the classes by their names, and what assigns each of their attributes."""
    return {_name_of(each): (each, [_assigner(each, name) for name in _attributes(each)]) for each in classes}


def _assigner(cls: type, name: str) -> Callable[[Any, Any], None]:
    slot = getattr(cls, name, None)
    if isinstance(slot, MemberDescriptorType):
        # Sooner than by its name.
        return slot.__set__
    return lambda new, value: object.__setattr__(new, name, value)


def _name_of(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _attributes(cls: type) -> tuple[str, ...]:
    if is_dataclass(cls):
        return tuple(field.name for field in fields(cls))
    return ("args", "__dict__")
