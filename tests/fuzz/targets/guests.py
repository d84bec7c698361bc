"""Virtual disks that lie as files on the disk of their host: opened through the host's file system, never unpacked."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from forensics.disk.tree import Entry, NotObtained
from forensics.sources.guest_disks import read_guest_disks
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from tests.fuzz import reseal, sparse
from tests.fuzz.target import Target, hold

_VOLUME = 20 << 20
_PATH = "VMs/web.vhdx"
_NO_OUTCOME = ("unexpected", "too_much_memory")


class _Host:
    """The file system of a host with one virtual disk on it, of which the last part may not be had."""

    complete = True

    def __init__(self, disk: sparse.Stream) -> None:
        self._disk = disk

    def open(self, file: Entry | str) -> BinaryIO:
        return cast(BinaryIO, self._disk)


class _Torn(sparse.Stream):
    """A file whose second half lies in bad sectors."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() + (size or 0) > self._size // 2:
            raise NotObtained("a bad sector")
        return super().read(size)


def _guest(data: bytes) -> None:
    size, found = sparse.pieces(data)
    source = Source("host.vhdx")
    for stream in (sparse.Stream(size, found), _Torn(size, found)):
        place = SearchedTree(_Host(stream), "host.vhdx", "partition 4")  # type: ignore[arg-type]
        read_guest_disks(source, place, [Entry("web.vhdx", _PATH, False, size)], 7)
    for problem in source.problems:
        hold(problem.message and problem.kind not in _NO_OUTCOME, f"{problem.kind}: {problem.message}")
    for row in source.bitlocker:
        hold(row.machine_id == 7 and row.disk == f"partition 4/{_PATH}", "a row of another disk")


def _written(raw: bytes) -> bytes:
    from testdata.builder.vhdx import write_dynamic

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "web.vhdx")
        write_dynamic(io.BytesIO(raw), len(raw), path)
        return sparse.pack(path.read_bytes())


def _seeds() -> Sequence[bytes]:
    import struct

    from testdata.builder.bitlocker import _all_protectors, _put_metadata, sealed_to_tpm

    every = bytearray(_VOLUME)
    _put_metadata(every, bytes(_VOLUME), _all_protectors())
    entry = struct.pack("<B3sB3sII", 0, bytes(3), 7, bytes(3), 2048, _VOLUME // 512)
    table = (bytes(446) + entry).ljust(510, b"\0") + b"\x55\xaa"
    return [_written(sealed_to_tpm(_VOLUME)), _written(table.ljust(1 << 20, b"\0") + bytes(every))]


TARGETS = (Target("guest-disk", _guest, _seeds, reseal.put_vhdx_sums, seconds=2),)
