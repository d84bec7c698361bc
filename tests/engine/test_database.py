"""The fence around the evidence: what gets through, what does not, and that nothing runs for ever."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.engine.database import RuleDatabase
from forensics.engine.fence import FUNCTIONS, RuleSqlError, RuleStoppedError
from forensics.engine.loader import load_packs
from forensics.engine.run import run
from forensics.tables.certificate import CertificateRow
from forensics.tables.database import quick_columns, row_values
from forensics.tables.registry import column_specs
from tests.engine.rule_files import tables, write_rules
from tests.hand_made import rows
from tests.time_bound import within

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


def ask(sql: str, **options: Any) -> list[tuple[Any, ...]]:
    with RuleDatabase(tables({"key_chain": [{"thumbprint": "AA"}] * 300}), AS_OF, **options) as database:
        return list(database.query(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH '/tmp/x' AS x",
        "DETACH main",
        "PRAGMA user_version",
        "PRAGMA writable_schema = 1",
        "INSERT INTO key_chain (thumbprint) VALUES ('x')",
        "UPDATE key_chain SET thumbprint = 'x'",
        "DELETE FROM key_chain",
        "DROP TABLE key_chain",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "CREATE VIEW x AS SELECT 1",
        "ALTER TABLE key_chain RENAME TO x",
        "VACUUM INTO '/tmp/x'",
        "ANALYZE",
        "SAVEPOINT x",
        "BEGIN",
        "SELECT name FROM sqlite_master",
        "SELECT name FROM sqlite_temp_master",
        "SELECT load_extension('x')",
        "SELECT * FROM pragma_table_info('key_chain')",
        ENDLESS,
        "SELECT 1; SELECT 2",
    ],
)
def test_statements_that_are_refused(sql: str) -> None:
    with pytest.raises(RuleSqlError):
        ask(sql)


def test_what_rules_live_on_gets_through() -> None:
    assert ask("SELECT count(*), max(thumbprint) FROM key_chain") == [(300, "AA")]
    assert ask("SELECT as_of FROM examination") == [("2026-11-22T00:00:00Z",)]
    assert ask("SELECT count(*) FROM (SELECT DISTINCT thumbprint AS t FROM key_chain) WHERE lower(t) LIKE 'a%'") == [
        (1,)
    ]
    assert ask("""SELECT '{"a": "b"}' ->> 'a', json_extract('{"a": 1}', '$.a'), julianday('2000-01-02')""") == [
        ("b", 1, 2451545.5)
    ]


def test_every_function_that_is_permitted_exists() -> None:
    known = {name for (name,) in sqlite3.connect(":memory:").execute("SELECT DISTINCT name FROM pragma_function_list")}
    assert known >= FUNCTIONS - {"windows_path"}  # the database brings it


def test_endless_statement_is_stopped() -> None:
    # 300 ** 6 rows would take years; its memory stays small.
    endless = "SELECT count(*) FROM " + ", ".join(f"key_chain AS k{n}" for n in range(6))
    with within(0.25), pytest.raises(RuleStoppedError, match=r"^stopped after 0\.2 seconds$"):
        ask(endless, seconds=0.2)


def test_recursion_is_stopped_by_the_clock_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.engine.fence._authorize", lambda *arguments: sqlite3.SQLITE_OK)
    with pytest.raises(RuleStoppedError):
        ask(ENDLESS, seconds=0.2)


def test_text_that_grows_without_end_is_refused() -> None:
    doubling = "'x'"
    for _ in range(14):
        doubling = f"replace({doubling}, 'x', 'xxxx')"
    with pytest.raises(RuleSqlError, match="too big"):
        ask(f"SELECT length({doubling})")


def test_a_rule_that_is_stopped_is_a_problem_and_the_others_are_asked(tmp_path: Path) -> None:
    many = ", ".join(f"key_chain AS k{n}" for n in range(6))
    slow = {"id": "slow", "when": {"slow": f"(SELECT count(*) FROM {many} WHERE k0.machine_id = this.machine_id) > 1"}}
    packs = load_packs([write_rules(tmp_path, slow, {})], built_in=False)
    chains = [{"thumbprint": "AA", "access": "denied"}] * 300
    result = run(packs, tables({"key_chain": chains}), AS_OF, seconds=0.2)
    assert [f.rule for f in result.findings] == ["rule"]
    [problem] = result.problems
    assert (problem.kind, problem.machine_id) == ("rule_stopped", 0)
    assert problem.message == "the rule slow could not be asked: stopped after 0.2 seconds"
    assert problem.source_path == str(tmp_path / "0-slow.yaml")


def test_rows_are_loaded_as_the_case_file_stores_them() -> None:
    for row in rows():
        specs = column_specs(row.table)
        [slow] = row_values([row], specs)
        quick = {name: list(cells) for name, cells in quick_columns([row], specs).items()}
        assert quick == {s.name: [cell] for s, cell in zip(specs, slow, strict=True) if cell is not None}


def test_times_and_lists_of_a_column_are_made_text() -> None:
    later = datetime(2027, 1, 1, tzinfo=UTC)
    given = [
        CertificateRow(
            machine_id=1, source_path="x", thumbprint=str(n), store="MY", store_scope="machine", not_after=time, eku=eku
        )
        for n, (time, eku) in enumerate([(None, []), (AS_OF, ["a"]), (AS_OF, []), (later, ["a", "b"]), (None, [])])
    ]
    columns = quick_columns(given, column_specs("certificate"))
    assert list(columns["not_after"]) == [
        None,
        "2026-11-22T00:00:00Z",
        "2026-11-22T00:00:00Z",
        "2027-01-01T00:00:00Z",
        None,
    ]
    assert list(columns["eku"]) == ["[]", '["a"]', "[]", '["a", "b"]', "[]"]
    assert "issuer" not in columns


def test_more_rows_than_are_loaded_at_once_are_all_there() -> None:
    rows = [{"thumbprint": f"{number:04}", "issuer": "CN=last" if number == 2345 else None} for number in range(2346)]
    with RuleDatabase(tables({"certificate": rows}), AS_OF) as database:
        assert list(database.query("SELECT count(*), max(thumbprint), max(issuer) FROM certificate")) == [
            (2346, "2345", "CN=last")
        ]


def test_hostile_rows_are_loaded_all_the_same() -> None:
    hostile = {"thumbprint": "AA", "subject": "\ud800x"}
    with RuleDatabase(tables({"key_chain": [{"thumbprint": "BB"}, hostile]}), AS_OF) as database:
        assert list(database.query("SELECT thumbprint, subject FROM key_chain")) == [("BB", None), ("AA", "\\ud800x")]
    service = {"name": "x", "start": 1 << 63}
    with RuleDatabase(tables({"service": [service]}), AS_OF) as database:
        assert list(database.query("SELECT start FROM service")) == [("0x8000000000000000",)]
