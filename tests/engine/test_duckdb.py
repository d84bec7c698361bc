"""The same rules on DuckDB: they say of every example, and of a case's Parquet files, what they say on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forensics.case_tables import CaseTables
from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.duckdb_functions import add_table
from forensics.engine.rule import Packs
from forensics.engine.sql_text import put_values
from forensics.report.exports.parquet_files import write_parquet
from forensics.tables.registry import ROW_CLASSES, by_table, column_specs
from tests.engine.example_case import examples
from tests.engine.in_duckdb import AS_OF, with_values, without_rows
from tests.hand_made import case
from tests.oracles import other_reader

other_reader("duckdb", "duckdb")


@pytest.fixture(scope="module")
def packs() -> Packs:
    return examples().packs


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[RuleDatabase, Any]]:
    """Return SQLite and DuckDB with the same rows."""
    connection = with_values(examples().together)
    with RuleDatabase({}, AS_OF, values=examples().together, seconds=300) as database:
        yield database, connection
    connection.close()


def _key(row: tuple[Any, ...]) -> str:
    return repr(row)


RULES = examples().packs.rules


@pytest.mark.parametrize("number", range(len(RULES)), ids=[str(rule.id) for rule in RULES])
def test_every_condition_is_the_same_on_both(number: int, packs: Packs, both: tuple[RuleDatabase, Any]) -> None:
    database, connection = both
    query = Query(packs.rules[number])
    expected = sorted(database.query(query.judged()), key=_key)
    found = sorted(((row[0] + 1, *row[1:]) for row in connection.execute(query.judged()).fetchall()), key=_key)
    assert [[None if v is None else int(v) for v in row] for row in found] == [list(row) for row in expected]
    # Not all the same word, so this compares something. A rule that looks at other machines may match on none here.
    assert len({row[1] for row in expected}) > 1


@pytest.mark.parametrize("number", range(len(RULES)), ids=[str(rule.id) for rule in RULES])
def test_duckdb_takes_every_other_piece_of_sql_too(number: int, packs: Packs, both: tuple[RuleDatabase, Any]) -> None:
    rule = packs.rules[number]
    joins = "".join(f" LEFT JOIN {table} ON ({on.text})" for table, on in rule.joins.items())
    pieces = [sql.text for sql in (*rule.values.values(), rule.subject_id, rule.subject_label)]
    pieces += [key.text for key in rule.group if key.text not in rule.values]
    pieces += [level.when for level in (*rule.severity, *rule.confidence) if level.when]
    for piece in pieces:
        # Values that it builds on are pieces of their own; DuckDB takes minutes to plan some of them together.
        sql = put_values(f"SELECT ({piece}) FROM {rule.table} AS this{joins}", dict.fromkeys(rule.values, "NULL"))
        both[1].execute(f"EXPLAIN {sql}")


@pytest.mark.parametrize(
    "moment",
    ["2026-11-22T01:02:03Z", "2026-11-22", "1601-01-01T00:00:00Z", "2026-11-22T01:02:03.123456Z", "no date", "", None],
)
def test_julianday_is_sqlites_own(moment: str | None, both: tuple[RuleDatabase, Any]) -> None:
    database, connection = both
    [expected] = database.query("SELECT julianday(?)", [moment])
    assert connection.execute("SELECT julianday(?)", [moment]).fetchone() == expected


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'MY' LIKE 'my'", 0),
        ("lower('MY') LIKE 'm_'", 1),
        ("'a%' LIKE 'a\\%'", 0),
        ("(1 = 1) IS NOT TRUE", 0),
        ("(NOT NULL) IS NOT TRUE", 1),
        ('\'{"a": 1, "b": "x"}\' ->> \'b\'', "x"),
        ("instr('abc', 'c') + length(rtrim('ab  '))", 5),
        ("substr('2026-11', 1, 4) || 7", "20267"),
        ("7 / 2.0", 3.5),
        ("(5 & 4) <> 0", 1),
        ("(1, 'a') IN (SELECT 1, 'a')", 1),
        ("replace(round(30.4) || '', '.0', '')", "30"),
        ("nullif('a', 'a') = 'b'", None),
    ],
)
def test_expressions_mean_the_same(expression: str, value: object, both: tuple[RuleDatabase, Any]) -> None:
    database, connection = both
    assert list(database.query(f"SELECT {expression}")) == [(value,)]
    assert connection.execute(f"SELECT {expression}").fetchall() == [(value,)]


def test_rules_over_exported_parquet_files(packs: Packs, tmp_path: Path) -> None:
    other_reader("pyarrow", "pyarrow")
    whole: CaseTables = case()
    connection = without_rows()
    write_parquet(whole, tmp_path.joinpath)
    for path in tmp_path.iterdir():
        if path.stem in ROW_CLASSES:
            add_table(connection, path.stem, f"read_parquet('{path}')")
    rows = by_table(row for table in whole.tables.values() for row in table)
    with RuleDatabase(rows, AS_OF) as database:
        for table in ("machine", "certificate", "key_chain", "key_file"):
            columns = ", ".join(f'"{spec.name}"' for spec in column_specs(table))
            stored = list(database.query(f"SELECT {columns} FROM {table}"))
            assert stored
            assert connection.execute(f"SELECT {columns} FROM {table} ORDER BY rowid").fetchall() == stored
        told = {}
        for rule in packs.rules:
            query = Query(rule)
            expected = sorted(database.query(query.judged()), key=_key)
            found = sorted(((row[0] + 1, *row[1:]) for row in connection.execute(query.judged()).fetchall()), key=_key)
            assert found == expected, rule.id
            told[str(rule.id)] = [row[1] for row in expected]
    assert told["key-file-of-another-machine-guid"].count(1) == 1
