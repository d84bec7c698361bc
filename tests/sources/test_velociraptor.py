"""Velociraptor's and KAPE's folders: one machine however it was read, shadow copies and other drives apart from it."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from forensics.sources.open import open_source
from forensics.tables.outcome import Outcome

HIVE = b"regf" + bytes(4092 + 4096)
SYSTEM = "Windows/System32/config/SYSTEM"
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
RAW_C = "%5C%5C.%5CC%3A"
OLDER = "collected from a volume shadow copy: an older state of a drive, not examined"
OTHER = "another drive of the machine, which holds no Windows: only what its settings and links name there is examined"
SHADOWS = (
    "uploads/ntfs/HarddiskVolumeShadowCopy1",
    "uploads/auto/%5C%5C.%5CHarddiskVolumeShadowCopy1",
    "uploads/ntfs/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy1",
    "uploads/ntfs_vss/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy12",
)


def collected(files: dict[str, bytes], path: Path, packed: bool) -> Path:
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("hives", ["mft", "ntfs_vss", "raw_reg", "ntfs", "lazy_ntfs"])
@pytest.mark.parametrize("keys", ["auto", "file", "ntfs", "lazy_ntfs"])
def test_whatever_read_a_drive_it_is_one_machine(tmp_path: Path, hives: str, keys: str, packed: bool) -> None:
    files = {f"uploads/{hives}/{RAW_C}/{SYSTEM}": HIVE, f"uploads/{keys}/C%3A/{KEYS}/only%20here": b"key"}
    with open_source(collected(files, tmp_path / "found", packed)) as source:
        (installation,) = source.installations
        assert installation.read(f"{KEYS}/only here").data == b"key"
        assert installation.read(SYSTEM).data == HIVE
        assert [c.outcome for c in source.coverage] == ["present"]


def test_what_does_not_look_like_a_drive_belongs_to_the_one_that_does(tmp_path: Path) -> None:
    files = {f"uploads/auto/C%3A/{SYSTEM}": HIVE, f"uploads/ntfs/{RAW_C}/inetpub/web.config": b"x"}
    with open_source(collected(files, tmp_path, packed=False)) as source:
        (installation,) = source.installations
        assert installation.read("inetpub/web.config").data == b"x"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shadow", SHADOWS)
def test_a_shadow_copy_is_no_part_of_the_machine(tmp_path: Path, shadow: str, packed: bool) -> None:
    files = {f"{shadow}/{SYSTEM}": b"old", f"{shadow}/{KEYS}/deleted": b"old", f"{shadow}/$MFT": b"x"}
    files |= {f"uploads/ntfs/{RAW_C}/{SYSTEM}": HIVE, f"uploads/auto/C%3A/{KEYS}/key": b"new"}
    with open_source(collected(files, tmp_path / "found", packed)) as source:
        (installation,) = source.installations
        assert [e.name for e in installation.listing(KEYS).entries] == ["key"]
        assert installation.read(SYSTEM).data == HIVE
        left_out = [(c.name, c.outcome, c.detail) for c in source.coverage if c.outcome != "present"]
        assert left_out == [(shadow, "not_examined", OLDER)]


def test_what_ntfs_vss_read_of_the_drive_itself_is_the_present(tmp_path: Path) -> None:
    older = "uploads/ntfs_vss/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy3"
    files = {f"uploads/ntfs_vss/{RAW_C}/{SYSTEM}": HIVE, f"{older}/{SYSTEM}": b"old"}
    with open_source(collected(files, tmp_path, packed=False)) as source:
        (installation,) = source.installations
        assert installation.read(installation.in_windows("System32/config/SYSTEM")).data == HIVE
        assert [c.name for c in source.coverage if c.detail == OLDER] == [older]


@pytest.mark.parametrize("live", ["ntfs", "lazy_ntfs", "mft", "raw_reg", "auto", "file"])
def test_what_another_accessor_read_comes_before_ntfs_vss(tmp_path: Path, live: str) -> None:
    files = {f"uploads/ntfs_vss/{RAW_C}/{SYSTEM}": b"old", f"uploads/ntfs_vss/{RAW_C}/{KEYS}/only": b"key"}
    files |= {f"uploads/{live}/C%3A/{SYSTEM}": HIVE}
    with open_source(collected(files, tmp_path, packed=False)) as source:
        (installation,) = source.installations
        assert installation.read(SYSTEM).data == HIVE
        assert installation.read(f"{KEYS}/only").data == b"key"


def test_kape_puts_shadow_copies_beside_the_drive(tmp_path: Path) -> None:
    files = {f"C/{SYSTEM}": HIVE, f"VSS1/{SYSTEM}": b"old", f"VSS12/{KEYS}/k": b"old"}
    with open_source(collected(files, tmp_path, packed=False)) as source:
        (installation,) = source.installations
        assert installation.drive == "C"
        assert [c.name for c in source.coverage if c.detail == OLDER] == ["VSS1", "VSS12"]


def test_the_drive_may_lie_in_the_folder_of_a_shadow_copy(tmp_path: Path) -> None:
    files = {f"C/{SYSTEM}": HIVE, f"VSS1/C/{SYSTEM}": b"old", f"Copies/vss12/C/{KEYS}/k": b"old"}
    with open_source(collected(files, tmp_path, packed=False)) as source:
        (installation,) = source.installations
        assert installation.drive == "C"
        assert [c.name for c in source.coverage if c.detail == OLDER] == ["Copies/vss12/C", "VSS1/C"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("file", [f"{SHADOWS[1]}/{SYSTEM}", "VSS1/SYSTEM", f"VSS1/C/{SYSTEM}"])
def test_shadow_copies_alone_are_no_machine(tmp_path: Path, file: str, packed: bool) -> None:
    with open_source(collected({file: HIVE}, tmp_path / "found", packed)) as source:
        assert source.installations == []
        assert [entry.error for entry in source.found] == [OLDER]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("HarddiskVolumeShadowCopy1", ["older_state"]),
        ("VSS1", ["older_state"]),
        ("VSS1/C", ["older_state"]),
        ("VSS1/host", []),
    ],
)
def test_a_shadow_copy_that_is_named_itself_is_told_to_be_old(tmp_path: Path, name: str, told: list[str]) -> None:
    with open_source(collected({SYSTEM: HIVE}, tmp_path / name, packed=False)) as source:
        assert [p.kind for p in source.problems] == told


@pytest.mark.parametrize(
    ("system", "data"),
    [("uploads/auto/C%3A", "uploads/auto/D%3A"), ("C", "D"), ("fs/C:", "fs/D:"), ("host/D", "host/C")],
)
def test_a_drive_without_windows_is_no_machine(tmp_path: Path, system: str, data: str) -> None:
    files = {f"{system}/{SYSTEM}": HIVE, f"{data}/Users/anna/NTUSER.DAT": HIVE, f"{data}/{KEYS}/k": b"x"}
    with open_source(collected(files, tmp_path, packed=False)) as source:
        (installation,) = source.installations
        assert installation.windows == f"{system}/Windows"
        assert [(c.name, c.detail) for c in source.coverage if c.outcome != "present"] == [(data, OTHER)]


def test_two_drives_with_windows_are_two_machines_and_so_are_two_without(tmp_path: Path) -> None:
    both = {f"{drive}/{SYSTEM}": HIVE for drive in ("C", "D")}
    with open_source(collected(both, tmp_path / "both", packed=False)) as source:
        assert [i.drive for i in source.installations] == ["C", "D"]
    neither = {f"{drive}/{KEYS}/k": HIVE for drive in ("C", "D")}
    with open_source(collected(neither, tmp_path / "neither", packed=False)) as source:
        assert [i.drive for i in source.installations] == ["C", "D"]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collected({f"C/{SYSTEM}": HIVE, f"hidden/{SYSTEM}": HIVE}, tmp_path, packed=False)
    scandir = os.scandir

    def refusing(path: str) -> Any:
        # Root, as whom tests may run, would be let in.
        if path.endswith("hidden"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("forensics.sources.folder_tree.os.scandir", refusing)
    with open_source(tmp_path) as source:
        assert len(source.installations) == 1
        assert [(entry.path, entry.error) for entry in source.found if entry.error] == [
            (
                f"{tmp_path}/hidden",
                "the folder cannot be read: Permission denied: run keymortem as a user who may read it; whether "
                "evidence lies there is not known",
            )
        ]


def test_a_hive_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = collected({"SYSTEM": HIVE, "SOFTWARE": HIVE, "System.evtx": HIVE}, tmp_path / "x.zip", packed=True)
    data = bytearray(path.read_bytes())
    # Encrypted, says the directory, of the second and third.
    for name in (b"SOFTWARE", b"System.evtx"):
        data[data.rindex(name) - 46 + 8] |= 1
    path.write_bytes(data)
    with open_source(path) as source:
        (installation,) = source.installations
        assert installation.hive_outcome("SOFTWARE") == Outcome(
            "not_examined",
            "encrypted with a password: give it with --archive-password-file, or unpack the archive and examine the "
            "folder",
        )
