"""Archives made to fill the memory or the disk, to hang, or to write outside; pipes and devices in folders."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import socket
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import forensics
from forensics.disk.errors import SourceError
from forensics.disk.tree import NotObtained
from forensics.sources import archive_tree
from forensics.sources.archive_tree import MAX_MEMBER, ArchiveTree
from forensics.sources.tar_tree import MAX_EXTENTS, TarTree
from forensics.sources.zip_tree import ZipTree
from tests.time_bound import within

TIB = 1 << 40
MIB = 1 << 20


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, size: int | None = None, **values: str
) -> bytes:
    """Return a member of a tar archive, with a size that its header claims."""
    found = tarfile.TarInfo(name)
    found.type, found.size = kind, len(data) if size is None else size
    for key, value in values.items():
        setattr(found, key, value)
    return found.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def pax(**records: str) -> bytes:
    data = b""
    for key, value in records.items():
        text = f" {key.replace('_', '.')}={value}\n"
        length = len(text) + len(str(len(text) + 2))
        data += f"{length}{text}".encode()
    return member("x", data, tarfile.XHDTYPE)


def tar(*members: bytes) -> TarTree:
    return TarTree(io.BytesIO(b"".join(members) + bytes(1024)), "a.tar")


def names(tree: ArchiveTree) -> list[str]:
    found: list[str] = []
    pending = [""]
    while pending:
        for entry in tree.entries(pending.pop()):
            found.append(entry.path)
            pending += [entry.path] if entry.is_dir else []
    return sorted(found)


def test_a_sparse_member_that_claims_terabytes_is_not_unpacked(tmp_path: Path) -> None:
    sparse = {"GNU_sparse_major": "0", "GNU_sparse_minor": "1", "GNU_sparse_name": "disk.img"}
    tree = tar(
        pax(**sparse, GNU_sparse_size=str(TIB), GNU_sparse_map=f"{TIB - 512},512"), member("x", bytes(512)), member("b")
    )
    [disk] = [entry for entry in tree.entries("") if entry.name == "disk.img"]
    assert (disk.size, names(tree)) == (TIB, ["b", "disk.img"])
    with within(1), pytest.raises(NotObtained, match=f"{TIB} bytes: too large for a file of a collection"):
        tree.open(disk)
    with within(1), pytest.raises(NotObtained), (tmp_path / "out").open("xb") as target:
        tree.unpack(disk, target, lambda done: None)
    assert (tmp_path / "out").stat().st_size == 0
    assert MAX_MEMBER < TIB


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_header_that_claims_gigabytes_is_not_read(tmp_path: Path, kind: bytes) -> None:
    """In a file with holes it takes no room, and a compressed one is as small."""
    path = tmp_path / "a.tar"
    path.write_bytes(member("first", b"x") + member("x", kind=kind, size=8 << 30))
    os.truncate(path, (8 << 30) + 4096)
    tracemalloc.start()
    try:
        with path.open("rb") as file, within(2):
            tree = TarTree(file, "a.tar")
        assert tracemalloc.get_traced_memory()[1] < 20 * MIB
    finally:
        tracemalloc.stop()
    assert names(tree) == ["first"]
    assert tree.broken is not None
    assert tree.broken.message.startswith("the archive is damaged or cut short")


def test_a_header_of_digits_takes_no_time() -> None:
    with within(1):
        tree = tar(member("first"), member("x", b"1" * 2_000_000, tarfile.XHDTYPE), member("b"))
    assert names(tree) == ["first"]


def test_a_map_of_very_many_holes_is_refused() -> None:
    sparse = {"GNU_sparse_major": "0", "GNU_sparse_minor": "1"}
    count = 200_000
    header = pax(**sparse, GNU_sparse_name="d", GNU_sparse_size="0", GNU_sparse_map=",".join(["0,0"] * count))
    with pytest.raises(SourceError, match=f"the archive has more than {MAX_EXTENTS} stretches between the holes"):
        tar(*([header + member("x")] * (MAX_EXTENTS // count + 1)))


def zipped(*names: str) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"")
    return packed


def test_folders_of_which_only_names_tell_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_tree, "MAX_FOLDERS", 100)
    deep = [f"{n}/{'d/' * 20}{n}" for n in range(5)]
    packed = zipped(*deep)
    with pytest.raises(SourceError, match=r"the archive has more than 100 folders: unpack it and examine the folder"):
        tar(*map(member, deep))
    with pytest.raises(SourceError, match="the archive has more than 100 folders"):
        ZipTree(packed, "a.zip")


HARMFUL = [
    "/etc/absolute",
    "../../outside",
    "C:\\Windows\\x",
    "a/../b",
    "./c",
    "\x1b[31mred",
    "new\nline",
    "d//e",
    "..",
    "/",
]
HARMLESS = ["a/b", "c", "C:/Windows/x", "d/e", "etc/absolute", "new\nline", "outside", "\x1b[31mred"]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_names_never_lead_out_of_the_archive(kind: str) -> None:
    tree: ArchiveTree = tar(*map(member, HARMFUL)) if kind == "tar" else ZipTree(zipped(*HARMFUL), "a.zip")
    files = [name for name in names(tree) if not tree.entry(name).is_dir]
    assert sorted(files) == sorted(HARMLESS)


def test_of_members_of_one_name_the_last_is_taken_and_what_is_no_file_is_not_there() -> None:
    special = {"f": tarfile.FIFOTYPE, "c": tarfile.CHRTYPE, "b": tarfile.BLKTYPE}
    devices = [member(name, kind=kind) for name, kind in special.items()]
    links = [
        member("out", kind=tarfile.SYMTYPE, linkname="../../../etc/passwd"),
        member("hard", kind=tarfile.LNKTYPE, linkname="/etc/passwd"),
    ]
    tree = tar(member("x", b"first"), member("X", b"second"), *devices, *links)
    assert tree.repeated == 1
    found = {entry.name: entry for entry in tree.entries("")}
    assert set(found) == {"X", "out", "hard"}
    with tree.open(found["X"]) as content:
        assert content.read() == b"second"
    for name in ("out", "hard"):
        with pytest.raises(NotObtained):
            tree.open(found[name])


def packed_tar(pack: Callable[[bytes], bytes], suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        content = os.urandom(MIB)
        path = folder / f"a.tar{suffix}"
        path.write_bytes(pack(member("disk.img", content) + bytes(1024)))
        return path

    return make


@pytest.mark.parametrize(
    "make",
    [
        packed_tar(lambda data: gzip.compress(data, 1), ".gz"),
        packed_tar(lambda data: bz2.compress(data, 1), ".bz2"),
        packed_tar(lambda data: __import__("zstandard").compress(data, 1), ".zst"),
        packed_tar(lambda data: __import__("lzma").compress(data, preset=0), ".xz"),
    ],
    ids=["gz", "bz2", "zst", "xz"],
)
def test_some_room_is_left_on_the_disk(
    tmp_path: Path, make: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 512 << 20}))
    with pytest.raises(SourceError, match=r" does not fit into .*: unpack it elsewhere"):
        forensics.examine(path)


def test_a_full_disk_is_no_damage_of_what_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(28, os.strerror(28))

    path = packed_tar(lambda data: gzip.compress(data, 1), ".gz")(tmp_path)
    monkeypatch.setattr("forensics.disk.temporary.temporary", Full)
    with pytest.raises(SourceError, match=" does not fit into ") as raised:
        forensics.examine(path)
    assert "damaged" not in str(raised.value)


@pytest.mark.skipif(os.name == "nt", reason="no pipes in folders there")
def test_pipes_sockets_and_devices_in_a_folder_are_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "Windows" / "System32" / "config"
    config.mkdir(parents=True)
    keys = tmp_path / "ProgramData" / "Microsoft" / "Crypto" / "RSA" / "MachineKeys"
    keys.mkdir(parents=True)
    for path in (
        config / "SYSTEM",
        config / "SOFTWARE",
        keys / f"{'a' * 32}_x",
        tmp_path / "a.vhdx",
        tmp_path / "b.zip",
    ):
        os.mkfifo(path)
    listening = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)
    listening.bind("c.vmdk")
    if hasattr(os, "geteuid") and os.geteuid() == 0 and sys.platform == "linux":
        with suppress(OSError):  # in a container it may be forbidden
            # /dev/zero never ends.
            os.mknod(tmp_path / "d.vhd", 0o020666, os.makedev(1, 5))
    with within(20):
        case = forensics.examine(tmp_path)
    listening.close()
    assert case.rows("certificate") == []
    assert all(row.kind != "internal" for row in case.rows("problem"))
