"""Links of a volume as another reader parses them, short ones and those too long for their file record."""

from __future__ import annotations

import io
import lzma

import pytest
from dissect.ntfs import NTFS

from forensics.disk.links import Link
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import NotFollowed
from tests.disk import ntfs_fixture as fixture


@pytest.fixture(scope="module")
def volume() -> bytes:
    return lzma.decompress(fixture.PACKED_LINKS.read_bytes())


@pytest.fixture(scope="module")
def tree(volume: bytes) -> NtfsTree:
    return NtfsTree(VolumeReader(io.BytesIO(volume), 0, len(volume)), volume[:512])


def written() -> dict[str, Link]:
    junctions, symlinks = fixture.links()
    absolute = ("symlinks/on a drive",)
    found = {
        path: Link("mounted volume" if to.startswith("Volume") else "junction", to, is_windows=True)
        for path, to in junctions.items()
    }
    return found | {
        path: Link("symbolic link", to, is_windows=True, is_relative=path not in absolute)
        for path, to in symlinks.items()
    }


def test_every_link_leads_where_it_was_made_to(tree: NtfsTree) -> None:
    for path, link in written().items():
        assert tree.entry(path).link == link
        with pytest.raises(NotFollowed) as caught:
            tree.open(path) if path.endswith(".txt") else tree.entries(path)
        assert (caught.value.path, caught.value.link) == (path, link)
    listed = [*tree.entries("junctions"), *tree.entries("symlinks")]
    assert {entry.path: entry.link for entry in listed} == written()
    assert not any(entry.is_dir for entry in listed)


def test_as_dissect_reads_them(volume: bytes, tree: NtfsTree) -> None:
    other = NTFS(io.BytesIO(volume)).mft
    assert other is not None
    for path in written():
        (point,) = other.get(path).attributes.REPARSE_POINT
        link = tree.entry(path).link
        assert link is not None
        substitute = link.target if link.is_relative else f"\\??\\{link.target}"
        kind = "SYMLINK" if link.kind == "symbolic link" else "MOUNT_POINT"
        assert (point.substitute_name, point.relative, point.tag.name) == (substitute, link.is_relative, kind)


def test_as_libfsntfs_reads_them(volume: bytes, tree: NtfsTree) -> None:
    """It reads symbolic links, not junctions, and none that is too long for its record."""
    pyfsntfs = pytest.importorskip("pyfsntfs")
    other = pyfsntfs.volume()
    other.open_file_object(io.BytesIO(volume))
    read = 0
    for path in written():
        target = other.get_file_entry_by_path("\\" + path.replace("/", "\\")).symbolic_link_target
        link = tree.entry(path).link
        assert link is not None
        if target is not None:
            read += 1
            assert target == (link.target if link.is_relative else f"\\??\\{link.target}")
    assert read == 4
