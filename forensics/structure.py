"""Dataclasses that cost little to define.

``dataclasses`` compiles up to six methods for every class when its module is imported; over a hundred classes that
were a sixth of the time it takes to examine a disk. Here only ``__init__`` is compiled, the others are closures.
Otherwise a class is what ``dataclasses.dataclass`` makes of it, as far as this package asks that: ``fields``,
``replace``, ``copy`` and ``pickle`` work, and a frozen one is hashable and refuses assignment.
"""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import TYPE_CHECKING

__all__ = ["dataclass", "field"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from operator import attrgetter

    _MISSING = dataclasses.MISSING

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False):
        """Make a dataclass; the parameters mean what they mean to ``dataclasses.dataclass``."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, slots=slots, kw_only=kw_only)
        made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
        fields = dataclasses.fields(made)
        _compare(made, [f.name for f in fields if f.compare])
        made.__repr__ = _repr([f.name for f in fields if f.repr])
        if frozen:
            made.__setattr__, made.__delattr__, made.__setstate__ = _refuse, _refuse, _set_state
        else:
            made.__hash__ = None
        made.__init__ = _init(made, fields, frozen)
        return made

    def _compare(made, names):
        values = attrgetter(*names) if names else lambda self: ()

        def __eq__(self, other):
            return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

        def __hash__(self):
            return hash(values(self))

        made.__eq__, made.__hash__ = __eq__, __hash__

    def _repr(names):
        def __repr__(self):
            return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

        return __repr__

    def _refuse(self, name, *value):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def _set_state(self, state):
        for part in state if isinstance(state, tuple) else (state,):
            for name, value in (part or {}).items():
                object.__setattr__(self, name, value)

    def _init(made, fields, frozen):
        """Compile ``__init__``; of the disk's and the user's text nothing gets into it, only names of fields."""
        known, body = {"missing": _MISSING, "put": object.__setattr__}, []
        parameters = {False: ["self"], True: []}
        for f in fields:
            name, default = f.name, ""
            value = name
            if f.default_factory is not _MISSING:
                known[f"new_{name}"], default = f.default_factory, "=missing"
                value = f"new_{name}() if {name} is missing else {name}"
            elif f.default is not _MISSING:
                known[f"default_{name}"], default = f.default, f"=default_{name}"
            parameters[f.kw_only].append(name + default)
            body.append(f"put(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
        keywords = ["*", *parameters[True]] if parameters[True] else []
        lines = [f"def __init__({', '.join(parameters[False] + keywords)}):", *(body or ["pass"])]
        exec("\n ".join(lines), known)
        made_init = known["__init__"]
        made_init.__qualname__ = f"{made.__qualname__}.__init__"
        return made_init
