"""What is said of SQL before SQLite sees it."""

from __future__ import annotations

import pytest

from forensics.engine.sql_text import looks_only_at


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("event.kind = 'x'", True),
        ("event.kind = 'x' AND event.event_id IN (1, 0x2)", True),
        ("(event.kind = 'x' OR event.level <= 3) AND lower(event.provider) LIKE 'this.provider'", True),
        ("event.kind IS NOT NULL AND NOT event.level BETWEEN 1 AND 3", True),
        ("event.kind = 'x' OR event.level = 3", False),
        ("event.kind = this.kind", False),
        ("event.kind = other.kind", False),
        ("event.kind = kind", False),
        ("kind = 'x'", False),
        ("event.kind IN (SELECT 'x')", False),
        ("EXISTS (SELECT 1 FROM policy)", False),
        ("CASE WHEN event.kind = 'x' THEN 1 END", False),
        ("my_event.kind = 'x'", False),
    ],
)
def test_conditions_on_one_table_alone(text: str, only: bool) -> None:
    assert looks_only_at("event", text) is only
