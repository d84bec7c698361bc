"""A folder or archive is searched for every kind of evidence, and all of it is accounted for."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import socket
import subprocess
import zipfile
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.case import Case
from forensics.case_tables import CaseTables
from forensics.disk.tree import Entry
from forensics.disk.vhdx.reader import open_vhdx
from forensics.sources import disks, evidence_search, pieces
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.file_kind import FileKind
from forensics.sources.folder_tree import FolderTree
from forensics.sources.peek import Link, peek
from forensics.tables.source import SourceEntry, leaves
from testdata.builder import ntfs
from testdata.builder.disk import build_disk
from testdata.builder.vhdx import write_dynamic
from tests.exports import add_guest_disk, machine, write_export
from tests.oracles import tool
from tests.sources.folder_of_everything import (
    collected_volume,
    disk,
    files_of,
    hives,
    ova,
    qemu,
    triage,
    triage_zip,
)
from tests.time_bound import within

pytestmark = pytest.mark.usefixtures("rows_alone")


def examine(path: Path) -> Case:
    """Examine what may hold nothing to be judged."""
    lenient: dict[str, Any] = {"strict": False} if "strict" in signature(forensics.examine).parameters else {}
    return forensics.examine(path, **lenient)


def names(case: CaseTables) -> list[str | None]:
    return sorted(machine.computer_name for machine in case.rows("machine"))


def entry(case: CaseTables, path: Path | str) -> SourceEntry:
    (found,) = [source for source in case.sources if source.path == str(path)]
    return found


def told(case: CaseTables) -> dict[str, str]:
    """Return what was not examined, by its path in the folder."""
    return {e.path.removeprefix(f"{e.found_in}/"): e.error for e in leaves(case.sources) if e.error}


def test_a_triage_folder_beside_a_disk(tmp_path: Path) -> None:
    triage(tmp_path / "host")
    disk(tmp_path / "sample.vhdx")
    case = forensics.examine(tmp_path)
    assert names(case) == ["WEB01", "WEB01"]
    assert [(e.path, e.kind, e.machine_ids, e.error) for e in case.sources] == [
        (str(tmp_path), "folder", [1, 2], None),
        (str(tmp_path / "host/C"), "folder", [1], None),
        (str(tmp_path / "sample.vhdx"), "disk", [2], None),
    ]
    assert [e.found_in for e in case.sources] == [None, str(tmp_path), str(tmp_path)]
    assert case.not_examined == []
    assert case.coverage_of(case.rows("machine")[0]).whole_disk is False
    assert case.coverage_of(case.rows("machine")[1]).whole_disk is True


def test_hives_beside_a_disk(tmp_path: Path) -> None:
    hives(tmp_path)
    disk(tmp_path / "sample.vhdx")
    case = forensics.examine(tmp_path)
    assert names(case) == ["WEB01", "WEB01"]
    assert {e.kind for e in leaves(case.sources)} == {"hives", "disk"}
    assert told(case) == {}


def test_a_disk_in_the_folder_that_is_a_collection_itself(tmp_path: Path) -> None:
    for name, data in files_of("healthy").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    disk(tmp_path / "sample.vhdx")
    disk(tmp_path / "Users/anna/guest.vhdx", "mbr.vhdx")
    case = forensics.examine(tmp_path)
    assert [e.path for e in leaves(case.sources)] == [str(tmp_path / "Windows"), str(tmp_path / "sample.vhdx")]


def test_two_zips_in_a_folder_are_two_sources(tmp_path: Path) -> None:
    triage_zip(tmp_path / "one.zip")
    triage_zip(tmp_path / "two.zip", "sysprepped")
    case = forensics.examine(tmp_path)
    assert [(e.path, e.kind, e.machine_ids) for e in leaves(case.sources)] == [
        (str(tmp_path / "one.zip"), "archive", [1]),
        (str(tmp_path / "two.zip"), "archive", [2]),
    ]
    assert told(case) == {}


def test_an_archive_with_a_triage_folder_and_a_disk(tmp_path: Path) -> None:
    image = disk(tmp_path / "unpacked/sample.vhdx")
    archive = triage_zip(tmp_path / "case.zip", sample__vhdx=image)
    case = forensics.examine(archive)
    assert [(e.path, e.machine_ids) for e in leaves(case.sources)] == [
        (f"{archive}/C", [1]),
        (f"{archive}/sample.vhdx", [2]),
    ]
    assert names(case) == ["WEB01", "WEB01"]
    assert [p for p in case.rows("problem") if "keymortem-" in p.source_path + p.message] == []


def test_a_chain_of_disks_in_an_archive(tmp_path: Path) -> None:
    archive = tmp_path / "chain.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for image in ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx"):
            writer.write(disk(tmp_path / image, image), f"VM/{image}")
    case = forensics.examine(archive)
    assert [(e.path, bool(e.machine_ids), e.error) for e in leaves(case.sources)] == [
        (f"{archive}/VM/chain-1.avhdx", False, None),
        (f"{archive}/VM/chain-2.avhdx", True, None),
        (f"{archive}/VM/chain.vhdx", False, None),
    ]


def test_an_archive_in_an_archive_in_a_folder(tmp_path: Path) -> None:
    inner = triage_zip(tmp_path / "HOST1.zip")
    (tmp_path / "case").mkdir()
    with zipfile.ZipFile(tmp_path / "case/outer.zip", "w") as writer:
        writer.write(inner, "2026/HOST1.zip")
    case = forensics.examine(tmp_path / "case")
    assert names(case) == ["WEB01"]
    assert [e.path for e in leaves(case.sources)] == [str(tmp_path / "case/outer.zip/2026/HOST1.zip")]


@pytest.mark.parametrize("table", [True, False])
def test_a_disk_onto_which_was_collected(tmp_path: Path, table: bool) -> None:
    if ntfs.unavailable():
        pytest.skip(str(ntfs.unavailable()))
    volume = collected_volume(tmp_path / "volume.ntfs")
    if table:
        build_disk([volume], tmp_path / "disk.raw")
        volume = tmp_path / "disk.raw"
    with volume.open("rb") as file:
        write_dynamic(file, volume.stat().st_size, tmp_path / "kape.vhdx")
    archive = tmp_path / "kape.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.write(tmp_path / "kape.vhdx", "2026-11-29T10_00_00_HOST.vhdx")
    case = forensics.examine(archive)
    assert names(case) == ["WEB01"]
    (machine,) = case.rows("machine")
    assert machine.system_root == "C/Windows"
    # What was not collected is not absent, although a whole volume was seen.
    assert case.coverage_of(machine).whole_disk is False
    gone = [c for c in case.rows("coverage") if c.machine_id == 1 and c.area == "folder" and c.outcome == "absent"]
    assert gone == []


def test_an_ova(tmp_path: Path) -> None:
    sample = disk(tmp_path / "sample.vhdx")
    vmdk = tmp_path / "web-disk1.vmdk"
    tool("qemu-img", "qemu-utils")
    options = ["-f", "vhdx", "-O", "vmdk", "-o", "subformat=streamOptimized"]
    subprocess.run(["qemu-img", "convert", "-q", *options, str(sample), str(vmdk)], check=True)
    (tmp_path / "web.ovf").write_text("<Envelope/>")
    path = ova(tmp_path / "web.ova", tmp_path / "web.ovf", vmdk)
    case = forensics.examine(path)
    assert names(case) == ["WEB01"]
    assert [e.path for e in leaves(case.sources)] == [f"{path}/web-disk1.vmdk"]


def test_disks_are_told_by_their_content(tmp_path: Path, ntfs_image: Path) -> None:
    build_disk([ntfs_image], tmp_path / "evidence item 7")
    qemu("qcow2", tmp_path / "vm-100-disk-0", tmp_path / "evidence item 7")
    (tmp_path / "evidence item 7").unlink()
    build_disk([ntfs_image, ntfs_image], tmp_path / "item 8")
    for name, content in {
        "README": b"hello",
        "report.pdf": b"%PDF-1.7" + bytes(5000),
        "photo.jpg": b"\xff\xd8\xff\xe0" + bytes(5000),
        "disk.sha256": b"0" * 64,
        "mbr.bin": bytes(510) + b"\x55\xaa",
        "setup.log": b"regfine",
    }.items():
        (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "report.docx", "w") as writer:
        writer.writestr("[Content_Types].xml", "<Types/>")
    case = forensics.examine(tmp_path)
    assert [(e.path.rpartition("/")[2], len(e.machine_ids)) for e in leaves(case.sources)] == [
        ("item 8", 2),
        ("vm-100-disk-0", 1),
    ]
    assert case.not_examined == []


def test_what_cannot_be_examined_is_named_with_the_reason(tmp_path: Path) -> None:
    disk(tmp_path / "sample.vhdx")
    (tmp_path / "install.wim").write_bytes(b"MSWIM\0\0\0" + bytes(5000))
    (tmp_path / "backup").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(5000))
    (tmp_path / "cut.vhdx").write_bytes(b"vhdxfile" + bytes(5000))
    (tmp_path / "empty.vmdk").write_bytes(b"")
    (tmp_path / "zeroes.vhdx").write_bytes(bytes(2 << 20))
    case = forensics.examine(tmp_path)
    assert names(case) == ["WEB01"]
    reasons = told(case)
    assert set(reasons) == {"install.wim", "backup", "cut.vhdx", "empty.vmdk", "zeroes.vhdx"}
    assert "WIM" in reasons["install.wim"]
    assert "7z" in reasons["backup"]
    assert reasons["empty.vmdk"].endswith("is empty: nothing was copied into it")
    assert "it holds only zeros, so it was never written, was wiped, or nothing was copied" in reasons["zeroes.vhdx"]
    assert case.not_examined[0] == "Examined 1 of 6: not empty.vmdk, cut.vhdx, zeroes.vhdx, install.wim, backup."


def test_a_file_without_permission_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk(tmp_path / "sample.vhdx")
    (tmp_path / "locked").write_bytes(bytes(5000))
    (tmp_path / "readme.txt").write_bytes(bytes(5000))
    original = os.open

    def refuse(path: object, *arguments: object, **named: object) -> int:
        if str(path).endswith(("locked", "readme.txt")):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *arguments, **named)  # type: ignore[arg-type]

    # As root, under which tests may run, no mode keeps a file from being read.
    monkeypatch.setattr(os, "open", refuse)
    case = forensics.examine(tmp_path)
    assert names(case) == ["WEB01"]
    assert told(case) == {
        "locked": f"{tmp_path}/locked cannot be read: Permission denied; run keymortem as a user who may read it, or "
        "copy it"
    }


def test_a_data_disk_is_examined_and_holds_no_windows(tmp_path: Path) -> None:
    if ntfs.unavailable():
        pytest.skip(str(ntfs.unavailable()))
    disk(tmp_path / "c.vhdx")
    ntfs.build_ntfs([], tmp_path / "d.ntfs", 16 << 20, label="Data")
    build_disk([tmp_path / "d.ntfs"], tmp_path / "d.raw")
    (tmp_path / "d.ntfs").unlink()
    case = forensics.examine(tmp_path)
    assert told(case) == {}
    (tmp_path / "c.vhdx").unlink()
    case = examine(tmp_path)
    without = "no Windows installation was found in it: NTFS 'Data' without Windows: no folders"
    assert told(case) == {"d.raw": without}


def test_the_same_disk_is_examined_once(tmp_path: Path) -> None:
    first = disk(tmp_path / "a.vhdx")
    (tmp_path / "b.vhdx.gz").write_bytes(gzip.compress(first.read_bytes(), 1))
    shutil.copy(first, tmp_path / "c.vhdx")
    os.link(first, tmp_path / "d.vhdx")
    stream = open_vhdx(first)
    with (tmp_path / "e.raw").open("wb") as raw:
        shutil.copyfileobj(stream, raw, 1 << 20)
    disk(tmp_path / "other.vhdx", "two-windows.vhdx")
    case = forensics.examine(tmp_path)
    assert len(case.rows("machine")) == 3
    same = {e.path.rpartition("/")[2]: (e.same_as, e.error) for e in case.sources if e.same_as}
    assert same == dict.fromkeys(
        ("b.vhdx.gz", "c.vhdx", "e.raw"), (str(first), f"the same as {first} in all that was read, counted once")
    ) | {"d.vhdx": (str(first), f"the same as {first}, examined once")}
    assert len(leaves(case.sources)) == 2
    assert [r for r in case.rows("problem") if r.kind == "same_identity"] == []


def test_two_states_of_one_disk_are_two(tmp_path: Path) -> None:
    """The later one differs in a few sectors only."""
    disk(tmp_path / "monday.vhdx", "chain.vhdx")
    (tmp_path / "later").mkdir()
    for name in ("chain.vhdx", "chain-1.avhdx"):
        disk(tmp_path / "later" / name, name)
    case = forensics.examine(tmp_path)
    assert [e.path.rpartition("/")[2] for e in case.sources if e.machine_ids][1:] == ["chain-1.avhdx"]
    # The base of the chain is the copy of what lies above it, which that chain continues.
    assert entry(case, tmp_path / "monday.vhdx").older_state_of == str(tmp_path / "later/chain-1.avhdx")


def test_a_copy_that_differs_in_one_file_is_not_the_same(tmp_path: Path) -> None:
    """One bit of one key file rotted in it: that it is broken must not be lost."""
    whole = disk(tmp_path / "a.vhdx", "healthy.vhdx")
    data = bytearray(whole.read_bytes())
    at = data.index(b"capi-2048-aes")
    data[at + 1200] ^= 1
    (tmp_path / "b.vhdx").write_bytes(data)
    case = forensics.examine(tmp_path)
    assert len(case.rows("machine")) == 2
    assert not any(entry.same_as for entry in case.sources)
    verdicts = [[r.verdict for r in case.rows("key_chain") if r.machine_id == n].count("unusable") for n in (1, 2)]
    assert verdicts == [0, 1]


def test_a_source_named_twice_is_examined_once(tmp_path: Path) -> None:
    first = disk(tmp_path / "a.vhdx")
    case = forensics.examine(first, tmp_path)
    assert len(case.rows("machine")) == 1
    assert [e.same_as for e in case.sources if e.error and e.found_in] == [str(first)]
    assert not case.is_incomplete


def test_links_inside_are_found_and_links_outside_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    disk(folder / "sample.vhdx")
    outside = disk(tmp_path / "elsewhere.vhdx", "mbr.vhdx")
    (folder / "link.vhdx").symlink_to("sample.vhdx")
    (folder / "out.vhdx").symlink_to(outside)
    (folder / "folder").symlink_to(tmp_path, target_is_directory=True)
    (folder / "gone").symlink_to("/nowhere/at all")
    case = forensics.examine(folder)
    assert names(case) == ["WEB01"]
    assert entry(case, folder / "link.vhdx").same_as == str(folder / "sample.vhdx")
    assert told(case) == {
        "folder": f"a symbolic link to {tmp_path}, outside this folder: not followed, name that itself",
        "gone": "a symbolic link to /nowhere/at all, which is not there or cannot be reached: copy that here",
        "out.vhdx": f"a symbolic link to {outside}, outside this folder: not followed, name that itself",
    }


def test_nothing_opens_a_fifo_or_a_socket(tmp_path: Path) -> None:
    disk(tmp_path / "sample.vhdx")
    for name in ("pipe", "disk.vhdx", "disk.E02", "SYSTEM", "sample.002", "web-flat.vmdk"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "disk.E01").write_bytes(b"EVF\x09\x0d\x0a\xff\x00\x01\x01\x00\x00\x00" + bytes(5000))
    (tmp_path / "sample.001").write_bytes((bytes(510) + b"\x55\xaa").ljust(2 << 20, b"\0"))
    (tmp_path / "web.vmdk").write_text('# Disk DescriptorFile\nparentCID=ffffffff\nRW 4096 FLAT "web-flat.vmdk" 0\n')
    with socket.socket(socket.AF_UNIX) as listener:
        with contextlib.chdir(tmp_path):  # a socket's path may have no more than a hundred bytes
            listener.bind("socket")
        case = forensics.examine(tmp_path)
    assert names(case) == ["WEB01"]
    assert set(told(case)) == {"disk.E01", "sample.001", "web.vmdk", "disk.vhdx", "web-flat.vmdk"}
    assert told(case)["disk.vhdx"] == (
        f"{tmp_path}/disk.vhdx is a FIFO (named pipe), which is not opened in a folder: save what it gives to a file, "
        "and examine that"
    )


def test_a_base_whose_overlay_cannot_be_opened_is_an_older_state(tmp_path: Path, ntfs_image: Path) -> None:
    folder = tmp_path / "vm"
    folder.mkdir()
    build_disk([ntfs_image], tmp_path / "raw")
    qemu("qcow2", folder / "base.qcow2", tmp_path / "raw")
    qemu("qcow2", folder / "overlay", backing="base.qcow2")
    with (folder / "overlay").open("r+b") as overlay:
        overlay.seek(32)
        overlay.write((1).to_bytes(4, "big"))  # crypt_method: AES
    case = examine(folder)
    base = entry(case, folder / "base.qcow2")
    assert base.older_state_of == str(folder / "overlay")
    told = [row.message for row in case.rows("problem") if row.kind == "older_state"]
    assert told == [
        f"{folder}/base.qcow2 may be an older state: {folder}/overlay, which could not be read, may build on it"
    ]
    case = forensics.examine(folder / "base.qcow2")
    assert len(case.rows("machine")) == 1
    assert case.judges_nothing
    told_of_it = f"{folder}/base.qcow2 is an older state of a machine: the present one is {folder}/overlay"
    assert case.not_examined == [told_of_it]
    assert told_of_it in forensics.render(case)


def test_a_base_whose_chain_lacks_a_link_is_no_machine(tmp_path: Path) -> None:
    disk(tmp_path / "chain.vhdx", "chain.vhdx")
    disk(tmp_path / "chain-2.avhdx", "chain-2.avhdx")
    case = examine(tmp_path)
    assert case.is_empty
    assert entry(case, tmp_path / "chain.vhdx").older_state_of == str(tmp_path / "chain-2.avhdx")


def test_a_parent_that_was_read_counts_as_examined(tmp_path: Path) -> None:
    for name in ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx"):
        disk(tmp_path / name, name)
    case = forensics.examine(tmp_path)
    assert len(case.rows("machine")) == 1
    parent = entry(case, tmp_path / "chain.vhdx")
    assert (parent.error, parent.older_state_of) == (None, str(tmp_path / "chain-2.avhdx"))
    assert case.not_examined == []


def test_no_bound_leaves_out_a_disk_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (disks, pieces):
        monkeypatch.setattr(module, "MAX_PIECES", 1)
    for name, image in (("a", "sample"), ("b", "mbr"), ("c", "two-windows")):
        disk(tmp_path / f"{name}.vhdx", f"{image}.vhdx")
    case = forensics.examine(tmp_path)
    assert len(case.rows("machine")) == 1
    reason = "only the first 1 disks of a folder are opened: name it itself"
    assert told(case) == {"b.vhdx": reason, "c.vhdx": reason}
    assert case.not_examined[0] == "Examined 1 of 3: not b.vhdx, c.vhdx."


@pytest.mark.parametrize(
    ("bound", "value", "path"), [("MAX_FOLDERS", 2, "2"), ("MAX_DEPTH", 0, "2"), ("MAX_FILES", 1, "1")]
)
def test_a_search_that_ended_early_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, path: str
) -> None:
    monkeypatch.setattr(evidence_search, bound, value)
    disk(tmp_path / "a.vhdx")
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_bytes(b"x")
    case = forensics.examine(tmp_path)
    assert path in told(case)
    assert "not searched" in told(case)[path]


def test_files_inside_a_collected_windows_are_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = triage(tmp_path)
    many = folder / "C/Users/anna/Documents"
    many.mkdir(parents=True)
    for number in range(3000):
        (many / f"{number}.vhdx").write_bytes(b"vhdxfile")
    (folder / "notes.txt").write_bytes(b"x")
    looked_at: list[str] = []

    def look(tree: CollectedTree, entry: Entry) -> FileKind | Link | None:
        looked_at.append(entry.path)
        return peek(tree, entry)

    monkeypatch.setattr(evidence_search, "peek", look)
    with within(0.5):
        found = evidence_search.search(FolderTree(folder))
    assert looked_at == ["notes.txt"]
    assert found.files == []


def test_an_export_beside_a_triage_folder(tmp_path: Path) -> None:
    triage(tmp_path / "host")
    export = write_export(tmp_path / "APP01", machine())
    add_guest_disk(export)
    case = forensics.examine(tmp_path)
    assert [vm.name for vm in case.rows("vm")] == ["APP01"]
    assert [(e.path, e.kind, len(e.machine_ids)) for e in leaves(case.sources)] == [
        (str(tmp_path / "host/C"), "folder", 1),
        (str(export / "Virtual Machines"), "export", 0),
        (str(export / "Virtual Hard Disks/APP01.vhdx"), "disk", 1),
    ]
    assert told(case) == {}


def test_a_configuration_that_cannot_be_read_beside_its_disk(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine())
    add_guest_disk(export)
    (configuration,) = (export / "Virtual Machines").glob("*.vmcx")
    configuration.write_bytes(b"not read here")
    case = forensics.examine(export)
    assert told(case) == {"Virtual Machines": "no configuration of a virtual machine could be read in it"}
    assert len(case.rows("machine")) == 1


def test_a_configuration_named_by_itself_brings_its_disks(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine())
    add_guest_disk(export)
    (export / "Virtual Hard Disks" / "old.wim").write_bytes(b"MSWIM\0\0\0" + bytes(5000))
    (configuration,) = (export / "Virtual Machines").glob("*.vmcx")
    case = forensics.examine(configuration)
    assert [(e.path, e.kind, e.error) for e in case.sources] == [
        (str(configuration), "export", None),
        (str(configuration), "export", None),
        (str(export / "Virtual Hard Disks/APP01.vhdx"), "disk", None),
    ]
    assert [vm.name for vm in case.rows("vm")] == ["APP01"]
    assert len(case.rows("machine")) == 1
