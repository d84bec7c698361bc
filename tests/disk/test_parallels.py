"""Parallels disks against qemu-img and against pages written by hand; each fault is told, none shows other bytes."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest

from forensics.disk import parallels
from forensics.disk.containers import open_disk, open_image
from forensics.disk.errors import SourceError
from forensics.sources.source import Source
from testdata.builder.chain_disks import PAGE, layers
from testdata.builder.parallels import TOP, cut, descriptor, expanding, guid, storage, write_hdd
from tests.oracles import tool
from tests.time_bound import within

SIZE = 2 << 20


def content(size: int = SIZE, seed: int = 3) -> bytes:
    mix = random.Random(seed)
    return b"".join(mix.randbytes(PAGE) if mix.random() < 0.4 else bytes(PAGE) for _ in range(size // PAGE))


def read(path: Path, reads: int = 400) -> bytes:
    """Return the whole disk, after many reads of parts of it that must agree with it."""
    with Source(str(path)) as source:
        disk = open_disk(open_image(path, str(path), source, lambda line: None), source)
        disk.stream.seek(0)
        whole = disk.stream.read(disk.size)
        mix = random.Random(7)
        for _ in range(reads):
            at = mix.randrange(disk.size)
            length = mix.randrange(1, 1 << mix.randrange(1, 20))
            disk.stream.seek(at)
            assert disk.stream.read(length) == whole[at : at + length]
        assert [problem.message for problem in source.problems] == []
        return whole


def refused(path: Path) -> tuple[str, str]:
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        open_disk(open_image(path, str(path), source, lambda line: None), source)
    return caught.value.kind, caught.value.message


@pytest.mark.parametrize("is_ext", [True, False])
@pytest.mark.parametrize("tracks", [1, 8, 63, 2048])
def test_clusters_in_any_order(tmp_path: Path, tracks: int, is_ext: bool) -> None:
    raw = content()[: SIZE - 512 * 5]
    path = tmp_path / "disk.hdd"
    path.write_bytes(expanding(cut(raw, tracks), len(raw), tracks=tracks, is_ext=is_ext))
    assert read(path) == raw
    converted = tmp_path / "raw"
    subprocess.run(
        [tool("qemu-img", "qemu-utils"), "convert", "-f", "parallels", "-O", "raw", path, converted], check=True
    )
    assert converted.read_bytes() == raw


def test_what_qemu_wrote(tmp_path: Path) -> None:
    raw, path = content(8 << 20), tmp_path / "disk.hds"
    (tmp_path / "raw").write_bytes(raw)
    subprocess.run(
        [tool("qemu-img", "qemu-utils"), "convert", "-f", "raw", "-O", "parallels", tmp_path / "raw", path], check=True
    )
    assert read(path) == raw


def test_a_hole_as_long_as_the_data_behind_it_lies_far_in_the_file(tmp_path: Path) -> None:
    """There dissect.hypervisor 3.21 takes the data for a part of the hole."""
    clusters = {1: b"\xaa" * PAGE}
    (tmp_path / "disk.hds").write_bytes(expanding(clusters, 2 * PAGE))
    assert read(tmp_path / "disk.hds") == bytes(PAGE) + b"\xaa" * PAGE


@pytest.mark.parametrize("top", [True, False])
def test_snapshots(tmp_path: Path, top: bool) -> None:
    raw = content()
    chain = [{page: held for page, held in pages.items() if held is not None} for pages in layers(raw, 3)]
    # A cluster that no image holds is empty all the way down.
    for page, lower in (
        (p, c) for at, c in enumerate(chain) for p in list(c) if raw[p * PAGE : (p + 1) * PAGE] == bytes(PAGE)
    ):
        lower[page] = bytes(PAGE)
    path = write_hdd(tmp_path / "harddisk.hdd", SIZE, chain, top=top)
    assert read(path) == raw
    for each in path.parent.glob("*.hds"):
        assert read(each) == raw


def test_a_split_disk_of_raw_and_expanding_files(tmp_path: Path) -> None:
    raw, half = content(), SIZE // 1024
    (tmp_path / "d.hdd.0.hds").write_bytes(raw[: SIZE // 2])
    (tmp_path / "d.hdd.1.hds").write_bytes(expanding(cut(raw[SIZE // 2 :]), SIZE // 2))
    (tmp_path / "d.hdd.1.top.hds").write_bytes(expanding({}, SIZE // 2))
    (tmp_path / "d.hdd.0.top.hds").write_bytes(expanding({}, SIZE // 2))
    base, today = guid(0), TOP
    storages = storage(
        half, 2 * half, [(base, "Compressed", "d.hdd.1.hds"), (today, "Compressed", "/Users/me/d.hdd/d.hdd.1.top.hds")]
    ) + storage(0, half, [(base, "Plain", "d.hdd.0.hds"), (today, "Compressed", "d.hdd.0.top.hds")])
    path = tmp_path / "DiskDescriptor.xml"
    path.write_text(descriptor(storages, [today, base]))
    assert read(path) == raw
    assert read(tmp_path / "d.hdd.0.hds") == raw


def test_a_branch_that_the_machine_left_is_not_read(tmp_path: Path) -> None:
    raw = content()
    path = write_hdd(tmp_path / "x.hdd", SIZE, [cut(raw), {}])
    left = f"x.hdd.0.{{{guid(7)}}}.hds"
    (path.parent / left).write_bytes(expanding({0: b"\xee" * PAGE}, SIZE))
    text = path.read_text()
    image = f"<Image><GUID>{{{guid(7)}}}</GUID><Type>Compressed</Type><File>{left}</File></Image></Storage>"
    shot = f"<Shot><GUID>{{{guid(7)}}}</GUID><ParentGUID>{{{guid(0)}}}</ParentGUID></Shot></Snapshots>"
    path.write_text(text.replace("</Storage>", image).replace("</Snapshots>", shot))
    assert read(path) == raw


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("00000000-0000-0000-0000-000000000000}</Engine>", f"{TOP}}}</Engine>", "it is encrypted by Parallels"),
        ("<Padding>0", "<Padding>1", "it is padded, which is not read"),
        ("<Start>0", "<Start>8", "no stretch of the Parallels disk begins at sector 0"),
        ("<Start>0", "<Start>-1", "Start of a stretch of the Parallels disk is '-1'"),
        ("<Type>Compressed", "<Type>Sealed", "a file of type 'Sealed' in a Parallels disk"),
        (f"<Shot><GUID>{{{TOP}", f"<Shot><GUID>{{{guid(9)}", f"the snapshots of the Parallels disk lack {{{TOP}}}"),
        (
            "00000000-0000-0000-0000-000000000000}</ParentGUID>",
            f"{TOP}}}</ParentGUID>",
            "build on each other in a circle",
        ),
        ("<?xml version='1.0' encoding='UTF-8'?>", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "document type definition"),
        ("</Snapshots>", "", "no well-formed XML"),
        (
            ".hds</File>",
            ".gone</File>",
            f"x.hdd.0.{{{TOP}}}.gone', 'x.hdd.0.{{{guid(0)}}}.gone', which is not beside it",
        ),
        ("<File>x", "<File>../x.hdd/x", None),
        ("<End>4096", "<End>8192", "shows 2097152 bytes of a stretch of 4194304"),
    ],
)
def test_descriptions_that_are_refused(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    path = write_hdd(tmp_path / "x.hdd", SIZE, [cut(content()), {}])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    if message is None:  # of a path only its last part counts
        assert read(path, 0) == content()
    else:
        assert message in refused(path)[1]


def test_a_link_to_a_file_elsewhere_is_no_file_of_the_disk(tmp_path: Path) -> None:
    path = write_hdd(tmp_path / "x.hdd", SIZE, [cut(content())])
    (part,) = path.parent.glob("*.hds")
    part.rename(tmp_path / "outside")
    part.symlink_to(tmp_path / "outside")
    assert refused(path) == (
        "missing_part",
        f"{path}: DiskDescriptor.xml names '{part.name}', which is not beside it: put it there",
    )


def test_one_file_of_a_disk_without_its_description(tmp_path: Path) -> None:
    """It may hold only changes: nothing in it tells."""
    path = tmp_path / f"x.hdd.0.{{{TOP}}}.hds"
    path.write_bytes(expanding(cut(content()), SIZE))
    kind, message = refused(path)
    assert kind == "missing_part"
    assert message.endswith("put all files of the folder NAME.hdd into one folder, and name DiskDescriptor.xml")


def header(**fields: int) -> bytes:
    values = {"version": 2, "tracks": 8, "count": 512, "sectors": 4096} | fields
    data = expanding(cut(content()), SIZE)
    packed = struct.pack("<IIIIIQ", values["version"], 16, 1, values["tracks"], values["count"], values["sectors"])
    return data[:16] + packed + data[44:]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (header(version=3), "bad_header"),
        (header(tracks=0), "bad_header"),
        (header(tracks=1 << 31), "bad_header"),
        (header(count=511), "bad_header"),
        (header(sectors=0), "bad_header"),
        (header(sectors=1 << 62), "bad_header"),
        (header(count=1 << 26, sectors=1 << 29), "truncated"),
        (header(count=1 << 31), "too_large"),
        (header()[:60], "bad_header"),
        (header()[:100], "truncated"),
    ],
)
def test_headers_that_lie(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "x.hds"
    path.write_bytes(data)
    assert refused(path)[0] == kind


def test_tables_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clusters of all files of a disk count together."""
    path = write_hdd(tmp_path / "x.hdd", SIZE, [cut(content()), {}, {}])
    clusters = SIZE // PAGE
    monkeypatch.setattr(parallels, "_MAX_CLUSTERS", 3 * clusters)
    assert read(path, 1) == content()
    monkeypatch.setattr(parallels, "_MAX_CLUSTERS", 3 * clusters - 1)
    most = 3 * clusters - 1
    assert refused(path) == (
        "too_large",
        f"{path}: the files of the disk have more than {most} clusters: convert it to raw, if it is no trap",
    )


def test_a_cluster_behind_the_end_of_the_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.hds"
    path.write_bytes(expanding(cut(content()), SIZE)[: -3 * PAGE])
    with Source(str(path)) as source:
        disk = open_disk(open_image(path, str(path), source, lambda line: None), source)
        disk.stream.seek(0)
        with pytest.raises(OSError, match="beyond the end of the file"):
            disk.stream.read(disk.size)
        assert [problem.kind for problem in source.problems] == ["not_obtained"]


def test_a_disk_that_was_in_use_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.hds"
    path.write_bytes(expanding(cut(content()), SIZE, in_use=0x746F6E59))
    with Source(str(path)) as source:
        open_disk(open_image(path, str(path), source, lambda line: None), source)
        assert [(problem.kind, problem.message) for problem in source.problems] == [
            ("marked_dirty", "the disk was in use when it was copied: its last changes may be missing")
        ]


def test_many_files_of_one_disk_are_opened_quickly(tmp_path: Path) -> None:
    raw = content()
    path = write_hdd(tmp_path / "x.hdd", SIZE, [cut(raw), *({} for _ in range(60))])
    with within(4):
        assert read(path, 5) == raw
