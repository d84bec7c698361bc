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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import cache
from operator import attrgetter
from types import MemberDescriptorType
from typing import Any

from forensics.contained.failure import ContainedFailure
from forensics.language import Sentence, sentence
from forensics.language.sentences import foreign_sentence

_TIMES = (date, datetime, time, timedelta, timezone)
_PLAIN = {f"{each.__module__}.{each.__qualname__}": each for each in _TIMES}
_SENTENCE = Sentence.__name__


class _Writer(pickle.Pickler):
    """Writes objects of the classes by their names, and refuses those of others."""

    def __init__(self, file: io.BytesIO, classes: Mapping[type, tuple[str, Callable[[Any], Any]]]) -> None:
        super().__init__(file, 5)
        self._classes = classes

    def reducer_override(self, value: Any) -> Any:
        """Return how a value is made again."""
        known = self._classes.get(type(value))
        if known is not None:
            name, values_of = known
            return _made, (name, values_of(value))
        if isinstance(value, Sentence):
            return _made, (_SENTENCE, (str(value), *value.made))
        if (value if isinstance(value, type) else type(value)) in _TIMES or value is _made:
            return NotImplemented
        # Its name alone: the value may be secret.
        raise pickle.PicklingError(f"an answer holds a {type(value).__module__}.{type(value).__qualname__}")


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
    _Writer(buffer := io.BytesIO(), _written(tuple(classes))).dump(value)
    return buffer.getvalue()


def loaded(data: bytes, classes: Iterable[type]) -> Any:
    """Return the answer that :func:`dumped` wrote, if it did.

    Args:
        data: Whatever a child sent.
        classes: Those that :func:`dumped` was given.

    Raises:
        ContainedFailure: ``bad_answer``.
    """
    known = _read(tuple(classes))

    def make(name: str, values: Sequence[Any]) -> Any:
        if name == _SENTENCE:
            return foreign_sentence(*values)
        cls, setters = known[name]
        new = cls.__new__(cls)
        for assign, value in zip(setters, values, strict=True):
            assign(new, value)
        return new

    try:
        return _Reader(data, make).load()
    except Exception:
        # From None: what it holds may be secret, or a stranger's.
        raise ContainedFailure("bad_answer", sentence("what it answered cannot be read")) from None


@cache
def _written(classes: tuple[type, ...]) -> dict[type, tuple[str, Callable[[Any], Any]]]:
    return {each: (_name_of(each), _values_of(_attributes(each))) for each in classes}


def _values_of(attributes: tuple[str, ...]) -> Callable[[Any], Any]:
    """Return what takes the values of some attributes from an object, as a sequence."""
    if len(attributes) > 1:
        return attrgetter(*attributes)
    return lambda value: tuple(getattr(value, each) for each in attributes)


@cache
def _read(classes: tuple[type, ...]) -> dict[str, tuple[Any, list[Callable[[Any, Any], None]]]]:
    return {_name_of(each): (each, [_setter(each, name) for name in _attributes(each)]) for each in classes}


def _setter(cls: type, attribute: str) -> Callable[[Any, Any], None]:
    """Return what gives an attribute of a new object its value, of a frozen class, too."""
    slot = getattr(cls, attribute, None)
    if isinstance(slot, MemberDescriptorType):
        return slot.__set__
    return lambda new, value: object.__setattr__(new, attribute, value)


def _name_of(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


@cache
def _attributes(cls: type) -> tuple[str, ...]:
    if is_dataclass(cls):
        return tuple(field.name for field in fields(cls))
    return ("args", "__dict__")
