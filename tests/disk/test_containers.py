"""Image files against the raw disk they were made of: thousands of reads, and every way to be cut short."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import subprocess
from pathlib import Path

import pytest
import zstandard

from forensics.disk.compressed import unpack
from forensics.disk.containers import image_kind, open_disk, open_image
from forensics.disk.disk import Disk
from forensics.disk.errors import SourceError
from forensics.sources.open import open_source
from forensics.sources.source import Source
from tests.oracles import needs_tool

MIB = 1 << 20
SIZE = 40 * MIB
FORMATS = {
    "vdi": ("vdi", []),
    "vdi-fixed": ("vdi", ["-o", "static=on"]),
    "vpc": ("vhd", []),
    "vpc-fixed": ("vhd", ["-o", "subformat=fixed,force_size=on"]),
    "vmdk": ("vmdk", []),
    "vmdk-stream": ("vmdk", ["-o", "subformat=streamOptimized"]),
    "vmdk-flat": ("vmdk", ["-o", "subformat=monolithicFlat"]),
    "vmdk-split": ("vmdk", ["-o", "subformat=twoGbMaxExtentSparse"]),
    "qcow2": ("qcow2", []),
    "qcow2-packed": ("qcow2", ["-c"]),
    "qcow2-zstd": ("qcow2", ["-c", "-o", "compression_type=zstd"]),
    "vhdx": ("vhdx", []),
}
needs_qemu = needs_tool("qemu-img", "qemu-utils")


@pytest.fixture(scope="session")
def raw_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 MiB with data and holes of many lengths, no two sectors alike."""
    path = tmp_path_factory.mktemp("raw") / "disk.raw"
    rng = random.Random(7)
    with path.open("wb") as file:
        file.truncate(SIZE)
        at = 0
        while at < SIZE:
            count = min(SIZE - at, 512 * rng.choice((1, 7, 128, 129, 2048, 4096, 5000)))
            if rng.random() < 0.5:
                file.seek(at)
                file.write(rng.randbytes(count))
            at += count
    return path


def convert(raw: Path, folder: Path, name: str) -> Path:
    suffix, options = FORMATS[name]
    out = folder / f"disk.{suffix}"
    kind = name.split("-")[0]
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", kind, *options, str(raw), str(out)], check=True)
    return out


def opened(path: Path, source: Source) -> Disk:
    return open_disk(open_image(path, str(path), source, lambda line: None), source)


def opened_or_reason(path: Path, source: Source) -> Disk | SourceError:
    try:
        return opened(path, source)
    except SourceError as error:
        return error


def assert_reads_like(disk: Disk, expected: bytes, reads: int) -> None:
    assert disk.size >= len(expected)
    rng = random.Random(11)
    for _ in range(reads):
        at = rng.randrange(len(expected))
        count = rng.choice((1, 511, 512, 4096, 65_537, rng.randrange(3 * MIB)))
        disk.stream.seek(at)
        assert disk.stream.read(count)[: len(expected) - at] == expected[at : at + count], (at, count)


@needs_qemu
@pytest.mark.parametrize("name", FORMATS)
def test_reads_what_qemu_wrote(raw_disk: Path, tmp_path: Path, name: str) -> None:
    path = convert(raw_disk, tmp_path, name)
    with Source(str(path)) as source:
        assert_reads_like(opened(path, source), raw_disk.read_bytes(), 1500)


def shuffle_vdi(path: Path) -> None:
    """Swap pairs of blocks of a VDI in the file and in its map, as a disk that grew in use has them."""
    data = bytearray(path.read_bytes())
    map_at, data_at = (int.from_bytes(data[at : at + 4], "little") for at in (340, 344))
    block, count = int.from_bytes(data[376:380], "little"), int.from_bytes(data[384:388], "little")
    entries = [int.from_bytes(data[map_at + 4 * i : map_at + 4 * i + 4], "little") for i in range(count)]
    used = [i for i, entry in enumerate(entries) if entry < 0xFFFFFFFE]
    order = list(used)
    random.Random(3).shuffle(order)
    moved = {i: entries[j] for i, j in zip(used, order, strict=True)}
    old = bytes(data)
    for i, place in moved.items():
        start = data_at + entries[i] * block
        data[data_at + place * block : data_at + (place + 1) * block] = old[start : start + block]
        data[map_at + 4 * i : map_at + 4 * i + 4] = place.to_bytes(4, "little")
    path.write_bytes(data)


@needs_qemu
def test_vdi_with_blocks_out_of_order(raw_disk: Path, tmp_path: Path) -> None:
    path = convert(raw_disk, tmp_path, "vdi")
    shuffle_vdi(path)
    check = subprocess.run(["qemu-img", "compare", "-f", "raw", "-F", "vdi", str(raw_disk), str(path)], check=False)
    assert check.returncode == 0, "the shuffled file is no longer the same disk"
    with Source(str(path)) as source:
        assert_reads_like(opened(path, source), raw_disk.read_bytes(), 3000)


@needs_qemu
@pytest.mark.parametrize("name", [n for n in FORMATS if n != "vmdk-flat"])
def test_a_file_cut_anywhere_says_so(raw_disk: Path, tmp_path: Path, name: str) -> None:
    """Opening fails with a SourceError, or reading does; wrong content is never returned."""
    whole = convert(raw_disk, tmp_path, name)
    expected = raw_disk.read_bytes()
    parts = sorted(tmp_path.glob("disk-s*.vmdk"))
    target = parts[0] if parts else whole
    content = target.read_bytes()
    for keep in (0, 1, 300, 600, 5000, len(content) // 3, len(content) - 70_000):
        target.write_bytes(content[:keep])
        with Source(str(whole)) as source:
            disk = opened_or_reason(whole, source)
            if isinstance(disk, SourceError):
                assert str(whole) in disk.message
                continue
            if image_kind(whole) == "raw" or disk.size < SIZE:
                continue  # what is left looks like a raw image, which the volume search refuses
            from forensics.disk.ntfs.stream import VolumeReader
            from forensics.disk.tree import Unreadable

            reader = VolumeReader(disk.stream, 0, disk.size)
            failed = 0
            for at in range(0, SIZE, MIB):
                try:
                    assert reader.read_at(at, MIB) == expected[at : at + MIB]
                except Unreadable:
                    failed += 1
            assert failed or source.problems


@needs_qemu
def test_a_differencing_vhd_without_its_parent_is_refused(raw_disk: Path, tmp_path: Path) -> None:
    path = convert(raw_disk, tmp_path, "vpc")
    data = bytearray(path.read_bytes())
    for footer in (0, len(data) - 512):
        assert data[footer + 60 : footer + 64] == b"\0\0\0\x03"
        data[footer + 63] = 4
    path.write_bytes(data)
    with Source(str(path)) as source, pytest.raises(SourceError, match="this differencing VHD is a snapshot"):
        opened(path, source)


def test_vmdk_extent_outside_its_folder_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(bytes(MIB))
    folder = tmp_path / "vm"
    folder.mkdir()
    (folder / "link.vmdk").symlink_to(secret)
    for name in ("../secret.raw", str(secret), "..\\secret.raw", "link.vmdk", "absent.vmdk"):
        path = folder / "disk.vmdk"
        path.write_text(
            f'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
            f'RW 2048 FLAT "{name}" 0\n'
        )
        with Source(str(path)) as source, pytest.raises(SourceError, match="beside the descriptor"):
            opened(path, source)


@pytest.mark.parametrize(
    ("extent", "why"),
    [
        ('RW 2048 VMFSRDM "web-rdm.vmdk"', "a device of its host (web-rdm.vmdk)"),
        ('RW 2048 FLAT "/dev/sdb" 0', "a device of its host (/dev/sdb)"),
        (r'RW 2048 FLAT "\\.\PhysicalDrive1" 0', r"a device of its host (\\.\PhysicalDrive1)"),
        ('RW 2048 VMFS "vsan://52a1-b7"', "a datastore"),
        ('RW 2048 VMFS "vvol://52a1-b7"', "a datastore"),
    ],
)
def test_a_vmdk_whose_disk_is_in_no_file_says_where_it_is(tmp_path: Path, extent: str, why: str) -> None:
    path = tmp_path / "web.vmdk"
    path.write_text(f"# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n{extent}\n")
    name = extent.split('"')[1]
    words = (
        f"its extent '{name}' lies in a datastore and not in a file: export the machine as OVF, and examine that"
        if why == "a datastore"
        else f"the disk is {why} and not in files: copy it from there as a raw image, or clone the machine"
    )
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        opened(path, source)
    assert (caught.value.kind, caught.value.message) == ("unsupported", f"{path}: {words}")


needs_ewf = needs_tool("ewfacquirestream", "ewf-tools")


@needs_ewf
def test_split_e01(raw_disk: Path, tmp_path: Path) -> None:
    expected = raw_disk.read_bytes()
    command = ["ewfacquirestream", "-q", "-t", str(tmp_path / "disk"), "-S", "2097152", "-c", "deflate:fast"]
    subprocess.run(command, input=expected, check=True, capture_output=True)
    first, second = tmp_path / "disk.E01", tmp_path / "disk.E02"
    with Source("x") as source:
        assert_reads_like(opened(first, source), expected, 1500)
    content = second.read_bytes()
    second.write_bytes(content[: len(content) // 2])
    with Source("x") as source, pytest.raises(SourceError) as caught:
        opened(first, source)
    assert caught.value.kind in ("truncated", "missing_part", "damaged")
    second.unlink()
    with (
        Source("x") as source,
        pytest.raises(
            SourceError, match=r"disk\.E02 is missing: put all segments of the image into one folder"
        ) as caught,
    ):
        opened(first, source)
    assert caught.value.kind == "missing_part"


@pytest.mark.parametrize("first", [0, 1])
def test_split_raw(raw_disk: Path, tmp_path: Path, first: int) -> None:
    expected = raw_disk.read_bytes()
    part_size = 11 * MIB + 512
    cuts = [0, part_size, 2 * part_size, 3 * part_size, SIZE]
    for number in range(4):
        part = tmp_path / f"disk.raw.{number + first:03d}"
        part.write_bytes(expected[cuts[number] : cuts[number + 1]])
    for named in (f"disk.raw.{first:03d}", "disk.raw.002"):
        with Source("x") as source:
            disk = opened(tmp_path / named, source)
            assert disk.size == SIZE
            assert_reads_like(disk, expected, 300)
    cut = tmp_path / "disk.raw.002"
    cut.write_bytes(cut.read_bytes()[: 5 * MIB])
    with Source("x") as source, pytest.raises(SourceError) as caught:
        opened(tmp_path / f"disk.raw.{first:03d}", source)
    assert caught.value.kind == "truncated"
    assert (
        f"disk.raw.002, a part of the split image, has {5 * MIB} bytes and should have {part_size}: "
        f"{6 * MIB + 512} bytes of it are missing"
    ) in caught.value.message
    cut.unlink()
    with Source("x") as source, pytest.raises(SourceError, match=r"disk\.raw\.002 is missing"):
        opened(tmp_path / f"disk.raw.{first:03d}", source)


PACKERS = {
    "xz": lambda data: lzma.compress(data, preset=0),
    "gz": lambda data: gzip.compress(data, 1),
    "bz2": lambda data: bz2.compress(data, 1),
    "zst": zstandard.ZstdCompressor(level=1).compress,
}


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_images_are_unpacked_with_holes(raw_disk: Path, tmp_path: Path, suffix: str) -> None:
    expected = raw_disk.read_bytes()[: 9 * MIB + 5] + bytes(8 * MIB)
    half = len(expected) // 2
    # Two streams one behind the other are one file, as "cat a.xz b.xz" makes them.
    packed = PACKERS[suffix](expected[:half]) + PACKERS[suffix](expected[half:])
    path = tmp_path / f"disk.{suffix}"
    path.write_bytes(packed)
    lines: list[str] = []
    with Source(str(path)) as source:
        image = open_image(path, "disk", source, lines.append)
        assert image.kind == "raw"
        assert image.size == len(expected)
        image.file.seek(0)
        assert image.file.read() == expected
        import os

        assert os.fstat(image.file.fileno()).st_blocks * 512 < len(expected) - 6 * MIB
        assert lines[-1] == "unpacking disk: 100 %"
    assert image.file.closed


@pytest.mark.parametrize("suffix", PACKERS)
def test_cut_or_damaged_compressed_files(raw_disk: Path, tmp_path: Path, suffix: str) -> None:
    packed = PACKERS[suffix](raw_disk.read_bytes()[: 2 * MIB] + b"end")
    path = tmp_path / f"disk.{suffix}"
    for keep in (12, len(packed) // 2, len(packed) - 1):
        path.write_bytes(packed[:keep])
        with Source("x") as source, pytest.raises(SourceError) as caught:
            open_image(path, "disk", source, lambda line: None)
        assert caught.value.kind == "truncated"
    middle = len(packed) // 2
    path.write_bytes(packed[:middle] + bytes(b ^ 0xFF for b in packed[middle : middle + 64]) + packed[middle + 64 :])
    if suffix != "zst":  # without a checksum in the frame, changed literals are not noticed
        with Source("x") as source, pytest.raises(SourceError) as caught:
            open_image(path, "disk", source, lambda line: None)
        # Damaged deflate data may also be understood as data that goes on.
        assert caught.value.kind in (("damaged", "truncated") if suffix == "gz" else ("damaged",))


@pytest.mark.parametrize(("suffix", "kind"), [("xz", "xz"), ("gz", "gzip"), ("zst", "zstd")])
def test_bomb_is_stopped_at_its_bound(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(PACKERS[suffix](bytes(64 * MIB)))
    with path.open("rb") as file, pytest.raises(SourceError) as caught:
        unpack(file, kind, "bomb", path.stat().st_size, lambda line: None, limit=8 * MIB)
    assert caught.value.kind == "too_large"


def test_more_than_two_layers_of_compression_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "layers.gz"
    path.write_bytes(gzip.compress(gzip.compress(gzip.compress(bytes(MIB)))))
    with Source("x") as source:
        assert open_image(path, "layers", source, lambda line: None).kind == "raw"
        assert open_image(path, "layers", source, lambda line: None).size < 4096


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"EVF2\r\n\x81\0", "Ex01"),
        (b"WLPWM\0\0\0", "WIM"),
        (b"LVF\x09\x0d\x0a\xff\x00", "L01"),
    ],
)
def test_formats_to_convert_are_named(tmp_path: Path, head: bytes, words: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(head + bytes(5000))
    with Source("x") as source, pytest.raises(SourceError, match=words) as caught:
        open_image(path, "image", source, lambda line: None)
    assert caught.value.kind == "unsupported"


def test_a_file_that_unpacks_to_far_more_than_disks_do_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forensics.disk.compressed.LEAST_LIMIT", 1 << 20)
    path = tmp_path / "bomb.raw.xz"
    path.write_bytes(lzma.compress(bytes(32 << 20)))
    assert (32 << 20) > path.stat().st_size * 2_000 > 1 << 20
    with pytest.raises(SourceError, match="if it is no trap, unpack it yourself"):
        open_source(path)


def test_a_bomb_in_a_bomb_is_not_lit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.raw.xz.gz"
    inner = lzma.compress(b"x") + bytes(32 << 20)
    path.write_bytes(gzip.compress(inner, 1))
    with pytest.raises(SourceError, match="a compressed file that unpacks to another one"):
        open_source(path)


@pytest.mark.parametrize(
    ("name", "content", "step"),
    [
        pytest.param("set.vhds", bytes(260 << 10), "name that, and where there are several, the newest", id="VHD Set"),
        pytest.param("cut.vhdx", b"vhdxfile" + bytes(1000), "copy it again, and compare its size and hash", id="VHDX"),
        pytest.param("cut.qcow2", b"QFI\xfb\0\0\0\3", "copy it again, and compare its size and hash", id="qcow2"),
        pytest.param("cut.vdi", bytes(64) + b"\x7f\x10\xda\xbe" + bytes(64), "copy it again, and compare", id="VDI"),
        pytest.param("cut.vmdk", b"KDMV" + bytes(600), "name the descriptor", id="VMDK"),
        pytest.param("cut.vhd", b"conectix" + bytes(504) + b"x" * 600, "copy it again", id="VHD"),
        pytest.param("empty.vhdx", b"", "copy it again", id="empty"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(tmp_path: Path, name: str, content: bytes, step: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert step in caught.value.message
    assert caught.value.message.startswith(str(path))
