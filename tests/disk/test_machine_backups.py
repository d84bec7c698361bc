"""Proxmox and XenServer backups of a machine: the disks in them as they were, or told that bytes were not obtained."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import tarfile
from pathlib import Path

import pytest
import xxhash
from dissect.archive.vma import VMA

from forensics.disk.containers import open_image
from forensics.disk.errors import SourceError
from forensics.disk.machine_backup import BackupDisk, MachineBackup, open_backup
from forensics.sources.source import Source
from testdata.builder.machine_backups import SHA1, Sums, vma, xva

MIB = 1 << 20


def disk(size: int, seed: int) -> bytes:
    """Pages unlike each other, and holes of many lengths."""
    mix = random.Random(seed)
    data = bytearray(size)
    at = 0
    while at < size:
        length = 4096 * mix.choice((1, 2, 5, 16, 40, 300))
        if mix.random() < 0.5:
            data[at : at + length] = mix.randbytes(min(length, size - at))
        at += length
    return bytes(data[:size])


DISKS = {"drive-scsi0": disk(9 * MIB + 4096 * 5, 1), "drive-virtio1": disk(5 * MIB + 512, 2)}
REFS = {"Ref:1": disk(9 * MIB + 4096 * 5, 1), "Ref:12": disk(5 * MIB + 512, 2), "Ref:13": bytes(3 * MIB)}
XXH: Sums = ("xxhash", lambda data: f"{xxhash.xxh64(data).intdigest():016X}")


def opened(data: bytes, folder: Path, source: Source) -> MachineBackup:
    path = folder / "backup.bin"
    path.write_bytes(data)
    return open_backup(open_image(path, str(path), source, lambda line: None), source)


def assert_reads_like(held: BackupDisk, expected: bytes, reads: int = 400) -> None:
    stream = held.open()
    assert held.size == len(expected)
    mix = random.Random(3)
    for _ in range(reads):
        at = mix.randrange(len(expected))
        length = mix.choice((1, 512, 4096, 65_537, mix.randrange(3 * MIB)))
        stream.seek(at)
        assert stream.read(length) == expected[at : at + length], (at, length)


@pytest.mark.parametrize("seed", [None, 5])
def test_vma(tmp_path: Path, seed: int | None) -> None:
    with Source("backup") as source:
        backup = opened(vma(DISKS, seed=seed), tmp_path, source)
        assert [(held.name, held.size) for held in backup.disks] == [(n, len(d)) for n, d in DISKS.items()]
        for held in backup.disks:
            assert_reads_like(held, DISKS[held.name])
        assert source.problems == []


def test_dissect_reads_the_same_of_a_forged_vma() -> None:
    devices = VMA(io.BytesIO(vma(DISKS))).devices()
    assert {device.name: hashlib.md5(device.open().read()).digest() for device in devices} == {
        name: hashlib.md5(content).digest() for name, content in DISKS.items()
    }


def test_what_is_no_disk_in_a_vma_is_left_out(tmp_path: Path) -> None:
    with Source("backup") as source:
        data = vma(
            {**DISKS, "vmstate": bytes(4096), "drive-efidisk0": bytes(4096), "drive-tpmstate0-backup": bytes(4096)}
        )
        backup = opened(data, tmp_path, source)
        assert [held.name for held in backup.disks] == list(DISKS)
        assert backup.left_out == [
            ("vmstate", "the memory of the running machine, which is not read"),
            ("drive-efidisk0", "the firmware's variables of the machine, which are not read"),
            ("drive-tpmstate0-backup", "the state of the machine's TPM, which is not read"),
        ]


def test_a_damaged_extent_of_a_vma_is_not_obtained(tmp_path: Path) -> None:
    data = bytearray(vma(DISKS))
    extents = [at for at in range(0, len(data), 512) if data[at : at + 4] == b"VMAE"]
    assert len(extents) > 2
    data[extents[1] + 60] ^= 1
    with Source("backup") as source:
        backup = opened(bytes(data), tmp_path, source)
        messages = [row.message for row in source.problems]
        assert messages[0] == (
            f"the extent at byte {extents[1]} of the backup is not read: the checksum of its header does not fit"
        )
        assert messages[1].endswith("clusters of drive-scsi0 are not in the backup: it is truncated")
        stream = backup.disks[0].open()
        lost = []
        for at in range(0, len(DISKS["drive-scsi0"]), 65536):
            stream.seek(at)
            try:
                assert stream.read(65536) == DISKS["drive-scsi0"][at : at + 65536]
            except OSError as error:
                lost.append(str(error))
        assert lost == ["the backup does not hold it: it is truncated or damaged"] * 59


@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_a_vma_cut_anywhere_gives_no_wrong_byte(tmp_path: Path, share: float) -> None:
    data = vma(DISKS, seed=9)
    with Source("backup") as source:
        backup = opened(data[: int(len(data) * share)], tmp_path, source)
        assert {row.kind for row in source.problems} <= {"truncated", "damaged"}
        assert source.problems
        for held in backup.disks:
            stream, got = held.open(), 0
            for at in range(0, held.size, 65536):
                stream.seek(at)
                try:
                    assert stream.read(65536) == DISKS[held.name][at : at + 65536]
                    got += 1
                except OSError:
                    continue
            assert got < held.size / 65536


def with_sum(data: bytes) -> bytes:
    """Put the right checksum on a header that was changed."""
    size = struct.unpack_from(">I", data, 56)[0]
    header = data[:32] + bytes(16) + data[48:size]
    return data[:32] + hashlib.md5(header).digest() + data[48:]


def changed(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize(
    ("at", "value", "mend", "kind"),
    [
        (100, b"\1", False, "damaged"),
        (4, b"\0\0\0\2", True, "unsupported"),
        (56, b"\xff\xff\xff\xff", False, "bad_header"),
        (52, b"\xff\xff\xff\xff", True, "bad_header"),
        (4096 + 32 + 8, b"\xff" * 8, True, "bad_header"),
    ],
)
def test_headers_of_a_vma_that_lie(tmp_path: Path, at: int, value: bytes, mend: bool, kind: str) -> None:
    data = changed(vma(DISKS), at, value)
    with Source("backup") as source, pytest.raises(SourceError) as caught:
        opened(with_sum(data) if mend else data, tmp_path, source)
    assert caught.value.kind == kind


def test_a_cluster_that_is_there_twice_is_not_obtained(tmp_path: Path) -> None:
    data = vma(DISKS)
    first = next(at for at in range(0, len(data), 512) if data[at : at + 4] == b"VMAE")
    end = next(at for at in range(first + 512, len(data), 512) if data[at : at + 4] == b"VMAE")
    with Source("backup") as source:
        stream = opened(data + data[first:end], tmp_path, source).disks[0].open()
        with pytest.raises(OSError, match="the backup holds it twice"):
            stream.read(10)


@pytest.mark.parametrize("sums", [SHA1, XXH], ids=["sha1", "xxhash"])
@pytest.mark.parametrize("silent", [None, 3])
def test_xva(tmp_path: Path, sums: Sums, silent: int | None) -> None:
    data = xva(REFS, silent=silent, sums=sums)
    with Source("backup") as source:
        backup = opened(data, tmp_path, source)
        assert [(held.name, held.size) for held in backup.disks] == [(n, len(d)) for n, d in REFS.items()]
        for held in backup.disks:
            assert_reads_like(held, REFS[held.name])
        assert source.problems == []


@pytest.mark.parametrize("sums", [SHA1, XXH], ids=["sha1", "xxhash"])
def test_a_damaged_block_of_an_xva_is_not_obtained(tmp_path: Path, sums: Sums) -> None:
    data = bytearray(xva(REFS, sums=sums))
    with tarfile.open(fileobj=io.BytesIO(bytes(data))) as tar:
        member = tar.getmember("Ref:1/00000002")
    data[member.offset_data + 5000] ^= 1
    with Source("backup") as source:
        stream = opened(bytes(data), tmp_path, source).disks[0].open()
        assert stream.read(2 * MIB) == REFS["Ref:1"][: 2 * MIB]
        with pytest.raises(OSError, match="the checksum of its block does not fit"):
            stream.read(10)
        stream.seek(3 * MIB)
        assert stream.read() == REFS["Ref:1"][3 * MIB :]


def test_an_xva_that_was_cut_short(tmp_path: Path) -> None:
    data = xva(REFS)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        end = tar.getmember("Ref:12/00000003").offset
    with Source("backup") as source:
        backup = opened(data[:end], tmp_path, source)
        assert [row.message for row in source.problems] == [
            f"the export is cut short or damaged at byte {end}: what stands before that is examined",
            f"the blocks of Ref:12 end at byte {3 * MIB} of {5 * MIB + 512}: the export is truncated",
        ]
        assert backup.left_out == [
            ("Ref:13", "a disk that the export describes and does not hold: it is truncated, or was left out")
        ]
        stream = backup.disks[1].open()
        assert stream.read(3 * MIB) == REFS["Ref:12"][: 3 * MIB]
        with pytest.raises(OSError, match="the export ends before it"):
            stream.read(1)


def test_blocks_of_an_xva_out_of_order(tmp_path: Path) -> None:
    target = io.BytesIO(xva({"Ref:1": REFS["Ref:1"]}))
    names = ["ova.xml", *(f"Ref:1/{n:08d}{s}" for n in (0, 2, 1, 3) for s in ("", ".checksum"))]
    mixed = io.BytesIO()
    with tarfile.open(fileobj=target) as tar, tarfile.open(fileobj=mixed, mode="w") as out:
        for name in names:
            member = tar.getmember(name) if name in tar.getnames() else None
            if member is not None:
                out.addfile(member, tar.extractfile(member))
    with Source("backup") as source:
        stream = opened(mixed.getvalue(), tmp_path, source).disks[0].open()
        assert [row.kind for row in source.problems] == ["damaged"]
        stream.seek(3 * MIB)
        with pytest.raises(OSError, match="the export ends before it"):
            stream.read(1)


def test_disks_of_snapshots_and_memory_in_an_xva_are_left_out(tmp_path: Path) -> None:
    described = {
        "Ref:12": {"is_a_snapshot": "<boolean>1</boolean>"},
        "Ref:13": {"type": "suspend"},
        "Ref:99": {"virtual_size": "1048576", "type": "user"},
    }
    with Source("backup") as source:
        backup = opened(xva(REFS, described=described), tmp_path, source)
        assert [held.name for held in backup.disks] == ["Ref:1"]
        assert backup.left_out == [
            ("Ref:12", "the disk of a snapshot, an older state of the machine"),
            ("Ref:13", "no disk of the machine, but its memory and suspend data"),
            ("Ref:99", "a disk that the export describes and does not hold: it is truncated, or was left out"),
        ]


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        ({"Ref:1": {"virtual_size": "-5"}}, "bad_header"),
        ({"Ref:1": {"virtual_size": "9" * 30}}, "bad_header"),
        ({"Ref:1": {"type": "<broken>"}}, "damaged"),
    ],
)
def test_descriptions_of_an_xva_that_lie(tmp_path: Path, described: dict[str, dict[str, str]], kind: str) -> None:
    with Source("backup") as source, pytest.raises(SourceError) as caught:
        opened(xva({"Ref:1": bytes(MIB)}, described=described), tmp_path, source)
    assert caught.value.kind == kind
