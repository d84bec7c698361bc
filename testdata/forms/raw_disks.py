"""Raw disks: whole, cut into parts, compressed, with each kind of partition table, without one, encrypted."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from functools import partial
from pathlib import Path

import zstandard

from testdata.builder.bitlocker import RECOVERY_KEY, encrypt
from testdata.builder.ewf import write_e01
from testdata.forms import windows
from testdata.forms.form import Form
from testdata.forms.qemu import ewfacquire

_PART = 7 << 20


def whole(content: Callable[[], bytes], name: str, folder: Path) -> Path:
    """Write a disk as one file."""
    path = folder / name
    path.write_bytes(content())
    return path


def _rescued(folder: Path) -> Path:
    """Write the disk as GNU ddrescue copies it, with a map that says that its last sector could not be read."""
    size = len(windows.disk())
    areas = f"0 0x{size - 512:X} +\n0x{size - 512:X} 0x200 -\n"
    (folder / "disk.map").write_text(f"# Mapfile. Created by GNU ddrescue version 1.27\n0 +\n{areas}")
    return whole(windows.disk, "disk.raw", folder)


def _split_by_letters(folder: Path) -> Path:
    data = windows.disk()
    for letter, at in zip("abcdef", range(0, len(data), _PART), strict=False):
        (folder / f"disk.raw.a{letter}").write_bytes(data[at : at + _PART])
    return folder / "disk.raw.aa"


def split(first: int, folder: Path) -> Path:
    """Write the disk in numbered parts; returns the first."""
    data = windows.disk()
    parts = range(0, len(data), _PART)
    for number, at in enumerate(parts, first):
        (folder / f"disk.{number:03d}").write_bytes(data[at : at + _PART])
    return folder / f"disk.{first:03d}"


def _packed(pack: Callable[[bytes], bytes], suffix: str, folder: Path) -> Path:
    path = folder / f"disk.raw.{suffix}"
    path.write_bytes(pack(windows.disk()))
    return path


def e01(segments: int, folder: Path) -> Path:
    """Write the disk as an E01 in so many segments; returns the first."""
    return write_e01(windows.disk(), folder / "disk.E01", segments)[0]


def _bitlocker() -> bytes:
    return encrypt(windows.volume())


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 1)


_zstd = zstandard.ZstdCompressor(level=1).compress

FORMS = (
    Form("raw (dd), GPT", "disk", "disk", partial(whole, windows.disk, "disk.dd"), second_reader="dissect.ntfs"),
    Form(
        "raw, with EFI, reserved and recovery partitions",
        "disk",
        "disk",
        partial(whole, windows.ordinary_disk, "disk.dd"),
        second_reader="dissect.ntfs",
    ),
    Form(
        "raw, MBR",
        "disk",
        "disk",
        partial(whole, partial(windows.disk, "mbr"), "disk.img"),
        second_reader="dissect.ntfs",
    ),
    Form(
        "raw, sectors of 4096 bytes (4Kn)",
        "disk",
        "disk",
        partial(whole, partial(windows.disk, "gpt", 4096), "disk.raw"),
        second_reader="dissect.ntfs",
    ),
    Form(
        "one volume without partition table",
        "volume",
        "disk",
        partial(whole, windows.volume, "c.ntfs"),
        second_reader="dissect.ntfs",
    ),
    Form("raw in parts, .001 the first", "disk", "disk", partial(split, 1), second_reader="cat"),
    Form("raw in parts, .000 the first", "disk", "disk", partial(split, 0), second_reader="cat"),
    Form("raw in parts, .aa the first (split)", "disk", "disk", _split_by_letters, second_reader="cat"),
    Form("raw with the map of GNU ddrescue", "disk", "disk", _rescued, second_reader="dissect.ntfs"),
    Form("raw, .gz", "disk", "disk", partial(_packed, _gzip, "gz"), second_reader="gzip"),
    Form("raw, .bz2", "disk", "disk", partial(_packed, bz2.compress, "bz2"), second_reader="bzip2"),
    Form("raw, .xz", "disk", "disk", partial(_packed, _xz, "xz"), second_reader="xz"),
    Form("raw, .zst", "disk", "disk", partial(_packed, _zstd, "zst"), "backports.zstd", "zstd"),
    Form("E01 (EnCase, FTK Imager)", "disk", "disk", partial(e01, 1), second_reader="ewfexport"),
    Form("E01 in segments", "disk", "disk", partial(e01, 3), second_reader="ewfexport"),
    Form(
        "S01 (SMART)",
        "disk",
        "disk",
        partial(ewfacquire, "smart"),
        second_reader="ewfexport",
        needs=("ewfacquire",),
    ),
    Form(
        "BitLocker, with its recovery key",
        "volume",
        "disk",
        partial(whole, _bitlocker, "c.bitlocker"),
        "dissect.fve",
        second_reader="libbde",
        options={"recovery_key": RECOVERY_KEY},
    ),
)
