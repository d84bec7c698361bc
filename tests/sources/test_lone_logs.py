"""The log of a hive without the hive: named as what it is, and never taken for a hive."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics.disk.errors import SourceError
from forensics.sources.open import open_source
from forensics.tables.source import leaves
from testdata.builder.regf import base_block
from tests.sources.folder_of_everything import hives

SAID = "the log of a registry hive, which holds its last changes alone: put {} beside it, and examine that"


def log(path: Path, file_type: int = 6) -> Path:
    when = datetime(2026, 11, 20, tzinfo=UTC)
    path.write_bytes(base_block("SYSTEM", (5, 5), when, 32, 8192, file_type=file_type) + bytes(8192))
    return path


@pytest.mark.parametrize("file_type", [1, 6])
@pytest.mark.parametrize(("name", "hive"), [("SYSTEM.LOG1", "SYSTEM"), ("ntuser.dat.LOG2", "ntuser.dat")])
def test_a_log_alone_names_its_hive(tmp_path: Path, name: str, hive: str, file_type: int) -> None:
    path = log(tmp_path / name, file_type)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert (caught.value.kind, caught.value.message) == ("unknown_hive", f"{path} is {SAID.format(hive)}")
    case = forensics.examine(tmp_path, strict=False)
    assert [(entry.path, entry.error) for entry in leaves(case.sources)] == [(str(path), SAID.format(hive))]


def test_a_log_that_is_named_as_a_hive_is_none(tmp_path: Path) -> None:
    path = log(tmp_path / "SYSTEM")
    case = forensics.examine(tmp_path, strict=False)
    assert case.is_empty
    assert [(entry.path, entry.error) for entry in leaves(case.sources)] == [(str(path), SAID.format("the hive"))]


def test_logs_beside_their_hives_are_no_evidence_of_their_own(tmp_path: Path) -> None:
    hives(tmp_path)
    log(tmp_path / "SOFTWARE.LOG1")
    case = forensics.examine(tmp_path)
    assert case.not_examined == []
