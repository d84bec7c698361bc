"""A Windows in each form of a machine's backup gives what the plain disk gives, wherever the backup lies."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import zstandard

import forensics
from forensics.disk.vhdx.reader import open_vhdx
from testdata.builder.machine_backups import vma, xva
from testdata.builder.veeam import ZLIB, vbk
from tests.paths import IMAGES

pytestmark = pytest.mark.usefixtures("rows_alone")

NAME = "web-server"


@cache
def raw_disk() -> bytes:
    with open_vhdx(io.BytesIO(lzma.decompress((IMAGES / f"{NAME}.vhdx.xz").read_bytes())), name=NAME) as disk:
        return disk.read(disk.size)


@cache
def backup(form: str) -> bytes:
    data = bytes(1 << 20)
    if form == "vma":
        return vma({"drive-scsi0": raw_disk(), "drive-scsi1": data}, seed=3)
    if form == "vbk":
        return vbk({"DEV__dev_sda": raw_disk(), "summary.xml": b"<x/>"}, compression=ZLIB, packed=zlib.compress)
    return xva({"Ref:7": raw_disk(), "Ref:8": data})


DISK = {
    "vma": "drive-scsi0",
    "xva": "Ref:7",
    "vbk": "6745a759-2205-4cd2-b172-8ec8f7e60ef8 (web01)/DEV__dev_sda",
}


def chains(case: Any) -> list[tuple[Any, ...]]:
    rows = case.tables["key_chain"]
    return sorted((r.thumbprint or "", r.key_file_path or "", r.verdict, r.broken_at or "", r.access) for r in rows)


@pytest.fixture(scope="module")
def plain() -> list[tuple[Any, ...]]:
    found = chains(forensics.examine(IMAGES / f"{NAME}.vhdx.xz", as_of=None))
    assert found
    return found


@pytest.mark.parametrize("place", ["file", "zst", "folder", "zip"])
@pytest.mark.parametrize("form", ["vma", "xva", "vbk"])
def test_chains_are_those_of_the_plain_disk(
    tmp_path: Path, plain: list[tuple[Any, ...]], form: str, place: str
) -> None:
    name, data = f"backup.{form}", backup(form)
    source = tmp_path / name
    if place == "zst":
        source = tmp_path / f"{name}.zst"
        source.write_bytes(zstandard.ZstdCompressor(level=1).compress(data))
    elif place == "zip":
        source = tmp_path / "all.zip"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(name, data)
    else:
        source.write_bytes(data)
        source = tmp_path if place == "folder" else source
    case = forensics.examine(source)
    assert chains(case) == plain
    inside = f"{source}/{name}" if place in ("folder", "zip") else str(source)
    (found,) = [entry for entry in case.sources if entry.path == f"{inside}/{DISK[form]}"]
    reader = "dissect.archive" if form == "vbk" else None
    assert (found.machine_ids, found.error, found.reader) == ([1], None, reader)


def test_a_backup_that_is_named_twice_is_examined_once(tmp_path: Path) -> None:
    source = tmp_path / "backup.vma"
    source.write_bytes(backup("vma"))
    case = forensics.examine(source, source)
    assert len(case.tables["machine"]) == 1
