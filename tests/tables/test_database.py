"""The case file: what goes in comes out, other tools can read it, and no file that is not ours is touched."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.case import open_case
from forensics.case_tables import CaseTables, is_case_file
from forensics.disk.evidence_files import EvidenceTargetError
from forensics.tables.database import CaseFileError
from forensics.tables.finding import Block, Finding, Subject
from forensics.tables.machine import ServiceRow
from forensics.tables.registry import CONTRACT_TABLES, ROW_CLASSES
from forensics.tables.source import SourceEntry
from tests.hand_made import AS_OF, DEAD, OLD_FILE, case, dead_chain, rows


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "disk.sqlite"
    case().save(path)
    return path


def query(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def test_round_trip(saved: Path) -> None:
    again = open_case(saved)
    assert again.as_of == AS_OF
    assert again.tool_version == "9.9"
    assert again.sources == [SourceEntry("disk.vhdx", "disk", [1])]
    for table in CONTRACT_TABLES:
        assert again.rows(table) == [row for row in rows() if row.table == table]


def test_round_trip_of_findings_and_failed_sources(tmp_path: Path) -> None:
    blocks = (Block("paragraph", "- ä\x1b\ud800"), Block("command", "  x", is_apart=True))
    subject = Subject(DEAD, "ä\x1b")
    finding = Finding("x:1", "x", "low", "t", "match", 1, "key_chain", (subject,), blocks, (), "proved")
    entries = [SourceEntry("a", "disk", [1, 2]), SourceEntry("b\ud800", "unknown", [], "no\ud800")]
    entries.append(SourceEntry("b/c.vmdk", "disk", size=3, found_in="b", older_state_of="b/d.vmdk"))
    CaseTables([], entries, AS_OF, [finding]).save(tmp_path / "c.sqlite")
    again = open_case(tmp_path / "c.sqlite")
    assert again.finding_list == [finding]
    assert again.sources == [entries[0], SourceEntry("b\\ud800", "unknown", [], "no\\ud800"), entries[2]]


@pytest.mark.parametrize("value", ["\x1b[31m\u202e\r\n", "'); DROP TABLE machine; --", "a\0b", "\U0001f511", ""])
def test_hostile_text_comes_back_as_it_was(tmp_path: Path, value: str) -> None:
    case(dead_chain(subject=value)).save(tmp_path / "c.sqlite")
    assert open_case(tmp_path / "c.sqlite").rows("key_chain")[3].subject == value


def test_lone_surrogates_are_written_out(tmp_path: Path) -> None:
    case(dead_chain(subject="a\ud83db")).save(tmp_path / "c.sqlite")
    assert open_case(tmp_path / "c.sqlite").rows("key_chain")[3].subject == "a\\ud83db"


@pytest.mark.parametrize("number", [0, -1, 4, 2**63 - 1, 2**63, 2**64 - 1])
def test_every_registry_number_comes_back(tmp_path: Path, number: int) -> None:
    row = ServiceRow(machine_id=1, source_path="x", name="KeyIso", start=number)
    CaseTables([row], as_of=AS_OF).save(tmp_path / "c.sqlite")
    assert open_case(tmp_path / "c.sqlite").rows("service") == [row]


@pytest.mark.parametrize(
    "moment", [datetime(1601, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]
)
def test_the_ends_of_windows_time_come_back(tmp_path: Path, moment: datetime) -> None:
    CaseTables([dead_chain(not_after=moment)], as_of=AS_OF).save(tmp_path / "c.sqlite")
    assert open_case(tmp_path / "c.sqlite").rows("key_chain")[0].not_after == moment


def test_other_tools_can_read_it(saved: Path) -> None:
    assert query(saved, "PRAGMA user_version") == [(9,)]
    assert query(saved, "PRAGMA integrity_check") == [("ok",)]
    assert query(saved, "SELECT name, value FROM meta ORDER BY name") == [
        ("as_of", "2026-11-22T01:02:03Z"),
        ("tool", "keymortem"),
        ("version", "9.9"),
    ]
    chain = "SELECT key_file_path, recoverable, not_after FROM key_chain WHERE verdict = 'unusable'"
    assert query(saved, chain) == [(OLD_FILE, 1, "2027-05-06T00:00:00Z")]
    assert query(saved, "SELECT source_time FROM key_file") == [("2024-02-03T04:05:06.000789Z",)]
    assert json.loads(query(saved, "SELECT eku FROM certificate")[0][0]) == ["serverAuth", "1.2.3"]


def test_tables_and_columns_are_documented_in_it(saved: Path) -> None:
    names = {name for (name,) in query(saved, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names == {*ROW_CLASSES, "meta", "source", "finding", "sentence", "columns"}
    doc = "SELECT type, doc FROM columns WHERE \"table\" = 'service' AND \"column\" = 'image_path'"
    assert query(saved, doc) == [("text", "ImagePath")]
    [(sql,)] = query(saved, "SELECT sql FROM sqlite_master WHERE name = 'service'")
    assert '"image_path" TEXT, -- ImagePath' in sql


def test_an_older_case_file_is_replaced_when_that_is_asked_for(saved: Path) -> None:
    with pytest.raises(CaseFileError, match=r"disk\.sqlite exists; choose another name, or have it replaced"):
        CaseTables([], as_of=AS_OF).save(saved)
    assert len(open_case(saved).rows("key_chain")) == 3
    CaseTables([], as_of=AS_OF).save(saved, overwrite=True)
    assert open_case(saved).rows("key_chain") == []
    assert [p.name for p in saved.parent.iterdir()] == ["disk.sqlite"]


@pytest.mark.parametrize("content", [b"", b"evidence", b"SQLite format 3\0" + bytes(4080)])
@pytest.mark.parametrize("overwrite", [False, True])
def test_any_other_file_is_left_alone(tmp_path: Path, content: bytes, overwrite: bool) -> None:
    path = tmp_path / "disk.vhdx"
    path.write_bytes(content)
    with pytest.raises(CaseFileError, match="exists and is no keymortem case file"):
        case().save(path, overwrite=overwrite)
    assert path.read_bytes() == content


def test_what_was_examined_and_the_case_file_itself_are_never_written(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "disk.vhdx").write_bytes(b"evidence")
    again = CaseTables([], [SourceEntry(str(tmp_path / "disk.vhdx"), "disk", [1])], AS_OF)
    again.save(tmp_path / "of-a-disk.sqlite")
    opened = open_case(tmp_path / "of-a-disk.sqlite")
    (tmp_path / "hard.sqlite").hardlink_to(tmp_path / "of-a-disk.sqlite")
    for name in ("disk.vhdx", "of-a-disk.sqlite", "hard.sqlite"):
        with pytest.raises(EvidenceTargetError, match="evidence is never written"):
            opened.save(tmp_path / name, overwrite=True)
    assert (tmp_path / "disk.vhdx").read_bytes() == b"evidence"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.sqlite")} == {0o600}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CaseFileError, match="cannot be written"):
        case().save(tmp_path / "no" / "c.sqlite")


def test_reading_what_is_not_there_or_not_ours(tmp_path: Path) -> None:
    with pytest.raises(CaseFileError, match="does not exist; write one with keymortem examine SOURCE --case"):
        open_case(tmp_path / "c.sqlite")
    (tmp_path / "c.sqlite").write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(CaseFileError, match="no keymortem case file"):
        open_case(tmp_path / "c.sqlite")
    assert not is_case_file(tmp_path)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "PRAGMA user_version = 8",
            "has format 8, of an older version; this one reads 9. Examine the source again",
        ),
        ("PRAGMA user_version = 10", "has format 10, of a newer version; this one reads 9. Update keymortem"),
        ("PRAGMA user_version = 0", "has format 0, which no version writes. Examine the source again"),
        ("INSERT INTO finding VALUES ('{}')", "damaged: 'id' of a finding is no text; examine the source again"),
        (
            "DROP TABLE key_chain",
            "is not read: its table key_chain is missing, or is not as keymortem",
        ),
        (
            "UPDATE key_chain SET not_after = 'soon'",
            "damaged: column not_after of table key_chain: Invalid isoformat string",
        ),
        ("UPDATE certificate SET eku = '[['", "damaged: "),
        ("DELETE FROM meta", "damaged: 'version'"),
    ],
)
def test_damaged_case_file(saved: Path, sql: str, message: str) -> None:
    with closing(sqlite3.connect(saved)) as database:
        database.execute(sql)
        database.commit()
    with pytest.raises(CaseFileError, match=message):
        open_case(saved)


def test_truncated_case_file(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:5000])
    with pytest.raises(CaseFileError, match="damaged"):
        open_case(saved)
