"""Containers of disks: opened as files, as a source is, and read at their beginning, middle and end."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

from forensics.disk.bitlocker import unlock_volume
from forensics.disk.checked_stream import CheckedStream
from forensics.disk.containers import open_disk, open_image
from forensics.disk.errors import SourceError
from forensics.disk.file_systems import file_system
from forensics.disk.ldm import not_simple, rest_of
from forensics.disk.machine_backup import BACKUPS, open_backup
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.partitions import read_partition_table
from forensics.disk.tree import Unreadable
from forensics.disk.unlock import Unlock
from forensics.disk.vhdx.log_entry import parse_log_entry, parse_log_entry_header
from forensics.disk.vhdx.structures import (
    parse_disk_size,
    parse_file_parameters,
    parse_header,
    parse_metadata_table,
    parse_parent_locator,
    parse_region_table,
    parse_sector_size,
)
from forensics.sources.source import Source
from forensics.tables.hyperv import BitLockerRow
from tests.fuzz import given_files, reseal, sparse
from tests.fuzz.pieces import View
from tests.fuzz.target import Target, hold
from tests.fuzz.targets.formats import told_inside

_PIECE = 70_000
_SIZE = 96 << 10
Make = Callable[[Path], Path]


@cache
def raw() -> bytes:
    """Return a disk of 96 KiB: an MBR with one partition, text, and a hole."""
    lines = b"".join(b"%08d is a line\n" % number for number in range(1000))
    entry = struct.pack("<B3sB3sII", 0, bytes(3), 7, bytes(3), 8, 100)
    return (bytes(446) + entry).ljust(510, b"\0") + b"\x55\xaa" + lines[:20_000] + bytes(_SIZE - 20_512)


def read_disk(path: Path) -> None:
    """Open a container and read of its disks what an examination reads first."""
    with Source(str(path)) as source:
        try:
            image = open_image(path, str(path), source, lambda line: None)
            if image.kind in BACKUPS:
                for disk in open_backup(image, source).disks[:4]:
                    stream = CheckedStream(disk.open(), disk.size, disk.align, disk.name)
                    _read(cast(BinaryIO, stream), disk.size)
            else:
                opened = open_disk(image, source)
                _read(opened.stream, opened.size)
        except SourceError as error:
            hold(error.kind, "a refusal without a kind")
            hold(error.message, "a refusal without a message")
        for problem in source.problems:
            assert problem.kind, "a problem without a kind"
            assert problem.message, "a problem without a message"


def _read(stream: BinaryIO, size: int) -> None:
    reader = VolumeReader(stream, 0, size)
    for at in (0, size // 2, max(0, size - _PIECE)):
        try:
            reader.read_at(at, min(_PIECE, size - at))
        except Unreadable:
            continue
    try:
        table = read_partition_table(reader, size)
        assert table is None or table.scheme
        file_system(reader)
    except Unreadable:
        return


def _opened(name: str, beside: Callable[[], Mapping[str, bytes]] | None = None) -> Callable[[bytes], None]:
    """Return what opens a file of that name, in whose folder others lie."""

    @cache
    def put_beside(folder: Path) -> None:
        with given_files.unwatched():
            for other, content in beside().items() if beside else ():
                given_files.given(other, content)

    def run(data: bytes) -> None:
        put_beside(given_files.folder())
        read_disk(given_files.given_sparse(name, data))

    return run


def _made(*makers: Make) -> Callable[[], Sequence[bytes]]:
    """Return what makes inputs of files that builders write into an empty folder."""

    def seeds() -> list[bytes]:
        found = []
        for make in makers:
            with tempfile.TemporaryDirectory() as folder:
                found.append(sparse.pack(make(Path(folder)).read_bytes()))
        return found

    return seeds


def _chain(form: str, count: int, size: int = _SIZE) -> Make:
    def make(folder: Path) -> Path:
        from testdata.builder import chain_disks

        return chain_disks.FORMS[form](folder, size, chain_disks.layers(raw(), count))

    return make


@cache
def _parents(form: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        newest = _chain(form, 2)(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file() and path != newest}


def _qemu(kind: str, *options: str) -> Make:
    def make(folder: Path) -> Path:
        import subprocess

        (folder / "disk.raw").write_bytes(raw())
        out = folder / f"disk.{kind}"
        command = ["qemu-img", "convert", "-f", "raw", "-O", kind, *options, str(folder / "disk.raw"), str(out)]
        subprocess.run(command, check=True)
        return out

    return make


def _vhdx(pending: bool) -> Make:
    def make(folder: Path) -> Path:
        from testdata.builder.vhdx import write_dynamic

        changes = [(4096, b"changed " * 64), (2 << 20, b"new data" * 64)] if pending else []
        write_dynamic(io.BytesIO(raw().ljust(3 << 20, b"\0")), 3 << 20, folder / "disk.vhdx", pending=changes)
        return folder / "disk.vhdx"

    return make


def _vhdx_child(folder: Path) -> Path:
    from testdata.builder.vhdx import write_differencing

    write_differencing(_vhdx(False)(folder), [(0, b"changed " * 64)], folder / "child.avhdx")
    return folder / "child.avhdx"


def _vhdx_parent() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return {"disk.vhdx": _vhdx(False)(Path(folder)).read_bytes()}


def _file(name: str, content: Callable[[], bytes]) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content())
        return folder / name

    return make


def _e01(folder: Path) -> Path:
    from testdata.builder.ewf import write_e01

    return write_e01(raw(), folder / "disk.E01")[0]


def _parallels(is_ext: bool) -> Make:
    def content() -> bytes:
        from testdata.builder.parallels import cut, expanding

        return expanding(cut(raw()), _SIZE, is_ext=is_ext)

    return _file("disk.hds", content)


def _vma() -> bytes:
    from testdata.builder.machine_backups import vma

    return vma({"drive-scsi0": raw()}, seed=3)


def _xva() -> bytes:
    from testdata.builder.machine_backups import xva

    return xva({"Ref:7": raw()})


def _vbk() -> bytes:
    import zlib

    from testdata.builder.veeam import ZLIB, vbk

    files = {"DEV__dev_sda": raw(), "summary.xml": b"<OibSummary/>"}
    return vbk(files, compression=ZLIB, packed=zlib.compress, block=32 << 10)


def _sealed_pieces(seal: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return what makes sums right in a sparse input whose sums are those of the whole file."""

    def run(data: bytes) -> bytes:
        size, found = sparse.pieces(data)
        whole = bytearray(min(max(size, max((at + len(piece) for at, piece in found), default=0)), 1 << 20))
        for at, piece in found:
            whole[at : at + len(piece)] = piece[: max(0, len(whole) - at)]
        sealed = seal(bytes(whole))
        return sparse.packed(size, [(at, sealed[at : at + len(piece)]) for at, piece in found])

    return run


def _partitions(data: bytes) -> None:
    for sector in (None, 512, 4096):
        reader = VolumeReader(cast(BinaryIO, View(data)), 0, len(data))
        try:
            table = read_partition_table(reader, len(data), sector)
        except Unreadable:
            continue
        for partition in table.partitions if table else ():
            assert partition.size > 0
            assert partition.offset >= 0
        rest_of(data[:512].ljust(512, b"\0"), len(data))
        with suppress(Unreadable):
            file_system(reader)
        with suppress(Unreadable):
            not_simple(reader, len(data))


def _partition_seeds() -> list[bytes]:
    from uuid import UUID

    from testdata.builder import gpt
    from testdata.builder.disk import Volume, build_disk

    found = [raw()[:4096]]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "disk")
        for scheme in ("gpt", "mbr"):
            volumes = [Volume(None, kind, "name", 1 << 20) for kind in (gpt.EFI_SYSTEM, UUID(int=7))]
            build_disk(volumes, out, scheme=scheme, sector_size=512, seed="fuzz")
            data = out.read_bytes()
            found.append(data[: 34 * 512] + data[-33 * 512 :])
    return found


def _bitlocker(data: bytes) -> None:
    size, found = sparse.pieces(data)
    reader = VolumeReader(cast(BinaryIO, sparse.Stream(size, found)), 0, size)
    row = BitLockerRow(machine_id=0, source_path="volume", volume="partition 1", disk="volume")
    try:
        unlock_volume(reader, size, Unlock(), row).read(4096)
    except (SourceError, Unreadable, OSError) as error:
        hold(str(error), "a refusal without a message")


def _bitlocker_seeds() -> list[bytes]:
    from testdata.builder.bitlocker import _all_protectors, _put_metadata, sealed_to_tpm

    every = bytearray(20 << 20)
    _put_metadata(every, bytes(20 << 20), _all_protectors())
    return [sparse.pack(sealed_to_tpm(20 << 20)), sparse.pack(bytes(every))]


def _structures(data: bytes) -> None:
    for parse in (parse_header, parse_region_table, parse_file_parameters, parse_sector_size, parse_parent_locator):
        told_inside(parse)(data)
    told_inside(lambda part: parse_metadata_table(part, 1 << 20))(data)
    told_inside(lambda part: parse_disk_size(part, 512))(data)
    told_inside(parse_log_entry_header)(data)
    told_inside(parse_log_entry)(data)


def _structure_seeds() -> list[bytes]:
    found = []
    for make in (_vhdx(True), _vhdx_child):
        with tempfile.TemporaryDirectory() as folder:
            data = make(Path(folder)).read_bytes()
            found += [data[64 << 10 :][:4096], data[192 << 10 :][: 64 << 10], data[2 << 20 :][: 64 << 10]]
            found += [data[(2 << 20) + (64 << 10) :][:512], data[1 << 20 :][:8192]]
    return found


def _sealed_structure(data: bytes) -> bytes:
    from forensics.disk.vhdx.crc32c import crc32c

    if data[:4] not in (b"head", b"regi", b"loge") or len(data) < 8:
        return data
    size = 4096 if data[:4] == b"head" else len(data)
    summed = (data[:4] + bytes(4) + data[8:])[:size]
    return data[:4] + struct.pack("<I", crc32c(summed.ljust(size, b"\0"))) + data[8:]


def _extent(form: str) -> Target:
    """Return the target of the extents of a form that lie beside their descriptor, by which they are opened."""
    extent = {"vmfs": "vm-000001-delta.vmdk", "sesparse": "vm-000001-sesparse.vmdk"}[form]

    @cache
    def put_beside(folder: Path) -> Path:
        with given_files.unwatched(), tempfile.TemporaryDirectory() as made:
            for other, content in _parents(form).items():
                given_files.given(other, content)
            newest = _chain(form, 2)(Path(made))
            return given_files.given(newest.name, newest.read_bytes())

    def run(data: bytes) -> None:
        descriptor = put_beside(given_files.folder())
        given_files.given_sparse(extent, data)
        read_disk(descriptor)

    def make(folder: Path) -> Path:
        return _chain(form, 2)(folder).with_name(extent)

    return Target(f"vmdk-{form}", run, _made(make), reads_files=True, seconds=2)


def _target(name: str, file: str, *makers: Make, **more: object) -> Target:
    beside = more.pop("beside", None)
    run = _opened(file, beside)  # type: ignore[arg-type]
    return Target(name, run, _made(*makers), reads_files=True, seconds=2, **more)  # type: ignore[arg-type]


TARGETS = (
    Target("vhdx-structures", _structures, _structure_seeds, _sealed_structure),
    Target("partition-table", _partitions, _partition_seeds, reseal.put_gpt_sums),
    Target("bitlocker", _bitlocker, _bitlocker_seeds, seconds=2),
    _target("raw", "disk.dd", _file("disk.dd", raw)),
    _target(
        "vhdx", "child.avhdx", _vhdx(False), _vhdx(True), _vhdx_child, beside=_vhdx_parent, reseal=reseal.put_vhdx_sums
    ),
    _target("vhd", "vm_1.avhd", _chain("vhd", 1), _chain("vhd", 2), _qemu("vpc"), beside=lambda: _parents("vhd")),
    _target("vdi", "{1}.vdi", _chain("vdi", 1), _chain("vdi", 2), beside=lambda: _parents("vdi")),
    _target(
        *(
            "vmdk",
            "vm-000001.vmdk",
            _chain("vmdk", 1),
            _chain("vmdk", 2),
            _qemu("vmdk", "-o", "subformat=streamOptimized"),
        ),
        beside=lambda: _parents("vmdk"),
    ),
    _extent("vmfs"),
    _extent("sesparse"),
    _target(
        *(
            "qcow2",
            "disk-1.qcow2",
            _chain("qcow2", 1),
            _chain("qcow2", 2),
            _qemu("qcow2", "-c", "-o", "cluster_size=4096"),
        ),
        beside=lambda: _parents("qcow2"),
    ),
    _target("parallels", "disk.hds", _parallels(True), _parallels(False)),
    _target("e01", "disk.E01", _e01, reseal=_sealed_pieces(reseal.put_ewf_sums)),
    _target("vma", "disk.vma", _file("disk.vma", _vma), reseal=_sealed_pieces(reseal.put_vma_sums)),
    _target("xva", "disk.xva", _file("disk.xva", _xva), reseal=_sealed_pieces(reseal.put_tar_sums)),
    _target("vbk", "disk.vbk", _file("disk.vbk", _vbk), is_slow=True),
)
