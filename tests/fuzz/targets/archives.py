"""Archives, collections and images of files, and the databases that lie in them."""

from __future__ import annotations

import io
import lzma
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

from forensics.disk.containers import open_image
from forensics.disk.disk import Disk
from forensics.disk.errors import SourceError
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.rescue_map import without_lost_areas
from forensics.disk.tree import NotFound, Tree, Unreadable
from forensics.disk.unlock import Unlock
from forensics.disk.wim.file import Wim
from forensics.dpapi.ntds import read_directory
from forensics.formats.errors import FormatError
from forensics.sources.archives import open_archive
from forensics.sources.source import Source
from tests.fuzz import given_files, reseal, sparse
from tests.fuzz.pieces import Pieces
from tests.fuzz.target import Target
from tests.fuzz.targets.disks import _sealed_pieces
from tests.paths import PROJECT, WIMS

_HIVE = "Windows/System32/config/SYSTEM"
_NAMES = (_HIVE, "ProgramData/Microsoft/Crypto/RSA/MachineKeys/one", "Users/\u00fc/NTUSER.DAT", "C/../../etc/passwd")
_MOST, _READ = 300, 70_000
_SHADOWED = PROJECT / "tests" / "fuzz" / "data" / "shadowed.ntfs.xz"
_GUID = "0d1c2b3a-0000-4000-8000-000000000009"


def walk(tree: Tree) -> None:
    """List all folders of a tree, and read the beginning of each file."""
    waiting, seen = [""], 0
    while waiting and seen < _MOST:
        try:
            entries = list(tree.entries(waiting.pop()))
        except (Unreadable, NotFound):
            continue
        for entry in entries[:_MOST]:
            seen += 1
            assert "\0" not in entry.name
            assert entry.name not in ("", ".", "..")
            assert "/" not in entry.name
            if entry.is_dir:
                if entry.path.count("/") < 12:
                    waiting.append(entry.path)
                continue
            try:
                tree.security_descriptor(entry)
                with tree.open(entry) as file:
                    file.read(_READ)
            # Members are files, and tell what they do not get as files do.
            except (Unreadable, NotFound, OSError):
                continue


def _archive(name: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        path = given_files.given_sparse(name, data)
        with Source(str(path)) as source:
            image = open_image(path, str(path), source, lambda line: None)
            if image.kind in ("zip", "tar", "7z", "ad1"):
                walk(open_archive(source, image, Unlock(), lambda line: None))
            elif image.kind == "wim":
                wim = Wim(image, source)
                for found in wim.images[:4]:
                    try:
                        walk(wim.tree(found))
                    except Unreadable:
                        continue
            assert all(problem.kind and problem.message for problem in source.problems)

    return run


def _zips() -> list[bytes]:
    import zipfile

    found = []
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", packing) as archive:
            for name in _NAMES:
                archive.writestr(name, name * 3)
        found.append(sparse.pack(file.getvalue()))
    return found


def _tars() -> list[bytes]:
    import tarfile

    found = []
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            for name in (*_NAMES, "long/" * 30 + "name"):
                info = tarfile.TarInfo(name)
                info.size = len(name)
                archive.addfile(info, io.BytesIO(name.encode()))
        found.append(sparse.pack(file.getvalue()))
    return found


def _sevens() -> list[bytes]:
    import py7zr

    found = []
    for filters in ([{"id": py7zr.FILTER_COPY}], [{"id": py7zr.FILTER_LZMA2, "preset": 1}]):
        file = io.BytesIO()
        with py7zr.SevenZipFile(file, "w", filters=filters) as archive:
            for name in _NAMES[:3]:
                archive.writestr(name * 3, name)
        found.append(sparse.pack(file.getvalue()))
    return found


def _ad1s() -> list[bytes]:
    from testdata.builder.ad1 import Folder, ad1

    files: Folder = {"Users": {"me": {"a.txt": b"hello", "empty": b"", "big.bin": b"text " * 900}}, "gone*": b"old"}
    return [sparse.pack(ad1(files)[0])]


def _wims() -> list[bytes]:
    from testdata.builder.acl import DEFAULT_SD
    from testdata.builder.files import FileSpec
    from testdata.builder.wim import WimImageSpec, build_wim

    files = [FileSpec(name, name.encode() * 9, sd=DEFAULT_SD) for name in _NAMES[:3]]
    image = WimImageSpec("Windows", files, short_names={_NAMES[2]: "NTUSER~1"})
    smallest = sorted(WIMS.glob("*.wim*"), key=lambda path: path.stat().st_size)[:2]
    real = [lzma.decompress(p.read_bytes()) if p.suffix == ".xz" else p.read_bytes() for p in smallest]
    return [sparse.pack(data) for data in (build_wim([image, image]), *real)]


def _packed(data: bytes) -> None:
    """A compressed disk: unpacked to a temporary file, within bounds."""
    _archive("disk.raw")(data)


def _packings() -> list[bytes]:
    import bz2
    import gzip

    import zstandard

    text = b"".join(b"%08d is a line\n" % number for number in range(400))
    packers = (gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress)
    return [sparse.pack(pack(text)) for pack in packers]


def _directory(data: bytes) -> None:
    size, found = sparse.pieces(data)
    whole = bytearray(min(size, 4 << 20))
    for at, piece in found:
        whole[at : at + len(piece)] = piece[: max(0, len(whole) - at)]
    keys = read_directory(io.BytesIO(bytes(whole)), bytes(range(16)), {_GUID})
    assert repr(keys).startswith("DirectoryKeys(unusable=")


def _directories() -> list[bytes]:
    from testdata.builder import ntds
    from testdata.builder.keys import rsa_key

    keys = {_GUID: rsa_key("domain-backup")}
    return [sparse.pack(ntds.directory(keys, bytes(range(16)), era=era)) for era in ("2016", "2008")]


@cache
def shadowed() -> Pieces:
    """Return a volume with two shadow copies, of which header, catalog and the blocks of lists are the input."""
    from forensics.formats.shadow_catalog import STORE_ID

    image = lzma.decompress(_SHADOWED.read_bytes())
    places = [(0, 0x54), (0x1E00, 128)]
    for at in range(16 << 10, len(image), 16 << 10):
        if image[at : at + 16] == STORE_ID.bytes_le:
            used = len(image[at : at + (16 << 10)].rstrip(b"\0"))
            places.append((at, min(-(-used // 64) * 64, 4096)))
    return Pieces(image, places)


def _shadow(data: bytes) -> None:
    stream = shadowed().stream(data)
    reader = VolumeReader(cast(BinaryIO, stream), 0, len(shadowed().image))
    told: list[str] = []
    tree = NtfsTree(reader, reader.read_at(0, 512), lambda path, kind, message, offset: told.append(message))
    try:
        copies = list(tree.shadow_copies())
    except Unreadable:
        return
    for copy in copies:
        try:
            then = copy.open()
        except Unreadable:
            continue
        walk(then)
    assert all(told)


def _map(data: bytes) -> None:
    """The map of a rescued disk: text beside an image."""
    given_files.given("disk.map", data)
    path = given_files.given("disk.dd", bytes(8192))
    with Source(str(path)) as source:
        disk = without_lost_areas(Disk(io.BytesIO(bytes(8192)), 8192, str(path)), path, source)
        try:
            VolumeReader(disk.stream, 0, 8192).read_at(0, 8192)
        except Unreadable:
            return


def _maps() -> list[bytes]:
    areas = "0x00000000 0x00001000 +\n0x00001000 0x00000200 -\n0x00001200 0x00000E00 ?\n"
    return [f"# Mapfile. Created by GNU ddrescue version 1.27\n0x00001200 ?\n{areas}".encode()]


def _files(name: str, file: str, seeds: Callable[[], Sequence[bytes]], **more: object) -> Target:
    errors = (SourceError,)
    return Target(name, _archive(file), seeds, errors=errors, reads_files=True, seconds=2, **more)  # type: ignore[arg-type]


def make_volume() -> None:
    """Build the committed volume with shadow copies anew; it needs mkntfs."""
    from tests.testdata.shadowed_volume import make

    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder, "volume"))
        _SHADOWED.write_bytes(lzma.compress(made.path.read_bytes(), preset=9))


TARGETS = (
    _files("zip", "collection.zip", _zips, words=(b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7")),
    _files("tar", "collection.tar", _tars, reseal=_sealed_pieces(reseal.put_tar_sums), words=(b"GNU.sparse.size=9\n",)),
    _files("7z", "collection.7z", _sevens, reseal=_sealed_pieces(reseal.put_7z_sums)),
    _files("ad1", "collection.ad1", _ad1s),
    _files("wim", "install.wim", _wims, reseal=_sealed_pieces(reseal.put_wim_sums)),
    Target("compressed", _packed, _packings, errors=(SourceError,), reads_files=True, seconds=2),
    Target("ntds", _directory, _directories, errors=(FormatError,), seconds=3, is_slow=True),
    Target(
        "shadow-volume", _shadow, lambda: [shadowed().seed()], errors=(Unreadable,), seconds=4, mib=1024, is_slow=True
    ),
    Target("rescue-map", _map, _maps, errors=(SourceError,), reads_files=True),
)
