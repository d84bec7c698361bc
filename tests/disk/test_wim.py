"""WIM images against the volumes that were captured, other readers, and bytes that lie."""

from __future__ import annotations

import hashlib
import io
import lzma
import random
import re
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from forensics.disk import temporary
from forensics.disk.errors import SourceError
from forensics.disk.image import Image
from forensics.disk.links import Link
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import Entry, NotFollowed, NotFound, NotObtained, Tree, Unreadable, WantedNames
from forensics.disk.wim import contents, decoders, tree
from forensics.disk.wim.decoders import decoder_of
from forensics.disk.wim.file import Wim
from forensics.disk.wim.images import EncryptedError, image_names
from forensics.disk.wim.structures import LZMS, LZX, XPRESS
from forensics.disk.wim.tree import WimTree
from forensics.disk.wim.xpress import unpack_xpress
from forensics.formats.errors import FormatError
from testdata.builder.acl import DEFAULT_SD
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import junction_data
from testdata.builder.wim import WimImageSpec, WimParts, build_wim, parts_of, write_wim
from tests.disk import ntfs_fixture
from tests.oracles import other_reader, tool
from tests.paths import WIMS
from tests.time_bound import within

JUNCTION, SYMLINK, OVERLAY, CLOUD = 0xA0000003, 0xA000000C, 0x80000017, 0x9000001A
needs_libwim = pytest.mark.skipif(decoders._libwim() is None, reason="needs libwim (Debian package libwim15)")


class Holder:
    def __init__(self) -> None:
        self.resources = ExitStack()
        self.problems: list[tuple[str, str]] = []

    def watch(self, path: str, problems: Any) -> None:
        raise AssertionError

    def problem(self, path: str, kind: str, message: str) -> None:
        self.problems.append((kind, message))


def opened(data: bytes | Path) -> tuple[Wim, Holder]:
    content = data.read_bytes() if isinstance(data, Path) else data
    path = data if isinstance(data, Path) else Path("x.wim")
    holder = Holder()
    return Wim(Image(path, path.name, io.BytesIO(content), len(content), "wim"), holder), holder


def tree_of(data: bytes | Path) -> WimTree:
    wim, _ = opened(data)
    return wim.tree(wim.images[0])


def built(*files: FileSpec, **options: Any) -> WimTree:
    return tree_of(build_wim([WimImageSpec("x", files, **options)]))


def walked(place: Tree, folder: Entry | str = "") -> Iterator[tuple[Any, ...]]:
    for entry in place.entries(folder):
        content = None if entry.is_dir or entry.link else place.open(entry).read()
        times = entry.created, entry.modified
        yield entry.path, entry.is_dir, entry.size, times, entry.link, place.security_descriptor(entry), content
        if entry.is_dir:
            yield from walked(place, entry)


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wim") / "volume.ntfs"
    path.write_bytes(lzma.decompress(ntfs_fixture.PACKED.read_bytes()))
    return path


@needs_libwim
@pytest.mark.parametrize(
    "options",
    [
        ("--compress=none",),
        ("--compress=XPRESS",),
        ("--compress=XPRESS", "--chunk-size=4096"),
        ("--compress=LZX",),
        ("--compress=LZX", "--chunk-size=2M"),
        ("--compress=LZMS",),
        ("--solid",),
        ("--solid", "--solid-compress=LZX", "--solid-chunk-size=32K"),
    ],
    ids="-".join,
)
def test_an_image_is_the_volume_that_was_captured(options: tuple[str, ...], volume: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.wim"
    wimcapture = tool("wimcapture", "wimtools")
    subprocess.run([wimcapture, volume, target, "x", *options], check=True, stdout=subprocess.DEVNULL)
    with volume.open("rb") as file:
        reader = VolumeReader(file, 0, file.seek(0, io.SEEK_END))
        there = list(walked(NtfsTree(reader, reader.read_at(0, 512))))
    assert list(walked(tree_of(target))) == there
    assert len(there) == 1729


@needs_libwim
def test_two_readers_of_one_image(tmp_path: Path) -> None:
    other = other_reader("dissect.archive.wim", "dissect.archive")
    path = WIMS / "broken-access-xpress.wim"
    with path.open("rb") as file:
        image = next(other.WIM(file).images())
        seen = {}
        waiting = [("", image.root)]
        while waiting:
            above, folder = waiting.pop()
            for entry in folder.iterdir():
                where = f"{above}/{entry.name}" if above else entry.name
                waiting += [(where, entry)] if entry.is_dir() else []
                sd = image.security.descriptors[entry.entry.SecurityId]
                seen[where] = sd, None if entry.is_dir() else entry.open().read()
    ours = {row[0]: (row[5], row[6]) for row in walked(tree_of(path))}
    assert ours == seen


@needs_libwim
def test_xpress_is_unpacked_as_libwim_does(tmp_path: Path) -> None:
    chance = random.Random(7)
    folder = tmp_path / "files"
    folder.mkdir()
    for number, kinds in enumerate((1, 2, 3, 5, 16, 64, 200, 256) * 12):
        data = bytes(chance.randrange(kinds) for _ in range(chance.randrange(1, 20000)))
        (folder / str(number)).write_bytes(data + data[: chance.randrange(4000)] * chance.randrange(3))
    wimcapture = tool("wimcapture", "wimtools")
    for size in (4096, 32768, 65536):
        target = tmp_path / f"{size}.wim"
        command = [wimcapture, str(folder), str(target), "x", "--compress=XPRESS", f"--chunk-size={size}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wim, _ = opened(target)
        unpack, count = decoder_of(XPRESS, size), 0
        for blob in wim._blobs.values():
            assert not isinstance(blob.resource, tuple)
            resource = wim._contents.chunks(blob.resource)
            for number in range(len(resource)):
                start, end = resource._starts[number], min(resource._starts[number + 1], resource._end)
                stored, length = resource._read(start, end - start), min(size, resource.size - number * size)
                if len(stored) < length:
                    assert unpack_xpress(stored, length) == unpack(stored, length)
                    count += 1
        assert count > 80


def test_xpress_of_damaged_chunks_is_refused_or_of_the_right_size() -> None:
    with (WIMS / "broken-access-xpress.wim").open("rb") as file:
        packed = file.read()
    wim, _ = opened(packed)
    resource = next(
        wim._contents.chunks(blob.resource)  # type: ignore[arg-type]
        for blob in wim._blobs.values()
        if blob.size > 4000
    )
    chunk = resource._read(resource._starts[0], resource._starts[1] - resource._starts[0])
    size = min(32768, resource.size)
    whole = unpack_xpress(chunk, size)
    chance = random.Random(3)
    refused = 0
    for _ in range(200):
        at = chance.randrange(len(chunk))
        damaged = chunk[:at] + bytes([chunk[at] ^ 1 << chance.randrange(8)]) + chunk[at + 1 :]
        try:
            assert len(unpack_xpress(damaged, size)) == len(whole)
        except (ValueError, IndexError):
            refused += 1
    assert refused > 50
    for cut in (0, 100, 259, 300):
        with pytest.raises((ValueError, IndexError)):
            unpack_xpress(chunk[:cut], size)


def test_images_for_wimboot_have_a_flag_of_their_own() -> None:
    whole = (WIMS / "broken-access-xpress.wim").read_bytes()
    flags = int.from_bytes(whole[16:20], "little")
    assert flags & 0x20000
    other = whole[:16] + (flags ^ 0x20000 | 0x200000).to_bytes(4, "little") + whole[20:]
    assert list(walked(tree_of(other))) == list(walked(tree_of(whole)))


def test_names_are_found_as_windows_finds_them() -> None:
    spec = FileSpec("Users/Public/Long File Name.txt", b"x", streams={"Zone.Identifier": b"zone"})
    place = built(spec, short_names={spec.path: "LONGFI~1.TXT"})
    assert place.entry("users/PUBLIC/long file name.TXT").path == spec.path
    assert place.entry("Users/Public/longfi~1.txt").path == spec.path
    assert [entry.name for entry in place.entries("Users/Public")] == ["Long File Name.txt"]
    assert place.open(spec.path).read() == b"x"
    with pytest.raises(NotFound):
        place.entry("Users/Public/Long File Name.txt/x")
    with pytest.raises(Unreadable, match="not a folder"):
        place.entries(spec.path)
    with pytest.raises(Unreadable, match="a folder"):
        place.open("Users")


def data_of(target: str) -> bytes:
    return junction_data(target)[8:]


def test_links_lead_where_they_do_on_ntfs() -> None:
    symlink = struct.pack("<HHHHI", 0, 14, 16, 14, 1) + "..\\Keys".encode("utf-16-le") + b"\0\0" + bytes(16)
    place = built(
        FileSpec("Documents and Settings", None),
        FileSpec("link", b""),
        FileSpec("Users/a", b"1"),
        reparse={"Documents and Settings": (JUNCTION, data_of("C:\\Users")), "link": (SYMLINK, symlink)},
    )
    junction = place.entry("Documents and Settings")
    assert (junction.is_dir, junction.link) == (False, Link("junction", "C:\\Users", is_windows=True))
    assert place.entry("link").link == Link("symbolic link", "..\\Keys", is_windows=True, is_relative=True)
    for path in ("Documents and Settings/a", "Documents and Settings/a/b"):
        with pytest.raises(NotFollowed, match="is a junction to C:"):
            place.entry(path)
    with pytest.raises(NotFollowed):
        place.open("link")
    with pytest.raises(NotFollowed):
        place.entries("Documents and Settings")


def test_what_has_its_content_elsewhere_is_not_obtained() -> None:
    place = built(
        FileSpec("compact.dll", b""),
        FileSpec("offline", b""),
        FileSpec("fetched", b"content"),
        FileSpec("secret", b"raw"),
        reparse={
            "compact.dll": (OVERLAY, b"wof"),
            "offline": (CLOUD, b"cloud"),
            "fetched": (CLOUD, b"cloud"),
        },
        attributes={"offline": 0x400000, "secret": 0x4000},
    )
    with pytest.raises(NotObtained, match="Windows Overlay Filter"):
        place.open("compact.dll")
    with pytest.raises(NotObtained, match="a cloud file whose content is not on this volume"):
        place.open("offline")
    assert place.open("fetched").read() == b"content"
    assert place.entry("fetched").size == 7
    with pytest.raises(NotObtained, match="encrypted by EFS: only who holds its key can read it"):
        place.open("secret")


def test_access_lists_are_those_of_the_image() -> None:
    place = built(FileSpec("a", b"1", sd=ntfs_fixture.KEY_SD), FileSpec("b", b""))
    assert place.security_descriptor("a") == ntfs_fixture.KEY_SD
    assert place.security_descriptor("b") == DEFAULT_SD
    assert place.open("b").read() == b""


def rewritten(parts: WimParts, old: bytes, new: bytes) -> bytes:
    """Return a WIM whose metadata lie, with the right SHA-1."""
    assert parts.metadata[0].count(old) == 1
    parts.metadata[0] = parts.metadata[0].replace(old, new)
    return write_wim(parts)


def two_folders() -> WimParts:
    return parts_of([WimImageSpec("x", [FileSpec("first/a", b"1"), FileSpec("second/b", b"2")])])


def entry_at(data: bytearray, name: str) -> int:
    """Return where the entry of a file stands in the metadata."""
    return data.index(name.encode("utf-16-le") + b"\0\0") - 102


def test_folders_that_lead_in_a_circle_are_damaged() -> None:
    parts = two_folders()
    data = bytearray(parts.metadata[0])
    root = data[entry_at(data, "first") - 8 - 104 :][16:24]
    at = entry_at(data, "second") + 16
    data[at : at + 8] = root
    parts.metadata[0] = bytes(data)
    place = tree_of(write_wim(parts))
    assert [entry.name for entry in place.entries("")] == ["first", "second"]
    with pytest.raises(NotObtained, match="it and another folder say that the same files are theirs"):
        place.entries("second")
    assert place.entry("first/a").size == 1


def test_folders_that_lead_in_a_circle_are_searched_once() -> None:
    parts = two_folders()
    data = bytearray(parts.metadata[0])
    # The root's own files stand behind it and the mark that ends what it is an entry of.
    root = struct.unpack_from("<I", data)[0] + 7 & ~7
    at = entry_at(data, "second") + 16
    data[at : at + 8] = data[root + 16 : root + 24]
    parts.metadata[0] = bytes(data)
    wanted = WantedNames(re.compile("^[ab]$"), ())
    assert list(tree_of(write_wim(parts)).paths_named(wanted, ())) == [None, "first/a"]
    assert list(tree_of(write_wim(two_folders())).paths_named(wanted, ())) == ["second/b", "first/a"]
    assert list(tree_of(write_wim(two_folders())).paths_named(wanted, ("FIRST",))) == ["second/b"]


def test_empty_folders_may_share_their_end() -> None:
    parts = parts_of([WimImageSpec("x", [FileSpec("one", None), FileSpec("two", None), FileSpec("three/a", b"1")])])
    data = bytearray(parts.metadata[0])
    for name in ("one", "two"):
        at = entry_at(data, name) + 16
        data[at : at + 8] = struct.pack("<Q", len(data) - 8)
    parts.metadata[0] = bytes(data)
    place = tree_of(write_wim(parts))
    assert [place.entries(name) for name in ("one", "two")] == [[], []]
    assert list(place.paths_named(WantedNames(re.compile("^a$"), ()), ())) == ["three/a"]


def test_an_access_list_that_is_not_there() -> None:
    parts = two_folders()
    data = bytearray(parts.metadata[0])
    at = entry_at(data, "second") + 12
    data[at : at + 4] = struct.pack("<i", 77)
    parts.metadata[0] = bytes(data)
    place = tree_of(write_wim(parts))
    with pytest.raises(NotObtained, match="its access list, number 77, is not in the image"):
        place.security_descriptor("second")
    data[at : at + 4] = struct.pack("<i", -1)
    parts.metadata[0] = bytes(data)
    assert tree_of(write_wim(parts)).security_descriptor("second") is None


def test_a_damaged_folder_keeps_what_can_be_read() -> None:
    parts = two_folders()
    data = bytearray(parts.metadata[0])
    at = entry_at(data, "second")
    data[at : at + 8] = struct.pack("<Q", 50)
    parts.metadata[0] = bytes(data)
    place = tree_of(write_wim(parts))
    assert [entry.name for entry in place.entries("")] == ["first"]
    assert place.damage("") == "an entry of a folder is damaged"
    with pytest.raises(NotObtained, match="its folder is damaged, so it cannot be told whether it is there"):
        place.entry("second")
    assert place.entry("first/a").size == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a/b", "a\\x2fb"), ("..", "\\x2e\\x2e"), (".", "\\x2e"), ("a\0b", "a\\x00b"), ("\ud800", "\\x00\\xd8")],
)
def test_names_that_would_lead_elsewhere_are_shown_escaped(name: str, shown: str) -> None:
    parts = parts_of([WimImageSpec("x", [FileSpec("abcdefg"[: len(name)], b"1")])])
    raw = "abcdefg"[: len(name)].encode("utf-16-le") + b"\0\0"
    lies = name.encode("utf-16-le", "surrogatepass") + b"\0\0"
    place = tree_of(rewritten(parts, raw, lies))
    assert [entry.name for entry in place.entries("")] == [shown]


def test_metadata_of_any_bytes_raise_nothing_but_what_is_said_of_them() -> None:
    whole = parts_of(
        [
            WimImageSpec(
                "x",
                [FileSpec("first/a", b"1", streams={"s": b"2"}), FileSpec("link", None), FileSpec("d/e/f", b"3")],
                reparse={"link": (JUNCTION, data_of("C:\\Users"))},
                short_names={"first/a": "A~1"},
            )
        ]
    )
    data = whole.metadata[0]
    chance = random.Random(11)
    listed = 0
    with within(4):
        for _ in range(1500):
            lies = bytearray(data)
            for _ in range(chance.choice((1, 1, 2, 8))):
                lies[chance.randrange(len(lies))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
            whole.metadata[0] = bytes(lies[: chance.choice((len(lies), len(lies), chance.randrange(len(lies))))])
            wim, _ = opened(write_wim(whole))
            try:
                listed += _listed(wim.tree(wim.images[0]))
            except Unreadable:
                continue
    assert listed > 2000


def _listed(place: WimTree, folder: Entry | str = "", depth: int = 0) -> int:
    assert depth < 10
    count = 0
    for entry in place.entries(folder):
        count += 1
        for ask in (place.security_descriptor, place.open):
            try:
                ask(entry)
            except Unreadable:
                continue
        if entry.is_dir:
            try:
                count += _listed(place, entry, depth + 1)
            except Unreadable:
                continue
    return count


@needs_libwim
def test_a_wim_of_any_bytes_raises_nothing_but_what_is_said_of_it() -> None:
    chance = random.Random(12)
    samples = ("broken-access-solid.esd", "generalized-not-booted.wim", "broken-access-xpress.wim")
    with within(30):
        for name in samples:
            whole = (WIMS / name).read_bytes()
            # Where the header and the table of what it holds stand.
            table = struct.unpack_from("<QQ", whole, 48)[1]
            for _ in range(150):
                lies = bytearray(whole)
                for _ in range(chance.choice((1, 2, 6))):
                    at = chance.choice((chance.randrange(8, 208), chance.randrange(table, len(lies))))
                    lies[at] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
                if chance.random() < 0.2:
                    del lies[chance.randrange(208, len(lies)) :]
                try:
                    wim, _ = opened(bytes(lies))
                    for image in wim.images:
                        _listed(wim.tree(image))
                except (SourceError, Unreadable):
                    continue


def test_more_names_than_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_ENTRIES", 3)
    place = built(*(FileSpec(f"many/{n}", b"") for n in range(5)))
    assert [entry.name for entry in place.entries("many")] == ["0", "1", "2"]
    assert place.cut_short("many") == "only 3 of its names are listed"
    assert place.cut_short("") is None
    with pytest.raises(NotObtained, match="holds more names than are read"):
        place.entry("many/4")


def test_a_content_that_another_wim_holds() -> None:
    parts = two_folders()
    parts.blobs.pop(hashlib.sha1(b"1").digest())
    place = tree_of(write_wim(parts))
    with pytest.raises(NotObtained, match="its content is not in the WIM, which builds on another one"):
        place.open("first/a")
    assert place.open("second/b").read() == b"2"


def test_a_damaged_image_is_not_obtained() -> None:
    data = bytearray(write_wim(two_folders()))
    at = data.index("second".encode("utf-16-le"))
    data[at] ^= 1
    wim, _ = opened(bytes(data))
    with pytest.raises(
        NotObtained, match="list of its files cannot be read: the WIM is damaged there: its SHA-1 does not fit; copy it"
    ):
        wim.tree(wim.images[0])


def test_a_large_content_is_read_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_MOST_CHECKED", 1000)
    data = random.Random(1).randbytes(3 << 20)
    place = built(FileSpec("disk.vhdx", data))
    with place.open("disk.vhdx") as file:
        file.seek(2 << 20)
        assert file.read(5000) == data[2 << 20 :][:5000]


@needs_libwim
def test_solid_chunks_are_unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_LEAST_KEPT", 1000)
    count = 0
    wim, _ = opened(WIMS / "broken-access-solid.esd")
    kept = contents._KeptChunks.put

    def put(self: Any, key: Any, chunk: bytes) -> None:
        nonlocal count
        count += 1
        kept(self, key, chunk)

    monkeypatch.setattr(contents._KeptChunks, "put", put)
    place = wim.tree(wim.images[0])
    first = [row[6] for row in walked(place)]
    assert count == 1
    assert [row[6] for row in walked(place)] == first
    assert count == 1


@needs_libwim
def test_a_full_temporary_folder_costs_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, count: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(temporary.Room, "take", full)
    path = WIMS / "broken-access-solid.esd"
    assert [row[6] for row in walked(tree_of(path))] == [row[6] for row in walked(tree_of(path))]


def test_chunk_sizes_that_are_not_read() -> None:
    for method, size in ((XPRESS, 2048), (XPRESS, 1 << 17), (LZX, 1 << 22), (LZMS, 1 << 30), (LZX, 40000), (7, 32768)):
        with pytest.raises(NotObtained, match=rf"in chunks of {size} bytes, which is not read"):
            decoder_of(method, size)


@needs_libwim
def test_chunks_that_do_not_unpack_are_not_obtained() -> None:
    chance = random.Random(5)
    for method, size in ((XPRESS, 32768), (LZX, 32768), (LZMS, 131072)):
        unpack = decoder_of(method, size)
        for _ in range(300):
            chunk = chance.randbytes(chance.randrange(1, 3000))
            length = chance.randrange(1, size + 1)
            try:
                assert len(unpack(chunk, length)) == length
            except NotObtained:
                continue
        for chunk, length in ((b"1", 0), (b"1", size + 1), (bytes(50), 50)):
            with pytest.raises(NotObtained):
                unpack(chunk, length)


def test_sizes_that_lie_are_refused() -> None:
    whole = write_wim(two_folders())
    table, xml = 48, 72
    for at, value in ((table, 1 << 55), (table + 8, 1 << 62), (table + 16, 1 << 62), (xml, 1 << 40)):
        lies = whole[:at] + struct.pack("<Q", value) + whole[at + 8 :]
        if at == xml:
            _, holder = opened(lies)
            assert [kind for kind, _ in holder.problems] == ["wim_xml"]
            continue
        with pytest.raises(SourceError, match=r"^x\.wim is a damaged WIM image: .*; copy it again"):
            opened(lies)


def xml_of(inside: str) -> bytes:
    return b"\xff\xfe" + f"<WIM>{inside}</WIM>".encode("utf-16-le")


def test_names_of_images() -> None:
    names = image_names(
        xml_of(
            '<IMAGE INDEX="1"><NAME> Server\n 2022 </NAME></IMAGE>'
            '<IMAGE INDEX="3"><DISPLAYNAME>Core</DISPLAYNAME></IMAGE><IMAGE INDEX="x"/><IMAGE/>'
        )
    )
    assert names == {1: "Server 2022", 3: "Core"}
    assert image_names(xml_of(f'<IMAGE INDEX="1"><NAME>{"x" * 900}</NAME></IMAGE>')) == {1: "x" * 200}
    with pytest.raises(EncryptedError):
        image_names(xml_of("<ESD><ENCRYPTED/></ESD>"))


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"\xff\xfe<\0",
        b"<OTHER/>",
        b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><WIM>&b;</WIM>',
    ],
)
def test_xml_that_is_none_leaves_images_without_names(xml: bytes) -> None:
    with pytest.raises(FormatError):
        image_names(xml)
    parts = two_folders()
    parts.xml = xml
    wim, holder = opened(write_wim(parts))
    assert [(image.number, image.name) for image in wim.images] == [(1, "")]
    assert [kind for kind, _ in holder.problems] == ["wim_xml"]
