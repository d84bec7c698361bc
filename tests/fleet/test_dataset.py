"""A fleet's dataset: what counts of it, whatever was written, killed or folded in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.fleet.dataset import Dataset, DatasetError
from forensics.fleet.disk_record import DiskRecord, InputIdentity
from forensics.fleet.fold import fold
from forensics.fleet.machine_number import MAX_MACHINES, in_fleet, on_disk
from forensics.fleet.part import write_part
from forensics.fleet.stored import connect, effective_files
from tests.hand_made import case
from tests.oracles import other_reader

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
FEW = 10
LATER = datetime(2026, 11, 23, tzinfo=UTC)


def record(number: int, **values: Any) -> DiskRecord:
    identity = InputIdentity(path=f"disk{number}.vhdx", size=number, modified=AS_OF, head_sha256=f"{number:064x}")
    given = {"kind": "disk", "state": "examined", "as_of": AS_OF, "written": AS_OF, "machines": 1, **values}
    return DiskRecord(identity=given.pop("identity", identity), **given)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.create(tmp_path / "fleet", AS_OF)


@pytest.fixture(autouse=True)
def folded_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.fleet.fold.LEAST", 1)


SOME = [number for number in range(400) if record(number).disk[0] in "01"]
"""Numbers of disks of two buckets: each is folded by itself."""


def asked(dataset: Dataset, sql: str) -> list[tuple[Any, ...]]:
    with connect(dataset) as connection:
        return [tuple(row) for row in connection.execute(sql).fetchall()]


def test_an_empty_one_has_every_table(dataset: Dataset) -> None:
    assert asked(dataset, "SELECT count(*) FROM key_chain") == [(0,)]
    assert asked(dataset, "SELECT count(*) FROM disk") == [(0,)]


def test_rows_are_those_of_the_case_under_numbers_of_their_own(dataset: Dataset) -> None:
    whole = case()
    one, two = record(1), record(2)
    write_part(dataset, one, whole)
    write_part(dataset, two, whole)
    chains = len(whole.rows("key_chain"))
    assert asked(dataset, "SELECT disk, count(*) FROM key_chain GROUP BY 1 ORDER BY 1") == sorted(
        [(one.disk, chains), (two.disk, chains)]
    )
    numbers = sorted(in_fleet(disk.disk, 1) for disk in (one, two))
    assert asked(dataset, "SELECT machine_id FROM machine ORDER BY 1") == [(number,) for number in numbers]
    [first] = asked(dataset, f"SELECT DISTINCT thumbprint, not_after FROM key_chain WHERE machine_id = {numbers[0]}")[
        :1
    ]
    assert first[0] in {row.thumbprint for row in whole.rows("key_chain")}
    assert len(asked(dataset, "SELECT json FROM finding")) == 2 * len(whole.finding_list)


def test_what_an_attempt_left_that_was_killed_does_not_count(dataset: Dataset) -> None:
    write_part(dataset, record(1), case())
    dataset.part("disk", record(1).disk).unlink()
    assert asked(dataset, "SELECT count(*) FROM key_chain") == [(0,)]
    write_part(dataset, record(1), case())
    assert asked(dataset, "SELECT count(*) FROM key_chain") == [(len(case().rows("key_chain")),)]


def test_the_last_row_of_a_path_counts(dataset: Dataset) -> None:
    write_part(dataset, record(1), case())
    changed = InputIdentity(path="disk1.vhdx", size=9, modified=LATER)
    write_part(dataset, record(1, identity=changed, state="failed", error="it cannot be read", written=LATER))
    assert asked(dataset, "SELECT path, state, size, error FROM disk") == [
        ("disk1.vhdx", "failed", 9, "it cannot be read")
    ]
    assert asked(dataset, "SELECT count(*) FROM key_chain") == [(0,)]


def test_folded_files_say_the_same(dataset: Dataset) -> None:
    sql = "SELECT disk, container, verdict FROM key_chain ORDER BY ALL"
    for number in SOME[:FEW]:
        write_part(dataset, record(number), case())
    before = asked(dataset, sql)
    assert len(before) == FEW * len(case().rows("key_chain"))
    fold(dataset)
    names = {path.name[:7] for path in dataset.files("key_chain")}
    assert names == {"folded-"}
    assert len(list(dataset.files("disk"))) == 2
    assert asked(dataset, sql) == before
    # A retry of a disk that is folded counts, and one more folding keeps that alone.
    write_part(dataset, record(SOME[3], attempt=1, state="failed", error="gone", machines=0, written=LATER))
    left = [row for row in before if row[0] != record(SOME[3]).disk]
    assert asked(dataset, sql) == left
    for number in SOME[FEW : 2 * FEW]:
        write_part(dataset, record(number), case())
    grown = asked(dataset, sql)
    fold(dataset)
    assert asked(dataset, sql) == grown
    assert asked(dataset, "SELECT count(*) FROM disk") == [(2 * FEW,)]
    assert not any(path.stem == record(SOME[3]).disk for path in dataset.files("key_chain"))


def test_a_folding_that_was_ended_before_it_removed_the_parts_gives_no_row_twice(dataset: Dataset) -> None:
    for number in SOME[:FEW]:
        write_part(dataset, record(number), case())
    parts = {path: path.read_bytes() for path in dataset.files("key_chain")}
    before = asked(dataset, "SELECT count(*) FROM key_chain")
    fold(dataset)
    for path, content in parts.items():
        path.write_bytes(content)
    assert asked(dataset, "SELECT count(*) FROM key_chain") == before
    assert len(effective_files(dataset, "key_chain")) == 2
    fold(dataset)
    assert len(list(dataset.files("key_chain"))) == 2
    assert asked(dataset, "SELECT count(*) FROM key_chain") == before


def test_a_key_changes_with_whatever_tells_the_input_apart() -> None:
    one = record(1).identity
    others = [
        replace(one, size=2),
        replace(one, modified=LATER),
        replace(one, head_sha256=None),
        replace(one, path="x"),
    ]
    keys = {one.key(AS_OF), one.key(LATER), one.key(AS_OF, "0.0.1"), *(other.key(AS_OF) for other in others)}
    assert len(keys) == 7
    assert record(1).disk != record(1, attempt=1).disk
    assert record(1).input == record(1, attempt=1).input


def test_numbers_of_machines() -> None:
    assert on_disk(in_fleet("f" * 32, 7)) == 7
    assert in_fleet("f" * 32, MAX_MACHINES) < 1 << 63
    with pytest.raises(ValueError, match="4095 machines"):
        in_fleet("0" * 32, MAX_MACHINES + 1)


def test_only_a_dataset_is_opened(tmp_path: Path, dataset: Dataset) -> None:
    assert Dataset.open(dataset.path) == dataset
    with pytest.raises(DatasetError, match="is no dataset of keymortem fleet run"):
        Dataset.open(tmp_path)
    (dataset.path / "fleet.json").write_text('{"format": 2, "as_of": "2026-11-22"}')
    with pytest.raises(DatasetError, match="has format 2; this version reads format 1"):
        Dataset.open(dataset.path)
    with pytest.raises(DatasetError, match="holds something else"):
        Dataset.create(tmp_path, AS_OF)
    with pytest.raises(DatasetError, match="is a file; name a folder"):
        Dataset.create(dataset.path / "fleet.json", AS_OF)
