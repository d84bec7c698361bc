"""Fixtures shared by the tests of sources."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from forensics.sources.ntfs_stream import VolumeReader
from forensics.sources.ntfs_tree import NtfsTree
from tests.sources.ntfs_fixture import PACKED, SIZE


@pytest.fixture(scope="session")
def ntfs_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed NTFS volume, unpacked; tests must not write to it."""
    path = tmp_path_factory.mktemp("ntfs") / "volume.ntfs"
    path.write_bytes(lzma.decompress(PACKED.read_bytes()))
    assert path.stat().st_size == SIZE
    return path


@pytest.fixture
def ntfs_tree(ntfs_image: Path) -> Iterator[NtfsTree]:
    with ntfs_image.open("rb") as file:
        yield NtfsTree(VolumeReader(file, 0, SIZE), file.read(512))
