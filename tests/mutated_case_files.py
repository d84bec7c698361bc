"""Mutations of a small case file, of its bytes and of its schema and values, each of which must be refused or be sound.

    python -m tests.mutated_case_files [COUNT [SEED]]

opens COUNT of them, renders what was not refused, and prints what ended in anything else.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import forensics
from forensics.tables.database import CaseFileError
from forensics.tables.registry import ROW_CLASSES
from tests.hand_made import case

TABLES = (*ROW_CLASSES, "meta", "source", "finding", "columns")
VALUES = (
    "NULL", "''", "'x'", "0", "1", "-1", "9223372036854775807", "1.5", "x'ff'", "'[]'", "'[1]'", "'{}'", "'0x10'",
    "'2026-01-01T00:00:00Z'", "'9999-12-31'", "zeroblob(100000)", "'[[[['", "char(0)", "'NaN'", "1e999", "'\U0001f511'",
)  # fmt: skip
OBJECTS = (
    "CREATE VIEW v AS SELECT * FROM machine",
    "CREATE TRIGGER t AFTER INSERT ON machine BEGIN SELECT 1; END",
    'CREATE INDEX i ON machine (lower("name"))',
    "CREATE VIRTUAL TABLE f USING fts5(x)",
    "CREATE TABLE other (x)",
    "ALTER TABLE machine ADD COLUMN g AS (1)",
    "ALTER TABLE finding ADD COLUMN x",
    "PRAGMA user_version = 8",
    "PRAGMA application_id = 1",
    "PRAGMA journal_mode = WAL",
    "PRAGMA encoding = 'UTF-16'",
    "VACUUM",
)


def of_bytes(path: Path, dice: random.Random) -> None:
    """Change some bytes, or cut or lengthen the file."""
    data = bytearray(path.read_bytes())
    if dice.random() < 0.1:
        del data[dice.randrange(len(data)) :]
    for _ in range(dice.choice((1, 1, 2, 8, 64)) if data else 0):
        # The beginning of a page is what SQLite trusts most.
        page = dice.randrange(len(data) // 4096 + 1) * 4096
        at = min(page + dice.randrange(dice.choice((16, 128, 4096))), len(data) - 1)
        data[at] = dice.choice((0, 0xFF, 0x80, dice.randrange(256)))
    path.write_bytes(data)


def of_values(path: Path, dice: random.Random) -> None:
    """Change values, columns and objects by SQL."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for _ in range(dice.randrange(1, 4)):
            table = dice.choice(TABLES)
            names = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
            with suppress(sqlite3.Error):
                if names and dice.random() < 0.8:
                    column = dice.choice(names)
                    database.execute(f'UPDATE "{table}" SET "{column}" = {dice.choice(VALUES)}')
                else:
                    database.execute(dice.choice(OBJECTS))


def of_schema(path: Path, dice: random.Random) -> None:
    """Write something else into what SQLite has of its own tables."""
    table = dice.choice(TABLES)
    change = dice.choice(
        (
            "sql = replace(sql, '\"', '')", "sql = 'CREATE VIEW ' || name || ' AS SELECT 1'", "sql = NULL", "sql = 'x'",
            "sql = replace(sql, 'TEXT', 'TEXT COLLATE NOCASE')", "sql = replace(sql, 'TEXT', 'TEXT AS (1)')",
            "sql = 'CREATE VIRTUAL TABLE ' || name || ' USING dbstat'", "rootpage = rootpage + 1", "rootpage = 1",
            "rootpage = 99999", "type = 'view'", "name = 'x'", "tbl_name = 'x'", "rootpage = 0",
            "sql = rtrim(sql, ')') || ', CHECK (1/0))'", "sql = sql || ' WITHOUT ROWID'",
            "sql = 'CREATE TABLE ' || name || '(' || replace(hex(zeroblob(400)), '00', 'a,') || 'z)'",
        )
    )  # fmt: skip
    with closing(sqlite3.connect(path, isolation_level=None)) as database, suppress(sqlite3.Error):
        database.execute("PRAGMA writable_schema = ON")
        database.execute(f"UPDATE sqlite_master SET {change} WHERE name = ?", [table])


MUTATIONS: tuple[Callable[[Path, random.Random], None], ...] = (of_bytes, of_bytes, of_values, of_schema)


def opened(path: Path) -> str:
    """Return what came of a case file: "refused", "sound", or what went wrong."""
    try:
        found = forensics.open_case(path)
    except CaseFileError as error:
        return "refused" if str(error).startswith(str(path)) and "\n" not in str(error) else f"words: {error}"
    except BaseException:
        return traceback.format_exc()
    try:
        for format in ("text", "json"):
            forensics.render(found, format)
    except BaseException:
        return "sound, but " + traceback.format_exc()
    return "sound"


def main(count: int = 20_000, seed: int = 20261201) -> int:
    """Open many mutations; print what went wrong."""
    told: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.sqlite"
        case().save(whole)
        content = whole.read_bytes()
        path = Path(folder) / "case.sqlite"
        for number in range(count):
            dice = random.Random(f"{seed} {number}")
            for beside in Path(folder).glob("case.sqlite*"):
                beside.unlink()
            path.write_bytes(content)
            dice.choice(MUTATIONS)(path, dice)
            begun = time.thread_time()
            what = opened(path)
            slowest = max(slowest, time.thread_time() - begun)
            known = what in ("refused", "sound")
            told[what if known else what.strip().rpartition("\n")[2][:150]] += 1
            if not known and told[what.strip().rpartition("\n")[2][:150]] == 1:
                print(f"{seed} {number}: {what}", flush=True)
    print(dict(told), f"slowest {slowest:.2f} s")
    return int(told.total() > told["refused"] + told["sound"])


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
