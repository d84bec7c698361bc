"""What SQLite and DuckDB read differently is told with its reason, and what they read alike is not."""

from __future__ import annotations

import pytest

from forensics.engine.dialect_differences import differences

KINDS = {("this", "size"): "integer", ("this", "archived"): "boolean", ("this", "store"): "text"}
NUMBER = "is a number, which DuckDB does not take for text; write CAST({0} AS TEXT)"


def of_two(function: str) -> str:
    return f"{function} of two values gives a list in DuckDB; write CASE WHEN"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max(this.size, 3)", [of_two("max")]),
        ("MIN (this.size, 3)", [of_two("MIN")]),
        ("max(lower(this.store), 'a')", [of_two("max")]),
        ("max((1), (2))", [of_two("max")]),
        ("max(min(1, 2))", [of_two("min")]),
        ("max(this.size)", []),
        ("max(substr(this.store, 1, 2))", []),
        ("max(this.store) || substr(this.store, 1, 2)", []),
        ("coalesce(max(this.size), 3)", []),
        ("max('a, b')", []),
        ("maximum(1, 2)", []),
        ("this.size = ''", [f"this.size {NUMBER.format('this.size')}"]),
        ("this.archived IN ('', 'x')", [f"this.archived {NUMBER.format('this.archived')}"]),
        ("coalesce(this.size, 'none')", [f"this.size {NUMBER.format('this.size')}"]),
        ("coalesce(this.store, 'none') = ''", []),
        ("this.size = 3 AND this.store = ''", []),
    ],
    ids=range(16),
)
def test_functions_and_comparisons(text: str, told: list[str]) -> None:
    assert list(differences(text, KINDS)) == told
