"""A dataset that others wrote ends with one sentence, and leads nobody out of its folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import forensics
from forensics.case import Case
from forensics.fleet.dataset import Dataset
from forensics.fleet.lock import is_running
from forensics.fleet.options import FleetOptions
from forensics.fleet.plan import plan
from forensics.tables.shadow_copy import ShadowCopyRow
from tests.fleet.small_fleet import AS_OF, add, made
from tests.oracles import other_reader

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    whole = made(tmp_path / "disk=0" / "fleet")
    add(whole, "nas/torn.vhdx", state="failed", error="its header is damaged")
    return whole


def _row(dataset: Dataset) -> Path:
    [path] = dataset.files("disk")
    return path


def _rewritten(dataset: Dataset, column: str, value: str | None, metadata: dict[str, str] | None = None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = _row(dataset)
    table = pq.ParquetFile(path).read()
    place = table.schema.get_field_index(column)
    table = table.set_column(place, column, pa.array([value], pa.string()))
    target = path.with_name("folded-0.parquet") if metadata else path
    pq.write_table(table.replace_schema_metadata(metadata), target)


def _link(dataset: Dataset) -> None:
    bucket = _row(dataset).parent
    bucket.rename(dataset.path.parent / "elsewhere")
    bucket.symlink_to(dataset.path.parent / "elsewhere")


def _pipe(dataset: Dataset) -> None:
    path = _row(dataset)
    path.unlink()
    os.mkfifo(path)


DAMAGED, FOREIGN = "is damaged, or not as keymortem", "what keymortem does not write"
STRANGERS: dict[str, tuple[Callable[[Dataset], object], str]] = {
    "garbage": (lambda dataset: _row(dataset).write_bytes(b"garbage"), DAMAGED),
    "key": (lambda dataset: _rewritten(dataset, "disk", "../../../evil"), "a row of table disk has no key"),
    "state": (lambda dataset: _rewritten(dataset, "state", "burnt"), "a row of table disk has no key"),
    "keys": (lambda dataset: _rewritten(dataset, "error", None, {"disks": "5"}), DAMAGED),
    "replaces": (lambda dataset: _rewritten(dataset, "error", None, {"replaces": '["../x"]'}), DAMAGED),
    "date": (lambda dataset: (dataset.path / "fleet.json").write_text('{"format":1,"as_of":5}'), "is no dataset"),
    "link": (_link, FOREIGN),
    "pipe": (_pipe, FOREIGN),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_keymortem_does_not_write_ends_with_a_sentence(dataset: Dataset, name: str) -> None:
    make, told = STRANGERS[name]
    make(dataset)
    for reads in (forensics.fleet_status, forensics.open_fleet):
        with pytest.raises(forensics.DatasetError, match=told):
            reads(dataset.path)


ROW = ShadowCopyRow(machine_id=1, source_path="volume", id="7", created=AS_OF, examined="present")
CELLS = {
    "text for a time": ("created", "yesterday"),
    "text for a number": ("machine_id", "7"),
    "a word that is none": ("examined", "burnt"),
    "nothing where something must be": ("id", None),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_that_is_not_what_its_column_holds_ends_the_case_with_a_sentence(tmp_path: Path, name: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    dataset = made(tmp_path / "fleet")
    key = add(dataset, "nas/web.vhdx", Case([ROW], [], AS_OF))
    assert forensics.open_fleet(dataset.path).case("nas/web.vhdx").rows("shadow_copy") == [ROW]
    path = dataset.part("shadow_copy", key)
    table = pq.ParquetFile(path).read()
    column, value = CELLS[name]
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, column, pa.array([value], pa.string())), path)
    with pytest.raises(forensics.DatasetError, match=DAMAGED):
        forensics.open_fleet(dataset.path).case("nas/web.vhdx")


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "[]",
        '{"rules": [5]}',
        '{"rules": ["a\\u0000b"]}',
        '{"passwords": [["alice"]]}',
        '{"nt_hashes": [["bob", 5]]}',
        '{"image": "2"}',
        '{"seconds": true}',
        '{"regback": 1}',
        '{"recovery_key_file": {}}',
    ],
)
def test_options_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no options"):
        FleetOptions.of_text(text)


def test_options_of_any_length_have_a_key() -> None:
    options = FleetOptions.of_text(FleetOptions(rules=("/nowhere/" + "a" * 5000,), offset="search", image=2).as_text)
    assert (len(options.key), options.offset, options.image) == (16, "search", 2)


def test_whether_a_run_is_going_on_is_asked_without_writing(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, opened = [], os.open

    def open_as_asked(path: Path, flags: int) -> int:
        asked.append(flags)
        return opened(path, flags)

    monkeypatch.setattr("forensics.fleet.lock.os.open", open_as_asked)
    (dataset.path / ".lock").write_bytes(b"")
    assert not is_running(dataset)
    assert asked == [os.O_RDONLY]


def test_names_of_folders_above_are_no_columns(dataset: Dataset) -> None:
    [(key, path)] = forensics.open_fleet(dataset.path).sql("SELECT disk, path FROM main.disk").fetchall()
    assert (len(key), path) == (32, "nas/torn.vhdx")
    assert forensics.open_fleet(dataset.path).case("nas/torn.vhdx").rows("machine") == []


def test_a_name_that_no_file_can_have_fails_alone(tmp_path: Path) -> None:
    found = plan([str(tmp_path / ("y" * 5000)), "https://"])
    assert [Path(task.path).name for task in found.tasks] == ["y" * 5000]
    assert [(other.path, other.state) for other in found.others] == [("https://", "failed")]
