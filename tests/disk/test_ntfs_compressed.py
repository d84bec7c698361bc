"""Files that NTFS itself compressed (LZNT1), as libntfs-3g wrote them."""

from __future__ import annotations

import io
import lzma
import random
import struct

import pytest

from forensics.disk.ntfs.stream import CompressedStream, VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import Unreadable
from tests.disk import ntfs_fixture as fixture
from tests.oracles import other_reader

pyfsntfs = other_reader("pyfsntfs", "libfsntfs-python")


@pytest.fixture(scope="module")
def image() -> bytes:
    data = lzma.decompress(fixture.PACKED_COMPRESSED.read_bytes())
    assert len(data) == fixture.COMPRESSED_SIZE
    return data


def tree_of(data: bytes) -> NtfsTree:
    return NtfsTree(VolumeReader(io.BytesIO(data), 0, len(data)), data[:512])


@pytest.mark.parametrize("name", fixture.compressed())
def test_reads_like_what_was_written_and_like_libfsntfs(image: bytes, name: str) -> None:
    content = fixture.compressed()[name]
    with tree_of(image).open(f"packed/{name}") as file:
        assert isinstance(file, CompressedStream) == (name != "resident.txt")
        assert file.read() == content
        mix = random.Random(name)
        for _ in range(200):
            offset, length = mix.randrange(len(content)), mix.randint(1, 70_000)
            file.seek(offset)
            assert file.read(length) == content[offset : offset + length]
    volume = pyfsntfs.volume()
    volume.open_file_object(io.BytesIO(image))
    oracle = volume.get_file_entry_by_path(f"\\packed\\{name}")
    assert oracle.read(len(content)) == content
    volume.close()


def test_the_fixture_is_compressed(image: bytes) -> None:
    text = fixture.compressed()["text.txt"]
    # LZNT1 leaves the first eight characters as they are, and then puts its flags in between.
    assert text[:8] in image
    assert text[:42] not in image


def test_damage_in_a_compressed_unit_is_unreadable_or_other_content_never_a_crash(image: bytes) -> None:
    content = fixture.compressed()["text.txt"]
    start = image.index(content[:8])
    refused = 0
    for seed in range(60):
        mix = random.Random(seed)
        data = bytearray(image)
        for _ in range(mix.choice((1, 20))):
            data[start + mix.randrange(3 * 4096)] = mix.randrange(256)
        with tree_of(bytes(data)).open("packed/text.txt") as file:
            try:
                assert len(file.read()) == len(content)
            except Unreadable:
                refused += 1
    assert refused


def test_more_chunks_than_fill_a_unit_are_not_unpacked() -> None:
    # A literal and a copy of 4,095 bytes, 170,000 times: 700 MB in one unit of 1 MiB, were they all unpacked.
    bomb = struct.pack("<HBBH", 0xB003, 0x02, 0x61, 0x0FFC) * 170_000
    unit = 1 << 20
    data = bomb.ljust(unit - 4096, b"\0")
    runs = ((1, len(data) // 4096), (None, 1))
    stream = CompressedStream(VolumeReader(io.BytesIO(bytes(4096) + data)), runs, 4096, unit, unit, 8)
    assert stream.read() == b"a" * unit
