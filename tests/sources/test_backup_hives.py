"""RegBack, in which Windows keeps copies of its hives: an older state, wherever it was collected to."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.sources.open import open_source

HIVE = b"regf" + bytes(4092 + 4096)
BACKUP = "backup copies that Windows keeps of its hives (RegBack): an older state of a machine, not examined"


def lay(root: Path, *paths: str, content: bytes = HIVE) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


@pytest.mark.parametrize("beside", ["C/Windows/System32/config/SYSTEM", "SYSTEM", "host/SOFTWARE"])
@pytest.mark.parametrize("folder", ["RegBack", "config/regback", "RegBack/host"])
def test_backup_copies_of_hives_are_no_machine_of_today(tmp_path: Path, folder: str, beside: str) -> None:
    lay(tmp_path, f"{folder}/SYSTEM", f"{folder}/SOFTWARE", beside)
    with open_source(tmp_path) as source:
        assert len(source.installations) == 1
        assert [(e.path, e.error) for e in source.found if e.error] == [(f"{tmp_path}/{folder}", BACKUP)]


def test_backup_copies_alone_are_no_machine(tmp_path: Path) -> None:
    lay(tmp_path, "RegBack/SYSTEM", "RegBack/SOFTWARE")
    with open_source(tmp_path) as source:
        assert source.installations == []
        assert [(e.path, e.error) for e in source.found] == [(f"{tmp_path}/RegBack", BACKUP)]


@pytest.mark.parametrize("named", ["RegBack", "RegBack/SYSTEM"])
def test_backup_copies_that_are_named_themselves_are_told_to_be_old(tmp_path: Path, named: str) -> None:
    lay(tmp_path, "RegBack/SYSTEM", "RegBack/SOFTWARE")
    with open_source(tmp_path / named) as source:
        assert len(source.installations) == 1
        assert source.older_state_of == "the hives that these are backup copies of"
        message = "these are backup copies that Windows keeps of its hives (RegBack): an older state of the machine"
        assert [(p.kind, p.message) for p in source.problems] == [("older_state", message)]


def test_empty_backup_copies_are_nothing(tmp_path: Path) -> None:
    """Since Windows 10 1803 the copies are files without content."""
    lay(tmp_path, "SYSTEM")
    lay(tmp_path, "RegBack/SYSTEM", content=b"")
    with open_source(tmp_path) as source:
        assert (source.kind, source.found) == ("hives", [])
