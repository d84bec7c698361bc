"""Loose hives with folders of keys beside them are one machine, whatever of its folders was kept."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics.sources.joined_evidence import LEFT_OUT
from forensics.sources.loose_keys import AMBIGUOUS, TAKEN, WITHOUT_HIVES, hives_beside
from forensics.tables.source import leaves
from tests.sources.folder_of_everything import disk, files_of, hives

pytestmark = pytest.mark.usefixtures("rows_alone")

AS_OF = datetime(2026, 11, 29, tzinfo=UTC)
CRYPTO = "ProgramData/Microsoft/Crypto/"
PROTECT = "Windows/System32/Microsoft/Protect/"
FORMS = {
    "beside": ({CRYPTO: "Crypto/", PROTECT: "Protect/"}, ""),
    "leaves": ({f"{CRYPTO}RSA/": "", CRYPTO: "", PROTECT: ""}, ""),
    "apart": ({CRYPTO: "keys/Crypto/", PROTECT: "keys/Protect/"}, "hives/"),
    "below": ({CRYPTO: "host/config/Crypto/", PROTECT: "host/config/"}, "host/config/"),
    "kept": ({CRYPTO: CRYPTO, PROTECT: PROTECT}, ""),
    "kept on a drive": ({CRYPTO: f"C/{CRYPTO}", PROTECT: f"C/{PROTECT}"}, "reg/"),
}
COLUMNS = ("thumbprint", "container", "key_file", "public_key", "master_key", "unlocked_by", "private_key", "verdict")


def lay(folder: Path, form: str, scenario: str = "healthy") -> Path:
    """Copy hives, key files and SYSTEM's master keys as somebody might have, and nothing else."""
    moved, config = FORMS[form]
    for path, data in files_of(scenario).items():
        for start, new in {**moved, "Windows/System32/config/": config}.items():
            if path.startswith(start):
                target = folder / new / path.removeprefix(start)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                break
    return folder


def chains(case: forensics.Case) -> list[tuple[str, ...]]:
    return sorted(tuple(str(getattr(row, column)) for column in COLUMNS) for row in case.rows("key_chain"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, ...]]:
    """What the same files say in their own places."""
    folder = tmp_path_factory.mktemp("whole")
    for path, data in files_of("healthy").items():
        if path.startswith((CRYPTO, PROTECT, "Windows/System32/config/")):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
    found = chains(forensics.examine(folder, as_of=AS_OF))
    assert sum(chain[-1] == "usable" for chain in found) > 10
    return found


@pytest.mark.parametrize("form", FORMS)
def test_keys_beside_hives_are_joined(tmp_path: Path, expected: list[tuple[str, ...]], form: str) -> None:
    case = forensics.examine(lay(tmp_path, form), as_of=AS_OF)
    assert [machine.computer_name for machine in case.rows("machine")] == ["WEB01"]
    assert chains(case) == expected
    assert case.not_examined == []


def test_in_an_archive(tmp_path: Path, expected: list[tuple[str, ...]]) -> None:
    folder = lay(tmp_path / "a", "apart")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    assert chains(forensics.examine(tmp_path / "a.zip", as_of=AS_OF)) == expected


def test_each_machine_gets_its_own(tmp_path: Path, expected: list[tuple[str, ...]]) -> None:
    lay(tmp_path / "one", "apart")
    lay(tmp_path / "two", "beside", "sysprepped")
    case = forensics.examine(tmp_path, as_of=AS_OF)
    assert [machine.machine_id for machine in case.rows("machine")] == [1, 2]
    first = [row for row in case.rows("key_chain") if row.machine_id == 1]
    second = [row for row in case.rows("key_chain") if row.machine_id == 2]
    assert sorted(len(rows) for rows in (first, second)) == [13, len(expected)]
    assert {row.key_file for row in min(first, second, key=len)} == {"present", "other_machine_guid", "absent"}
    assert case.not_examined == []


def test_keys_of_which_the_machine_is_not_clear(tmp_path: Path) -> None:
    lay(tmp_path, "apart")
    hives(tmp_path / "other", "sysprepped")
    case = forensics.examine(tmp_path, as_of=AS_OF)
    said = {entry.path.removeprefix(f"{tmp_path}/"): entry.error for entry in leaves(case.sources) if entry.error}
    assert said
    assert {re.sub("/[^/]*$", "", path) for path in said} <= {"keys/Crypto", "keys/Crypto/RSA", "keys/Protect"}
    assert set(said.values()) == {AMBIGUOUS}
    assert {row.key_file for row in case.rows("key_chain")} == {"not_examined"}


def test_two_folders_of_one_place(tmp_path: Path) -> None:
    lay(tmp_path, "beside")
    lay(tmp_path / "again", "leaves")
    for name in ("SYSTEM", "SOFTWARE", "SECURITY", "SAM", "DEFAULT"):
        (tmp_path / "again" / name).unlink()
    said = {entry.error for entry in leaves(forensics.examine(tmp_path, as_of=AS_OF).sources) if entry.error}
    assert said == {TAKEN}


def test_keys_without_hives_are_told(tmp_path: Path) -> None:
    lay(tmp_path, "beside")
    for name in ("SYSTEM", "SOFTWARE", "SECURITY", "SAM", "DEFAULT"):
        (tmp_path / name).unlink()
    case = forensics.examine(tmp_path, strict=False)
    assert case.is_empty
    assert {entry.error for entry in leaves(case.sources)} == {WITHOUT_HIVES}


def test_a_folder_of_that_name_without_keys_is_searched(tmp_path: Path) -> None:
    hives(tmp_path)
    disk(tmp_path / "Keys" / "sample.vhdx")
    assert len(forensics.examine(tmp_path, as_of=AS_OF).rows("machine")) == 2


def test_a_second_hive_beside_a_drive_is_told(tmp_path: Path) -> None:
    lay(tmp_path, "kept")
    (tmp_path / "SOFTWARE.old").write_bytes((tmp_path / "SOFTWARE").read_bytes())
    case = forensics.examine(tmp_path, as_of=AS_OF)
    assert [e.error for e in leaves(case.sources) if e.error] == [LEFT_OUT]


def test_a_machine_of_loose_hives_beside_other_evidence_is_named_by_its_folder(tmp_path: Path) -> None:
    hives(tmp_path)
    disk(tmp_path / "sample.vhdx", "mbr.vhdx")
    case = forensics.examine(tmp_path, as_of=AS_OF)
    assert [machine.source for machine in case.rows("machine")] == [str(tmp_path), str(tmp_path / "sample.vhdx")]
    assert [(e.path, e.kind, e.machine_ids) for e in leaves(case.sources)] == [
        (str(tmp_path), "hives", [1]),
        (str(tmp_path / "sample.vhdx"), "disk", [2]),
    ]


@pytest.mark.parametrize(
    ("path", "hives", "beside"),
    [
        ("MachineKeys", [""], [""]),
        ("a/MachineKeys", ["a/hives"], ["a/hives"]),
        ("a/MachineKeys", ["a", "a/old"], ["a"]),
        ("a/MachineKeys", ["a/x", "a/y"], ["a/x", "a/y"]),
        ("a/MachineKeys", ["b/x"], ["b/x"]),
        ("a/MachineKeys", ["ab"], ["ab"]),
        ("a/MachineKeys", [], []),
    ],
)
def test_nearest_hives(path: str, hives: list[str], beside: list[str]) -> None:
    assert hives_beside(path, hives) == beside
