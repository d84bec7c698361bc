"""Comparisons with words that a column never holds are found where they can be seen, and nothing else is."""

from __future__ import annotations

import pytest

from forensics.engine.impossible_values import impossible_values
from tests.time_bound import within

ACCESS = ("ok", "denied", "too_open", "not_examined")


def found(sql: str, *joins: str) -> list[tuple[str, str]]:
    return [(column, word) for column, word, _ in impossible_values(sql, "key_chain", joins)]


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        ("this.access = 'shut'", ["shut"]),
        ("access<>'shut'", ["shut"]),
        ("this.access != 'shut' OR this.access IS 'open' OR this.access IS NOT 'ajar'", ["shut", "open", "ajar"]),
        ("'shut' = this.access", ["shut"]),
        ("this.access IN ('ok', 'shut', 'ajar')", ["shut", "ajar"]),
        ("this.access NOT IN ('ok','shut')", ["shut"]),
        ("nullif(this.access, 'not_seen') = 'denied'", ["not_seen"]),
        ("nullif(this.access, 'not_examined') IN ('denied', 'shut')", ["shut"]),
        ("coalesce(this.access, 'none') <> 'none'", []),
        ("coalesce(this.access, 'none') = 'shut'", ["shut"]),
        ("CASE this.access WHEN 'ok' THEN 'fine' WHEN 'shut' THEN 'bad' END", ["shut"]),
        ("this.access = 'it''s'", ["it's"]),
        ("this.access = 'denied' AND this.subject = 'this.access = ''shut'''", []),
        ("this.access LIKE 'shut%' OR lower(this.access) = 'shut' OR this.access = this.verdict", []),
        ("this.subject = 'anything' OR this.nothing = 'x' OR other.access = 'x' OR value.access = 'x'", []),
        ("this.access IN (SELECT 'shut')", []),
        ("", []),
        ("this.access =", []),
        ("this.access IN", []),
        ("(this.access, 'x'", []),
    ],
)
def test_words_of_one_column(sql: str, wrong: list[str]) -> None:
    assert [word for _, word in found(sql)] == wrong
    assert all(words == ACCESS for _, _, words in impossible_values(sql, "key_chain"))


def test_cases_in_cases_are_told_apart() -> None:
    sql = "CASE this.access WHEN 'ok' THEN CASE this.verdict WHEN 'dead' THEN 'x' END WHEN 'shut' THEN 'y' END"
    assert found(sql) == [("this.access", "shut"), ("this.verdict", "dead")]


def test_tables_of_joins_and_subqueries() -> None:
    assert found("key_file.kind = 'capi2'", "key_file") == [("key_file.kind", "capi2")]
    assert found("key_file.kind = 'capi2'") == []
    sql = "EXISTS (SELECT 1 FROM certificate_use AS u JOIN policy p ON 1 WHERE u.consumer = 'Rdp' AND p.area = 'tls')"
    assert found(sql) == [("u.consumer", "Rdp"), ("p.area", "tls")]
    assert found("(SELECT 1 FROM setup_event WHERE phase = 'sysprep')") == [("phase", "sysprep")]


def test_a_column_without_table_may_be_of_any_table_there() -> None:
    # Both tables have a column `kind`, and that of problem holds any word.
    assert found("(SELECT 1 FROM problem WHERE kind = 'odd')", "key_file") == []
    assert found("(SELECT 1 FROM folder_acl WHERE kind = 'dpapi')", "key_file") == []
    assert found("(SELECT 1 FROM folder_acl WHERE kind = 'odd')", "key_file") == [("kind", "odd")]


def test_lists_and_numbers_have_no_words_to_compare_with() -> None:
    assert [*impossible_values("this.shares = 'x' OR this.member = 'x'", "shared_identity")] == []


@pytest.mark.parametrize("sql", ["this.access " * 20_000, "this.access = 'x' OR " * 10_000, "CASE this.access " * 900])
def test_long_sql_takes_no_longer_than_it_is_long(sql: str) -> None:
    with within(0.5):
        list(impossible_values(sql, "key_chain"))
