"""``dataclass`` as the standard library has it, but ``__init__`` is compiled when the first object is made.

The standard library compiles up to six methods of each class while its module is imported, half a millisecond or more a
class, and matches each annotation with three patterns. An examination imports 250 classes, makes objects of half of
them, and compares or prints those of few: here the methods that only look at fields are shared by all classes. What the
standard library reads of a class (``fields``, ``replace``, ``asdict``) is as it would have made it. A field that is no
argument (``init=False``) is left to ``__post_init__``.

References:
    https://docs.python.org/3/library/dataclasses.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, field, fields
from functools import cache
from inspect import get_annotations
from operator import attrgetter
from reprlib import recursive_repr
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(decorated=None, /, *, frozen=False, kw_only=False, repr=True, slots=False):
        """Make a data class; the arguments are those of :func:`dataclasses.dataclass`."""
        if decorated is None:
            return lambda cls: dataclass(cls, frozen=frozen, kw_only=kw_only, repr=repr, slots=slots)
        found = _found(decorated, kw_only)
        cls = _with_slots(decorated, found) if slots else decorated
        cls.__dataclass_fields__, cls.__dataclass_params__ = found, _Standard.__dataclass_params__
        cls.__match_args__ = tuple(f.name for f in found.values() if f.init and not f.kw_only)
        cls.__init__ = _late_init(cls, frozen)
        cls.__eq__, cls.__hash__, cls.__replace__ = _eq, _hash if frozen else None, dataclasses.replace
        if repr:
            cls.__repr__ = _repr
        if frozen:
            cls.__setattr__, cls.__delattr__ = _refuse_to_assign, _refuse_to_delete
        if frozen and slots:
            cls.__getstate__, cls.__setstate__ = _state, _set_state
        return cls


@dataclasses.dataclass(init=False, repr=False, eq=False)
class _Standard:
    """Shows what the standard library notes of a class and of a field."""

    field: Any


_FIELD: Any = fields(_Standard)[0]


def _found(cls: Any, kw_only: bool) -> dict[str, Field[Any]]:
    """Return all fields of a class by name, those of its bases first, and leave their defaults alone in the class."""
    found: dict[str, Field[Any]] = {}
    for base in cls.__mro__[:0:-1]:
        found |= base.__dict__.get("__dataclass_fields__", {})
    for name, annotation in get_annotations(cls).items():
        if annotation.startswith("ClassVar"):
            continue
        given = cls.__dict__.get(name, MISSING)
        one: Any = given if isinstance(given, Field) else field(default=given)
        if type(one.default).__hash__ is None:
            raise ValueError(f"all objects would share the default of field {name!r}: use default_factory")
        one.name, one.type, one.kw_only, one._field_type = name, annotation, kw_only, _FIELD._field_type
        if one is given and one.default is MISSING:
            delattr(cls, name)
        elif one is given:
            setattr(cls, name, one.default)
        found[name] = one
    return found


def _with_slots(cls: Any, found: Mapping[str, object]) -> Any:
    """Return a class like one, whose objects have room for the fields alone."""
    inherited = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    content = {name: value for name, value in cls.__dict__.items() if name not in found}
    content["__slots__"] = tuple(name for name in found if name not in inherited)
    for name in ("__dict__", "__weakref__"):
        content.pop(name, None)
    made = type(cls)(cls.__name__, cls.__bases__, content)
    made.__qualname__ = cls.__qualname__
    return made


_waiting: dict[str, tuple[Any, bool]] = {}
"""By name the classes of which no object was made, and whether they are frozen."""
_compiled: list[str] = []


def compiled_classes() -> tuple[str, ...]:
    """Return the names of the classes of which an object was made, in the order of their first ones."""
    return tuple(_compiled)


def compile_classes(names: Iterable[object]) -> None:
    """Compile what makes objects of classes, before any is made: so that processes forked after this have it.

    Args:
        names: Of classes; others are ignored.
    """
    for name in names:
        if isinstance(name, str) and name in _waiting:
            _compile(name)


def _compile(name: str) -> None:
    cls, frozen = _waiting.pop(name)
    cls.__init__ = _compiled_init(cls, frozen)
    _compiled.append(name)


def _late_init(cls: Any, frozen: bool) -> Callable[..., None]:
    name = f"{cls.__module__}.{cls.__qualname__}"
    _waiting[name] = (cls, frozen)

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        if _waiting.get(name, (None,))[0] is cls:
            _compile(name)
        else:
            cls.__init__ = _compiled_init(cls, frozen)
        cls.__init__(self, *args, **named)

    return __init__


def _compiled_init(cls: Any, frozen: bool) -> Any:
    known: dict[str, Any] = {"_assign": object.__setattr__, "_NOT_GIVEN": object()}
    parameters, named, body = ["self"], ["*"], []
    for f in fields(cls):
        if not f.init:
            continue
        name, default, parameter, value = f.name, f"_default_{f.name}", f.name, f.name
        if f.default_factory is not MISSING:
            known[default] = f.default_factory
            parameter, value = f"{name}=_NOT_GIVEN", f"{default}() if {name} is _NOT_GIVEN else {name}"
        elif f.default is not MISSING:
            known[default] = f.default
            parameter = f"{name}={default}"
        (named if f.kw_only else parameters).append(parameter)
        slot = getattr(cls, name, None)
        if frozen and isinstance(slot, MemberDescriptorType):
            # Sooner than by its name.
            known[f"_set_{name}"] = slot.__set__
            body.append(f"_set_{name}(self, {value})")
        else:
            body.append(f"_assign(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    parameters += named[: len(named) if len(named) > 1 else 0]
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body or ["pass"]), known)
    known["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return known["__init__"]


@cache
def _compared(cls: Any) -> Callable[[object], object]:
    """Return what takes from an object the values that it is compared by."""
    names = [f.name for f in fields(cls) if f.compare]
    return attrgetter(*names) if names else lambda one: ()


def _eq(self: Any, other: Any) -> Any:
    cls: Any = self.__class__
    if other.__class__ is not cls:
        return NotImplemented
    values = _compared(cls)
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(_compared(self.__class__)(self))


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse_to_assign(self: object, name: str, value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for f, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, f.name, value)
