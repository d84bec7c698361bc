"""What is left of a disk image in a folder: parts without the first one, and links that lead nowhere."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from forensics.disk.errors import SourceError
from forensics.disk.tree import Entry
from forensics.sources.open import open_source
from forensics.sources.parts_left import parts_without_the_first

MIB = 1 << 20


def told(sizes: dict[str, int], known: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return parts_without_the_first([Entry(name, f"d/{name}", False, size) for name, size in sizes.items()], known)


@pytest.mark.parametrize(
    ("sizes", "first", "reason"),
    [
        (
            {"x.002": MIB, "x.003": MIB, "x.004": 9},
            "d/x.002",
            "x.002 to x.004 are parts of a split image that lacks x.001: put all its parts into one folder",
        ),
        (
            {"X.0004": MIB, "x.0006": MIB},
            "d/X.0004",
            "X.0004 to x.0006 are parts of a split image that lacks X.0001 to X.0003, X.0005: "
            "put all its parts into one folder",
        ),
        (
            {"web.raw.002": 512},
            "d/web.raw.002",
            "web.raw.002 is a part of a split image that lacks web.raw.001: put all its parts into one folder",
        ),
    ],
)
def test_parts_without_the_first_are_named(sizes: dict[str, int], first: str, reason: str) -> None:
    assert told(sizes) == [(first, reason)]


@pytest.mark.parametrize(
    "sizes",
    [
        {"x.001": MIB, "x.002": MIB, "x.003": MIB},
        {"x.000": MIB, "x.002": MIB},
        {"app.log.002": 5 * MIB, "app.log.003": 4 * MIB, "app.log.004": 3 * MIB},
        {"app.log.002": 10_000, "app.log.003": 10_000},
        {"x.002": MIB},
        {"x.002": MIB, "y.003": MIB},
        {"web.raw.002": 0},
    ],
)
def test_other_numbered_files_are_not(sizes: dict[str, int]) -> None:
    assert told(sizes) == []


def test_parts_that_are_known_are_not_named_again() -> None:
    assert told({"x.002": MIB, "x.003": MIB}, ("d/x.003",)) == []


@pytest.mark.parametrize("packed", [False, True])
def test_a_split_image_without_its_first_part(tmp_path: Path, packed: bool) -> None:
    reason = "disk.002 to disk.003 are parts of a split image that lacks disk.001: put all its parts into one"
    folder = tmp_path / "found"
    folder.mkdir()
    path = tmp_path / "found.zip" if packed else folder
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("disk.002", bytes(MIB))
            archive.writestr("disk.003", bytes(MIB))
    else:
        (folder / "disk.002").write_bytes(bytes(MIB))
        (folder / "disk.003").write_bytes(bytes(MIB))
    with open_source(path) as source:
        assert [(entry.path, entry.error) for entry in source.found] == [(f"{path}/disk.002", f"{reason} folder")]


@pytest.mark.parametrize("target", ["gone", "../gone", "disk.vhdx"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "found"
    folder.mkdir()
    (folder / "disk.vhdx").symlink_to(target)
    (folder / "notes").symlink_to("gone")
    shown = (folder / target).parent.resolve() / Path(target).name
    with open_source(folder) as source:
        reason = f"a symbolic link to {shown}, which is not there or cannot be reached: copy that here"
        assert [(entry.path, entry.error) for entry in source.found] == [(f"{folder}/disk.vhdx", reason)]


def test_a_link_to_nothing_that_has_no_name_of_a_disk_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes").symlink_to("gone")
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path)
    assert caught.value.kind == "nothing_found"
