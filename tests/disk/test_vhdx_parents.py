"""Parents of differencing disks: found without case, and believed only by their DataWriteGuid."""

from __future__ import annotations

import gzip
import io
import lzma
import uuid
from pathlib import Path

import pytest

from forensics.disk.containers import open_disk, open_image
from forensics.disk.errors import SourceError
from forensics.disk.vhdx.parent import ParentCandidate, find_among
from forensics.disk.vhdx.reader import open_vhdx
from forensics.disk.vhdx.structures import ParentLocator
from forensics.sources.source import Source
from testdata.builder.vhdx import write_differencing, write_dynamic
from tests.disk.vhdx_disks import (
    DISK,
    MIB,
    apply,
    assert_reads_like,
    at,
    content,
    data_write_guid,
)


@pytest.fixture(scope="module")
def raw() -> bytearray:
    return content(7)


@pytest.fixture
def base(tmp_path: Path, raw: bytearray) -> Path:
    path = tmp_path / "Base.vhdx"
    write_dynamic(io.BytesIO(raw), DISK, path, seed="base")
    return path


def test_wrong_parent_names_both_files_and_both_guids(base: Path, raw: bytearray) -> None:
    child = base.with_name("child.avhdx")
    write_differencing(base, [], child)
    needed = data_write_guid(base)
    write_dynamic(io.BytesIO(raw), DISK, base, seed="another disk")
    found = data_write_guid(base)
    assert found != needed
    with pytest.raises(SourceError) as caught:
        open_vhdx(child)
    assert caught.value.kind == "wrong_parent"
    for part in (str(base), str(child), str(needed), str(found)):
        assert part in caught.value.message


def test_missing_parent_names_child_and_parent_and_guids(base: Path) -> None:
    child = base.with_name("child.avhdx")
    write_differencing(base, [], child, absolute_path="D:\\VMs\\Base.vhdx")
    needed = data_write_guid(base)
    base.unlink()
    with pytest.raises(SourceError) as caught:
        open_vhdx(child)
    assert caught.value.kind == "missing_parent"
    for part in (str(child), "Base.vhdx", str(needed), str(data_write_guid(child))):
        assert part in caught.value.message


def test_second_linkage_is_accepted(base: Path, raw: bytearray) -> None:
    child = base.with_name("child.avhdx")
    write_differencing(base, [], child, linkage=str(uuid.UUID(int=5)), linkage2=str(data_write_guid(base)))
    with open_vhdx(child) as stream:
        assert_reads_like(at(stream), raw, 50)


def test_a_parent_of_another_size_or_sector_size_is_refused(base: Path, raw: bytearray) -> None:
    child = base.with_name("child.avhdx")
    write_differencing(base, [], child)
    write_dynamic(io.BytesIO(raw), DISK - MIB, base, seed="base")
    with pytest.raises(SourceError, match="the size of the parent"):
        open_vhdx(child)
    write_dynamic(io.BytesIO(raw), DISK, base, seed="base", sector_size=4096)
    with pytest.raises(SourceError, match="the sector size of the parent"):
        open_vhdx(child)


@pytest.mark.parametrize(
    ("relative", "absolute"),
    [
        (".\\BASE.VHDX", None),
        ("..\\disks\\base.vhdx", None),
        ("", "C:\\ProgramData\\Microsoft\\Windows\\Virtual Hard Disks\\base.vhdx"),
        ("..\\no such folder\\base.vhdx", None),
    ],
)
def test_parent_is_found_without_case(tmp_path: Path, raw: bytearray, relative: str, absolute: str | None) -> None:
    folder = tmp_path / "Disks"
    folder.mkdir()
    base, child = folder / "Base.vhdx", folder / "child.avhdx"
    write_dynamic(io.BytesIO(raw), DISK, base)
    write_differencing(base, [], child, relative_path=relative, absolute_path=absolute)
    with open_vhdx(child) as stream:
        assert stream.files[1].endswith("Base.vhdx")
        assert_reads_like(at(stream), raw, 50)


def test_a_name_with_nul_or_slashes_from_the_image_reaches_no_file(base: Path) -> None:
    child = base.with_name("child.avhdx")
    for hostile in ("Base.vhdx\\", "..\\..\\..\\..\\..\\..\\..\\..\\..\\..\\dev\\zero", "a\0b", "/etc/passwd"):
        write_differencing(base, [], child, relative_path=hostile)
        with pytest.raises(SourceError, match="was not found"):
            open_vhdx(child) if hostile != "Base.vhdx\\" else open_missing(child, base)


def test_a_path_that_leaves_the_folder_of_the_child_is_not_followed(tmp_path: Path, raw: bytearray) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "vm").mkdir()
    base, child = tmp_path / "base" / "Base.vhdx", tmp_path / "vm" / "child.avhdx"
    write_dynamic(io.BytesIO(raw), DISK, base)
    write_differencing(base, [], child, relative_path="..\\base\\Base.vhdx")
    with pytest.raises(SourceError, match="Put the parent beside the child") as caught:
        open_vhdx(child)
    assert caught.value.kind == "missing_parent"
    with open_vhdx(child, resolve_parent=find_among([base])) as stream:
        assert stream.files == [str(child), str(base)]


def test_a_parent_behind_a_link_is_not_opened(base: Path) -> None:
    child = base.with_name("child.avhdx")
    write_differencing(base, [], child)
    (base.parent / "away").mkdir()
    base.symlink_to(base.rename(base.parent / "away" / base.name))
    with pytest.raises(SourceError, match="Put the parent beside") as caught:
        open_vhdx(child)
    assert caught.value.kind == "missing_parent"


def test_a_disk_that_is_its_own_parent_ends(base: Path) -> None:
    child = base.with_name("child.avhdx")
    write_differencing(base, [], child, seed="x")
    own = data_write_guid(child)
    write_differencing(base, [], child, seed="x", linkage=str(own), relative_path=".\\child.avhdx")
    with pytest.raises(SourceError, match="cannot be its own parent"):
        open_vhdx(child)


def test_an_opened_file_needs_a_resolver_for_its_parent(base: Path, raw: bytearray) -> None:
    child = base.with_name("child.avhdx")
    changes = [(512, b"\x11" * 512)]
    write_differencing(base, changes, child)
    parent_file = io.BytesIO(base.read_bytes())
    asked: list[tuple[str, str | None]] = []

    def resolve(name: str, locator: ParentLocator) -> list[ParentCandidate]:
        asked.append((name, locator.relative_path))
        return [("base in the archive", lambda: parent_file)]

    with child.open("rb") as fh:
        with pytest.raises(SourceError, match="was not found"):
            open_vhdx(fh)
        stream = open_vhdx(fh, name="child in the archive", resolve_parent=resolve)
        assert asked == [("child in the archive", ".\\Base.vhdx")]
        assert_reads_like(at(stream), apply(raw, changes), 50)
        stream.close()
        assert parent_file.closed
        assert not fh.closed


@pytest.mark.parametrize("damage", ["another disk", "damaged", "truncated .xz"])
def test_a_wrong_file_where_the_path_leads_does_not_hide_the_parent_beside_the_child(
    tmp_path: Path, raw: bytearray, damage: str
) -> None:
    folder, below = tmp_path / "vm", tmp_path / "vm" / "old"
    below.mkdir(parents=True)
    base, child, first = folder / "Base.vhdx", folder / "child.avhdx", below / "Base.vhdx"
    write_dynamic(io.BytesIO(raw), DISK, base, seed="base")
    write_differencing(base, [], child, relative_path=".\\old\\Base.vhdx")
    if damage == "another disk":
        write_dynamic(io.BytesIO(raw), DISK, first, seed="another disk")
    elif damage == "damaged":
        first.write_bytes(b"vhdxfile" + bytes(4 * MIB))
    else:
        first = first.with_name("Base.vhdx.xz")
        first.write_bytes(lzma.compress(base.read_bytes()[: 4 * MIB], preset=0)[:-100])
    with open_vhdx(child) as stream:
        assert stream.files == [str(child), str(base)]
        assert_reads_like(at(stream), raw, 50)
    write_dynamic(io.BytesIO(raw), DISK, base, seed="a third disk")
    with pytest.raises(SourceError) as caught:
        open_vhdx(child)
    assert str(first) in caught.value.message
    assert f"{base} is not the parent of {child}" in caught.value.message
    assert str(data_write_guid(base)) in caught.value.message


def test_the_parent_of_a_compressed_child_may_be_compressed_too(tmp_path: Path) -> None:
    base, child, leaf = tmp_path / "Base.vhdx", tmp_path / "child.avhdx", tmp_path / "leaf.avhdx"
    raw = content(7, 4 * MIB)
    write_dynamic(io.BytesIO(raw), len(raw), base, seed="base")
    first, second = [(512, b"\x11" * 512)], [(8192, b"\x22" * 512)]
    write_differencing(base, first, child)
    write_differencing(child, second, leaf)
    packed = leaf.with_name("leaf.avhdx.gz")
    packed.write_bytes(gzip.compress(leaf.read_bytes(), 1))
    base.with_name("BASE.vhdx.xz").write_bytes(lzma.compress(base.read_bytes(), preset=0))
    base.unlink()
    leaf.unlink()
    source = Source(str(packed))
    with source:
        disk = open_disk(open_image(packed, str(packed), source, lambda line: None), source)
        assert disk.stream.files == [str(packed), str(child), str(base.with_name("BASE.vhdx.xz"))]  # type: ignore[attr-defined]
        assert_reads_like(at(disk.stream), apply(raw, [*first, *second]), 100)


def test_files_are_closed_when_a_parent_is_wrong(base: Path) -> None:
    child = base.with_name("child.avhdx")
    write_differencing(base, [], child, linkage=str(uuid.UUID(int=5)))
    parent_file = io.BytesIO(base.read_bytes())
    with child.open("rb") as fh, pytest.raises(SourceError, match="is not the parent"):
        open_vhdx(fh, resolve_parent=lambda name, locator: [("base", lambda: parent_file)])
    assert parent_file.closed


def open_missing(child: Path, base: Path) -> None:
    base.rename(base.with_name("elsewhere"))
    try:
        open_vhdx(child)
    finally:
        base.with_name("elsewhere").rename(base)
