"""Data volumes: what was collected onto them is found by name, and what a server keeps there is no machine."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

import forensics
from forensics.sources import volume_search
from forensics.sources.open import open_source
from forensics.sources.volume_search import named_places
from testdata.builder.disk import build_disk
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import NtfsExtras, build_ntfs, unavailable
from testdata.builder.vhdx import write_dynamic
from tests.memory_tree import MemoryTree
from tests.sources.folder_of_everything import SMALL, files_of, triage_zip
from tests.time_bound import within

MIB = 1 << 20
HIVE = b"regf" + bytes(4092 + 4096)
CONFIG = "Windows/System32/config"
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
OWN = {
    "Users/anna/AppData/Local/Temp/setup.zip": b"PK",
    "Users/anna/NTUSER.DAT": HIVE,
    "ProgramData/Microsoft/Windows/Hyper-V/data.txt": b"x",
    "Program Files/App/System.Data.dll": b"MZ",
    "c/src/windows/main.c": b"int",
    "inetpub/backup/web.config": b"<x/>",
    "docker/windowsfilter/1a/Files/Windows/System32/config/SYSTEM": HIVE,
    "System Volume Information/Windows/System32/config/SYSTEM": HIVE,
    "$RECYCLE.BIN/S-1-5-18/Windows/System32/config/SYSTEM": HIVE,
}
"""What a server may keep on its data volume."""
pytestmark = pytest.mark.skipif(unavailable() is not None, reason=f"no NTFS can be built: {unavailable()}")


def volume(path: Path, files: Mapping[str, bytes], size: int = 32 * MIB) -> Path:
    build_ntfs([FileSpec(name, data) for name, data in files.items()], path, size)
    return path


def moved(folder: str, scenario: str = SMALL) -> dict[str, bytes]:
    return {f"{folder}/{name}": data for name, data in files_of(scenario).items()}


def told(case: forensics.Case) -> dict[str, str | None]:
    """Return what became of each piece, by its path on the volume."""
    return {entry.path.removeprefix(f"{case.sources[0].path}/"): entry.error for entry in case.sources[1:]}


def test_what_a_server_keeps_on_its_data_volume_is_no_machine(tmp_path: Path) -> None:
    path = volume(tmp_path / "data.ntfs", OWN)
    with open_source(path) as source:
        assert (source.installations, source.found, source.kind) == ([], [], "volume")
        assert [row.area for row in source.coverage] == ["volume"]
        assert source.problems == []


def test_a_collection_among_what_a_server_keeps(tmp_path: Path) -> None:
    path = volume(tmp_path / "data.ntfs", OWN | moved("Cases/2026/SRV01"))
    case = forensics.examine(path)
    (machine,) = case.rows("machine")
    assert (machine.computer_name, machine.system_root) == ("FOURK", "Cases/2026/SRV01/Windows")
    assert case.coverage_of(machine).whole_disk is False


@pytest.mark.parametrize("suffix", ["", ".hiv", ".HIVE"])
@pytest.mark.parametrize("folder", ["hives", "Users/admin/Desktop/hives of FOURK"])
def test_loose_hives_in_a_folder_with_the_keys_beside_them(tmp_path: Path, folder: str, suffix: str) -> None:
    files = {name: data for name, data in files_of(SMALL).items() if f"{CONFIG}/" in name or "/MachineKeys/" in name}
    hives = {f"{folder}/{name.rpartition('/')[2]}{suffix}": data for name, data in files.items() if CONFIG in name}
    keys = {f"{folder}/MachineKeys/{name.rpartition('/')[2]}": data for name, data in files.items() if KEYS in name}
    case = forensics.examine(volume(tmp_path / "data.ntfs", OWN | hives | keys))
    assert [machine.computer_name for machine in case.rows("machine")] == ["FOURK"]
    assert [entry.kind for entry in case.sources] == ["hives"]
    assert len(case.rows("key_file")) == len(keys) > 0


def test_loose_hives_beside_the_folder_of_a_drive_without_them(tmp_path: Path) -> None:
    files = files_of(SMALL)
    drive = {f"SRV01/{name}": data for name, data in files.items() if CONFIG not in name}
    hives = {f"SRV01/hives/{name.rpartition('/')[2]}": data for name, data in files.items() if CONFIG in name}
    case = forensics.examine(volume(tmp_path / "data.ntfs", drive | hives))
    assert [machine.computer_name for machine in case.rows("machine")] == ["FOURK"]
    assert {row.verdict for row in case.rows("key_chain") if row.thumbprint} == {"usable"}


def test_folders_of_single_letters_are_no_drives_for_that_alone(tmp_path: Path) -> None:
    files = {f"{letter}/customer {number}/letter.docx": b"x" for letter in "ABCD" for number in range(3)}
    with open_source(volume(tmp_path / "data.ntfs", files)) as source:
        assert (source.installations, source.kind) == ([], "volume")


def test_a_drive_without_hives_is_one_where_it_is_named_so(tmp_path: Path) -> None:
    keys = {f"C/{name}": data for name, data in files_of(SMALL).items() if "/MachineKeys/" in name}
    case = forensics.examine(volume(tmp_path / "data.ntfs", keys))
    assert [len(case.rows("machine")), len(case.rows("key_file"))] == [1, len(keys)]


def test_shadow_copies_of_kape_are_no_part_of_the_machine(tmp_path: Path) -> None:
    files = moved("C") | {f"VSS1/{name}": data for name, data in files_of(SMALL).items() if CONFIG not in name}
    with open_source(volume(tmp_path / "data.ntfs", files | moved("VSS2"))) as source:
        assert [i.windows for i in source.installations] == ["C/Windows"]
        older = "collected from a volume shadow copy: an older state of a drive, not examined"
        told = [(entry.path.rpartition("/")[2], entry.error) for entry in source.found]
        assert told == [("C", None), ("VSS1", older), ("VSS2", older)]


def test_hives_and_keys_at_the_root_of_a_volume(tmp_path: Path) -> None:
    files = {name: data for name, data in files_of(SMALL).items() if CONFIG in name or "/MachineKeys/" in name}
    loose = {name.rpartition("/")[2] if CONFIG in name else name: data for name, data in files.items()}
    case = forensics.examine(volume(tmp_path / "data.ntfs", loose))
    assert [machine.computer_name for machine in case.rows("machine")] == ["FOURK"]
    assert len(case.rows("key_file")) > 0


def test_two_volumes_with_a_collection_each(tmp_path: Path) -> None:
    volumes = [volume(tmp_path / "a.ntfs", moved("C")), volume(tmp_path / "b.ntfs", moved("C", "healthy"))]
    build_disk(volumes, tmp_path / "disk.raw")
    path = tmp_path / "disk.raw"
    with open_source(path) as source:
        assert [i.source_path for i in source.installations] == [f"{path}#partition 1", f"{path}#partition 2"]
    assert [machine.computer_name for machine in forensics.examine(path).rows("machine")] == ["FOURK", "WEB01"]


def test_beside_a_windows_a_copy_of_another_is_not_searched_for(tmp_path: Path) -> None:
    volumes = [volume(tmp_path / "a.ntfs", files_of(SMALL)), volume(tmp_path / "b.ntfs", moved("backup/OLD"))]
    build_disk(volumes, tmp_path / "disk.raw")
    with open_source(tmp_path / "disk.raw") as source:
        assert [installation.volume for installation in source.installations] == ["partition 1"]


def test_access_lists_there_are_those_of_the_collector(tmp_path: Path) -> None:
    case = forensics.examine(volume(tmp_path / "data.ntfs", moved("C", "broken-access"), 64 * MIB))
    assert {row.access for row in case.rows("key_chain")} == {"not_examined"}
    assert [f.rule for f in case.finding_list if f.verdict == "match" and "access" in f.rule] == []


def test_a_junction_in_a_collection_on_a_volume_is_not_followed(tmp_path: Path) -> None:
    files = {name: data for name, data in moved("C").items() if "/Crypto/" not in name}
    junctions = NtfsExtras(junctions={"C/ProgramData/Microsoft/Crypto": "D:\\Keys"})
    path = tmp_path / "data.ntfs"
    build_ntfs([FileSpec(name, data) for name, data in files.items()], path, 32 * MIB, extras=junctions)
    case = forensics.examine(path)
    assert {row.verdict for row in case.rows("key_chain") if row.thumbprint} == {"unknown"}
    assert [p.source_path for p in case.rows("problem") if p.kind == "link_not_followed"] == [
        "C/ProgramData/Microsoft/Crypto"
    ]


def kape_zip(folder: Path) -> Path:
    """Write a zip with a VHDX on which there is a bare NTFS with C\\…"""
    inner = volume(folder / "inner.ntfs", moved("C"))
    with inner.open("rb") as file:
        write_dynamic(file, inner.stat().st_size, folder / "inner.vhdx")
    with zipfile.ZipFile(folder / "kape.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "inner.vhdx", "2026-11-29T101112_SRV01.vhdx")
    return folder / "kape.zip"


def test_zip_archives_on_a_volume_are_looked_into(tmp_path: Path) -> None:
    ordinary = tmp_path / "setup.zip"
    with zipfile.ZipFile(ordinary, "w") as archive:
        archive.writestr("setup.exe", b"MZ")
    files = {
        "Cases/SRV01.zip": kape_zip(tmp_path).read_bytes(),
        "Cases/SRV02.zip": triage_zip(tmp_path / "x.zip").read_bytes(),
        "Cases/SRV03.vhdx": b"vhdxfile" + bytes(MIB),
        "Cases/SRV04.7z": b"7z\xbc\xaf\x27\x1c" + bytes(64),
        "Software/setup.zip": ordinary.read_bytes(),
    }
    case = forensics.examine(volume(tmp_path / "data.ntfs", OWN | files))
    why = "it lies on this volume and is not opened there: copy it out (mount the volume read-only) and examine it"
    assert told(case) == {
        "Cases/SRV01.zip": None,
        "Cases/SRV01.zip/2026-11-29T101112_SRV01.vhdx": None,
        "Cases/SRV02.zip": None,
        "Cases/SRV03.vhdx": why,
        "Cases/SRV04.7z": why,
    }
    assert len(case.rows("machine")) == 2


def test_archives_of_a_server_alone_are_none_of_its_evidence(tmp_path: Path) -> None:
    files = {"Backup/disk.vhdx": b"vhdxfile" + bytes(MIB), "Software/tool.7z": b"7z\xbc\xaf\x27\x1c" + bytes(64)}
    with open_source(volume(tmp_path / "data.ntfs", files)) as source:
        assert (source.found, source.kind) == ([], "volume")
        assert [row.detail for row in source.coverage] == [
            "NTFS without Windows: folders Backup, Software; 1 virtual disk (copy it out to be examined); "
            "1 archive (copy it out to be examined)"
        ]


@pytest.mark.parametrize(
    ("bound", "row"),
    [
        ("MAX_HIVES", ("folder", "collections", "partial")),
        ("MAX_FILES", ("folder", "images and archives", "partial")),
    ],
)
def test_what_a_bound_leaves_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, row: tuple[str, str, str]
) -> None:
    files = moved("a") | moved("b") | {f"{n}.zip": b"x" for n in range(4)}
    monkeypatch.setattr(volume_search, bound, 2)
    with open_source(volume(tmp_path / "data.ntfs", files)) as source:
        assert row in [(each.area, each.name, each.outcome) for each in source.coverage]


def paths(count: int) -> Iterable[str]:
    for number in range(count):
        name = ("web.config", "System.Data.dll", f"{number}.docx", "SYSTEMS", "my SYSTEM")[number % 5]
        yield f"Shares/{number % 40}/{number // 40} of them/{number} {name}"


def test_a_large_data_volume_costs_little(tmp_path: Path) -> None:
    path = volume(tmp_path / "data.ntfs", dict.fromkeys(paths(10_000), b"x"), 64 * MIB)
    with within(0.5), open_source(path) as source:
        assert source.installations == []


def test_a_tree_without_a_list_of_names_is_not_searched() -> None:
    assert named_places(MemoryTree(moved("C"))) is None
