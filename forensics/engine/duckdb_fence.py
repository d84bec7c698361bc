"""A fence around DuckDB, as SQLite's authorizer is one: what rules may do is listed, everything else is refused.

DuckDB itself says what a statement is made of (``json_serialize_sql``), before any of it is planned or run: one SELECT
over the tables of evidence, a few functions, and nothing that DuckDB would take from a file, the environment or its own
settings. Besides, access to files and the network is switched off for good, and so is every change of the settings.

References:
    https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
    https://duckdb.org/docs/stable/data/json/sql_to_and_from_json
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from forensics.engine.duckdb_functions import Connection
from forensics.engine.fence import FUNCTIONS, RuleSqlError
from forensics.tables.registry import ROW_CLASSES

MAX_STATEMENT = 4 << 20
"""Format: characters of one statement; those of the built-in rules have a hundredth of it."""

_OPERATORS = frozenset({"+", "-", "*", "/", "%", "&", "|", "||", "~~", "!~~", "count_star", "row", "not"})
_CALLED = FUNCTIONS | _OPERATORS | {"like_escape", "not_like_escape"}
_TABLES = ROW_CLASSES.keys() | {"examination"}
_QUERIES = frozenset({"SELECT_NODE", "CTE_NODE", "SET_OPERATION_NODE"})
_SOURCES = frozenset({"BASE_TABLE", "JOIN", "SUBQUERY", "EMPTY"})
_MODIFIERS = frozenset({"ORDER_MODIFIER", "LIMIT_MODIFIER", "DISTINCT_MODIFIER"})
_EXPRESSIONS = frozenset(
    {"CASE", "CAST", "BETWEEN", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "OPERATOR", "STAR"}
    | {"SUBQUERY", "TYPE"}
)
_TYPES = frozenset({"bigint", "double", "varchar", "text"})


def close_fence(connection: Connection, memory: str = "1GB") -> None:
    """Switch off files, network and changes of settings, for as long as the database is open.

    Args:
        connection: With all tables made: none can be read from a file afterwards.
        memory: What statements may take.
    """
    [(is_locked, access)] = connection.execute(
        "SELECT current_setting('lock_configuration'), current_setting('enable_external_access')"
    ).fetchall()
    if is_locked and access:
        raise RuleSqlError("this DuckDB can read files, and its settings are locked: no rule is asked there")
    if not is_locked:
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")


def check_statement(connection: Connection, sql: str) -> None:
    """Refuse a statement that does anything but read evidence.

    Args:
        connection: Of DuckDB, which says what the statement is made of.
        sql: The statement.

    Raises:
        RuleSqlError: It is no permitted SQL; the message is a sentence.
    """
    if len(sql) > MAX_STATEMENT:
        raise RuleSqlError("the statement is too long")
    [(text,)] = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    try:
        tree = json.loads(text)
        if tree.get("error"):
            raise RuleSqlError(f"no valid SQL: {tree.get('error_message')}")
        if len(tree["statements"]) != 1:
            raise RuleSqlError("rules may only read the tables of evidence, in one statement")
        named = {name for node in _nodes(tree) for name in _named_here(node)}
        for node in _nodes(tree):
            _check(node, named)
    except (RecursionError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise RuleSqlError("the statement is too deeply nested, or is none that is known") from error


def _nodes(tree: object) -> Iterator[Mapping[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _named_here(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of what WITH makes, which are read like tables."""
    ctes = node.get("cte_map")
    for entry in ctes["map"] if isinstance(ctes, dict) else ():
        yield entry["key"]


def _check(node: Mapping[str, Any], named: set[str]) -> None:
    kind = node.get("type")
    if "class" in node:
        if node["class"] not in _EXPRESSIONS:
            raise RuleSqlError(f"rules may not write this in SQL: {str(kind).lower()}")
        if node["class"] == "FUNCTION":
            _check_function(node)
        if node["class"] == "TYPE" and (_is_qualified(node) or node["type_name"].lower() not in _TYPES):
            raise RuleSqlError(f"rules may not cast to {node['type_name']}")
    elif isinstance(kind, str):
        # A sort order has only its direction for a type.
        if kind not in _QUERIES | _SOURCES | _MODIFIERS and not {"expression", "null_order"} <= node.keys():
            raise RuleSqlError("rules may only read the tables of evidence")
        if kind == "BASE_TABLE":
            _check_table(node, named)


def _check_function(node: Mapping[str, Any]) -> None:
    name = node["function_name"]
    if _is_qualified(node) or name.lower() not in _CALLED:
        raise RuleSqlError(f"the function {name} is not permitted; rules may call {', '.join(sorted(FUNCTIONS))}")


def _check_table(node: Mapping[str, Any], named: set[str]) -> None:
    name = node["table_name"]
    if _is_qualified(node) or name not in _TABLES | named:
        raise RuleSqlError(f"there is no table '{name}'; rules may read those of evidence")


def _is_qualified(node: Mapping[str, Any]) -> bool:
    """Tell whether a name has a schema or a database before it."""
    path = (node.get("qualified_name") or {}).get("path", ())
    return len(path) > 1 or any(node.get(key) for key in ("schema", "catalog", "schema_name", "catalog_name"))
