"""Disks in archives, in the forms in which they are handed over: opened as if unpacked, bounded, accounted for."""

from __future__ import annotations

import gzip
import io
import lzma
import shutil
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

import forensics
from forensics.case_tables import CaseTables
from forensics.disk.vhdx.reader import open_vhdx
from forensics.sources import contents, pieces
from forensics.sources.open import open_source
from forensics.sources.tar_tree import TarTree
from forensics.tables.source import leaves
from tests.sources.folder_of_everything import disk, files_of, triage_zip

pytestmark = pytest.mark.usefixtures("rows_alone")

MIB = 1 << 20


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder into which archives are unpacked."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def told(case: CaseTables) -> dict[str, str]:
    """Return what was not examined, by its path in the archive."""
    return {e.path.removeprefix(f"{e.found_in}/"): e.error for e in leaves(case.sources) if e.error}


def raw(path: Path, image: str = "sample.vhdx") -> Path:
    source = disk(path.with_suffix(".source"), image)
    stream = open_vhdx(source)
    with path.open("wb") as target:
        shutil.copyfileobj(stream, target, MIB)
    stream.close()
    source.unlink()
    return path


def sparse_tar(name: str, size: int, extents: list[tuple[int, bytes]]) -> bytes:
    """Write a tar of one sparse member, as GNU tar does by default (type S, four extents in the header at most)."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT)[:512])
    stored = b"".join(content for _, content in extents)
    header[124:136] = b"%011o\0" % len(stored)
    header[156:157] = b"S"
    header[345:512] = bytes(167)
    for number, (start, content) in enumerate(extents):
        struct.pack_into("12s12s", header, 386 + 24 * number, _octal(start), _octal(len(content)))
    struct.pack_into("12s", header, 483, _octal(size))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + stored.ljust(-(-len(stored) // 512) * 512, b"\0") + bytes(1024)


def _octal(number: int) -> bytes:
    return b"%011o\0" % number if number < 1 << 33 else b"\x80" + number.to_bytes(11, "big")


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        ("tar", bytes),
        ("tar.gz", lambda data: gzip.compress(data, 1)),
        ("tar.zst", zstandard.ZstdCompressor(level=1).compress),
        ("tar.xz", lambda data: lzma.compress(data, preset=0)),
    ],
)
def test_google_hands_over_a_tar_of_disk_raw(
    tmp_path: Path, temporary: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    image = raw(tmp_path / "disk.raw")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(image, "disk.raw")
    path = tmp_path / f"image.{suffix}"
    path.write_bytes(pack(packed.getvalue()))
    size = image.stat().st_size
    lines: list[str] = []
    with open_source(path, progress=lines.append) as source:
        assert [(e.path, e.size, len(e.machine_ids)) for e in source.found] == [(f"{path}/disk.raw", size, 1)]
        (kept,) = [file for file in temporary.rglob("*") if file.is_file()]
        assert (kept.stat().st_size, kept.stat().st_blocks * 512 < size // 2) == (size, True)
    assert list(temporary.iterdir()) == []
    assert lines[-1] == f"unpacking {path}/disk.raw: 100 %"


def test_a_sparse_member_is_read_by_its_extents(tmp_path: Path, temporary: Path) -> None:
    """The disk is a hundred GiB, of which two places were written: nothing of the rest is read."""
    size = 100 << 30
    head = bytes(510) + b"\x55\xaa" + bytes(512)
    (tmp_path / "x.tar").write_bytes(sparse_tar("disk.raw", size, [(0, head), (99 << 30, b"far" * 200)]))
    with (tmp_path / "x.tar").open("rb") as file:
        tree = TarTree(file, "x.tar")
        done: list[int] = []
        target = temporary / "disk.raw"
        with target.open("xb") as unpacked:
            tree.unpack(tree.entry("disk.raw"), unpacked, done.append)
        assert len(done) == 2
    assert (target.stat().st_size, target.stat().st_blocks * 512 < MIB) == (size, True)
    with target.open("rb") as unpacked:
        assert unpacked.read(1024) == head
        unpacked.seek(99 << 30)
        assert unpacked.read(601) == b"far" * 200 + b"\0"


@pytest.mark.parametrize("extents", [[(4 << 40, b"x" * 512)], [(0, b"x" * 512), (0, b"y" * 512), (256, b"z" * 512)]])
def test_extents_that_lie_write_nothing_behind_the_member(tmp_path: Path, extents: list[tuple[int, bytes]]) -> None:
    (tmp_path / "x.tar").write_bytes(sparse_tar("disk.raw", 2 * MIB, extents))
    with (tmp_path / "x.tar").open("rb") as file:
        tree = TarTree(file, "x.tar")
        target = io.BytesIO()
        tree.unpack(tree.entry("disk.raw"), target, lambda done: None)
    assert len(target.getvalue()) == 2 * MIB


def test_a_sparse_member_larger_than_any_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(sparse_tar("disk.raw", 1 << 50, [(0, bytes(510) + b"\x55\xaa")]))
    case = forensics.examine(path, strict=False)
    assert told(case) == {
        "disk.raw": f"{path}/disk.raw cannot be read: {1 << 50} bytes: too large for a file of a collection"
    }


def test_two_disks_in_one_archive_are_two(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(disk(tmp_path / "a.vhdx"), "disks/a.vhdx")
        archive.write(disk(tmp_path / "b.vhdx", "mbr.vhdx"), "disks/b.vhdx")
    case = forensics.examine(path)
    assert [(e.path, e.machine_ids) for e in leaves(case.sources)] == [
        (f"{path}/disks/a.vhdx", [1]),
        (f"{path}/disks/b.vhdx", [2]),
    ]


def test_an_archive_of_more_disks_than_are_opened_unpacks_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MAX_PIECES", 1)
    monkeypatch.setattr(pieces, "MAX_PIECES", 1)
    path = tmp_path / "x.zip"
    image = disk(tmp_path / "a.vhdx")
    inner = triage_zip(tmp_path / "inner.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in (("1.vhdx", image), ("2.vhdx", image), ("3.zip", inner), ("4.zip", inner)):
            archive.write(file, name)
    lines: list[str] = []
    case = forensics.examine(path, progress=lines.append)
    reason = "only the first 1 disks and archives of an archive are opened: unpack it"
    assert told(case) == {"2.vhdx": reason, "4.zip": reason}
    assert {line.partition(": ")[0] for line in lines if line.startswith("unpacking ")} == {
        f"unpacking {path}/1.vhdx",
        f"unpacking {path}/3.zip",
    }


def test_zips_in_a_folder_with_a_disk_in_each(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    for name, image in (("HOST1", "sample.vhdx"), ("HOST2", "mbr.vhdx")):
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(disk(tmp_path / image, image), f"{name}.vhdx")
    case = forensics.examine(folder)
    assert [(e.path, e.machine_ids) for e in leaves(case.sources)] == [
        (f"{folder}/HOST1.zip/HOST1.vhdx", [1]),
        (f"{folder}/HOST2.zip/HOST2.vhdx", [2]),
    ]


def _lying_zip(path: Path, content: bytes, claimed: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("disk.vhdx", content)
        archive.writestr("C/Windows/System32/config/SYSTEM", files_of("healthy")["Windows/System32/config/SYSTEM"])
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        struct.pack_into("<I", data, data.index(magic) + at, claimed)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("claimed", "reason"),
    [
        (3 << 30, "bytes claim to unpack to 3221225472"),
        ((8 << 20) + 1000, "cut short in the archive: 1000 of 8389608 bytes are missing"),
        (1 << 20, "the archive is damaged there, which says nothing about the file itself: its checksum does not fit"),
    ],
)
def test_a_member_whose_size_lies_is_told_and_costs_nothing_else(tmp_path: Path, claimed: int, reason: str) -> None:
    content = b"vhdxfile" + bytes((8 << 20) - 8)
    path = _lying_zip(tmp_path / "x.zip", content, claimed)
    case = forensics.examine(path)
    assert len(case.rows("machine")) == 1
    (why,) = told(case).values()
    assert why.startswith(f"{path}/disk.vhdx cannot be read: ")
    assert why.endswith(reason)
    assert [row.kind for row in case.rows("problem") if row.source_path == f"{path}/disk.vhdx"] == ["not_obtained"]


def test_a_disk_for_which_there_is_no_room_is_told_by_what_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holes take none: only what is written counts."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(raw(tmp_path / "disk.raw"), "disk.raw")
    free = [512 * MIB + (16 * MIB)]
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": free[0]}))
    assert len(forensics.examine(path).rows("machine")) == 1
    free[0] = 512 * MIB
    case = forensics.examine(path, strict=False)
    where = tempfile.gettempdir()
    why = f"no room to unpack it in {where}: make room there, or set TMPDIR to a folder that has some"
    assert told(case) == {"disk.raw": f"{path}/disk.raw cannot be read: {why}"}
