"""Rules made to fill the memory or to run for ever, and evidence made to make rules fail."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import threading
import time
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.engine.clocked_functions import MOST_JOINED, add_clocked
from forensics.engine.database import LONGEST_VALUE, RuleDatabase
from forensics.engine.examples import run_examples
from forensics.engine.fence import LONGEST_TEXT, RuleSqlError, RuleStoppedError
from forensics.engine.loader import load_packs
from forensics.engine.rule import RulePackError
from forensics.engine.rule_source import Text
from forensics.engine.run import run
from forensics.engine.sql_text import LONGEST_SQL, SqlTextError, put_texts, put_values
from forensics.tables.registry import ROW_CLASSES, by_table, column_specs
from tests.engine.rule_files import tables, write_rules
from tests.hand_made import rows
from tests.time_bound import within

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
GROWN = "'" + "a" * 64 + "'"
for _ in range(3):
    GROWN = f"replace({GROWN}, 'a', '{'a' * 16}')"
"""262,144 characters."""
MANY = ", ".join(f"key_chain AS k{n}" for n in range(6))


ALL = " || ".join(f"k{n}.rowid" for n in range(6))


def ask(sql: str, seconds: float = 0.3) -> list[tuple[Any, ...]]:
    with RuleDatabase(tables({"key_chain": [{"thumbprint": "AA"}] * 300}), AS_OF, seconds) as database:
        return list(database.query(sql))


@pytest.mark.parametrize(
    "each",
    [
        f"trim({GROWN}, 'b' || {GROWN} || {ALL})",
        f"instr({GROWN}, substr({GROWN}, 1, 100000) || {ALL})",
        f"length(replace({GROWN}, substr({GROWN}, 1, 100000) || {ALL}, 'x'))",
        f"{GROWN} LIKE '%{'a' * 900}' || {ALL} || '%'",
        f"{GROWN} LIKE '{'%a' * 450}' || {ALL} || '%'",
        f"{GROWN} LIKE '%{'_' * 900}' || {ALL} || '%'",
        f"json_extract('[' || {GROWN} || {ALL}, '$[0]')",
        ALL,
    ],
    ids=["trim", "instr", "replace", "like", "many wildcards", "underscores", "json", "join"],
)
def test_what_takes_long_for_each_row_is_stopped(each: str) -> None:
    with within(3), pytest.raises((RuleStoppedError, RuleSqlError)):
        ask(f"SELECT count(*) FROM {MANY} WHERE {each} > 'zz'")


def test_one_row_with_thousands_of_slow_calls_is_stopped() -> None:
    """Between two of them SQLite jumps nowhere, so that it never looks at the clock itself."""
    slow = "instr(value, substr(value, 1, 60000) || '{}')"
    calls = " + ".join(slow.format(n) for n in range(400))
    with within(3), pytest.raises(RuleStoppedError, match=r"^stopped after 0\.05 seconds$"):
        ask(f"SELECT {calls} FROM (SELECT {GROWN} || max(thumbprint) AS value FROM key_chain)", seconds=0.05)


def test_what_is_sorted_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    peak = iter(range(0, 1 << 40, 1 << 28))
    monkeypatch.setattr("forensics.engine.fence._memory", lambda: next(peak))
    wide = f"SELECT DISTINCT {GROWN} || k0.rowid || k1.rowid || k2.rowid AS x FROM {MANY}"
    with pytest.raises(RuleStoppedError, match=r"^stopped because it took more than 512 MiB of memory$"):
        ask(f"SELECT count(*) FROM ({wide})", seconds=20)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT 1 WHERE 1 IN ({', '.join(map(str, range(60_000)))})",
        "SELECT " + "CASE WHEN 1 THEN " * 600 + "1" + " END" * 600,
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
        "SELECT " + " + ".join(["thumbprint"] * 20_000) + " FROM key_chain",
        "SELECT " + ", ".join(["1"] * 600),
        "SELECT " + " UNION ALL SELECT ".join(["1"] * 30),
        f"SELECT coalesce({', '.join(['1'] * 40)})",
        "SELECT count(*) FROM " + ", ".join(f"key_chain AS k{n}" for n in range(100)),
        "SELECT randomblob(100000000)",
        "SELECT zeroblob(100000000)",
        "SELECT printf('%1000000000d', 1)",
        "SELECT hex(zeroblob(10000000))",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    ],
    ids=[
        "in",
        "case",
        "parentheses",
        "sum",
        "columns",
        "union",
        "arguments",
        "tables",
        "randomblob",
        "zeroblob",
        "printf",
        "hex",
        "recursion",
    ],
)
def test_statements_out_of_bounds_are_refused_at_once(sql: str) -> None:
    with within(1), pytest.raises(RuleSqlError):
        ask(sql)


def test_values_that_double_are_refused_before_they_are_put_together() -> None:
    values = {"v0": "'" + "a" * 1000 + "'"}
    for n in range(7):
        values[f"v{n + 1}"] = put_values(f"value.v{n} || value.v{n}", values)
    assert 2.1 * len(values["v7"]) > LONGEST_SQL
    with pytest.raises(SqlTextError, match="with its values put in it has more than 256 KiB"):
        put_values("value.v7 || value.v7 || value.v0 || value.v6", values)
    with pytest.raises(SqlTextError, match="with its texts translated it has more than 256 KiB"):
        put_texts("'a' || " * 2000 + "'a'", {Text("a"): "x" * 1000})


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"values": {"v0": "'a'", **{f"v{n}": f"value.v{n - 1} || value.v{n - 1}" for n in range(1, 40)}}}, "256 KiB"),
        ({"values": {f"v{n}": "1" for n in range(101)}}, "'values' names more than 100"),
        ({"with": dict.fromkeys(list(ROW_CLASSES)[:11], "1")}, "'with' names more than 10"),
        ({"when": {"all": [{f"c{n}": "1"} for n in range(201)]}}, "the rule has more than 200 conditions"),
        ({"when": {"long": "1 OR " * 4000 + "1"}}, "one piece of SQL has more than 16 KiB"),
        ({"when": {"slow": f"trim({GROWN}, 'b' || {GROWN}) > 'a' AND (SELECT count(*) FROM {MANY}) > 0"}}, None),
    ],
    ids=["doubling", "values", "joins", "conditions", "long", "constant"],
)
def test_rules_out_of_bounds_are_told(tmp_path: Path, rule: dict[str, Any], said: str | None) -> None:
    folder = write_rules(tmp_path, rule)
    for question in (forensics.lint_rules, forensics.test_rules, forensics.list_rules):
        with within(4):
            if said is None:
                question(folder)
                continue
            with pytest.raises(RulePackError) as raised:
                question(folder)
        assert said is None or said in str(raised.value)


def test_a_slow_rule_is_stopped_in_its_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.engine.examples.SECONDS_PER_EXAMPLE", 0.1)
    slow = {"when": {"slow": f"(SELECT count(*) FROM {MANY} WHERE k0.machine_id = this.machine_id) > 1"}}
    chains = [{"thumbprint": "AA"}] * 100
    example = {"expect": "match", "rows": {"key_chain": chains}}
    folder = write_rules(tmp_path, {**slow, "examples": [example, example]})
    packs = load_packs([folder], built_in=False, examples=True)
    assert [p.message for p in run_examples(packs).problems] == [
        f"rule, example {n}: stopped after 0.1 seconds" for n in (1, 2)
    ]
    monkeypatch.setattr("forensics.engine.examples.SECONDS_FOR_EXAMPLES", 0.05)
    assert [p.message for p in run_examples(packs).problems] == [
        "rule, example 1: stopped after 0.1 seconds",
        "from this example on none was run: the others took 0.05 seconds",
    ]


@pytest.mark.skipif(os.name == "nt", reason="no signal can be sent to a thread there")
@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT count(*) FROM {MANY}",
        f"SELECT count(*) FROM {MANY} WHERE windows_path(k0.machine_id, {ALL}) > 'zzz'",
        f"SELECT count(*) FROM {MANY} WHERE k0.thumbprint LIKE {ALL} || '%'",
        f"SELECT group_concat(k0.thumbprint) FROM {MANY}",
    ],
    ids=["statement", "windows_path", "like", "group_concat"],
)
def test_control_c_ends_a_statement_at_once(sql: str) -> None:
    timer = threading.Timer(0.2, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask(sql, seconds=30)
    assert time.monotonic() - begun < 5
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_joined_text_ends_at_its_bound() -> None:
    thumbprints = [f"{n:040X}" for n in range(10_000)]
    with RuleDatabase(tables({"certificate": [{"thumbprint": t} for t in thumbprints]}), AS_OF) as database:
        [(joined, few, none, apart)] = database.query(
            "SELECT group_concat(thumbprint), group_concat(CASE WHEN rowid < 4 THEN rowid END, '; '),"
            " group_concat(NULL), group_concat(DISTINCT machine_id) FROM certificate"
        )
    assert (few, none, apart) == ("1; 2; 3", None, "1")
    *whole, more = joined.split(",")
    assert whole == thumbprints[: MOST_JOINED // 41]
    assert more == f"… and {10_000 - len(whole)} more"


def test_long_values_of_evidence_are_cut_and_told_and_no_rule_fails(tmp_path: Path) -> None:
    long = "é" * LONGEST_VALUE
    chains = [{"thumbprint": "AA", "access": "denied", "subject": long, "source_path": "a"}] * 3
    packs = load_packs([write_rules(tmp_path, {})], built_in=False)
    result = run(packs, tables({"key_chain": [*chains, {"thumbprint": "BB", "access": "denied"}]}), AS_OF)
    assert [len(f.subjects) for f in result.findings] == [2]
    assert [(p.kind, p.machine_id, p.source_path, p.message) for p in result.problems] == [
        (
            "value_cut",
            1,
            "a",
            "rules saw only the first 16 KiB of 3 values of column subject of table key_chain, so what they say of "
            "these rows may be wrong: look at them with keymortem examine --format json",
        )
    ]
    names = [f"host{n}.contoso.com" for n in range(3000)]
    with RuleDatabase(tables({"certificate": [{"thumbprint": "AA", "san": names}]}), AS_OF) as database:
        [(text, first)] = database.query("SELECT san, json_extract(san, '$[0]') FROM certificate")
    kept = json.loads(text)
    assert (kept, first) == (names[: len(kept)], "host0.contoso.com")
    assert LONGEST_VALUE - 100 < len(text) <= LONGEST_VALUE


def test_every_built_in_rule_answers_over_evidence_of_longest_values() -> None:
    long = []
    for row in rows():
        texts = {s.name for s in column_specs(row.table) if s.kind == "text" and not s.possible_values}
        texts -= {"source_path", "thumbprint", "path"}
        values: Any = {f.name: "\U0001f511" * 50_000 for f in fields(row) if f.name in texts}
        long.append(replace(row, **values))
    result = run(load_packs(), by_table(long), AS_OF)
    assert [p.message for p in result.problems if p.kind != "value_cut"] == []


ALPHABET = "ab%_\\é\0"


def test_functions_say_what_those_of_sqlite_say() -> None:
    theirs, ours = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    theirs.execute("PRAGMA case_sensitive_like = ON")
    add_clocked(ours, lambda: None)
    dice = random.Random(20261201)

    def text(most: int = 6) -> str:
        return "".join(dice.choice(ALPHABET[:-1]) for _ in range(dice.randrange(most)))

    for _ in range(4000):
        asked = [
            ("SELECT ? LIKE ?", (text(9), text())),
            ("SELECT ? LIKE ? ESCAPE '\\'", (text(9), text())),
            ("SELECT instr(?, ?), replace(?, ?, ?)", (text(9), text(3), text(9), text(3), text(3))),
            ("SELECT trim(?, ?), ltrim(?, ?), rtrim(?, ?)", tuple(text(5) for _ in range(6))),
        ]
        for sql, values in asked:
            assert ours.execute(sql, values).fetchone() == theirs.execute(sql, values).fetchone(), (sql, values)
    for sql in (
        "SELECT 12 LIKE '1%', 1.0 LIKE '1.0', 1.5 LIKE '1._', NULL LIKE 'a', 'a' LIKE NULL, 'A' LIKE 'a', '' LIKE '%'",
        "SELECT replace(1.0 * 7, '.0', ''), replace(round(1.0) || '', '.0', ''), instr(123, 2), trim(5.0, 5)",
        "SELECT replace('a', '', 'b'), instr('a', ''), trim('a', ''), replace('', 'a', 'b'), 1e300 * 10 LIKE '1%'",
        "SELECT group_concat(x), group_concat(x, '-'), group_concat(x, NULL), group_concat(DISTINCT x) FROM"
        " (SELECT 'a' AS x UNION ALL SELECT NULL UNION ALL SELECT 2.5 UNION ALL SELECT 'a' UNION ALL SELECT '')",
        "SELECT group_concat(x) FROM (SELECT NULL AS x)",
    ):
        assert ours.execute(sql).fetchone() == theirs.execute(sql).fetchone(), sql


def test_a_text_that_is_too_long_is_told_as_such() -> None:
    with pytest.raises(RuleSqlError, match=f"has more than {LONGEST_TEXT >> 20} MiB"):
        ask(f"SELECT replace({GROWN}, 'a', 'aaaaaaaa')")
