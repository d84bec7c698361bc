"""A disk that GNU ddrescue copied: what its map says was not read was not obtained, and proves nothing."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import forensics
from forensics.disk.containers import open_disk, open_image
from forensics.disk.disk import Disk
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.tree import NotObtained
from forensics.sources.source import Source
from testdata.forms import windows
from tests.forms.test_forms import plain

SIZE = 1 << 20
HEAD = "# Mapfile. Created by GNU ddrescue version 1.27\n# Command line: ddrescue /dev/sdb disk.raw disk.map\n"
OLD_HEAD = "# Rescue Logfile. Created by GNU ddrescue version 1.19\n"
RAW = bytes(510) + b"\x55\xaa" + b"\x11" * (SIZE - 512)
Area = tuple[int, int, str]


def rescue_map(areas: Sequence[Area], head: str = HEAD) -> str:
    """Return a map: an area is its begin, its length and what became of it."""
    lines = [f"0x{start:08X}  0x{length:08X}  {status}" for start, length, status in areas]
    return "\n".join(
        [f"{head}# current_pos  current_status  current_pass", "0x00000000     +               1", *lines, ""]
    )


def written(folder: Path, text: str, name: str = "disk.map") -> Path:
    (folder / name).write_text(text)
    path = folder / "disk.raw"
    path.write_bytes(RAW)
    return path


def opened(path: Path, source: Source) -> Disk:
    return open_disk(open_image(path, str(path), source, lambda line: None), source)


def lost(disk: Disk) -> list[int]:
    """Return the sectors of 4 KiB that cannot be read; all others must be those of the disk."""
    reader, found = VolumeReader(disk.stream, 0, disk.size), []
    for at in range(0, disk.size, 4096):
        try:
            assert reader.read_at(at, 4096) == RAW[at : at + 4096]
        except NotObtained:
            found.append(at)
    return found


@pytest.mark.parametrize("name", ["disk.map", "disk.raw.map", "disk.raw.mapfile", "disk.log", "disk.logfile"])
@pytest.mark.parametrize("head", [HEAD, OLD_HEAD])
def test_what_was_not_read_is_not_obtained(tmp_path: Path, name: str, head: str) -> None:
    areas = [(0, 65536, "+"), (65536, 4096, "-"), (69632, 4096, "*"), (73728, 8192, "+"), (81920, 4096, "/")]
    areas += [(86016, 4096, "?"), (90112, SIZE - 90112, "+")]
    path = written(tmp_path, rescue_map(areas, head), name)
    with Source("x") as source:
        assert lost(opened(path, source)) == [65536, 69632, 81920, 86016]
        (problem,) = source.problems
        assert (problem.kind, problem.offset, problem.message) == (
            "not_obtained",
            65536,
            f"{path}: 16384 bytes could not be read when the disk was copied, as {name} says, the first at byte 65536",
        )


def test_gaps_between_areas_and_decimal_numbers(tmp_path: Path) -> None:
    text = f"{HEAD}0 +\n0 4096 +\n8192 {SIZE} +\n"
    with Source("x") as source:
        assert lost(opened(written(tmp_path, text), source)) == [4096]


def test_what_lies_behind_the_image_is_no_loss_of_it(tmp_path: Path) -> None:
    path = written(tmp_path, rescue_map([(0, SIZE, "+"), (SIZE, SIZE, "?")]))
    with Source("x") as source:
        assert lost(opened(path, source)) == []
        assert source.problems == []


@pytest.mark.parametrize(
    "text",
    [
        rescue_map([(0, SIZE // 2, "+")]),
        rescue_map([(0, SIZE, "+"), (4096, SIZE, "-")]),
        rescue_map([]),
        f"{HEAD}0 +\n0 {SIZE} !\n",
        f"{HEAD}0 +\n0 0{SIZE} +\n",
        f"{HEAD}0 +\n0 {'9' * 5000} +\n",
    ],
    ids=["shorter", "overlap", "empty", "no status", "octal", "endless"],
)
def test_a_map_that_does_not_fit_is_told_and_not_believed(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with Source("x") as source:
        assert lost(opened(path, source)) == []
        (problem,) = source.problems
        assert (problem.kind, problem.message) == (
            "bad_map",
            f"{path}: disk.map, the map of its copy, does not describe it: what could not be read is not known",
        )


@pytest.mark.parametrize("content", [b"copied by hand\n", b"", HEAD.encode()[10:]])
def test_another_log_beside_the_image_is_no_map(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, "")
    (tmp_path / "disk.map").unlink()
    (tmp_path / "disk.log").write_bytes(content)
    with Source("x") as source:
        assert lost(opened(path, source)) == []
        assert source.problems == []


def test_a_map_behind_a_link_that_leads_away_is_not_followed_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (tmp_path / "elsewhere").write_text(rescue_map([(0, SIZE, "-")]))
    path = written(folder, "")
    (folder / "disk.map").unlink()
    (folder / "disk.map").symlink_to(tmp_path / "elsewhere")
    with Source("x") as source:
        assert lost(opened(path, source)) == []
        said = f"{path}: disk.map, perhaps the map of its copy, is a link that leads elsewhere and is not followed"
        assert [(problem.kind, problem.message) for problem in source.problems] == [("bad_map", said)]


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_a_key_file_that_was_not_read_is_not_called_damaged(tmp_path: Path, packed: bool) -> None:
    """Without the map its zeros look like damage."""
    (wanted,) = [row for row in windows.truth("disk") if row["subject"] == "CN=sound.contoso.test"]
    key = windows.files()[wanted["key_file_path"]]
    disk = windows.disk()
    at = disk.index(key) // 4096 * 4096
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / "disk.raw").write_bytes(disk[:at] + bytes(4096) + disk[at + 4096 :])
    source = folder

    def pack() -> Path:
        if not packed:
            return source
        path = tmp_path / "case.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
        return path

    def judged() -> tuple[object, ...]:
        (row,) = [r for r in forensics.examine(pack()).rows("key_chain") if r.thumbprint == wanted["thumbprint"]]
        return plain(row.key_file), row.verdict, row.broken_at

    assert judged() == ("unreadable", "unusable", "key_file")
    (folder / "disk.map").write_text(
        rescue_map([(0, at, "+"), (at, 4096, "-"), (at + 4096, len(disk) - at - 4096, "+")])
    )
    assert judged() == ("not_examined", "unknown", None)
