"""Parts of a disk: chosen by number or byte, searched for, told by a backup GPT alone, or of a dynamic disk."""

from __future__ import annotations

import io
import random
import struct
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.disk.errors import SourceError
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.partitions import PartitionTable, read_partition_table
from forensics.sources.choices import Choices
from forensics.sources.open import open_source
from testdata.builder import gpt
from testdata.builder.disk import Volume, build_disk
from tests.paths import IMAGES

MIB = 1 << 20
LDM_DATA = uuid.UUID("af9b60a0-1431-4f62-bc68-3311714a69ad")
IMAGE_IT = "image the volume itself, on a Windows to which all disks of the group are attached, and examine that"


def two_windows(ntfs_image: Path, folder: Path) -> Path:
    disk = folder / "disk.raw"
    build_disk([ntfs_image, ntfs_image], disk)
    return disk


def details(path: Path, choices: Choices) -> dict[str, tuple[str, str | None]]:
    with open_source(path, choices=choices) as source:
        return {row.name: (row.outcome, row.detail) for row in source.coverage}


def test_one_partition_alone(ntfs_image: Path, tmp_path: Path) -> None:
    disk = two_windows(ntfs_image, tmp_path)
    with open_source(disk, choices=Choices(partition=2)) as source:
        (installation,) = source.installations
        assert installation.volume == "partition 2"
        assert [(v.name, v.not_read) for v in installation.disk_volumes] == [
            ("partition 1", "left out: --partition 2 was chosen"),
            ("partition 2", None),
        ]
    assert details(disk, Choices(partition=2)) == {
        "partition 1": ("not_examined", "left out: --partition 2 was chosen"),
        "partition 2": ("present", "NTFS 'System', Windows in Windows"),
    }


def test_a_partition_that_is_not_there_is_refused_with_those_that_are(ntfs_image: Path, tmp_path: Path) -> None:
    disk = two_windows(ntfs_image, tmp_path)
    size = ntfs_image.stat().st_size
    with pytest.raises(SourceError) as caught:
        open_source(disk, choices=Choices(partition=3))
    assert caught.value.kind == "no_partition"
    begins = [p.offset for p in table_of(disk).partitions]
    assert caught.value.message == (
        f"{disk} has no partition 3: it has partition 1 ({size} bytes from byte {begins[0]}), "
        f"partition 2 ({size} bytes from byte {begins[1]})"
    )


def test_a_volume_has_no_partitions_to_choose(ntfs_image: Path) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(ntfs_image, choices=Choices(partition=1))
    assert caught.value.message == f"{ntfs_image} is one volume without partitions: leave out --partition 1"


def table_of(path: Path) -> PartitionTable:
    data = path.read_bytes()
    table = read_partition_table(VolumeReader(io.BytesIO(data), 0, len(data)), len(data))
    assert table is not None
    return table


@pytest.mark.parametrize("partitioned", [True, False])
def test_a_disk_or_volume_at_a_byte(ntfs_image: Path, tmp_path: Path, partitioned: bool) -> None:
    inner = two_windows(ntfs_image, tmp_path) if partitioned else ntfs_image
    image = tmp_path / "wrapped.img"
    image.write_bytes(random.Random(4).randbytes(3 * MIB + 512) + inner.read_bytes())
    begins = 3 * MIB + 512
    with open_source(image, choices=Choices(offset=begins)) as source:
        volumes = [i.volume for i in source.installations]
        names = ["partition 1", "partition 2"] if partitioned else ["volume"]
        assert volumes == [f"{name} of what begins at byte {begins}" for name in names]
        assert [i.source_path for i in source.installations] == [str(image)] * len(names)
        assert source.problems == []
    if partitioned:
        with open_source(image, choices=Choices(offset=begins, partition=2)) as source:
            assert [i.volume for i in source.installations] == [f"partition 2 of what begins at byte {begins}"]


def test_the_byte_of_a_partition_opens_it(ntfs_image: Path, tmp_path: Path) -> None:
    disk = two_windows(ntfs_image, tmp_path)
    begins = table_of(disk).partitions[1].offset
    with open_source(disk, choices=Choices(offset=begins)) as source:
        assert [i.volume for i in source.installations] == [f"volume of what begins at byte {begins}"]


def test_a_byte_at_which_nothing_begins_is_refused_with_what_there_is(ntfs_image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image], disk)
    size, begins = ntfs_image.stat().st_size, table_of(disk).partitions[0].offset
    there = f"its table has partition 1 ({size} bytes from byte {begins}); --offset search looks for what begins in it"
    for offset, said in (
        (4096, f"{disk}: neither a disk nor a volume begins at --offset 4096: {there}"),
        (1 << 50, f"{disk} holds {disk.stat().st_size} bytes, none at --offset {1 << 50}: {there}"),
    ):
        with pytest.raises(SourceError) as caught:
            open_source(disk, choices=Choices(offset=offset))
        assert (caught.value.kind, caught.value.message) == ("bad_offset", said)


@pytest.mark.parametrize("begins", [512 * 7, 5 * MIB + 512])
@pytest.mark.parametrize("scheme", ["gpt", "mbr", "none"])
def test_a_hidden_disk_is_searched_for(ntfs_image: Path, tmp_path: Path, scheme: str, begins: int) -> None:
    inner = tmp_path / "inner.raw"
    if scheme == "none":
        inner = ntfs_image
    else:
        build_disk([ntfs_image], inner, scheme="gpt" if scheme == "gpt" else "mbr")
    image = tmp_path / "wrapped.img"
    image.write_bytes(random.Random(5).randbytes(begins) + inner.read_bytes() + bytes(MIB))
    what = {
        "gpt": "a disk with a table of partitions (GPT)",
        "mbr": "a disk with a table of partitions (MBR)",
        "none": "an NTFS volume",
    }[scheme]
    with open_source(image, choices=Choices(offset="search")) as source:
        assert len(source.installations) == 1
        assert source.coverage.rows[0].detail == f"{what} begins at byte {begins} (found by --offset search)"
        assert source.problems == []


def test_two_hidden_disks_are_two(ntfs_image: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner.raw"
    build_disk([ntfs_image], inner)
    image = tmp_path / "wrapped.img"
    data = inner.read_bytes()
    image.write_bytes(bytes(MIB) + data + bytes(4096) + ntfs_image.read_bytes())
    with open_source(image, choices=Choices(offset="search")) as source:
        assert [i.machine_id for i in source.installations] == [1, 2]
        assert [i.volume for i in source.installations] == [
            f"partition 1 of what begins at byte {MIB}",
            f"volume of what begins at byte {MIB + len(data) + 4096}",
        ]


def test_a_hidden_gpt_disk_without_its_first_sector(ntfs_image: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner.raw"
    build_disk([ntfs_image], inner)
    data = bytearray(inner.read_bytes())
    data[:512] = bytes(512)
    image = tmp_path / "wrapped.img"
    image.write_bytes(random.Random(6).randbytes(2 * MIB) + data)
    with open_source(image, choices=Choices(offset="search")) as source:
        assert source.coverage.rows[0].detail == f"a GPT disk begins at byte {2 * MIB} (found by --offset search)"
        assert [i.volume for i in source.installations] == [f"partition 1 of what begins at byte {2 * MIB}"]


def test_a_search_that_finds_nothing_says_so(tmp_path: Path) -> None:
    image = tmp_path / "noise.img"
    image.write_bytes((random.Random(7).randbytes(510) + b"\x55\xaa") * 3000)
    with pytest.raises(SourceError) as caught:
        open_source(image, choices=Choices(offset="search"))
    assert caught.value.kind == "no_volume"
    assert caught.value.message == (
        f"{image}: no disk and no NTFS or BitLocker volume begins in it at any sector: it is encrypted as a whole, "
        "damaged, or no disk image"
    )


def test_a_search_is_bounded(ntfs_image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.disk.hidden.MOST_SEARCHED", MIB)
    image = tmp_path / "wrapped.img"
    image.write_bytes(bytes(4 * MIB) + ntfs_image.read_bytes())
    with open_source(image, choices=Choices(offset="search")) as source:
        assert len(source.installations) == 1
        assert [p.kind for p in source.problems] == ["too_large"]
    image.write_bytes(bytes(4 * MIB + 512) + ntfs_image.read_bytes())
    with pytest.raises(SourceError) as caught:
        open_source(image, choices=Choices(offset="search"))
    assert f"(behind byte {MIB} only each MiB of it was looked at)" in caught.value.message


@pytest.mark.parametrize("sector", [512, 4096])
def test_backup_gpt_alone(ntfs_image: Path, tmp_path: Path, sector: int) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image], disk, sector_size=sector)
    data = bytearray(disk.read_bytes())
    data[: 6 * 4096] = bytes(6 * 4096)
    disk.write_bytes(data)
    with open_source(disk) as source:
        assert [i.volume for i in source.installations] == ["partition 1"]
        assert [p.message for p in source.problems] == [
            "the primary GPT is damaged: no GPT header",
            "sector 0 holds no MBR either: the partitions are those of the backup GPT",
        ]


def test_old_backup_gpt_of_a_disk_that_went_back_to_mbr_is_not_taken(ntfs_image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image, ntfs_image], disk)
    data = bytearray(disk.read_bytes())
    first = table_of(disk).partitions[0]
    mbr = gpt.mbr([gpt.Partition(first.offset // 512, first.size // 512)], len(data) // 512, 7)
    data[: 6 * 4096] = mbr.ljust(6 * 4096, b"\0")
    disk.write_bytes(data)
    with open_source(disk) as source:
        assert [i.volume for i in source.installations] == ["partition 1"]
        assert source.problems == []


@pytest.mark.parametrize("at", [-512 + 24, -512 + 16, -512 - 128 * 128 + 40])
def test_a_backup_gpt_alone_must_be_whole(ntfs_image: Path, tmp_path: Path, at: int) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image], disk)
    data = bytearray(disk.read_bytes())
    data[: 6 * 4096] = bytes(6 * 4096)
    data[at] ^= 1
    disk.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        open_source(disk)
    assert caught.value.kind == "no_volume"


def dynamic(ntfs_image: Path, folder: Path, scheme: str) -> Path:
    disk = folder / "dynamic.raw"
    if scheme == "gpt":
        build_disk([Volume(ntfs_image, LDM_DATA, "LDM data partition")], disk)
    else:
        build_disk([ntfs_image], disk, scheme="mbr")
        data = bytearray(disk.read_bytes())
        data[446 + 4] = 0x42
        disk.write_bytes(data)
    return disk


@pytest.mark.parametrize("scheme", ["gpt", "mbr"])
def test_simple_volume_of_a_dynamic_disk(ntfs_image: Path, tmp_path: Path, scheme: str) -> None:
    disk = dynamic(ntfs_image, tmp_path, scheme)
    with open_source(disk) as source:
        assert [i.volume for i in source.installations] == ["partition 1"]
        assert [(p.kind, p.message) for p in source.problems] == [
            (
                "dynamic_disk",
                "the volume lies on a dynamic disk (LDM) and is read as a simple one, which by its own boot sectors it "
                "likely is; it may be one half of a mirror, of which the other may be newer",
            )
        ]


def test_what_may_lie_behind_a_volume_of_a_dynamic_disk_is_told(ntfs_image: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    both.write_bytes(ntfs_image.read_bytes() + bytes(MIB) + ntfs_image.read_bytes())
    disk = dynamic(both, tmp_path, "gpt")
    rest = both.stat().st_size - ntfs_image.stat().st_size
    with open_source(disk) as source:
        (installation,) = source.installations
        told = (
            f"{rest} bytes behind the first volume of this partition of a dynamic disk (LDM), in which others may lie: "
            "--offset search looks for them"
        )
        assert [(v.name, v.not_read) for v in installation.disk_volumes] == [
            ("partition 1", None),
            ("partition 1, further in", told),
        ]
        assert [(r.name, r.outcome) for r in source.coverage] == [
            ("partition 1", "present"),
            ("partition 1, further in", "not_examined"),
        ]
    begins = table_of(disk).partitions[0].offset + ntfs_image.stat().st_size + MIB
    with open_source(disk, choices=Choices(offset=begins)) as source:
        assert [i.volume for i in source.installations] == [f"volume of what begins at byte {begins}"]
    with open_source(disk, choices=Choices(offset="search")) as source:
        found = [i.volume for i in source.installations]
        assert found == ["partition 1", f"volume of what begins at byte {begins}"]
    data = bytearray(disk.read_bytes())
    end = begins + ntfs_image.stat().st_size
    data[end - 512 : end] = bytes(512)
    disk.write_bytes(data)
    with open_source(disk, choices=Choices(offset="search")) as source:
        assert [i.volume for i in source.installations] == ["partition 1"]


def spanned(data: bytearray, begins: int, size: int) -> str:
    """Let the volume have twice as many sectors: the other half lies on another disk."""
    struct.pack_into("<Q", data, begins + 0x28, size // 512 * 2 - 1)
    return (
        f"a spanned, striped or RAID-5 volume of a dynamic disk (LDM): it has {size * 2 - 512} bytes, of which this "
        f"partition holds {size} at the most; {IMAGE_IT}"
    )


def striped(data: bytearray, begins: int, size: int) -> str:
    """Let the place where its end should be hold what belongs elsewhere."""
    data[begins + size - 512 : begins + size] = random.Random(8).randbytes(512)
    return (
        "a volume of a dynamic disk (LDM) whose end does not lie where a simple volume has it: a spanned, striped or "
        f"RAID-5 volume, or a damaged one; {IMAGE_IT}"
    )


def no_start(data: bytearray, begins: int, size: int) -> str:
    """Let another volume begin there."""
    data[begins : begins + 512] = bytes(512)
    return (
        "a dynamic disk (LDM): no NTFS volume begins where this partition does; --offset search looks for those "
        f"further in, else {IMAGE_IT}"
    )


@pytest.mark.parametrize("damage", [spanned, striped, no_start])
def test_other_volumes_of_a_dynamic_disk_are_refused_by_name(
    ntfs_image: Path, tmp_path: Path, damage: Callable[[bytearray, int, int], str]
) -> None:
    disk = dynamic(ntfs_image, tmp_path, "gpt")
    partition = table_of(disk).partitions[0]
    data = bytearray(disk.read_bytes())
    said = damage(data, partition.offset, partition.size)
    disk.write_bytes(data)
    assert details(disk, Choices()) == {"partition 1": ("not_examined", said)}


def test_the_options_of_the_commands(tmp_path: Path) -> None:
    image = IMAGES / "mbr.vhdx.xz"
    run = CliRunner().invoke(cli, ["examine", str(image), "--partition", "9"])
    assert run.exit_code == 3
    assert "has no partition 9: it has partition 1 (" in run.stderr
    for value, said in (
        ("12x", "'12x' is no offset; write bytes (1048576, 0x100000), sectors (2048s) or search"),
        ("-1", "'-1' is no offset; write bytes"),
    ):
        run = CliRunner().invoke(cli, ["explain", str(image), "rdp", f"--offset={value}"])
        assert run.exit_code == 2
        assert said in " ".join(run.stderr.replace("│", " ").split())


def test_every_command_that_takes_sources_has_the_options() -> None:
    having = {name for name, command in cli.commands.items() if any(p.name == "as_of" for p in command.params)}
    assert having >= {"attest", "compare", "examine", "expiring", "explain", "migrate", "recover"}
    for name in having:
        assert {"offset", "partition"} <= {parameter.name for parameter in cli.commands[name].params}, name
    run = CliRunner().invoke(cli, ["recover", str(IMAGES / "mbr.vhdx.xz"), "--list", "--partition", "9"])
    assert "has no partition 9: it has partition 1 (" in run.stderr


def test_a_choice_that_no_source_could_follow_is_told(tmp_path: Path) -> None:
    (tmp_path / "Windows" / "System32" / "config").mkdir(parents=True)
    case = forensics.examine(tmp_path, partition=2, offset=512)
    rows: Any = case.tables["problem"]
    assert [row.message for row in rows if row.kind == "unused_option"] == [
        "--offset and --partition chose a part of a disk, and none of the sources holds a disk: all of each was "
        "examined"
    ]


@pytest.mark.parametrize("written", ["1048576", "0x100000", "2048s"])
def test_offsets_are_written_in_bytes_or_sectors(ntfs_image: Path, tmp_path: Path, written: str) -> None:
    image = tmp_path / "wrapped.img"
    image.write_bytes(bytes(MIB) + ntfs_image.read_bytes())
    run = CliRunner().invoke(cli, ["examine", str(image), "--offset", written, "--format", "json"])
    assert run.exit_code in (0, 1), run.stderr


def test_numbers_that_no_source_has_are_refused() -> None:
    with pytest.raises(ValueError, match="offset is the number of bytes before the disk begins, 0 or more"):
        forensics.examine("x.img", offset=-1)
    with pytest.raises(ValueError, match="offset is a number of bytes or 'search'"):
        forensics.examine("x.img", offset="find")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="partition is a number that a partition table gives, 1 or more"):
        forensics.examine("x.img", partition=0)


@pytest.mark.parametrize("before", [b"made at the site of the customer\r\n".ljust(512, b" "), b"MZ".ljust(512, b"\0")])
@pytest.mark.parametrize("offset", [51200, "search"])
def test_what_a_file_begins_with_is_no_reason_against_a_disk_further_in(
    ntfs_image: Path, tmp_path: Path, before: bytes, offset: Any
) -> None:
    build_disk([ntfs_image], tmp_path / "disk.raw")
    whole = tmp_path / "whole.raw"
    whole.write_bytes(before * 100 + (tmp_path / "disk.raw").read_bytes())
    with pytest.raises(SourceError, match="no disk"):
        open_source(whole)
    with open_source(whole, choices=Choices(offset=offset)) as source:
        assert len(source.installations) == 1
