"""What is said of SQL before SQLite sees it."""

from __future__ import annotations

import pytest

from forensics.engine.rule_source import Text
from forensics.engine.sql_text import (
    SqlTextError,
    check_expression,
    looks_only_at,
    put_texts,
    put_values,
    quoted,
    quoted_texts,
    used_values,
    without_strings,
)


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


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "(this.a = 1) AND (b)",
        "this.a = 'it''s -- ; \" ` [ ] {} # \\ ( /*'",
        "a = ':x' OR b = '?'",
        "'' = ''",
        "a = 'x'''",
        "a = 'x' || ''",
    ],
    ids=range(7),
)
def test_one_expression(text: str) -> None:
    check_expression(text)
    assert put_values(text, {}) == text


QUOTES = "write text in single quotes, names without quotes"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "SQL is missing here"),
        (" \n", "SQL is missing here"),
        ("1 -- x", "comments belong into YAML (#)"),
        ("1 /* x */", "comments belong into YAML (#)"),
        ("1; DROP", "a condition is one expression, without ';'"),
        ('"a" = 1', QUOTES),
        ("`a`", "write names without quotes"),
        ("[a]", "write names without brackets"),
        ("a]", "write names without brackets"),
        ("a = :name", "':n' is not permitted in SQL of a rule"),
        ("a = @name", "'@n' is not permitted in SQL of a rule"),
        ("a = $name", "'$n' is not permitted in SQL of a rule"),
        ("{a", "'{' is not permitted in SQL of a rule"),
        ("a}", "'}' is not permitted in SQL of a rule"),
        ("a # b", "'#' is not permitted in SQL of a rule"),
        ("a \\ b", "'\\' is not permitted in SQL of a rule"),
        ("a = ?", "'?' is not permitted in SQL of a rule"),
        ("a = 'x", "a quoted text has no end"),
        ("a = 'x''", "a quoted text has no end"),
        ("1) OR (1", "a parenthesis is closed that was not opened"),
        ("(1))", "a parenthesis is closed that was not opened"),
        ("((1)", "a parenthesis is not closed"),
    ],
    ids=range(22),
)
def test_what_is_no_single_expression(text: str, why: str) -> None:
    with pytest.raises(SqlTextError) as caught:
        check_expression(text)
    assert str(caught.value) == why


def test_values_are_put_in_parentheses_and_not_into_texts() -> None:
    values = {"one": "a OR b", "two_2": "'value.one'"}
    put = put_values("value.one AND 'value.one' = value.two_2", values)
    assert put == "(a OR b) AND 'value.one' = ('value.one')"
    put = put_values("my_value.one, value.one_, 'it''s value.one'", values | {"one_": "c"})
    assert put == "my_value.one, (c), 'it''s value.one'"


def test_a_value_that_is_not_known() -> None:
    with pytest.raises(SqlTextError) as caught:
        put_values("value.x", {})
    assert str(caught.value) == "no value 'x'; the rule has no values before this"
    with pytest.raises(SqlTextError) as caught:
        put_values("value.x", {"a": "1", "b": "2"})
    assert str(caught.value) == "no value 'x'; there are a, b"


def test_texts_are_replaced_as_a_whole_and_quoted_again() -> None:
    text = "CASE WHEN a = 'it''s' THEN 'gone' ELSE gone || 'gone ' END"
    replaced = put_texts(text, {Text("it's"): "c'est", Text("gone"): "parti"})
    assert replaced == "CASE WHEN a = 'c''est' THEN 'parti' ELSE gone || 'gone ' END"
    assert put_texts(text, {}) == text
    assert quoted_texts(text) == {"it's", "gone", "gone "}
    assert without_strings(text) == "CASE WHEN a = '' THEN '' ELSE gone || '' END"


def test_the_values_that_are_used() -> None:
    assert used_values("value.a + value.b_2 || 'value.c' || this.value") == {"a", "b_2"}
    assert used_values("1") == set()


@pytest.mark.parametrize(
    ("text", "literal"), [("a", "'a'"), ("", "''"), ("it's", "'it''s'"), ("a\0b'", "'ab'''")], ids=range(4)
)
def test_literals(text: str, literal: str) -> None:
    assert quoted(text) == literal
