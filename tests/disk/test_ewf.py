"""E01 and s01 images that libewf wrote, against the disk they were made of, whole and damaged in every place."""

from __future__ import annotations

import random
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from forensics.disk.containers import open_disk, open_image
from forensics.disk.disk import Disk
from forensics.disk.errors import SourceError
from forensics.disk.ewf.files import extension, first_segment, segment_files
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.tree import Unreadable
from forensics.sources.source import Source
from tests.oracles import needs_tool, other_reader

MIB = 1 << 20
CHUNK = 32 << 10
SIZE = 5 * MIB + 512 * 3
pytestmark = needs_tool("ewfacquirestream", "ewf-tools")


@pytest.fixture(scope="module")
def raw() -> bytes:
    """Noise, text that shrinks, and zeros; the last chunk is a short one."""
    mix = random.Random(2)
    return (mix.randbytes(2 * MIB) + b"text " * (MIB // 5) + bytes(MIB) + mix.randbytes(2 * MIB))[:SIZE]


def acquire(folder: Path, raw: bytes, *options: str) -> Path:
    """Write an image with libewf; return its first segment."""
    source = folder / "source.raw"
    source.write_bytes(raw)
    command = ["ewfacquire", "-u", "-q", "-t", str(folder / "disk"), *options, str(source)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return next(path for path in sorted(folder.glob("disk.?01")))


def opened(path: Path, source: Source) -> Disk:
    return open_disk(open_image(path, str(path), source, lambda line: None), source)


def sections(data: bytes | bytearray) -> list[tuple[str, int, int]]:
    """Return type, start and end of each section of a segment file."""
    found, offset = [], 13
    while True:
        kind, following = struct.unpack_from("<16sQ", data, offset)
        name = kind.rstrip(b"\0").decode()
        found.append((name, offset, following))
        if name in ("next", "done"):
            return found
        offset = following


def one_of(data: bytes | bytearray, name: str) -> tuple[int, int]:
    return next((start, end) for kind, start, end in sections(data) if kind == name)


def holes(disk: Disk, raw: bytes) -> list[int]:
    """Return the numbers of the chunks that cannot be read; all others must be those of the disk."""
    reader, missing = VolumeReader(disk.stream, 0, disk.size), []
    assert disk.size == len(raw)
    for number in range(-(-len(raw) // CHUNK)):
        start = number * CHUNK
        count = min(CHUNK, len(raw) - start)
        try:
            assert reader.read_at(start, count) == raw[start : start + count], number
        except Unreadable:
            missing.append(number)
    return missing


@pytest.mark.parametrize(
    "form", ["smart", "ewf", "ftk", "encase1", "encase2", "encase4", "encase5", "encase6", "encase7"]
)
@pytest.mark.parametrize("method", ["deflate:none", "deflate:fast"])
def test_reads_what_libewf_wrote(tmp_path: Path, raw: bytes, form: str, method: str) -> None:
    path = acquire(tmp_path, raw, "-f", form, "-c", method, "-S", str(MIB + (MIB >> 1)))
    assert path.suffix == {"smart": ".s01", "ewf": ".e01"}.get(form, ".E01")
    with Source(str(path)) as source:
        disk = opened(path, source)
        assert (disk.size, disk.sector_size) == (SIZE, 512)
        disk.stream.seek(0)
        assert disk.stream.read() == raw
        mix = random.Random(1)
        for _ in range(200):
            at = mix.randrange(SIZE)
            count = mix.choice((1, 511, 512, 4096, CHUNK, 90_000))
            disk.stream.seek(at)
            assert disk.stream.read(count) == raw[at : at + count]
        assert source.problems == []


def test_dissect_reads_the_same(tmp_path: Path, raw: bytes) -> None:
    other = other_reader("dissect.evidence.ewf", "dissect.evidence")
    path = acquire(tmp_path, raw, "-f", "encase6", "-c", "deflate:fast", "-S", str(2 * MIB))
    theirs = other.EWF([each.open("rb") for each in segment_files(path)]).open()
    with Source(str(path)) as source:
        disk = opened(path, source)
        mix = random.Random(6)
        for _ in range(500):
            at, count = mix.randrange(SIZE), mix.choice((1, 511, 4096, CHUNK, 90_000))
            for stream in (theirs, disk.stream):
                stream.seek(at)
            assert disk.stream.read(count) == theirs.read(count)


def test_a_damaged_compressed_chunk_is_not_obtained_and_the_rest_is_read(tmp_path: Path, raw: bytes) -> None:
    path = acquire(tmp_path, raw, "-f", "encase6", "-c", "deflate:fast")
    data = bytearray(path.read_bytes())
    start, _ = one_of(data, "table")
    count, base = struct.unpack_from("<I4xQ", data, start + 76)
    entries = struct.unpack_from(f"<{count}I", data, start + 100)
    number = next(n for n in range(65, count) if entries[n] & 0x80000000)
    data[base + (entries[number] & 0x7FFFFFFF) + 20] ^= 0x10
    path.write_bytes(data)
    with Source(str(path)) as source:
        assert holes(opened(path, source), raw) == [number]
        (problem,) = source.problems
        assert (problem.kind, problem.offset, problem.source_path) == ("not_obtained", number * CHUNK, str(path))
        assert problem.message == (
            f"{path}: chunk {number} (bytes {number * CHUNK} to {number * CHUNK + CHUNK} of the disk) in {path}: its "
            "compressed data is damaged"
        )


@pytest.mark.parametrize("number", [0, 7, -1])
def test_a_flipped_bit_in_a_chunk_stored_as_it_is_is_noticed(tmp_path: Path, raw: bytes, number: int) -> None:
    """The last chunk of the last segment too, for which the whole image was refused."""
    path = acquire(tmp_path, raw, "-f", "encase6", "-c", "deflate:none")
    data = bytearray(path.read_bytes())
    start, _ = one_of(data, "table")
    count, base = struct.unpack_from("<I4xQ", data, start + 76)
    entry = struct.unpack_from(f"<{count}I", data, start + 100)[number]
    assert not entry & 0x80000000
    data[base + entry + 100] ^= 1
    path.write_bytes(data)
    with Source(str(path)) as source:
        assert holes(opened(path, source), raw) == [number % count]
        assert [problem.message.rpartition(": ")[2] for problem in source.problems] == ["its checksum is wrong"]


def test_the_second_copy_of_a_table_is_used(tmp_path: Path, raw: bytes) -> None:
    path = acquire(tmp_path, raw, "-f", "encase5", "-c", "deflate:fast")
    whole = path.read_bytes()
    for at in (76, 76 + 24 + 40):  # its header, and an entry
        data = bytearray(whole)
        data[one_of(data, "table")[0] + at] ^= 4
        path.write_bytes(data)
        with Source(str(path)) as source:
            assert holes(opened(path, source), raw) == []
    data = bytearray(whole)
    for kind in ("table", "table2"):
        data[one_of(data, kind)[0] + 76] ^= 4
    path.write_bytes(data)
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        opened(path, source)
    at = one_of(whole, "table")[0]
    assert caught.value.message == (
        f"{path} cannot be read to its end: the table of chunks at byte {at} is damaged; copy it again, or export the "
        "image anew"
    )


def test_the_volume_section_may_be_read_from_a_later_copy(tmp_path: Path, raw: bytes) -> None:
    path = acquire(tmp_path, raw, "-f", "encase5", "-c", "deflate:none", "-S", str(2 * MIB))
    data = bytearray(path.read_bytes())
    start, _ = one_of(data, "volume")
    data[start + 76 + 8] ^= 0xFF  # sectors per chunk
    path.write_bytes(data)
    with Source(str(path)) as source:
        assert holes(opened(path, source), raw) == []


def test_sectors_that_the_imager_could_not_read_are_not_zeros(tmp_path: Path, raw: bytes) -> None:
    path = acquire(tmp_path, raw, "-f", "encase5", "-c", "deflate:fast")
    data = path.read_bytes()
    start, _ = one_of(data, "done")
    ranges = [(70, 2), (200, 1)]
    head = struct.pack("<I512x", len(ranges))
    body = b"".join(struct.pack("<II", *each) for each in ranges)
    section = head + struct.pack("<I", zlib.adler32(head)) + body + struct.pack("<I", zlib.adler32(body))

    def descriptor(kind: bytes, following: int, size: int) -> bytes:
        fields = struct.pack("<16sQQ40x", kind, following, size)
        return fields + struct.pack("<I", zlib.adler32(fields))

    end = start + 76 + len(section)
    path.write_bytes(
        data[:start] + descriptor(b"error2", end, 76 + len(section)) + section + descriptor(b"done", end, 76)
    )
    told = subprocess.run(["ewfinfo", str(path)], check=True, capture_output=True, text=True).stdout
    assert "at sector(s): 70 - 71 number: 2" in told
    assert "at sector(s): 200 - 200 number: 1" in told
    with Source(str(path)) as source:
        disk = opened(path, source)
        reader = VolumeReader(disk.stream, 0, disk.size)
        for sector in (69, 72, 199, 201):
            assert reader.read_at(sector * 512, 512) == raw[sector * 512 :][:512]
        for offset, count in ((70 * 512, 512), (71 * 512, 4), (69 * 512, 4096), (200 * 512, 512), (0, MIB)):
            with pytest.raises(Unreadable, match="could not be read when the image was made"):
                reader.read_at(offset, count)
        (problem,) = source.problems
        assert (problem.kind, problem.offset) == ("not_obtained", 70 * 512)
        assert problem.message == (
            f"{path}: 3 sectors could not be read when the image was made and are zeros in it, the first at byte 35840 "
            "of the disk: what lies there was not obtained"
        )


def test_missing_segments_are_named(tmp_path: Path, raw: bytes) -> None:
    path = acquire(tmp_path, raw, "-f", "encase5", "-c", "deflate:none", "-S", str(2 * MIB))
    segments = segment_files(path)
    assert [each.name for each in segments] == ["disk.E01", "disk.E02", "disk.E03"]
    assert segment_files(segments[2]) == segments
    last = segments[2].read_bytes()
    segments[2].unlink()
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        opened(path, source)
    assert caught.value.kind == "missing_part"
    assert caught.value.message == (
        f"{path}: 126 of 161 chunks are there: disk.E03 is missing; put all segments beside the first and examine that"
    )
    segments[2].write_bytes(last[: len(last) // 2])
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        opened(path, source)
    assert caught.value.message == (
        f"{path}: {segments[2]} cannot be read to its end: it ends at byte {len(last) // 2}, before its last section: "
        "it is truncated; copy it again, or export the image anew"
    )
    segments[2].write_bytes(last)
    segments[0].unlink()
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        opened(segments[1], source)
    assert caught.value.message == (
        f"{segments[1]}: disk.E01 is missing: put all segments of the image into one folder"
    )
    assert first_segment(segments[1]) is None


def test_a_segment_of_another_image_is_told(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "other").mkdir()
    path = acquire(tmp_path, raw, "-f", "encase5", "-c", "deflate:none", "-S", str(2 * MIB))
    less = raw[: 5 * MIB - MIB // 2]
    other = acquire(tmp_path / "other", less, "-f", "encase5", "-c", "deflate:none", "-S", str(2 * MIB))
    second = segment_files(path)[1]
    second.write_bytes(segment_files(other)[1].read_bytes())
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        opened(path, source)
    assert caught.value.kind == "missing_part"
    assert caught.value.message == (
        f"{second} is a segment of another image than {path}: they differ in what they say of the disk's size; put the "
        "segments of one image into a folder of their own, and examine that"
    )


def test_a_last_segment_that_does_not_fit_is_not_called_missing(tmp_path: Path, raw: bytes) -> None:
    path = acquire(tmp_path, raw, "-f", "encase5", "-c", "deflate:none", "-S", str(2 * MIB))
    segments = segment_files(path)
    # The last one, with its "done", in the place of the one before it.
    segments[1].write_bytes(bytearray(segments[2].read_bytes()[:9]) + b"\2\0" + segments[2].read_bytes()[11:])
    segments[2].unlink()
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        opened(path, source)
    assert (
        "chunks are there although the last segment is: one of 2 segments was exchanged or cut" in caught.value.message
    )
    assert "copy all of them again from one image" in caught.value.message


def test_segments_of_two_images_of_one_name_are_kept_apart(tmp_path: Path, raw: bytes) -> None:
    acquire(tmp_path, raw, "-f", "encase5", "-c", "deflate:none", "-S", str(2 * MIB))
    acquire(tmp_path, raw[:MIB], "-f", "smart", "-c", "deflate:none")
    assert [each.name for each in segment_files(tmp_path / "disk.s01")][:1] == ["disk.s01"]
    assert [each.name for each in segment_files(tmp_path / "disk.E01")] == ["disk.E01", "disk.E02", "disk.E03"]


@pytest.mark.parametrize(
    ("named", "number", "expected"),
    [
        ("d.E01", 1, "E01"),
        ("d.E01", 99, "E99"),
        ("d.E01", 100, "EAA"),
        ("d.E01", 125, "EAZ"),
        ("d.E01", 126, "EBA"),
        ("d.E01", 775, "EZZ"),
        ("d.E01", 776, "FAA"),
        ("d.s01", 100, "saa"),
        ("d.e01", 3, "e03"),
    ],
)
def test_extensions_go_on_after_99(named: str, number: int, expected: str) -> None:
    assert extension(Path(named), number) == expected


def test_damage_anywhere_gives_the_disk_or_says_so(tmp_path: Path, raw: bytes) -> None:
    path = acquire(tmp_path, raw[: MIB + 512], "-f", "encase6", "-c", "deflate:fast")
    whole, expected = path.read_bytes(), raw[: MIB + 512]
    mix = random.Random(8)
    structure = [start for _, start, _ in sections(whole)]
    refused = 0
    for number in range(250):
        data = bytearray(whole)
        for _ in range(mix.choice((1, 1, 3))):
            at = mix.randrange(len(data)) if number % 2 else mix.choice(structure) + mix.randrange(120)
            data[min(at, len(data) - 1)] ^= 1 << mix.randrange(8)
        path.write_bytes(data[: mix.choice((len(data), len(data), len(data), mix.randrange(len(data))))])
        with Source(str(path)) as source:
            try:
                disk = opened(path, source)
            except SourceError:
                refused += 1
                continue
            assert disk.size == len(expected)
            missing = holes(disk, expected)
            assert bool(missing) == any(problem.kind == "not_obtained" for problem in source.problems)
    assert 20 < refused < 200
