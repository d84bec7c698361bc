"""AD1 images: a Windows in one gives what the same files in a folder give; what is damaged is not obtained."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from dissect.evidence.ad1 import AD1

import forensics
from forensics.disk.ad1 import open_ad1
from forensics.disk.containers import open_image
from forensics.disk.errors import SourceError
from forensics.disk.tree import NotFound, NotObtained, Unreadable
from forensics.sources.ad1_tree import Ad1Tree
from forensics.sources.archives import open_archive
from forensics.sources.open import Unlock, open_source
from forensics.sources.source import Source
from testdata.builder.ad1 import Folder, ad1
from tests.paths import IMAGES
from tests.time_bound import within

BIG = random.Random(1).randbytes(200_000) + bytes(70_000)
FILES: Folder = {"Users": {"me": {"a.txt": b"hello", "empty": b"", "big.bin": BIG}}, "x.txt": b"1", "gone*": b"old"}


def written(folder: Path, parts: list[bytes], name: str = "case") -> Path:
    for number, part in enumerate(parts, 1):
        (folder / f"{name}.ad{number}").write_bytes(part)
    return folder / f"{name}.ad1"


def tree_of(path: Path, source: Source) -> Ad1Tree:
    return Ad1Tree(open_ad1(open_image(path, str(path), source, lambda line: None), source))


@pytest.mark.parametrize("segment", [None, 30_000])
def test_files_of_an_image(tmp_path: Path, segment: int | None) -> None:
    path = written(tmp_path, ad1(FILES, segment=segment))
    assert (len(list(tmp_path.iterdir())) > 1) == (segment is not None)
    with Source("x") as source:
        tree = tree_of(path, source)
        assert tree.complete is False
        assert [entry.path for entry in tree.entries("C:")] == ["C:/Users", "C:/x.txt"]
        assert tree.open("c:/users/ME/big.bin").read() == BIG
        assert tree.open("C:/Users/me/empty").read() == b""
        assert str(tree.entry("C:/x.txt").modified) == "2026-11-20 08:30:00+00:00"
        assert (tree.deleted, tree.broken, tree.left_out) == (1, None, 0)


def test_dissect_reads_the_same_of_a_forged_image() -> None:
    image = AD1([io.BytesIO(part) for part in ad1(FILES, segment=30_000)])
    entry = image.get("C:/Users/me/big.bin")
    assert hashlib.md5(entry.open().read()).hexdigest() == hashlib.md5(BIG).hexdigest() == entry.md5


def chains(case: Any) -> list[tuple[Any, ...]]:
    return sorted((r.thumbprint or "", r.verdict, r.broken_at or "", r.private_key) for r in case.tables["key_chain"])


def copied(tree: Any, folder: str, target: Path) -> dict[str, Any]:
    """Copy a folder of a volume to a folder here, and return it as what an image is made of."""
    found: dict[str, Any] = {}
    target.mkdir()
    for entry in tree.entries(folder):
        if entry.is_dir:
            if not entry.name.startswith("$"):
                found[entry.name] = copied(tree, entry.path, target / entry.name)
        elif not entry.name.startswith("$"):
            found[entry.name] = tree.open(entry).read()
            (target / entry.name).write_bytes(found[entry.name])
    return found


def test_an_image_without_windows_is_accounted_for(tmp_path: Path) -> None:
    path = written(tmp_path, ad1({"a.txt": b"hello"}))
    (tmp_path / "Windows" / "System32" / "config").mkdir(parents=True)
    case = forensics.examine(tmp_path)
    errors = {entry.path: entry.error for entry in case.sources}
    assert (errors[str(path)] or "").startswith(f"{path} holds no Windows folder")


@pytest.mark.parametrize("place", ["file", "folder", "zip"])
def test_chains_are_those_of_the_same_files_in_a_folder(tmp_path: Path, place: str) -> None:
    with open_source(IMAGES / "web-server.vhdx.xz") as source:
        content = copied(source.installations[0].tree, "", tmp_path / "C")
    expected = chains(forensics.examine(tmp_path / "C"))
    assert expected
    (tmp_path / "out").mkdir()
    path = written(tmp_path / "out", ad1(content, segment=1 << 20))
    named = path
    if place == "folder":
        named = tmp_path / "out"
    elif place == "zip":
        named = tmp_path / "all.zip"
        with zipfile.ZipFile(named, "w") as archive:
            for part in sorted((tmp_path / "out").iterdir()):
                archive.write(part, part.name)
    case = forensics.examine(named)
    assert chains(case) == expected
    assert [entry.path for entry in case.sources if entry.error] == []
    rows: Any = case.tables["key_chain"]
    assert {row.access for row in rows} == {"not_examined"}


def test_a_segment_that_is_missing_or_of_another_image(tmp_path: Path) -> None:
    path = written(tmp_path, ad1(FILES, segment=60_000))
    second = path.with_suffix(".ad2")
    whole = second.read_bytes()
    second.write_bytes(struct.pack("<16s4I", b"ADSEGMENTEDFILE", 1, 2, 3, 4).ljust(len(whole), b"\0"))
    with pytest.raises(SourceError, match=r"case\.ad2 is no file 2 of this AD1 image"):
        open_source(path)
    second.unlink()
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert caught.value.kind == "missing_part"
    count = len(ad1(FILES, segment=60_000))
    assert f"case.ad2 is missing: an AD1 image needs all its {count} files" in str(caught.value)
    with pytest.raises(SourceError, match="segment 3 of an AD1 image: put all its files into one folder"):
        open_source(path.with_suffix(".ad3"))


def test_a_link_is_no_segment(tmp_path: Path) -> None:
    path = written(tmp_path, ad1(FILES, segment=60_000))
    second = path.with_suffix(".ad2")
    second.rename(tmp_path / "elsewhere")
    second.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match=r"case\.ad2 is missing"):
        open_source(path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ad1(FILES, version=3))
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert caught.value.message == (
        f"{path}: an AD1 image of version 3: export the files in it into a folder (FTK Imager)"
    )


def test_damaged_content_is_not_obtained(tmp_path: Path) -> None:
    (data,) = ad1(FILES)
    md5 = hashlib.md5(BIG).hexdigest().encode()
    for at, name, why in (
        (data.index(zlib.compress(b"hello")) + 3, "a.txt", "its compressed data is damaged"),
        (data.index(md5), "big.bin", "its MD5 does not fit what the image tells"),
    ):
        changed = bytearray(data)
        changed[at] ^= 1
        path = written(tmp_path, [bytes(changed)])
        with Source("x") as source:
            tree = tree_of(path, source)
            with pytest.raises(NotObtained, match=why):
                tree.open(f"C:/Users/me/{name}")


def test_a_circle_of_entries_ends(tmp_path: Path) -> None:
    """dissect.evidence follows it for ever."""
    (data,) = ad1(FILES)
    changed = bytearray(data)
    first = struct.unpack_from("<Q", data, 512 + 36)[0]
    struct.pack_into("<Q", changed, 512 + first, first)
    path = written(tmp_path, [bytes(changed)])
    with within(2), Source("x") as source:
        image = open_image(path, str(path), source, lambda line: None)
        open_archive(source, image, Unlock(), lambda line: None)
        assert [(row.kind, row.message) for row in source.problems] == [
            ("damaged", "in the folder C:/: its entries lead in a circle: the image is damaged")
        ]


def test_a_chunk_that_unpacks_to_more_is_refused(tmp_path: Path) -> None:
    (data,) = ad1({"a": bytes(40_000_000)})
    changed = bytearray(data)
    entry = struct.unpack_from("<Q", data, 512 + 36)[0]
    struct.pack_into("<Q", changed, 512 + entry + 32, 10)
    chunks = struct.unpack_from("<Q", data, 512 + entry + 24)[0]
    struct.pack_into("<Q", changed, 512 + chunks, 1)
    path = written(tmp_path, [bytes(changed)])
    with Source("x") as source, pytest.raises(NotObtained, match="holds 10 of its 40000000 bytes"):
        tree_of(path, source).open("C:/a")


def test_damage_anywhere_raises_nothing_unexpected(tmp_path: Path) -> None:
    (data,) = ad1({"a": b"hello", "b": {"c": b"x" * 100}})
    mix = random.Random(2)
    for _ in range(400):
        changed = bytearray(data[: mix.choice((len(data), mix.randrange(600, len(data))))])
        for _ in range(mix.randrange(1, 4)):
            changed[mix.randrange(16, len(changed))] = mix.choice((0, 1, 255, mix.randrange(256)))
        path = written(tmp_path, [bytes(changed)])
        with Source("x") as source:
            try:
                image = open_image(path, str(path), source, lambda line: None)
                tree = open_archive(source, image, Unlock(), lambda line: None)
                content = tree.open("C:/a").read()
            except (SourceError, NotFound, Unreadable):
                continue
            assert content == b"hello"
