"""Checks and quotes the SQL of rules before SQLite sees it.

A piece of SQL stands in parentheses inside a larger statement, so it must be one expression: no comments, statement
ends, parameters, or parentheses that close what the piece did not open. What it may *read* is the database's matter
(:mod:`forensics.engine.database`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from forensics.engine.rule_source import Text

_TOKEN = re.compile(
    r"""(?P<string>'(?:[^']|'')*') | (?P<value>\bvalue\.(?P<name>[a-z_][a-z0-9_]*)\b)
      | (?P<refused>--|/\*|;|"|`|\[|\]|\?|[@$:][A-Za-z_]|[{}\\#]) | (?P<open>\() | (?P<close>\)) | (?P<quote>')""",
    re.X,
)
_WORD = re.compile(r"(?:\b([a-z_]\w*)\s*\.\s*)?\b([a-z_]\w*)\b(\s*\()?", re.I)
_OPERATORS = frozenset({"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "BETWEEN"})
_OR = re.compile(r"\bOR\b", re.I)
_WHY = {
    "--": "comments belong into YAML (#)",
    "/*": "comments belong into YAML (#)",
    ";": "a condition is one expression, without ';'",
    '"': "write text in single quotes, names without quotes",
    "`": "write names without quotes",
    "[": "write names without brackets",
    "]": "write names without brackets",
}

LONGEST_PIECE = 16 << 10
"""Format: characters of one piece of SQL in a rule."""
LONGEST_SQL = 256 << 10
"""Format: characters of one statement of a rule, and of one piece of SQL with its values put in."""


class SqlTextError(Exception):
    """The text is not one SQL expression; the message is a sentence."""


def check_expression(text: str) -> None:
    """Refuse text that would not stay inside the parentheses it is put into.

    Raises:
        SqlTextError: With the reason.
    """
    if not text.strip():
        raise SqlTextError("SQL is missing here")
    if len(text) > LONGEST_PIECE:
        raise SqlTextError(f"one piece of SQL has more than {LONGEST_PIECE >> 10} KiB")
    depth = 0
    for token in _TOKEN.finditer(text):
        if token["refused"]:
            raise SqlTextError(_WHY.get(token["refused"], f"'{token['refused']}' is not permitted in SQL of a rule"))
        if token["quote"]:
            raise SqlTextError("a quoted text has no end")
        depth += bool(token["open"]) - bool(token["close"])
        if depth < 0:
            raise SqlTextError("a parenthesis is closed that was not opened")
    if depth:
        raise SqlTextError("a parenthesis is not closed")


def put_values(text: str, values: dict[str, str]) -> str:
    """Replace ``value.NAME`` by the SQL of that value.

    Raises:
        SqlTextError: There is no such value (yet: a value may use only those written before it).
    """

    room = LONGEST_SQL - len(text)

    def replace(token: re.Match[str]) -> str:
        nonlocal room
        if not token["value"]:
            return token[0]
        if token["name"] not in values:
            known = f"; there are {', '.join(values)}" if values else "; the rule has no values before this"
            raise SqlTextError(f"no value '{token['name']}'{known}")
        value = values[token["name"]]
        room -= len(value)
        if room < 0:
            raise SqlTextError(f"with its values put in it has more than {LONGEST_SQL >> 10} KiB")
        return f"({value})"

    return _TOKEN.sub(replace, text)


def put_texts(text: str, texts: Mapping[Text, str]) -> str:
    """Replace quoted texts by others, such as those of another language.

    Raises:
        SqlTextError: The others are too long.
    """
    room = LONGEST_SQL - len(text)

    def replace(token: re.Match[str]) -> str:
        nonlocal room
        other = texts.get(Text(token["string"][1:-1].replace("''", "'"))) if token["string"] else None
        if other is None:
            return token[0]
        room -= len(other)
        if room < 0:
            raise SqlTextError(f"with its texts translated it has more than {LONGEST_SQL >> 10} KiB")
        return quoted(other)

    return _TOKEN.sub(replace, text)


def quoted_texts(text: str) -> set[str]:
    """Return the quoted texts of a piece of SQL."""
    return {token["string"][1:-1].replace("''", "'") for token in _TOKEN.finditer(text) if token["string"]}


def used_values(text: str) -> set[str]:
    """Return the names of the values that a piece of SQL uses."""
    return {token["name"] for token in _TOKEN.finditer(text) if token["value"]}


def without_strings(text: str) -> str:
    """Return the SQL with the content of every quoted text blanked, for checks of its words."""
    return _TOKEN.sub(lambda token: "''" if token["string"] else token[0], text)


def looks_only_at(table: str, text: str) -> bool:
    """Tell whether conditions, joined by AND, are about the columns of one table and nothing else.

    Args:
        table: The table, by which every column must be qualified.
        text: SQL. Where it is not plain, the answer is no.
    """
    words = without_strings(text)
    for qualifier, word, call in _WORD.findall(words):
        if (qualifier and qualifier != table) or (not qualifier and not call and word.upper() not in _OPERATORS):
            return False
    return not _OR.search(_outside(words))


def _outside(words: str) -> str:
    """Return what stands in no parentheses."""
    depth, outside = 0, []
    for character in words:
        depth += character == "("
        if not depth:
            outside.append(character)
        depth -= character == ")" and depth > 0
    return "".join(outside)


def quoted(text: str) -> str:
    """Return an SQL text literal."""
    return "'" + text.replace("'", "''").replace("\0", "") + "'"
