"""Case files of strangers: what is no table of keymortem's, pages that lie, other values, journals beside them."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from forensics.case import open_case
from forensics.contained.child import is_possible
from forensics.tables import case_cells, case_reader
from forensics.tables.database import CaseFileError
from tests.contained import work
from tests.hand_made import case
from tests.mutated_case_files import MUTATIONS, opened
from tests.time_bound import within

KEPT = ("application_id", "user_version")
NEVER = "which keymortem never writes; examine the source again"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "disk.sqlite"
    case().save(path)
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def refusal(path: Path) -> str:
    with pytest.raises(CaseFileError) as raised:
        open_case(path)
    said = str(raised.value)
    assert said.startswith(f"{path} ")
    assert said.isprintable()
    return said.removeprefix(f"{path} ")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE VIEW v AS SELECT 1", f"is not read: it holds the view 'v', {NEVER}"),
        (
            "CREATE TRIGGER t AFTER INSERT ON machine BEGIN SELECT 1; END",
            f"is not read: it holds the trigger 't', {NEVER}",
        ),
        ("CREATE INDEX i ON machine (lower(computer_name))", f"is not read: it holds the index 'i', {NEVER}"),
        ("CREATE INDEX i ON machine (computer_name)", f"is not read: it holds the index 'i', {NEVER}"),
        ("CREATE TABLE other (x)", f"is not read: it holds the table 'other', {NEVER}"),
        ("CREATE TABLE '\x1b[31m\n' (x)", f"is not read: it holds the table '\\x1b[31m\\n', {NEVER}"),
        ("CREATE VIRTUAL TABLE f USING fts5(x)", f"is not read: it holds the virtual table 'f', {NEVER}"),
        (
            "ALTER TABLE machine ADD COLUMN g AS (1)",
            "is not read: its table machine has other columns",
        ),
        (
            "ALTER TABLE machine ADD COLUMN g TEXT",
            "is not read: its table machine has other columns",
        ),
        ("ALTER TABLE machine RENAME COLUMN computer_name TO x", "is not read: its table machine has other columns"),
        ("DROP TABLE machine", "is not read: its table machine is missing, or is not as keymortem writes it"),
    ],
)
def test_what_keymortem_never_writes_is_refused_by_name(saved: Path, statement: str, said: str) -> None:
    change(saved, statement)
    assert refusal(saved).startswith(said)


def test_a_view_in_the_place_of_a_table_computes_nothing(saved: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS json FROM n"
    change(saved, "DROP TABLE finding", f"CREATE VIEW finding AS {endless}")
    with within(2):
        assert refusal(saved).startswith("is not read: it holds the view 'finding'")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("type = 'view'", "damaged: malformed database schema"),
        ("rootpage = 99999", "damaged: "),
        ("rootpage = 2", "damaged: "),
        ("sql = replace(sql, 'CREATE TABLE', 'CREATE  TABLE')", "machine"),
        ("sql = 'CREATE VIRTUAL TABLE machine USING dbstat', rootpage = 0", "it holds the virtual table 'machine'"),
        ("sql = substr(sql, 1, 200) || char(10) || char(27) || '[31m'", "damaged: malformed database schema"),
    ],
)
def test_a_schema_written_by_hand(saved: Path, sql: str, said: str) -> None:
    change(saved, "PRAGMA writable_schema = ON", f"UPDATE sqlite_master SET {sql} WHERE name = 'machine'")
    assert said in refusal(saved)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE key_chain SET verdict = 'fine'", "column verdict of table key_chain: 'fine' is none of its words"),
        ("UPDATE key_chain SET machine_id = NULL", "column machine_id of table key_chain: a value is missing"),
        ("UPDATE key_chain SET machine_id = 1.5", "column machine_id of table key_chain: a value is no number"),
        ("UPDATE key_chain SET recoverable = 2", "column recoverable of table key_chain: a value is neither 0 nor 1"),
        ("UPDATE key_chain SET subject = x'ff'", "column subject of table key_chain: a value is no text"),
        ("UPDATE key_chain SET subject = CAST(x'ff' AS TEXT)", "Could not decode to UTF-8 column 'subject'"),
        ("UPDATE key_chain SET not_after = 1", "column not_after of table key_chain: "),
        ("UPDATE key_chain SET not_after = '0001-01-01T00:00:00+14:00'", "column not_after of table key_chain: "),
        (
            "UPDATE certificate SET eku = '{}'",
            "column eku of table certificate: a value is no list",
        ),
        ("UPDATE certificate SET eku = '[1]'", "column eku of table certificate: a value is no list of"),
        (f"UPDATE certificate SET eku = '{'[' * 50_000}'", "column eku of table certificate: "),
        ("UPDATE source SET machine_ids = '[\"1\"]'", "a value is no list of what it should hold"),
        ("UPDATE source SET path = NULL", "a value is no text"),
        ("UPDATE meta SET value = 1 WHERE name = 'version'", None),
        ("UPDATE meta SET value = x'00' WHERE name = 'as_of'", "a value is no text"),
        ("DELETE FROM meta", "'version'"),
        ("INSERT INTO finding VALUES ('[]')", "a finding is no object"),
        ("INSERT INTO finding VALUES (NULL)", "a value is no text"),
    ],
)
def test_values_of_other_types_are_refused(saved: Path, sql: str, said: str | None) -> None:
    change(saved, sql)
    if said is None:
        assert open_case(saved).tool_version == "1"
    else:
        assert refusal(saved).startswith(f"is damaged: {said}")


def test_texts_that_sqlite_would_convert_are_refused(saved: Path) -> None:
    other = saved.with_name("other.sqlite")
    with closing(sqlite3.connect(saved)) as database, closing(sqlite3.connect(other)) as converted:
        (identity,), (version,) = (database.execute(f"PRAGMA {name}").fetchone() for name in KEPT)
        converted.execute("PRAGMA encoding = 'UTF-16le'")
        converted.executescript("".join(database.iterdump()))
        converted.executescript(f"PRAGMA application_id = {identity}; PRAGMA user_version = {version}")
    other.replace(saved)
    assert refusal(saved) == f"is not read: its texts are in UTF-16le, {NEVER}"


def test_lists_and_files_have_a_bound(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_cells, "MAX_ITEMS", 1)
    assert "a list has more than 1 items" in refusal(saved)
    monkeypatch.setattr(case_reader, "MAX_CASE_SIZE", 4096)
    assert refusal(saved).startswith("has ")


def test_reading_ends_with_its_time(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_reader, "SECONDS_TO_READ", -1)
    monkeypatch.setattr(case_reader, "_STEPS", 1)
    assert refusal(saved) == "is not read: reading it took more than -1 seconds; examine the source again"


@pytest.mark.parametrize("suffix", ["-journal", "-wal"])
def test_what_a_journal_of_a_stranger_holds_is_not_applied(saved: Path, suffix: str) -> None:
    before = saved.read_bytes()
    beside = saved.with_name(saved.name + suffix)
    for harmless in (b"", bytes(512)):
        beside.write_bytes(harmless)
        assert open_case(saved).tool_version == "9.9"
    beside.write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(504))
    assert refusal(saved) == (
        f"has disk.sqlite{suffix} beside it: a program changed the file and has not finished, so it may be half "
        "written; examine the source again, or open and close it once with the program that changed it"
    )
    assert saved.read_bytes() == before
    assert sorted(path.name for path in saved.parent.iterdir()) == ["disk.sqlite", f"disk.sqlite{suffix}"]


@pytest.mark.skipif(not is_possible(), reason="this system has no fork: the file is read in this process")
@pytest.mark.parametrize(
    ("ends", "said"),
    [(work.fall, "it crashed (SIGSEGV)"), (work.spin, "it took more than 1 seconds of processor time")],
)
def test_what_ends_the_process_that_looks_first_is_refused(
    saved: Path, monkeypatch: pytest.MonkeyPatch, ends: object, said: str
) -> None:
    monkeypatch.setattr(case_reader, "look_through", ends)
    monkeypatch.setattr(case_reader, "_BOUNDS", replace(case_reader._BOUNDS, processor=1))
    monkeypatch.setattr(case_reader._Reader, "content", lambda *_: pytest.fail("it is read all the same"))
    assert refusal(saved) == (
        f"is not read: the process that looked through it first was ended: {said}; examine the source again"
    )


def test_without_fork_it_is_checked_here(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = open_case(saved)
    monkeypatch.setattr(case_reader, "is_possible", lambda: False)
    assert open_case(saved).tables == whole.tables
    change(saved, "CREATE VIEW v AS SELECT 1")
    assert refusal(saved) == f"is not read: it holds the view 'v', {NEVER}"


def test_a_page_that_lies_is_found(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[2 * 4096 + 3 : 2 * 4096 + 5] = b"\xff\xff"
    saved.write_bytes(data)
    assert refusal(saved).startswith("is damaged: ")


def test_three_hundred_mutations_are_refused_or_sound(saved: Path) -> None:
    content = saved.read_bytes()
    path = saved.with_name("case.sqlite")
    told = []
    for number in range(300):
        dice = random.Random(f"small {number}")
        path.write_bytes(content)
        dice.choice(MUTATIONS)(path, dice)
        told.append(opened(path))
        for beside in path.parent.glob("case.sqlite*"):
            beside.unlink()
    assert set(told) == {"refused", "sound"}
