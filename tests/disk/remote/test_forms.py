"""Disks of several files on a server: each reads as the disk that it was made of."""

from __future__ import annotations

import lzma
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forensics.disk.containers import open_disk, open_image
from forensics.disk.disk import Disk
from forensics.disk.errors import SourceError
from forensics.disk.places import place_of
from forensics.disk.remote.session import session_of
from forensics.sources.source import Source
from testdata.builder.chain_disks import FORMS, PAGE, layers
from testdata.builder.ewf import write_e01
from tests.disk.remote.web_server import web_server

pytest.importorskip("aiohttp", reason="needs aiohttp (pip: keymortem[remote])")

SIZE = 1 << 20


@pytest.fixture(scope="module")
def raw() -> bytes:
    mix = random.Random(17)
    return b"".join(mix.randbytes(PAGE) if mix.random() < 0.5 else bytes(PAGE) for _ in range(SIZE // PAGE))


def split(folder: Path, raw: bytes) -> str:
    for number in range(4):
        (folder / f"disk.{number + 1:03d}").write_bytes(raw[number * SIZE // 4 : (number + 1) * SIZE // 4])
    return "disk.001"


def segments(folder: Path, raw: bytes) -> str:
    write_e01(raw, folder / "disk.E01", 3)
    return "disk.E01"


def flat(folder: Path, raw: bytes) -> str:
    (folder / "disk-flat.vmdk").write_bytes(raw)
    head = '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
    (folder / "disk.vmdk").write_text(f'{head}RW {SIZE // 512} FLAT "disk-flat.vmdk" 0\n')
    return "disk.vmdk"


def chain(form: str) -> Callable[[Path, bytes], str]:
    return lambda folder, raw: FORMS[form](folder, SIZE, layers(raw, 3)).relative_to(folder).as_posix()


MADE = {"split": split, "segments": segments, "flat": flat, **{form: chain(form) for form in FORMS}}


def read(url: str) -> tuple[bytes, Disk]:
    with session_of({}), Source(url) as source:
        disk = open_disk(open_image(place_of(url), url, source, lambda line: None), source)
        disk.stream.seek(0)
        return disk.stream.read(disk.size), disk


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    return ((p.relative_to(folder).as_posix(), p.read_bytes()) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("form", MADE)
def test_what_belongs_to_a_disk_is_found_beside_it(form: str, tmp_path: Path, raw: bytes) -> None:
    name = MADE[form](tmp_path, raw)
    with web_server({f"some folder/{path}": data for path, data in files_of(tmp_path)}) as server:
        data, disk = read(f"{server.url}/some folder/{name}")
        assert data == raw
        assert all(str(parent).startswith(f"{server.url}/some folder/") for parent in disk.parents)
        assert len(disk.parents) == (2 if form in FORMS else 0)


def test_segments_are_found_where_nothing_is_listed(tmp_path: Path, raw: bytes) -> None:
    name = segments(tmp_path, raw)
    with web_server(dict(files_of(tmp_path)), lists=False) as server:
        assert read(f"{server.url}/{name}")[0] == raw


@pytest.mark.parametrize("form", ["split", "qcow2"])
def test_what_may_lack_a_part_is_not_read_where_nothing_is_listed(form: str, tmp_path: Path, raw: bytes) -> None:
    name = MADE[form](tmp_path, raw)
    with web_server(dict(files_of(tmp_path)), lists=False) as server, pytest.raises(SourceError) as caught:
        read(f"{server.url}/{name}")
    assert caught.value.kind == {"split": "unreadable", "qcow2": "missing_parent"}[form]


def test_a_compressed_disk_is_unpacked_here(raw: bytes) -> None:
    with web_server({"disk.raw.xz": lzma.compress(raw, preset=0)}) as server:
        assert read(f"{server.url}/disk.raw.xz")[0] == raw
