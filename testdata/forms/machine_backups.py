"""Backups and exports of whole machines by other hypervisors and programs: one file that holds their disks."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import zstandard

from testdata.builder.machine_backups import vma, xva
from testdata.builder.veeam import ZLIB, vbk
from testdata.forms import windows
from testdata.forms.form import Form


def _proxmox() -> bytes:
    return vma({"drive-scsi0": windows.disk()}, seed=3)


def _xen() -> bytes:
    return xva({"Ref:7": windows.disk()})


def _veeam() -> bytes:
    files = {"DEV__dev_sda": windows.disk(), "summary.xml": b"<OibSummary/>"}
    return vbk(files, compression=ZLIB, packed=partial(zlib.compress, level=1))


def _as_it_is(data: bytes) -> bytes:
    return data


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 1)


def _write(content: Callable[[], bytes], pack: Callable[[bytes], bytes], name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(pack(content()))
    return path


_ARCHIVE = "dissect.archive"
_zstd = zstandard.ZstdCompressor(level=1).compress


def _form(
    name: str,
    content: Callable[[], bytes],
    file: str,
    pack: Callable[[bytes], bytes] = _as_it_is,
    reader: str = "",
    second: str = _ARCHIVE,
) -> Form:
    return Form(name, "archive", "disk", partial(_write, content, pack, file), reader, second)


FORMS = (
    _form("Proxmox backup (.vma)", _proxmox, "vzdump-qemu-101.vma"),
    _form(
        "Proxmox backup (.vma.zst)", _proxmox, "vzdump-qemu-101.vma.zst", _zstd, "backports.zstd", f"zstd, {_ARCHIVE}"
    ),
    _form("Proxmox backup (.vma.gz)", _proxmox, "vzdump-qemu-101.vma.gz", _gzip, second=f"gzip, {_ARCHIVE}"),
    _form("XenServer export (.xva)", _xen, "FORMS01.xva"),
    _form("Veeam full backup (.vbk)", _veeam, "FORMS01.vbk", reader=_ARCHIVE, second=""),
)
