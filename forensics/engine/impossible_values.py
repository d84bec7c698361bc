"""Finds comparisons in a rule's SQL with words that a column never holds, which are false for every row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from forensics.tables.registry import ROW_CLASSES, column_specs

_TOKEN = re.compile(r"'(?:[^']|'')*'|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?|<>|!=|[<>]=?|\S")
_NAME = re.compile(r"(?:([a-z_]\w*)\.)?([a-z_]\w*)", re.I)
_EQUALITIES = frozenset({"=", "<>", "!=", "IS"})
_DEFAULTING = frozenset({"COALESCE", "IFNULL"})
_TWO = [",", ")"]
"""What stands around the second of two arguments."""
_KEYWORDS = frozenset({"AS", "WHERE", "ON", "LEFT", "INNER", "CROSS", "JOIN", "GROUP", "ORDER", "LIMIT", "UNION"})


def impossible_values(sql: str, table: str, joins: Sequence[str] = ()) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield column, word, and the words that the column may hold, for each comparison that can be seen through.

    Seen are ``column = 'word'``, ``<>``, ``!=``, ``IS``, ``IN ('word', ...)`` and ``CASE column WHEN 'word'``, with the
    column alone or in coalesce, ifnull or nullif.

    Args:
        sql: A piece of a rule's SQL.
        table: Table of ``this``.
        joins: Tables of ``with``.
    """
    tokens = [match[0] for match in _TOKEN.finditer(sql)]
    names = _Names(tokens, table, joins)
    for at, token in enumerate(tokens):
        words = names.words(token) if _NAME.fullmatch(token) else None
        if words:
            for literal in _compared(tokens, at):
                if literal not in words:
                    yield token, literal, words


class _Names:
    """What the names in a piece of SQL stand for."""

    def __init__(self, tokens: Sequence[str], table: str, joins: Sequence[str]) -> None:
        self.tables = {"this": table, **{joined: joined for joined in joins}}
        for at, token in enumerate(tokens[:-1]):
            if token.upper() in ("FROM", "JOIN") and tokens[at + 1] in ROW_CLASSES:
                self.tables[tokens[at + 1]] = tokens[at + 1]
                alias = [word for word in tokens[at + 2 : at + 4] if word.upper() != "AS"][:1]
                if alias and _NAME.fullmatch(alias[0]) and alias[0].upper() not in _KEYWORDS:
                    self.tables[alias[0]] = tokens[at + 1]

    def words(self, name: str) -> tuple[str, ...]:
        """Return what a column may hold; nothing for one without vocabulary, and for what is no column.

        A column named without its table may be that of any table here: it holds what any of them does.
        """
        table, _, column = name.rpartition(".")
        tables = [self.tables.get(table, "")] if table else dict.fromkeys(self.tables.values())
        found = [spec for one in tables for spec in column_specs(one) if spec.name == column]
        if not all(spec.kind == "text" and spec.possible_values for spec in found):
            return ()
        return tuple(dict.fromkeys(word for spec in found for word in spec.possible_values))


def _compared(tokens: Sequence[str], at: int) -> Iterator[str]:
    """Yield the texts with which the column at a place is compared."""
    before = [token.upper() for token in tokens[max(at - 2, 0) : at]]
    if before[-1:] == ["CASE"]:
        yield from _cases(tokens, at + 1)
        return
    if before[-1:] and before[-1] in _EQUALITIES and _is_text(tokens[at - 2 : at - 1]):
        yield _text(tokens[at - 2])
    start, ours = at + 1, None
    if (
        before[-1:] == ["("]
        and _is_text(tokens[at + 2 : at + 3])
        and [tokens[at + 1], *tokens[at + 3 : at + 4]] == _TWO
    ):
        if before[0] == "NULLIF":
            yield _text(tokens[at + 2])
        elif before[0] in _DEFAULTING:
            ours = _text(tokens[at + 2])  # what stands for NULL is the author's own word
        else:
            return
        start = at + 4
    yield from (text for text in _right_side(tokens, start) if text != ours)


def _right_side(tokens: Sequence[str], start: int) -> Iterator[str]:
    words = [token.upper() for token in tokens[start : start + 2]]
    at = start + (2 if words in (["IS", "NOT"], ["NOT", "IN"]) else 1)
    if words[:1] == ["IN"] or words == ["NOT", "IN"]:
        for place in range(at + 1, len(tokens) if tokens[at : at + 1] == ["("] else 0):
            if _is_text([tokens[place]]):
                yield _text(tokens[place])
            elif tokens[place] != ",":
                return
    elif words[:1] and words[0] in _EQUALITIES and _is_text(tokens[at : at + 1]):
        yield _text(tokens[at])


def _cases(tokens: Sequence[str], start: int) -> Iterator[str]:
    """Yield the texts after each WHEN of a CASE, but not of those inside it."""
    depth = 1
    for at in range(start, len(tokens)):
        word = tokens[at].upper()
        depth += (word == "CASE") - (word == "END")
        if depth == 0:
            return
        if word == "WHEN" and depth == 1 and _is_text(tokens[at + 1 : at + 2]):
            yield _text(tokens[at + 1])


def _is_text(tokens: Sequence[str]) -> bool:
    return bool(tokens) and tokens[0].startswith("'")


def _text(token: str) -> str:
    return token[1:-1].replace("''", "'")
