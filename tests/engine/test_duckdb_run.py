"""Rules asked of DuckDB find what they find on SQLite, word for word, and reach nothing but the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forensics.engine import duckdb_run
from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.duckdb_fence import MAX_STATEMENT
from forensics.engine.duckdb_run import DuckTables, run_on_duckdb
from forensics.engine.examples import example_rows
from forensics.engine.fence import RuleSqlError, RuleStoppedError
from forensics.engine.loader import load_packs
from forensics.engine.rule import Packs
from forensics.engine.run import RunResult, put_together, run, run_on
from forensics.tables.database import row_values
from forensics.tables.registry import column_specs
from forensics.tables.row import Row
from tests.engine.example_case import examples
from tests.engine.in_duckdb import AS_OF, insert, with_values, without_rows
from tests.engine.rule_files import tables, write_rules
from tests.examined import examined
from tests.oracles import other_reader
from tests.time_bound import within

other_reader("duckdb", "duckdb")

RULES = examples().packs.rules
TOGETHER = (
    *("clone-one", "clone-two", "hyperv-source", "hyperv-target", "laptop", "server-roles", "broken-claim"),
    *("broken-secrets", "rdp-2019", "attest-ca", "bound", "mixed"),
)


def duck_of(rows: Mapping[str, list[Row]], **options: Any) -> DuckTables:
    """Return rows in DuckDB."""
    connection = without_rows()
    for table, there in rows.items():
        specs = column_specs(table)
        if there:
            insert(connection, table, [spec.name for spec in specs], [list(v) for v in row_values(there, specs)])
    return DuckTables(connection, **options)


@pytest.fixture(scope="module")
def of_examples() -> Iterator[tuple[RuleDatabase, DuckTables]]:
    with RuleDatabase({}, AS_OF, values=examples().together) as database:
        yield database, DuckTables(with_values(examples().together))


@pytest.mark.parametrize("number", range(len(RULES)), ids=[str(rule.id) for rule in RULES])
def test_findings_of_all_examples_are_the_same(number: int, of_examples: tuple[RuleDatabase, DuckTables]) -> None:
    database, duck = of_examples
    packs = Packs((examples().packs.rules[number],))
    found = run_on_duckdb(duck, packs, AS_OF, seconds=300)
    assert found == run_on(database, packs, AS_OF, seconds=300)
    assert found.problems == []
    # On no machine of all examples together: each of the others has a list, too.
    assert bool(found.findings) != (packs.rules[0].id == "device-not-in-eklist")


def test_what_matches_in_no_company_is_the_same_by_itself() -> None:
    rule = next(rule for rule in examples().packs.rules if rule.id == "device-not-in-eklist")
    told = []
    for values in example_rows(rule):
        with RuleDatabase({}, AS_OF, values=values) as database:
            expected = run_on(database, Packs((rule,)), AS_OF)
        assert run_on_duckdb(DuckTables(with_values(values)), Packs((rule,)), AS_OF) == expected
        told.append(len(expected.findings))
    assert 1 in told


@pytest.fixture(scope="module")
def of_images() -> tuple[RunResult, DuckTables]:
    case = examined(*TOGETHER)
    return run(load_packs(), case.tables, AS_OF, seconds=300), duck_of(case.tables)


def test_findings_of_test_images_are_the_same(of_images: tuple[RunResult, DuckTables]) -> None:
    expected, duck = of_images
    assert run_on_duckdb(duck, load_packs(), AS_OF, seconds=300) == expected
    assert {finding.rule for finding in expected.findings} >= {
        "clone-without-generalize",
        "private-key-on-several-machines",
        "key-recoverable",
    }
    assert any(finding.consequences for finding in expected.findings)


def test_they_are_the_same_however_few_machines_are_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    case = examined("clone-one", "clone-two", "broken-claim")
    monkeypatch.setattr(duckdb_run, "ROWS_AT_ONCE", 1)
    packs = load_packs()
    assert run_on_duckdb(duck_of(case.tables), packs, case.as_of) == run(packs, case.tables, case.as_of)


def test_both_halves_together_are_the_whole(of_images: tuple[RunResult, DuckTables]) -> None:
    """As a fleet asks: of each disk what is about one machine, of all what spans machines."""
    expected, duck = of_images
    packs = load_packs()
    mine = run(packs.of_one_machine, examined(*TOGETHER).tables, AS_OF, seconds=300)
    others = run_on_duckdb(duck, packs.across_machines, AS_OF, seconds=300)
    found = {str(rule.id): [f for f in (*mine.findings, *others.findings) if f.rule == rule.id] for rule in packs.rules}
    together = put_together([finding for of_rule in found.values() for finding in of_rule], packs)
    assert sorted(together, key=lambda f: f.id) == sorted(expected.findings, key=lambda f: f.id)


@pytest.fixture(scope="module")
def small() -> DuckTables:
    return duck_of(tables({"key_chain": [{"thumbprint": "AA", "access": "denied"}] * 300}))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content FROM read_text('/etc/passwd')",
        "SELECT (SELECT content FROM read_text('/etc/passwd') LIMIT 1)",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "x.csv"',
        "SELECT * FROM glob('/*')",
        "SELECT * FROM key_chain, glob('/*')",
        "SELECT getenv('HOME')",
        "SELECT 1 WHERE getenv('HOME') LIKE 'a%'",
        "SELECT * REPLACE (getenv('HOME') AS thumbprint) FROM key_chain",
        "SELECT current_setting('home_directory')",
        "SELECT main.lower('A')",
        "SELECT system.main.lower('A')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_tables()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM main.key_chain",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM query_table('key_chain')",
        "SELECT * FROM range(1000000000)",
        "SELECT repeat('x', 1000000000)",
        "SELECT list_transform([1], lambda x: x)",
        "SELECT [x FOR x IN [1]]",
        "SELECT CAST('1' AS HUGEINT)",
        "SELECT nextval('x')",
        "SELECT random()",
        "SELECT $1",
        "SELECT sum(machine_id) OVER () FROM key_chain",
        "DESCRIBE key_chain",
        "SUMMARIZE key_chain",
        "SHOW TABLES",
        "PRAGMA version",
        "CALL pragma_version()",
        "COPY key_chain TO '/tmp/x'",
        "EXPORT DATABASE '/tmp/x'",
        "ATTACH '/tmp/x' AS x",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "CREATE TABLE x (y INT)",
        "CREATE MACRO lower(x) AS 1",
        "INSERT INTO key_chain (thumbprint) VALUES ('x')",
        "UPDATE key_chain SET thumbprint = 'x'",
        "DELETE FROM key_chain",
        "DROP TABLE key_chain",
        "PREPARE x AS SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT 1; SELECT 2",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
        "SELECT " + "(" * 50_000 + "1" + ")" * 50_000,
        "SELECT '" + "x" * MAX_STATEMENT + "'",
        "",
        "nonsense",
    ],
    ids=lambda sql: sql[:40],
)
def test_statements_that_are_refused(sql: str, small: DuckTables) -> None:
    with pytest.raises(RuleSqlError):
        small.query(sql, 10)


def test_what_rules_live_on_gets_through(small: DuckTables) -> None:
    assert small.query("SELECT count(*), max(thumbprint) FROM key_chain", 10) == [(300, "AA")]
    assert small.query("SELECT as_of FROM examination", 10) == [("2026-11-22T00:00:00Z",)]
    sql = "SELECT count(*) FROM (SELECT DISTINCT thumbprint AS t FROM key_chain) WHERE lower(t) LIKE 'a%'"
    assert small.query(sql, 10) == [(1,)]
    sql = """SELECT '{"a": "b"}' ->> 'a', julianday('2000-01-02'), CAST('7' AS BIGINT), coalesce(NULL, 'x') || 'y'"""
    assert small.query(sql, 10) == [("b", 2451545.5, 7, "xy")]
    with_one = "WITH one AS MATERIALIZED (SELECT machine_id AS m FROM key_chain) SELECT max(m) FROM one UNION SELECT 2"
    assert sorted(small.query(with_one, 10)) == [(1,), (2,)]


def test_past_the_check_there_is_no_file_either(small: DuckTables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_run, "check_statement", lambda *arguments: None)
    for sql in (
        "SELECT content FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/keymortem-x'",
        "ATTACH '/tmp/keymortem-x' AS x",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
    ):
        with pytest.raises(RuleSqlError, match=r"^DuckDB refuses it: "):
            small.query(sql, 10)


def test_tables_whose_files_stay_open_to_all_are_refused() -> None:
    connection = without_rows()
    connection.execute("SET lock_configuration = true")
    with pytest.raises(RuleSqlError, match="can read files, and its settings are locked"):
        DuckTables(connection)


def test_tables_that_are_fenced_already_can_be_asked() -> None:
    connection = without_rows()
    for _ in range(2):
        assert DuckTables(connection).query("SELECT count(*) FROM machine", 10) == [(0,)]


def test_endless_statement_is_stopped() -> None:
    duck = duck_of(tables({"key_chain": [{"thumbprint": f"{n}"} for n in range(2000)]}))
    many = ", ".join(f"key_chain AS k{n}" for n in range(4))
    with within(5), pytest.raises(RuleStoppedError):
        duck.query(
            f"SELECT count(*) FROM {many} WHERE k0.thumbprint || k1.thumbprint < k2.thumbprint || k3.subject", 0.3
        )
    assert duck.query("SELECT count(*) FROM key_chain", 10) == [(2000,)]


def _slow(**more: Any) -> dict[str, Any]:
    many = ", ".join(f"key_chain AS k{n}" for n in range(4))
    longer = "k0.thumbprint || k1.thumbprint < k2.thumbprint || k3.thumbprint || this.access"
    return {
        "id": "slow",
        "across": "machines",
        "when": {"slow": f"(SELECT count(*) FROM {many} WHERE {longer}) > 1"},
    } | more


@pytest.mark.parametrize("built_in", [True, False])
def test_rules_that_are_stopped_or_fail_are_problems_and_the_others_are_asked(built_in: bool, tmp_path: Path) -> None:
    wrong = {"id": "wrong", "when": {"wrong": "json_extract(this.access, '$.a') = 1"}}
    packs = load_packs([write_rules(tmp_path, _slow(), wrong, {"id": "sound"})], built_in=False)
    packs = Packs(tuple(replace(rule, built_in=built_in) for rule in packs.rules))
    duck = duck_of(tables({"key_chain": [{"thumbprint": f"{n}", "access": "denied"} for n in range(1000)]}))
    result = run_on_duckdb(duck, packs, AS_OF, seconds=0.7)
    assert [finding.rule for finding in result.findings] == ["sound"]
    assert [(problem.kind, problem.machine_id) for problem in result.problems] == [
        ("rule_stopped", 0),
        ("rule_failed", 0),
    ]
    assert result.problems[0].message == "the rule slow could not be asked: stopped after 0.7 seconds"
    refused = "DuckDB refuses it: Invalid Input Error" if built_in else "no valid SQL: malformed JSON"
    assert result.problems[1].message.startswith(f"the rule wrong could not be asked: {refused}")


def test_what_strangers_wrote_does_not_run_in_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No limit of memory holds there for texts, which double with each line."""
    doubling = "this.access"
    for _ in range(14):
        doubling = f"replace({doubling}, 'd', 'dddd')"
    written = write_rules(tmp_path, {"id": "grows", "when": {"grows": f"length({doubling}) > 1"}}, {"id": "sound"})
    packs = load_packs([written], built_in=False)
    duck = duck_of(tables({"key_chain": [{"thumbprint": "AA", "access": "denied"}] * 5}))
    asked: list[str] = []
    query = DuckTables.query

    def noted(duck: DuckTables, sql: str, seconds: float) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return query(duck, sql, seconds)

    monkeypatch.setattr(DuckTables, "query", noted)
    result = run_on_duckdb(duck, packs, AS_OF)
    assert [finding.rule for finding in result.findings] == ["sound"]
    assert [problem.message for problem in result.problems] == [
        "the rule grows could not be asked: a text or a row that it makes is too big: it has more than 1 MiB"
    ]
    assert asked
    assert not [sql for sql in asked if "length(" in sql or "denied" in sql]


def test_a_rule_that_looks_at_too_much_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_run, "MOST_ROWS", 10)
    others = "(SELECT count(*) FROM key_chain AS k WHERE k.machine_id <> this.machine_id) = 0"
    packs = load_packs([write_rules(tmp_path, {"across": "machines", "when": {"other": others}})], built_in=False)
    result = run_on_duckdb(duck_of(tables({"key_chain": [{"thumbprint": "AA"}] * 11})), packs, AS_OF)
    assert [problem.message for problem in result.problems] == [
        "the rule rule could not be asked: it looks at 11 rows of all machines, and at most 10 are taken"
    ]


def test_every_statement_that_is_asked_there_is_permitted(small: DuckTables) -> None:
    for rule in RULES:
        small.query(Query(rule, (3, 4)).wanted(), 60)
