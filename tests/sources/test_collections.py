"""Folders, archives, loose hives and exports: where Windows is found in them, and what is refused."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from forensics.disk.errors import SourceError
from forensics.disk.tree import NotFollowed, NotFound, Unreadable
from forensics.sources import archive_tree
from forensics.sources.archive_tree import normalised
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.evidence_search import search
from forensics.sources.folder_tree import FolderTree
from forensics.sources.layout import find_layout
from forensics.sources.open import open_source
from forensics.sources.tar_tree import TarTree
from forensics.sources.zip_tree import ZipTree
from testdata.builder.vhdx import write_differencing, write_dynamic
from tests.time_bound import within

HIVE = b"regf" + bytes(4092 + 4096)
BACKUP = "backup copies that Windows keeps of its hives (RegBack): an older state of a machine, not examined"
SYSTEM = "Windows/System32/config/SYSTEM"
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"


def lay(root: Path, *paths: str, content: bytes = HIVE) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def roots(tree: CollectedTree) -> list[tuple[str, str]]:
    return [(root.drive, root.windows) for root in find_layout(tree).roots]


@pytest.mark.parametrize(
    ("files", "drive", "windows"),
    [
        ([SYSTEM], "", "Windows"),
        (["WINDOWS/system32/config/system"], "", "WINDOWS"),
        (["WINNT/System32/config/SYSTEM"], "", "WINNT"),
        (["evidence/WINNT/win.ini"], "evidence", "evidence/WINNT"),
        (["C/" + SYSTEM], "C", "C/Windows"),
        (["c:/" + SYSTEM], "c:", "c:/Windows"),
        (["2024-05-06/HOST1/C/" + SYSTEM], "2024-05-06/HOST1/C", "2024-05-06/HOST1/C/Windows"),
        (["uploads/auto/C%3A/" + SYSTEM], "uploads/auto/C%3A", "uploads/auto/C%3A/Windows"),
        (["uploads/ntfs/%5C%5C.%5CC%3A/" + SYSTEM], *["uploads/ntfs/%5C%5C.%5CC%3A" + s for s in ("", "/Windows")]),
        ([KEYS + "/a"], "", "Windows"),
        (["x/PROGRAMDATA/microsoft/Crypto/a"], "x", "x/Windows"),
        (["evidence/Users/anna/NTUSER.DAT"], "evidence", "evidence/Windows"),
        (["Users/anna/AppData/Roaming/a"], "", "Windows"),
        (["Documents and Settings/anna/NTUSER.DAT"], "", "Windows"),
    ],
)
def test_finds_the_root(tmp_path: Path, files: list[str], drive: str, windows: str) -> None:
    lay(tmp_path, *files)
    assert roots(FolderTree(tmp_path)) == [(drive, windows)]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for file in files:
            writer.writestr(file, HIVE)
    assert roots(ZipTree(archive, "x.zip")) == [(drive, windows)]


@pytest.mark.parametrize("files", [["Users/readme.txt"], ["Windows/notes.txt"], ["ProgramData/x/y"], ["a/b/c.txt"]])
def test_what_is_no_root(tmp_path: Path, files: list[str]) -> None:
    assert roots(FolderTree(lay(tmp_path, *files))) == []


def test_several_machines_are_one_installation_each(tmp_path: Path) -> None:
    lay(tmp_path, "hostA/C/" + SYSTEM, "hostB/C/" + SYSTEM, "hostC/" + KEYS + "/k")
    with open_source(tmp_path, first_machine_id=7) as source:
        assert source.kind == "folder"
        assert [i.machine_id for i in source.installations] == [7, 8, 9]
        assert [i.source_path for i in source.installations] == [
            f"{tmp_path}/hostA/C", f"{tmp_path}/hostB/C", f"{tmp_path}/hostC",
        ]  # fmt: skip
        assert all(i.tree.complete is False for i in source.installations)
        assert [c.outcome for c in source.coverage] == ["present"] * 3


def test_collection_never_says_absent(tmp_path: Path) -> None:
    lay(tmp_path, SYSTEM)
    (tmp_path / KEYS).mkdir(parents=True)
    with open_source(tmp_path) as source:
        installation = source.installations[0]
        assert installation.source_path == str(tmp_path)
        assert installation.listing(KEYS).outcome.state == "not_examined"
        assert installation.listing("ProgramData/Microsoft/Crypto/Keys").outcome.state == "not_examined"
        assert installation.listing("WINDOWS/SYSTEM32/CONFIG").outcome.state == "present"


def test_velociraptor_halves_of_one_drive_are_one_machine(tmp_path: Path) -> None:
    lay(tmp_path, "uploads/auto/C%3A/" + KEYS + "/both", content=b"auto")
    lay(tmp_path, "uploads/auto/C%3A/" + KEYS + "/only%20auto", content=b"auto")
    lay(tmp_path, "uploads/ntfs/%5C%5C.%5CC%3A/" + KEYS + "/both", content=b"ntfs")
    lay(tmp_path, "uploads/ntfs/%5C%5C.%5CC%3A/" + SYSTEM)
    with open_source(tmp_path) as source:
        (installation,) = source.installations
        assert (installation.drive, installation.windows) == ("", "Windows")
        entries = installation.listing(KEYS).entries
        assert [e.name for e in entries] == ["both", "only auto"]
        assert [installation.read(e).data for e in entries] == [b"ntfs", b"auto"]
        assert installation.read(f"{KEYS}/ONLY AUTO").data == b"auto"
        assert installation.listing("Windows/System32/config").outcome.state == "present"


def test_shadow_copies_are_no_machines(tmp_path: Path) -> None:
    shadow = "uploads/ntfs/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy1"
    lay(tmp_path, f"{shadow}/{SYSTEM}", "uploads/ntfs/%5C%5C.%5CC%3A/" + SYSTEM)
    with open_source(tmp_path) as source:
        assert len(source.installations) == 1
        assert [(c.name, c.outcome) for c in source.coverage if c.outcome != "present"] == [(shadow, "not_examined")]


def test_percent_signs_are_decoded_only_where_a_collector_encoded_them(tmp_path: Path) -> None:
    log = "Windows/System32/winevt/Logs/Microsoft-Windows-CAPI2%{}Admin.evtx"
    lay(tmp_path / "plain", "C/" + SYSTEM, "C/" + log.format("4"))
    lay(tmp_path / "encoded", "C%3A/" + SYSTEM, "C%3A/" + log.format("254"), "C%3A/Windows/..%2F..%2Fevil")
    for folder, drive in (("plain", "C"), ("encoded", "C%3A")):
        tree = FolderTree(tmp_path / folder)
        assert roots(tree) == [(drive, f"{drive}/Windows")]
        (entry,) = tree.entries(f"{drive}/Windows/System32/winevt/Logs")
        assert entry.name == "Microsoft-Windows-CAPI2%4Admin.evtx"
    # A name that would decode to a path stays as it is stored.
    assert [e.name for e in tree.entries("C%3A/Windows")] == ["..%2F..%2Fevil", "System32"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not evidence")
    root = lay(tmp_path / "evidence", SYSTEM)
    (root / "Windows/loop").symlink_to(root / "Windows", target_is_directory=True)
    (root / "Windows/outside").symlink_to(secret)
    (root / "Windows/dangling").symlink_to(root / "nowhere")
    tree = FolderTree(root)
    assert [(e.name, e.is_dir) for e in tree.entries("Windows")] == [
        ("dangling", False), ("loop", False), ("outside", False), ("System32", True),
    ]  # fmt: skip
    for name in ("loop", "outside", "dangling"):
        with pytest.raises(Unreadable, match="not followed"):
            tree.open(f"Windows/{name}")
    with pytest.raises(NotFollowed, match=r"loop is a symbolic link to .*/evidence/Windows, which is not"):
        tree.entry("Windows/loop/System32")
    with pytest.raises(NotFound):
        tree.entry("../secret")


def test_names_that_are_no_unicode_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / "b\udcff.txt").write_bytes(b"x")
    (entry,) = FolderTree(tmp_path).entries("")
    assert entry.name.encode()
    assert FolderTree(tmp_path).open(entry).read() == b"x"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("../../etc/passwd", ["etc", "passwd"]),
        ("/abs/file", ["abs", "file"]),
        ("C:\\Windows\\x", ["C:", "Windows", "x"]),
        ("..\\..\\x", ["x"]),
        ("a/./b//c", ["a", "b", "c"]),
        ("../..", []),
    ],
)
def test_member_names_are_made_harmless(name: str, parts: list[str]) -> None:
    assert normalised(name) == parts


def zip_of(files: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in files.items():
            writer.writestr(zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10)), content, zipfile.ZIP_DEFLATED)
    return path


def test_zip_slip_writes_nothing(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    path = zip_of({"../../Windows/System32/config/SYSTEM": HIVE, "/etc/x": b"1"}, inner / "x.zip")
    before = sorted(tmp_path.rglob("*"))
    with open_source(path) as source:
        assert source.kind == "archive"
        (installation,) = source.installations
        assert installation.read(SYSTEM).data == HIVE
        assert installation.tree.entry(SYSTEM).path == SYSTEM
    assert sorted(tmp_path.rglob("*")) == before


def test_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = zip_of({SYSTEM: HIVE}, tmp_path / "x.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_BZIP2) as writer:
        writer.writestr("Windows/bomb", bytes(40 << 20))
    with open_source(path) as source, within(0.1), pytest.raises(Unreadable, match="claim to unpack to 41943040"):
        source.installations[0].tree.open("Windows/bomb")


def test_zip_member_that_lies_about_its_size(tmp_path: Path) -> None:
    path = zip_of({SYSTEM: b"A" * 5000}, tmp_path / "x.zip")
    data = path.read_bytes()
    at = data.rindex(b"PK\x01\x02")
    path.write_bytes(
        data[: at + 24] + (5_000).to_bytes(4, "little")[:0] + (9_000).to_bytes(4, "little") + data[at + 28 :]
    )
    with open_source(path) as source, pytest.raises(Unreadable, match=r"cut short|damaged"):
        source.installations[0].tree.open(SYSTEM)


def test_large_members_go_to_a_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_tree, "IN_MEMORY", 1000)
    content = bytes(range(256)) * 40
    path = zip_of({SYSTEM: content, "Windows/small": b"abc"}, tmp_path / "x.zip")
    with open_source(path) as source:
        tree = source.installations[0].tree
        with tree.open(SYSTEM) as file:
            assert file.fileno() > 0
            file.seek(256 * 7)
            assert file.read(3) == b"\x00\x01\x02"
        assert isinstance(tree.open("Windows/small"), io.BytesIO)


def test_encrypted_zip_says_so(tmp_path: Path) -> None:
    path = zip_of({SYSTEM: HIVE}, tmp_path / "x.zip")
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + at] |= 1
    path.write_bytes(data)
    with open_source(path) as source:
        assert source.problems[0].kind == "encrypted"
        with pytest.raises(Unreadable, match="encrypted with a password"):
            source.installations[0].tree.open(SYSTEM)


def test_dos_times_have_no_zone_and_are_left_out(tmp_path: Path) -> None:
    path = zip_of({SYSTEM: HIVE}, tmp_path / "x.zip")
    with zipfile.ZipFile(path, "a") as writer:
        info = zipfile.ZipInfo("Windows/dated")
        info.extra = b"UT" + (5).to_bytes(2, "little") + b"\x01" + (1_700_000_000).to_bytes(4, "little")
        writer.writestr(info, b"x")
    with open_source(path) as source:
        tree = source.installations[0].tree
        assert tree.entry(SYSTEM).modified is None
        assert tree.entry("Windows/dated").modified == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_tar(tmp_path: Path, mode: Literal["w", "w:gz", "w:xz", "w:bz2"]) -> None:
    path = tmp_path / "collection.tar"
    with tarfile.open(path, mode) as writer:
        for name, content in ((f"./{SYSTEM}", HIVE), ("../../Windows/évidence", b"1")):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_700_000_000
            writer.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("Windows/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        writer.addfile(link)
    with open_source(path) as source:
        assert source.kind == "archive"
        tree = source.installations[0].tree
        assert tree.open(SYSTEM.upper()).read() == HIVE
        assert tree.entry(SYSTEM).modified == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
        assert [e.name for e in tree.entries("Windows")] == ["link", "System32", "évidence"]
        with pytest.raises(NotFollowed, match=r"link is a symbolic link to /etc/passwd, which is not"):
            tree.open("Windows/link")


def test_tar_cut_short_keeps_what_stands_before(tmp_path: Path) -> None:
    path = tmp_path / "collection.tar"
    with tarfile.open(path, "w") as writer:
        for name in (SYSTEM, "Windows/a", "Windows/b"):
            info = tarfile.TarInfo(name)
            info.size = len(HIVE)
            writer.addfile(info, io.BytesIO(HIVE))
    path.write_bytes(path.read_bytes()[: 512 + len(HIVE) + 512 + 100])
    with open_source(path) as source:
        assert source.installations[0].read(SYSTEM).data == HIVE
        with pytest.raises(Unreadable, match="unexpected end of data"):
            source.installations[0].tree.open("Windows/a")
        assert [p.kind for p in source.problems] == ["truncated"]


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(50), b"PK\x05\x06", bytes(257) + b"ustar" + bytes(900)])
def test_damaged_archives_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert caught.value.kind in ("damaged", "nothing_found")


def named_hive(name: str) -> bytes:
    return b"regf" + bytes(44) + name.encode("utf-16-le").ljust(64, b"\0") + bytes(4096 - 112)


def test_loose_hives_are_put_back(tmp_path: Path) -> None:
    lay(tmp_path, "HOST1_SYSTEM", "sam.save", "SOFTWARE", "software.bak", "SOFTWARE.LOG1", "RegBack/SYSTEM")
    lay(tmp_path, "anna_NTUSER.DAT")
    lay(tmp_path, "hive3", content=named_hive("emRoot\\System32\\Config\\SECURITY"))
    lay(tmp_path, "notes SYSTEM.txt", content=b"no hive" * 1000)
    (folder,) = search(FolderTree(tmp_path)).hives
    assert {path: entry.name for path, entry in folder.files.items()} == {
        "Windows/System32/config/SYSTEM": "HOST1_SYSTEM",
        "Windows/System32/config/SAM": "sam.save",
        "Windows/System32/config/SOFTWARE": "SOFTWARE",
        "Windows/System32/config/SOFTWARE.LOG1": "SOFTWARE.LOG1",
        "Windows/System32/config/SECURITY": "hive3",
        "Users/anna/NTUSER.DAT": "anna_NTUSER.DAT",
    }
    with open_source(tmp_path) as source:
        # Besides the hives there is one for which there was no place: each has an entry.
        assert [(e.path, e.kind, e.machine_ids, e.error) for e in source.found] == [
            (str(tmp_path), "hives", [1], None),
            (f"{tmp_path}/software.bak", "unknown", [], "another file was taken as this hive; examine it on its own"),
            (f"{tmp_path}/RegBack", "unknown", [], BACKUP),
        ]
        (installation,) = source.installations
        assert installation.tree.open("windows/SYSTEM32/config/sam").read() == HIVE
        assert installation.listing(KEYS).outcome.state == "not_examined"
        left_out = [c for c in source.coverage if c.outcome == "not_examined"]
        assert [(c.area, c.name) for c in left_out] == [("hive", "software.bak"), ("file", "RegBack")]


def test_single_hive_brings_its_logs(tmp_path: Path) -> None:
    lay(tmp_path, "SYSTEM", "system.log2", "SAM")
    with open_source(tmp_path / "SYSTEM") as source:
        (installation,) = source.installations
        assert [e.name for e in installation.listing("Windows/System32/config").entries] == ["SYSTEM", "SYSTEM.LOG2"]


def test_hive_of_unknown_kind_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, "mystery.bin")
    with pytest.raises(SourceError, match="which") as caught:
        open_source(tmp_path / "mystery.bin")
    assert caught.value.kind == "unknown_hive"


@pytest.mark.parametrize("whole_folder", [False, True])
def test_reg_exports(tmp_path: Path, whole_folder: bool) -> None:
    text = 'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft]\r\n"a"="b"\r\n'
    path = tmp_path / "export.reg"
    path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    with open_source(tmp_path if whole_folder else path) as source:
        assert source.kind == "reg"
        (installation,) = source.installations
        key = installation.key("SOFTWARE", "microsoft")
        assert key is not None
        value = key.value("A")
        assert value is not None
        assert value.text == "b"
        assert installation.hive("SYSTEM") is None
        assert installation.hive_outcome("SYSTEM").state == "not_examined"


def test_hyper_v_export_examines_the_leaf_of_a_chain(ntfs_image: Path, tmp_path: Path) -> None:
    export = tmp_path / "VM1"
    disks = export / "Virtual Hard Disks"
    disks.mkdir(parents=True)
    configuration = export / "Virtual Machines" / "0B1C.VMCX"
    configuration.parent.mkdir()
    configuration.write_bytes(b"not read here")
    base, child = disks / "disk.VHDX", disks / "disk_1A2B.avhdx"
    size = ntfs_image.stat().st_size
    with ntfs_image.open("rb") as raw:
        write_dynamic(raw, size, base, shuffle_seed="export")
    write_differencing(base, [], child)
    lay(export, "notes.img", content=b"no disk")
    for named in (export, configuration):
        with open_source(named) as source:
            assert source.kind == "export"
            (installation,) = source.installations
            assert installation.source_path == str(child)
            assert installation.tree.complete is True
            (parent,) = [c for c in source.coverage if c.source_path == str(base)]
            assert (parent.outcome, parent.detail) == ("present", "read as the parent of a differencing disk")


def test_broken_disk_in_a_folder_leaves_the_others(ntfs_image: Path, tmp_path: Path) -> None:
    (tmp_path / "good.img").write_bytes(ntfs_image.read_bytes())
    (tmp_path / "bad.vhdx").write_bytes(b"vhdxfile" + bytes(5000))
    with open_source(tmp_path) as source:
        assert len(source.installations) == 1
        assert [p.source_path for p in source.problems] == [str(tmp_path / "bad.vhdx")]
        assert [(e.path, bool(e.error)) for e in source.found] == [
            (str(tmp_path / "bad.vhdx"), True),
            (str(tmp_path / "good.img"), False),
        ]
    (tmp_path / "good.img").unlink()
    with open_source(tmp_path) as source:
        assert source.installations == []
        assert [bool(e.error) for e in source.found] == [True]


def test_nothing_to_examine_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="name the folder that holds Windows"):
        open_source(tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        open_source(tmp_path / "absent")


def test_circular_tar_members_do_not_matter() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writer:
        folder = tarfile.TarInfo("Windows")
        folder.type = tarfile.DIRTYPE
        writer.addfile(folder)
        file = tarfile.TarInfo("Windows")
        writer.addfile(file, io.BytesIO(b""))
    tree = TarTree(archive, "x.tar")
    assert tree.entry("windows").is_dir is True


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_of_too_many_members_says_what_to_do(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forensics.sources.archive_tree.MAX_MEMBERS", 20)
    path = tmp_path / f"many.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(21):
                archive.writestr(f"Windows/System32/{number}", b"")
    else:
        with tarfile.open(path, "w") as tar:
            for number in range(21):
                tar.addfile(tarfile.TarInfo(f"Windows/System32/{number}"))
    with pytest.raises(SourceError, match="more than 20 members: unpack it and examine the folder"):
        open_source(path)


def test_a_collection_of_countless_machines_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.sources.source.MAX_INSTALLATIONS", 3)
    lay(tmp_path, *(f"host{number}/Windows/System32/config/SYSTEM" for number in range(5)))
    with open_source(tmp_path) as source:
        assert [i.machine_id for i in source.installations] == [1, 2, 3]
        assert [p.kind for p in source.problems] == ["too_many"]


def test_a_member_without_a_name_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "nameless.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Windows/System32/config/SYSTEM", HIVE)
        archive.writestr(".", b"x")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    # In the directory alone: a name of no bytes, whose one byte now counts as extra data.
    data[at + 28 : at + 32] = struct.pack("<HH", 0, 1)
    path.write_bytes(data)
    with open_source(path) as source:
        assert len(source.installations) == 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_of_a_member_that_is_stored_twice_the_last_is_taken(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"triage.{kind}"
    stored = ((SYSTEM, HIVE), (f"{KEYS}/one", b"old"), (f"{KEYS}/two", b"2"), (f"{KEYS}/one", b"new"), (KEYS, b"file"))
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, content in stored:
                packed.writestr(name, content)
    else:
        with tarfile.open(path, "w") as archive:
            for name, content in stored:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    with open_source(path) as source:
        assert source.installations[0].read(f"{KEYS}/one").data == b"new"
        message = "1 member is there again under the same name: the last is taken, as in unpacking"
        assert [(p.kind, p.message, p.offset) for p in source.problems] == [("duplicate", message, None)]


def test_a_zip_of_very_many_members_takes_a_few_hundred_bytes_for_each(tmp_path: Path) -> None:
    """A MachineKeys folder of 200,000 files has to fit beside everything else."""
    many = 20_000
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(many):
            archive.writestr(zipfile.ZipInfo(f"C/{number:032x}_9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162"), b"x")
    with (tmp_path / "many.zip").open("rb") as file:
        tracemalloc.start()
        try:
            tree = ZipTree(file, "many.zip")
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 450 * many
        assert len(tree.entries("C")) == many
        assert tree.open(tree.entries("C")[-1]).read() == b"x"


def test_names_that_differ_in_their_case_are_one(tmp_path: Path) -> None:
    (tmp_path / "probe").touch()
    if (tmp_path / "PROBE").exists():
        pytest.skip("this file system knows such names as one itself")
    lay(tmp_path, "C/windows/System32/one", "C/Windows/system32/two", "C/Windows/SYSTEM32/config/x", content=b"first")
    lay(tmp_path, "C/WINDOWS/System32/ONE", content=b"second")
    os.utime(tmp_path / "C/windows/System32/one", (1_000_000, 1_000_000))
    tree = FolderTree(tmp_path)
    assert [e.name for e in tree.entries("c")] == ["WINDOWS"]
    assert sorted(e.name for e in tree.entries("c/windows/system32")) == ["ONE", "config", "two"]
    with tree.open("c/windows/system32/one") as file:
        assert file.read() == b"second"
