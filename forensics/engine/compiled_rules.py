"""The built-in rules as they were read when a wheel was built, so that a start need not read YAML.

A wheel has one file of them beside its packs; a checkout has none. Each rule stands in it with the text of its file,
and is taken from it only for that very text: a file that was changed since, or is new, is read as YAML.

The rules are pickled, and unpickling makes what a rule consists of and looks up no other name.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from forensics.engine import rule as parts
from forensics.engine.rule import Rule
from forensics.engine.rule_source import Text, read_text

FILE = "compiled"
"""Name of the file, in the folder of the built-in packs."""

_CLASSES: dict[tuple[str, str], Any] = {
    (each.__module__, each.__name__): each
    for each in (
        Rule,
        Text,
        parts.Covered,
        parts.Either,
        parts.Every,
        parts.Leaf,
        parts.Level,
        parts.Negated,
        parts.Presence,
        parts.Sql,
    )
}
_PATH = "path"


class _Writer(pickle.Pickler):
    """Leaves out where the file of a rule lies."""

    def persistent_id(self, value: Any) -> str | None:
        return _PATH if isinstance(value, Path) else None

    def reducer_override(self, value: Any) -> Any:
        cls = value if isinstance(value, type) else type(value)
        if (cls.__module__, cls.__name__) not in _CLASSES:
            raise pickle.PicklingError(f"a rule holds a {cls.__module__}.{cls.__qualname__}")
        return NotImplemented


class _Reader(pickle.Unpickler):
    """Makes a rule, with the path of its file, of what it consists of."""

    def __init__(self, data: bytes, path: Path) -> None:
        super().__init__(io.BytesIO(data))
        self._path = path

    def persistent_load(self, identity: Any) -> Path:
        return self._path

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _CLASSES[module, name]
        except KeyError:
            raise pickle.UnpicklingError("the name of something that is no part of a rule") from None


class _Nothing(pickle.Unpickler):
    """Makes plain values."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError("a name where there is none")


class CompiledRules:
    """The rules of one file.

    Args:
        home: Folder of the packs.
        rules: Text of a rule's file, and the rule as bytes, by the path of the file in that folder.
    """

    def __init__(self, home: Path, rules: dict[str, tuple[str, bytes]]) -> None:
        self._home = home
        self._rules = rules

    @classmethod
    def of(cls, home: Path) -> CompiledRules:
        """Return what was compiled of the packs in a folder; nothing where there is no such file, or a damaged one."""
        try:
            return cls(home, _Nothing(io.BytesIO((home / FILE).read_bytes())).load())
        except Exception:
            return cls(home, {})

    def rule(self, text: str, path: Path) -> Rule | None:
        """Return a rule; None for one that has to be read as YAML.

        Args:
            text: What its file holds now.
            path: Where that lies.
        """
        if not self._rules:
            return None
        try:
            compiled, data = self._rules[_name(path, self._home)]
            found = _Reader(data, path).load() if compiled == text else None
        except Exception:
            return None
        return found if isinstance(found, Rule) else None


def compile_rules(home: Path, rules: Iterable[Rule]) -> bytes:
    """Return the content of the file.

    Args:
        home: Folder of the packs.
        rules: Those in it, without translations and examples.
    """
    return pickle.dumps({_name(rule.path, home): (read_text(rule.path), _bytes(rule)) for rule in rules}, protocol=5)


def _name(path: Path, home: Path) -> str:
    return str(path).removeprefix(f"{home}{os.sep}").replace(os.sep, "/")


def _bytes(rule: Rule) -> bytes:
    _Writer(buffer := io.BytesIO(), protocol=5).dump(rule)
    return buffer.getvalue()
