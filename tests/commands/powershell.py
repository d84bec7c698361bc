"""A grammar of PowerShell that we did not write: tree-sitter-powershell.

Microsoft documents ``appid="{GUID}"``, quotes within a word; the grammar wants quotes around the whole word there, so
such words are put into that form before they are parsed.
"""

from __future__ import annotations

import re

import tree_sitter_powershell
from tree_sitter import Language, Parser

_PARSER = Parser(Language(tree_sitter_powershell.language()))
_QUOTED_BRACES = re.compile(r'\b(\w+)="(\{[^"{}]*\})"')


def is_powershell(line: str) -> bool:
    """Tell whether a line is a whole statement of PowerShell."""
    if line.startswith("#"):
        return True
    as_one_word = _QUOTED_BRACES.sub(r'"\1=\2"', line)
    return not _PARSER.parse(f"{as_one_word}\n".encode()).root_node.has_error


_QUOTES = str.maketrans({**dict.fromkeys("\u2018\u2019\u201a\u201b", "'"), **dict.fromkeys("\u201c\u201d\u201e", '"')})
"""PowerShell takes typographic quotes for quotes; the grammar does not."""


def commands_of_script(script: str) -> list[str] | None:
    """Return the names of the commands that a script calls, in their order; None where it is no PowerShell."""
    text = _QUOTED_BRACES.sub(r'"\1=\2"', script.removeprefix("\ufeff").translate(_QUOTES))
    tree = _PARSER.parse(text.encode())
    if tree.root_node.has_error:
        return None
    found: list[str] = []
    waiting = [tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.type == "command_name" and node.text is not None:
            found.append(node.text.decode())
        waiting.extend(reversed(node.children))
    return found
