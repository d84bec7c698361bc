"""Commands in the texts of rules: ``@NAME parameter=value``, where a value is a word or one ``{{ name }}``.

NAME may be a ``{{ name }}`` too, whose value names the command; that takes of the values what it needs.

What is typed is written by :mod:`forensics.commands`, which also says why it is not written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from forensics.commands.blocks import blocks_of
from forensics.tables.finding import Block

MARK = "@"
MOST_COMMANDS = 100
"""Display: commands that follow each other; a finding about ten thousand certificates does not print a script."""

_EMPTY: frozenset[str | None] = frozenset({"", "[]"})
_WORDS = re.compile(r'\s+([a-z_]+)=(\{\{[^}]*\}\}|"[^"]*"|[^\s"]+)')
_NAME = re.compile(r"@([a-z0-9-]+|\{\{[^}]*\}\})")


class Call(NamedTuple):
    """A command that a text asks for.

    Attributes:
        name: Its entry in the catalogue, or what names it.
        values: By parameter, as the text has them.
    """

    name: str
    values: tuple[tuple[str, str], ...]


def parse_call(text: str) -> Call | None:
    """Take apart a line that begins with ``@``; None where it is none."""
    name = _NAME.match(text)
    if name is None:
        return None
    values: list[tuple[str, str]] = []
    end = name.end()
    while end < len(text):
        found = _WORDS.match(text, end)
        if found is None:
            return None
        values.append((found[1], found[2].strip('"')))
        end = found.end()
    return Call(name[1], tuple(values))


def problem_of(text: str) -> str | None:
    """Say what is wrong with a line that begins with ``@``, if anything is."""
    from forensics.commands.catalogue import CATALOGUE

    call = parse_call(text)
    if call is None:
        return "a command is '@NAME parameter=value ...'; a value with blanks stands in double quotes"
    if call.name.startswith("{{"):
        taken = {name for command in CATALOGUE.values() for name in command.parameters}
        return next((f"no command takes a '{name}'" for name, _ in call.values if name not in taken), None)
    if call.name not in CATALOGUE:
        return f"there is no command '{call.name}'; 'keymortem rules commands' lists them"
    return CATALOGUE[call.name].problem([name for name, _ in call.values])


def written(
    calls: Sequence[Call], rows: Sequence[Callable[[str], str | None]], language: str, and_so_on: str
) -> list[Block]:
    """Write commands that follow each other: all of them for one row, then all of them for the next.

    Args:
        calls: The commands.
        rows: For each row what a value of the text is there; a command is left out where one is empty.
        language: Of what is said where a command is not printed.
        and_so_on: Says how many rows are left out.
    """
    from forensics.commands.catalogue import CATALOGUE

    blocks: dict[Block, None] = {}
    for number, value_of in enumerate(rows):
        if len(blocks) >= MOST_COMMANDS:
            return [*blocks, Block("paragraph", and_so_on.format(count=len(rows) - number))]
        for call in calls:
            command = CATALOGUE.get(value_of(call.name) or "")
            if command is None:
                continue
            values = {name: value_of(text) for name, text in call.values if name in command.parameters}
            if not _EMPTY & set(values.values()):
                blocks.update(dict.fromkeys(blocks_of(command.name, values, language)))
    return list(blocks)
