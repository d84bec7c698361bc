"""Which classes the objects of a class may hold, by what its fields are declared to be."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from forensics.tables.row import Row

_PLAIN = (bool, int, float, str, bytes, datetime, object, type(None))


class _Names(dict[str, Any]):
    """The names of a module, and those that it imports for type checking alone."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self._module = vars(sys.modules[module])

    def __missing__(self, name: str) -> Any:
        if name in self._module:
            return self._module[name]
        ours = [module for place, module in list(sys.modules.items()) if place.startswith("forensics.")]
        for module in ours:
            if isinstance(value := getattr(module, name, None), type):
                return value
        raise KeyError(name)


def classes_within(root: type) -> set[type]:
    """Return a class and all that its objects may hold, but for plain ones and the base of all rows."""
    found: set[type] = set()
    waiting = [root]
    while waiting:
        cls = waiting.pop()
        if cls in found or cls in _PLAIN or cls is Row:
            continue
        found.add(cls)
        if dataclasses.is_dataclass(cls):
            hints = typing.get_type_hints(cls, None, _Names(cls.__module__))
            waiting += [each for field in dataclasses.fields(cls) for each in _classes(hints[field.name])]
    return found


def _classes(hint: Any) -> Iterator[type]:
    arguments = typing.get_args(hint)
    for argument in arguments:
        yield from _classes(argument)
    if not arguments and isinstance(hint, type):
        yield hint
