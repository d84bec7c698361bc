"""What belongs together is one task, and every file that was listed is in a plan once."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from forensics.fleet.identity import identity_of
from forensics.fleet.plan import Plan, plan
from forensics.sources.servers import asked_servers
from tests.disk.remote.web_server import web_server
from tests.formats.test_velociraptor_upload import chunks

RAW = (b"\0" * 510 + b"\x55\xaa").ljust(1 << 20, b"\0")
VMX = 'virtualHW.version = "19"\nscsi0:0.present = "TRUE"\nscsi0:0.fileName = "{}"\n'
DESCRIPTOR = """# Disk DescriptorFile
version=1
CID=12345678
parentCID=ffffffff
createType="monolithicFlat"
RW 2048 FLAT "{}-flat.vmdk" 0
"""

Written = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Written:
    def written(name: str, content: bytes | str = RAW) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def overlay(base: str) -> bytes:
    name = base.encode()
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 72, len(name), 16, 1 << 20, 0, 1, 1 << 16, 0, 0, 0, 0)
    return (head + name).ljust(2 << 16, b"\0")


def told(made: Plan, top: Path) -> dict[str, object]:
    """Return what becomes of each input, by its path below a folder."""
    found: dict[str, object] = {}
    for task in made.tasks:
        found[task.path.removeprefix(f"{top}/")] = "examined"
        for path, state in task.shown:
            found[path.removeprefix(f"{top}/")] = (state, task.path.removeprefix(f"{top}/"))
    for other in made.others:
        found[other.path.removeprefix(f"{top}/")] = other.state
    assert len(found) == made.inputs
    return found


def test_disks_of_a_folder_are_one_task_each(tmp_path: Path, write: Written) -> None:
    for name in ("a/one.raw", "a/two.img", "b/three.dd", "b/readme.txt", "b/empty.vhdx"):
        write(name, b"" if "empty" in name else b"text" if "txt" in name else RAW)
    assert told(plan([str(tmp_path)]), tmp_path) == {
        "a/one.raw": "examined",
        "a/two.img": "examined",
        "b/three.dd": "examined",
        "b/readme.txt": "not_evidence",
        "b/empty.vhdx": "failed",
    }


@pytest.mark.skipif(os.name == "nt", reason="no pipes in folders there")
def test_what_is_no_file_is_told_with_what_it_is(tmp_path: Path, write: Written) -> None:
    write("one.raw")
    for name in ("pipe", "disk.vhdx"):
        os.mkfifo(tmp_path / name)
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(tmp_path):
        listener.bind("socket")
    why = "which is not opened in a folder: save what it gives to a file, and examine that"
    made = plan([str(tmp_path)])
    assert {other.path.removeprefix(f"{tmp_path}/"): (other.state, other.error) for other in made.others} == {
        "pipe": ("not_evidence", f"a FIFO (named pipe), {why}"),
        "socket": ("not_evidence", f"a socket, {why}"),
        "disk.vhdx": ("failed", f"{tmp_path}/disk.vhdx is a FIFO (named pipe), {why}"),
    }
    by_pattern = plan([f"{tmp_path}/pi*"])
    assert [(other.state, other.error) for other in by_pattern.others] == [
        ("not_evidence", f"a FIFO (named pipe), {why}")
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="names that differ in case alone are one there")
def test_folders_whose_names_differ_in_case_are_one_input_with_what_holds_them(tmp_path: Path, write: Written) -> None:
    """They are one folder to the search, as to Windows: there is no one path to name but that of their own folder."""
    write("nas/A/one.raw")
    write("nas/a/loose.reg", "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM]\r\n")
    write("nas/a/notes.txt", "text")
    write("two.raw")
    assert told(plan([str(tmp_path)]), tmp_path) == {"nas": "examined", "two.raw": "examined"}


def test_a_disk_in_pieces_is_told_by_its_path(tmp_path: Path, write: Written) -> None:
    packed = zlib.compress(RAW)
    write("disk.dd", packed)
    write("disk.dd.chunk", chunks((0, 0, len(packed), len(RAW), 0)))
    (other,) = [other for other in plan([str(tmp_path)]).others if other.state == "failed"]
    assert other.path == str(tmp_path / "disk.dd")
    assert other.error == "disk.dd is stored in pieces: download the collection from Velociraptor's server"


def test_a_disk_is_examined_with_what_it_builds_on(tmp_path: Path, write: Written) -> None:
    write("base.qcow2", overlay("")[:20] + overlay("")[20:])
    write("middle.qcow2", overlay("base.qcow2"))
    write("top.qcow2", overlay("middle.qcow2"))
    write("other.qcow2", overlay("gone.qcow2"))
    assert told(plan([str(tmp_path)]), tmp_path) == {
        "top.qcow2": "examined",
        "middle.qcow2": ("read_as_parent", "top.qcow2"),
        "base.qcow2": ("read_as_parent", "top.qcow2"),
        "other.qcow2": "examined",
    }


def test_a_machine_of_vmware_is_one_task(tmp_path: Path, write: Written) -> None:
    write("web/web.vmx", VMX.format("web.vmdk"))
    write("web/web.vmsd", '.encoding = "UTF-8"\n')
    write("web/web.vmdk", DESCRIPTOR.format("web"))
    write("web/web-flat.vmdk")
    write("web/web.nvram", b"\1" * 100)
    write("db/db.vmdk", DESCRIPTOR.format("db"))
    write("db/db-flat.vmdk")
    assert told(plan([str(tmp_path)]), tmp_path) == {
        "web/web.vmx": "examined",
        "web/web.vmsd": ("read_with", "web/web.vmx"),
        "web/web.vmdk": ("read_with", "web/web.vmx"),
        "web/web-flat.vmdk": ("read_with", "web/web.vmx"),
        "web/web.nvram": "not_evidence",
        "db/db.vmdk": "examined",
        "db/db-flat.vmdk": ("read_with", "db/db.vmdk"),
    }


def test_parts_of_an_image_are_one_task(tmp_path: Path, write: Written) -> None:
    for number in (1, 2, 3):
        write(f"disk.{number:03d}")
    assert told(plan([str(tmp_path)]), tmp_path) == {
        "disk.001": "examined",
        "disk.002": ("read_with", "disk.001"),
        "disk.003": ("read_with", "disk.001"),
    }


def test_a_collected_machine_is_its_folder(tmp_path: Path, write: Written) -> None:
    for host in ("one", "two"):
        write(f"{host}/C/Windows/System32/config/SOFTWARE", b"regf".ljust(8192, b"\0"))
        write(f"{host}/C/Users/alice/NTUSER.DAT", b"regf".ljust(8192, b"\0"))
    write("disk.raw")
    made = plan([str(tmp_path)])
    assert told(made, tmp_path) == {"one": "examined", "two": "examined", "disk.raw": "examined"}
    assert plan([str(tmp_path)], whole_folders=True).tasks[0].path == str(tmp_path)


def test_archives_of_dfir_orc_of_one_computer_are_one_task(tmp_path: Path, write: Written) -> None:
    content = b"7z\xbc\xaf\x27\x1c".ljust(64, b"\0")
    for name in (
        "DFIR-ORC_Server_WEB01_General.7z",
        "DFIR-ORC_Server_WEB01_Little.7z",
        "DFIR-ORC_Server_DB01_General.7z",
    ):
        write(name, content)
    made = plan([str(tmp_path)])
    assert told(made, tmp_path) == {
        "DFIR-ORC_Server_DB01_General.7z": "examined",
        "DFIR-ORC_Server_WEB01_General.7z": "examined",
        "DFIR-ORC_Server_WEB01_Little.7z": ("read_with", "DFIR-ORC_Server_WEB01_General.7z"),
    }
    both = next(task for task in made.tasks if "WEB01" in task.path)
    assert [Path(source).name for source in both.sources] == [
        "DFIR-ORC_Server_WEB01_General.7z",
        "DFIR-ORC_Server_WEB01_Little.7z",
    ]


def test_a_folder_of_hyper_v_is_one_task_unless_it_holds_very_many(
    tmp_path: Path, write: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("web/Virtual Machines/A1B2C3D4-0000-0000-0000-000000000001.vmcx", b"\0" * 100)
    write("web/Virtual Hard Disks/web.raw")
    write("all/Virtual Machines/A1B2C3D4-0000-0000-0000-000000000002.vmcx", b"\0" * 100)
    for number in range(3):
        write(f"all/Virtual Hard Disks/d{number}.raw")
    monkeypatch.setattr("forensics.fleet.plan.MAX_PIECES", 2)
    assert told(plan([str(tmp_path)]), tmp_path) == {
        "web": "examined",
        "all/Virtual Hard Disks/d0.raw": "examined",
        "all/Virtual Hard Disks/d1.raw": "examined",
        "all/Virtual Hard Disks/d2.raw": "examined",
        "all/Virtual Machines/A1B2C3D4-0000-0000-0000-000000000002.vmcx": "failed",
    }


def test_patterns_and_named_files(tmp_path: Path, write: Written) -> None:
    for name in ("a/one.raw", "a/two.raw", "b/one.raw", "a/notes.txt"):
        write(name, b"text" if name.endswith("txt") else RAW)
    assert told(plan([f"{tmp_path}/*/one.raw"]), tmp_path) == {"a/one.raw": "examined", "b/one.raw": "examined"}
    assert told(plan([f"{tmp_path}/a/*"]), tmp_path) == {
        "a/one.raw": "examined",
        "a/two.raw": "examined",
        "a/notes.txt": "not_evidence",
    }
    assert told(plan([f"{tmp_path}/*/three.raw"]), tmp_path) == {"*/three.raw": "failed"}
    # What is named is examined, which says why it is none.
    assert told(plan([f"{tmp_path}/a/notes.txt", f"{tmp_path}/gone.vhdx"]), tmp_path) == {
        "a/notes.txt": "examined",
        "gone.vhdx": "examined",
    }
    once = plan([str(tmp_path), f"{tmp_path}/a/one.raw", f"{tmp_path}/*/*.raw"])
    assert told(once, tmp_path)["a/one.raw"] == "examined"


def test_names_that_differ_in_their_case_alone_are_two_files(tmp_path: Path, write: Written) -> None:
    write("Disk.raw")
    write("disk.raw")
    assert told(plan([str(tmp_path)]), tmp_path) == {"Disk.raw": "examined", "disk.raw": "examined"}


def test_an_identity_tells_every_change(tmp_path: Path, write: Written) -> None:
    import os

    disk, other = write("disk.raw"), write("other.raw")
    os.utime(disk, (1000, 1000))
    first = identity_of(str(disk))
    assert (first.size, first.modified is not None and first.modified.timestamp()) == (1 << 20, 1000)
    disk.write_bytes(b"\1" + RAW[1:])
    os.utime(disk, (1000, 1000))
    assert identity_of(str(disk)).head_sha256 != first.head_sha256
    with_other = identity_of(str(disk), [str(other)])
    assert with_other.size == 2 << 20
    os.utime(other, (5, 5))
    assert identity_of(str(disk), [str(other)]) != with_other
    folder = identity_of(str(tmp_path))
    os.utime(disk, (1001, 1001))
    assert identity_of(str(tmp_path)) != folder
    assert identity_of(str(tmp_path / "gone")).size is None


def test_on_a_server_files_are_told_by_their_names_and_few_are_asked_for() -> None:
    pytest.importorskip("fsspec")
    files = {f"many/disk{number:03d}.vhdx": RAW for number in range(200)}
    files |= {"many/notes.txt": b"text", "many/image.E01": RAW, "many/image.E02": RAW}
    files |= {"many/web.vmdk": DESCRIPTOR.format("web").encode(), "many/web-flat.vmdk": RAW}
    files |= {f"one/C/Windows/System32/config/{name}": RAW for name in ("SYSTEM", "SOFTWARE")}
    with web_server(files) as server, asked_servers({}):
        made = plan([f"{server.url}/"])
        assert made.inputs == 206
        by_state = told(made, Path(server.url))
        assert len([task for task in made.tasks if task.path.endswith(".vhdx")]) == 200
        assert by_state[f"{server.url}/many/image.E02"] == ("read_with", f"{server.url}/many/image.E01")
        assert by_state[f"{server.url}/many/web-flat.vmdk"] == ("read_with", f"{server.url}/many/web.vmdk")
        assert by_state[f"{server.url}/many/notes.txt"] == "not_evidence"
        assert by_state[f"{server.url}/one/C"] == "examined"
        assert len(server.requests) < 20
        first = identity_of(f"{server.url}/many/disk000.vhdx")
        assert first.size == 1 << 20
