"""The messages that the program says, as its source writes them out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import click

import forensics

HOME = Path(forensics.__file__).parent
SAID = frozenset({"_", "message", "sentence"})
COUNTED = frozenset({"_n", "sentence_n"})
_MAY_SAY = re.compile(rf"\b(?:{'|'.join(SAID | COUNTED)})\(")
_IN_TEMPLATES = re.compile(r"\bt\('((?:[^'\\]|\\.)*)'")


@cache
def _said() -> tuple[tuple[str, str, ast.Call], ...]:
    """Return each call that says a message, with the file that it stands in and the name of what is called."""
    return tuple(
        (file.relative_to(HOME).as_posix(), name, node)
        for file in sorted(HOME.rglob("*.py"))
        if _MAY_SAY.search(source := file.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for name in [node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")]
        if name in SAID | COUNTED
    )


def messages() -> dict[str, str]:
    """Return each message with the file that says it, by its path in the package; of counted ones both forms."""
    found: dict[str, str] = {}
    for place, name, call in _said():
        if not place.startswith("language/"):
            for argument in call.args[: 2 if name in COUNTED else 1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.setdefault(argument.value, place)
    for file in sorted(HOME.rglob("*.j2")):
        place = file.relative_to(HOME).as_posix()
        for text in _IN_TEMPLATES.findall(file.read_text(encoding="utf-8")):
            found.setdefault(text.replace("\\'", "'"), place)
    return found


def counted() -> set[tuple[str, str]]:
    """Return the counted messages that are written out where they are said, each with its form of 1 and the other."""
    return {
        (str(one.value), str(many.value))
        for _place, name, call in _said()
        if name in COUNTED and len(call.args) > 1
        for one, many in [call.args[:2]]
        if isinstance(one, ast.Constant) and isinstance(many, ast.Constant)
    }


def constants() -> set[str]:
    """Return every text that the source of the program holds, and of click, which says the errors of options.

    A word of a table may be said by a variable.
    """
    return {
        node.value
        for home in (HOME, Path(click.__file__).parent)
        for file in home.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
