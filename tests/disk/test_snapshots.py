"""Disks that hold only changes to another one: refused with what is missing, and with what to do."""

from __future__ import annotations

import gzip
import struct
import subprocess
import uuid
from pathlib import Path

import pytest

from forensics.disk.errors import SourceError
from forensics.disk.lineage import neighbours, parents_of, present_state
from forensics.disk.snapshots import present_state_advice
from forensics.sources.open import open_source
from tests.disk.test_lineage import VMWARE, vhd
from tests.oracles import tool

EXTENT = "x-000001-delta.vmdk"
"""File in which VMWARE says that the data is."""


def qemu_create(kind: str, path: Path, *options: str) -> Path:
    size = [] if "-b" in options else ["8M"]
    qemu = tool("qemu-img", "qemu-utils")
    subprocess.run([qemu, "create", "-q", "-f", kind, *options, str(path), *size], check=True)
    return path


def assert_refused(path: Path, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert (caught.value.kind, caught.value.message) == ("needs_parent", f"{path}: {words}")


def test_a_vmware_snapshot(tmp_path: Path) -> None:
    base, child = tmp_path / "x.vmdk", tmp_path / "x-000001.vmdk"
    base.write_text(VMWARE.format(cid="fffffffe", parent="ffffffff", hint=""))
    child.write_text(VMWARE.format(cid="5e1f0a77", parent="fffffffe", hint="/vmfs/volumes/5c/win/x.vmdk"))
    merge = (
        "merge them into one disk (vmware-vdiskmanager -r x-000001.vmdk -t 0 merged.vmdk, or qemu-img convert -O raw "
        "x-000001.vmdk merged.raw) and examine that"
    )
    what = "this VMDK is a snapshot that holds only changes to 'x.vmdk'"
    data = f"'{EXTENT}', where its data is, beside"
    assert_refused(child, f"{what}, which is there; put {data} x-000001.vmdk, then put {data} x.vmdk, then {merge}")
    (tmp_path / EXTENT).write_bytes(b"")
    assert_refused(child, f"{what}, which is there; {merge}")
    base.unlink()
    assert_refused(child, f"{what}, which is not there; put 'x.vmdk' beside it, then {merge}")


def test_a_qcow2_overlay(tmp_path: Path) -> None:
    base = qemu_create("qcow2", tmp_path / "base.qcow2")
    child = qemu_create("qcow2", tmp_path / "child.qcow2", "-b", "base.qcow2", "-F", "qcow2")
    merge = "merge them into one disk (qemu-img convert -O raw child.qcow2 merged.raw) and examine that"
    what = "this qcow2 is a snapshot that holds only changes to 'base.qcow2'"
    assert_refused(child, f"{what}, which is there; {merge}")
    base.unlink()
    assert_refused(child, f"{what}, which is not there; put 'base.qcow2' beside it, then {merge}")


def test_a_compressed_overlay_is_to_be_unpacked_first(tmp_path: Path) -> None:
    base = qemu_create("qcow2", tmp_path / "Base.qcow2")
    child = qemu_create("qcow2", tmp_path / "child.qcow2", "-b", "Base.qcow2", "-F", "qcow2")
    packed = tmp_path / "child.qcow2.gz"
    packed.write_bytes(gzip.compress(child.read_bytes()))
    child.unlink()
    merge = "merge them into one disk (qemu-img convert -O raw child.qcow2 merged.raw) and examine that"
    what = "this qcow2 is a snapshot that holds only changes to 'Base.qcow2'"
    assert_refused(packed, f"{what}, which is there; unpack it, then {merge}")
    base.unlink()
    assert_refused(packed, f"{what}, which is not there; unpack it, then put 'Base.qcow2' beside it, then {merge}")


def test_the_advice_for_a_qcow2_overlay_and_a_vmdk_child_works(tmp_path: Path) -> None:
    qemu, qemu_io = tool("qemu-img", "qemu-utils"), tool("qemu-io", "qemu-utils")
    for kind in ("qcow2", "vmdk"):
        qemu_create(kind, tmp_path / f"base.{kind}")
        child = qemu_create(kind, tmp_path / f"child.{kind}", "-b", f"base.{kind}", "-F", kind)
        subprocess.run([qemu_io, "-f", kind, "-c", "write -P 7 1M 4k", str(child)], check=True, capture_output=True)
        with pytest.raises(SourceError) as caught:
            open_source(child)
        advice = f"qemu-img convert -O raw child.{kind} merged.raw"
        assert advice in caught.value.message
        subprocess.run([qemu, *advice.split()[1:]], check=True, cwd=tmp_path)
        assert (tmp_path / "merged.raw").read_bytes()[1 << 20 :][:4096] == b"\7" * 4096


def test_a_virtualbox_snapshot_in_its_folder(tmp_path: Path) -> None:
    base = qemu_create("vdi", tmp_path / "web.vdi")
    (tmp_path / "Snapshots").mkdir()
    child = qemu_create("vdi", tmp_path / "Snapshots" / "{7a}.vdi")
    data = bytearray(child.read_bytes())
    struct.pack_into("<I", data, 76, 4)
    data[424:440] = base.read_bytes()[392:408]
    child.write_bytes(data)
    merge = 'merge them into one disk (VBoxManage clonemedium disk "{7a}.vdi" merged.vdi) and examine that'
    assert_refused(child, f"this VDI is a snapshot that holds only changes to 'web.vdi', which is there; {merge}")
    assert present_state(base, neighbours(base)) == child
    base.unlink()
    what = "this VDI is a snapshot that holds only changes to another disk, which it does not name"
    assert_refused(child, f"{what} and which is not there; put that disk beside it, then {merge}")


def test_a_differencing_vhd(tmp_path: Path) -> None:
    base = vhd(tmp_path / "base.vhd", uuid.UUID(int=1))
    child = vhd(tmp_path / "child.avhd", uuid.UUID(int=2), uuid.UUID(int=1), "C:\\VMs\\base.vhd")
    merge = "merge them into one disk (with copies of both: Hyper-V Manager, Edit Disk, Merge) and examine that"
    what = "this differencing VHD is a snapshot that holds only changes to 'base.vhd'"
    assert_refused(child, f"{what}, which is there; {merge}")
    assert parents_of(child, neighbours(child)) == [base]
    base.unlink()
    assert_refused(child, f"{what}, which is not there; put 'base.vhd' beside it, then {merge}")


def test_the_present_state_is_the_last_disk_of_a_chain(tmp_path: Path) -> None:
    disks = [vhd(tmp_path / "0.vhd", uuid.UUID(int=1))]
    disks += [vhd(tmp_path / f"{n}.avhd", uuid.UUID(int=n + 1), uuid.UUID(int=n), "x") for n in (1, 2, 3)]
    assert [present_state(disk, neighbours(disk)) for disk in disks] == [disks[3], disks[3], disks[3], None]
    # Two that build on each other end somewhere.
    vhd(tmp_path / "0.vhd", uuid.UUID(int=1), uuid.UUID(int=4), "x")
    assert present_state(disks[0], neighbours(disks[0])) == disks[3]


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("web-000001.vmdk", "web-000001.vmdk"),
        ("Windows Server (2)-000001.vmdk", '"Windows Server (2)-000001.vmdk"'),
        ('a$(reboot)"-1.vmdk', "SNAPSHOT"),
    ],
)
def test_commands_take_any_file_name(tmp_path: Path, name: str, argument: str) -> None:
    path = tmp_path / name
    path.write_text(VMWARE.format(cid="5e1f0a77", parent="fffffffe", hint="x.vmdk"))
    (tmp_path / EXTENT).write_bytes(b"")
    assert present_state_advice(path) == (
        f"merge them into one disk (vmware-vdiskmanager -r {argument} -t 0 merged.vmdk, or qemu-img convert -O raw "
        f"{argument} merged.raw) and examine that"
    )
    other = tmp_path / "x_7.avhdx"
    other.write_bytes(b"vhdxfile".ljust(5000, b"\0"))
    assert present_state_advice(other) == f"examine {other}"
