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
