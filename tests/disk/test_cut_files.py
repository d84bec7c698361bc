"""Files that were cut into parts: raw disks are read whole, anything else says that its parts are to be joined."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

import forensics
from forensics.disk.containers import open_disk, open_image
from forensics.disk.disk import Disk
from forensics.disk.errors import SourceError
from forensics.disk.part_names import following, is_part_of, lettered, letters, numbered
from forensics.sources.open import open_source
from forensics.sources.source import Source
from tests.oracles import tool

JOIN = (
    "is the first part of a file that was cut: join the parts in their order (cat, or copy /b on Windows) and examine "
    "that"
)
PART = 64 << 10
RAW = bytes(510) + b"\x55\xaa" + os.urandom(5 * PART)


def cut(folder: Path, data: bytes, names: list[str]) -> Path:
    size = -(-len(data) // len(names))
    for number, name in enumerate(names):
        (folder / name).write_bytes(data[number * size : (number + 1) * size])
    return folder / names[0]


def opened(path: Path, source: Source) -> Disk:
    return open_disk(open_image(path, str(path), source, lambda line: None), source)


@pytest.mark.parametrize("name", ["disk.aa", "disk.ac"])
def test_parts_by_letters_are_one_disk(tmp_path: Path, name: str) -> None:
    cut(tmp_path, RAW, ["disk.aa", "disk.ab", "disk.ac"])
    (tmp_path / "disk.dd").write_bytes(b"another file")
    with Source("x") as source:
        disk = opened(tmp_path / name, source)
        disk.stream.seek(0)
        assert disk.stream.read() == RAW


def test_what_split_makes(tmp_path: Path) -> None:
    (tmp_path / "disk.raw").write_bytes(RAW)
    command = [tool("split", "coreutils"), "-b", str(PART), "-a", "3", "disk.raw", "disk.raw."]
    subprocess.run(command, check=True, cwd=tmp_path)
    (tmp_path / "disk.raw").unlink()
    with Source("x") as source:
        disk = opened(tmp_path / "disk.raw.aaa", source)
        disk.stream.seek(0)
        assert disk.stream.read() == RAW


def test_letters_that_no_first_part_begins_are_an_extension(tmp_path: Path) -> None:
    path = tmp_path / "disk.dd"
    path.write_bytes(RAW)
    (tmp_path / "disk.de").write_bytes(RAW)
    with Source("x") as source:
        assert opened(path, source).size == len(RAW)


def test_a_part_by_letters_that_was_cut_short_is_told(tmp_path: Path) -> None:
    first = cut(tmp_path, RAW, ["disk.aa", "disk.ab", "disk.ac"])
    (tmp_path / "disk.ab").write_bytes(RAW[:1000])
    with Source("x") as source, pytest.raises(SourceError) as caught:
        opened(first, source)
    assert caught.value.kind == "truncated"
    assert "disk.ab, a part of the split image, has 1000 bytes" in caught.value.message


@pytest.mark.parametrize("names", [["c.001", "c.002"], ["c.000", "c.001"], ["c.aa", "c.ab"], ["c.0001", "c.0002"]])
@pytest.mark.parametrize(
    "content",
    [gzip.compress(RAW), b"7z\xbc\xaf\x27\x1c" + RAW, b"PK\3\4" + RAW, b"vhdxfile" + RAW],
    ids=["gzip", "7z", "zip", "vhdx"],
)
def test_what_is_read_as_a_whole_only_is_to_be_joined(tmp_path: Path, names: list[str], content: bytes) -> None:
    path = cut(tmp_path, content, names)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert (caught.value.kind, caught.value.message) == ("unsupported", f"{path} {JOIN}")


def test_a_single_numbered_file_is_no_part(tmp_path: Path) -> None:
    path = tmp_path / "disk.001"
    path.write_bytes(gzip.compress(RAW))
    with Source("x") as source:
        assert opened(path, source).size == len(RAW)


def test_what_zip_splits_is_named(tmp_path: Path) -> None:
    program = tool("zip", "zip")
    (tmp_path / "disk.raw").write_bytes(os.urandom(200_000))
    subprocess.run([program, "-q", "-0", "-s", "64k", "c.zip", "disk.raw"], check=True, cwd=tmp_path)
    (tmp_path / "disk.raw").unlink()
    unsplit = "unpack it from all its parts (7z x, given the .zip) and examine the folder"
    case = forensics.examine(tmp_path, strict=False)
    said = {Path(entry.path).name: entry.error for entry in case.sources[1:]}
    assert said == {
        name: f"{tmp_path / name} is the {which} part of a split zip archive: {unsplit}"
        for name, which in (("c.z01", "first"), ("c.zip", "last"))
    }
    subprocess.run([tool("7z", "p7zip-full"), "x", "-y", "c.zip"], check=True, cwd=tmp_path, capture_output=True)
    assert (tmp_path / "disk.raw").stat().st_size == 200_000


def test_names_of_parts() -> None:
    assert [letters(number, 2) for number in (0, 25, 26, 675)] == ["aa", "az", "ba", "zz"]
    assert lettered("x.zz") == ("x.", 2, 675)
    assert [lettered(name) for name in ("x.AA", "x.a", "x.aaaa", "xaa")] == [None] * 4
    assert numbered("x.y.0012") == ("x.y.", 4, 12)
    assert [numbered(name) for name in ("x.12", "x.00001", "x.0a1")] == [None] * 3
    names = ("x.000", "x.001", "x.002", "x.aa", "x.aaa", "x.ab", "x.raw")
    assert list(map(following, names)) == ["x.001", "x.002", None, "x.ab", "x.aab", None, None]
    assert is_part_of("x.ab", "x.aa")
    assert not any(is_part_of(name, "x.001") for name in ("x.000", "x.001", "y.002", "x.0002", "x.ab"))
