"""Where SQLite and DuckDB read the same SQL in different ways; rules keep away from it, so that a pack runs on both.

References:
    https://www.sqlite.org/datatype3.html
    https://duckdb.org/docs/stable/sql/dialect/overview
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from forensics.engine.sql_text import without_strings

_DIFFERENCES = (
    (r"\bjson_extract\s*\(", "json_extract leaves the quotes around text in DuckDB; write ->>"),
    (r"/(?!\s*\d+\.\d)", "7 / 2 is 3 in SQLite and 3.5 in DuckDB; divide by a number with a point, such as 2.0"),
    (
        r"\bIS\s+(?:NOT\s+)?(?!(?:NOT|NULL|TRUE|FALSE|DISTINCT)\b)",
        "DuckDB compares with IS only against NULL, TRUE and FALSE; write =, or IS NOT DISTINCT FROM",
    ),
    (
        r"\bAS\s+(?:INT|INTEGER|SMALLINT|TINYINT|REAL|FLOAT|NUMERIC|DECIMAL)\s*\)",
        "DuckDB keeps 32 bits or fewer digits in this type; cast AS BIGINT, AS DOUBLE or AS TEXT",
    ),
)
_COMPILED = [(re.compile(pattern, re.I), message) for pattern, message in _DIFFERENCES]
_EXTREME = re.compile(r"\b(max|min)\s*\(", re.I)
_MIXED = (
    re.compile(r"\b(?:coalesce|ifnull|nullif)\s*\(\s*([a-z_]+)\.([a-z_0-9]+)\s*,\s*''", re.I),
    re.compile(r"\b([a-z_]+)\.([a-z_0-9]+)\s*(?:=|<>|!=|<=?|>=?|\bIN\s*\()\s*''", re.I),
)


def differences(text: str, kinds: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Yield a sentence for each thing in a piece of SQL that SQLite and DuckDB do not agree on.

    Args:
        text: The SQL.
        kinds: What columns hold, by table (or ``this``) and name.
    """
    words = without_strings(text)
    for pattern, message in _COMPILED:
        if pattern.search(words):
            yield message
    for call in _EXTREME.finditer(words):
        if _has_comma(words[call.end() :]):
            yield f"{call[1]} of two values gives a list in DuckDB; write CASE WHEN"
    for pattern in _MIXED:
        for table, column in pattern.findall(words):
            if kinds.get((table, column)) in ("integer", "boolean"):
                name = f"{table}.{column}"
                yield f"{name} is a number, which DuckDB does not take for text; write CAST({name} AS TEXT)"


def _has_comma(arguments: str) -> bool:
    """Tell whether a comma stands between the arguments of a call, given what follows its parenthesis."""
    depth = 0
    for character in arguments:
        if character == "," and not depth:
            return True
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return False
