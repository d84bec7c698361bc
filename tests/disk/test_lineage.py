"""Which images build on which, by what the children's headers say: qemu-img's, forged ones, and hostile bytes."""

from __future__ import annotations

import io
import json
import lzma
import os
import random
import struct
import subprocess
import uuid
from pathlib import Path

import pytest

from forensics.disk.lineage import MOST_PACKED, children_of, parents_of_each
from testdata.builder.vhdx import write_differencing, write_dynamic
from tests.oracles import needs_tool

MIB = 1 << 20
needs_qemu = needs_tool("qemu-img", "qemu-utils")


def qemu_create(kind: str, path: Path, *options: str) -> Path:
    """Make an empty image of 8 MiB, or an overlay when ``-b`` is among the options."""
    size = [] if "-b" in options else ["8M"]
    subprocess.run(["qemu-img", "create", "-q", "-f", kind, *options, str(path), *size], check=True)
    return path


def vhdx_pair(folder: Path) -> tuple[Path, Path]:
    base, child = folder / "Base.vhdx", folder / "Base_1F0C.avhdx"
    write_dynamic(io.BytesIO(bytes(4 * MIB)), 4 * MIB, base, seed="base")
    write_differencing(base, [(0, b"\1" * 512)], child)
    return base, child


def test_vhdx_child_is_known_by_the_linkage_wherever_it_lies(tmp_path: Path) -> None:
    base, child = vhdx_pair(tmp_path)
    other = tmp_path / "other.vhdx"
    write_dynamic(io.BytesIO(bytes(4 * MIB)), 4 * MIB, other, seed="other")
    (tmp_path / "far").mkdir()
    moved, renamed = child.rename(tmp_path / "far" / "x.avhdx"), base.rename(tmp_path / "renamed.vhdx")
    everything = [other, renamed, moved]
    assert children_of(renamed, everything) == [moved]
    assert children_of(other, everything) == []
    assert children_of(moved, everything) == []


def test_vhdx_whose_parent_was_changed_afterwards_is_known_by_its_name(tmp_path: Path) -> None:
    base, child = vhdx_pair(tmp_path)
    write_dynamic(io.BytesIO(bytes(4 * MIB)), 4 * MIB, base, seed="mounted and changed")
    assert children_of(base, [child]) == [child]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert children_of(base, [child.rename(elsewhere / child.name)]) == []


def test_vhdx_chain_gives_the_next_link_only(tmp_path: Path) -> None:
    base, child = vhdx_pair(tmp_path)
    grandchild = tmp_path / "grandchild.avhdx"
    write_differencing(child, [], grandchild, seed="grandchild", linkage=None)
    everything = [grandchild, child, base]
    assert children_of(base, everything) == [child]
    assert children_of(child, everything) == [grandchild]


@needs_qemu
@pytest.mark.parametrize("kind", ["qcow2", "vmdk"])
def test_overlays_that_qemu_made(tmp_path: Path, kind: str) -> None:
    base, other = qemu_create(kind, tmp_path / f"base.{kind}"), qemu_create(kind, tmp_path / f"other.{kind}")
    child = qemu_create(kind, tmp_path / f"child.{kind}", "-b", str(base), "-F", kind)
    everything = [base, child, other]
    assert children_of(base, everything) == [child]
    assert children_of(other, everything) == children_of(child, everything) == []


@needs_qemu
def test_vmdk_child_is_known_by_the_content_id_when_its_parent_was_renamed(tmp_path: Path) -> None:
    base = qemu_create("vmdk", tmp_path / "base.vmdk")
    child = qemu_create("vmdk", tmp_path / "child.vmdk", "-b", str(base), "-F", "vmdk")
    assert children_of(base.rename(tmp_path / "evidence-7.vmdk"), [child]) == [child]


VMWARE = """# Disk DescriptorFile
version=1
CID = {cid}
parentCID={parent}
createType="vmfsSparse"
parentFileNameHint="{hint}"
# Extent description
RW 83886080 VMFSSPARSE "x-000001-delta.vmdk"
"""


def test_vmware_descriptors(tmp_path: Path) -> None:
    base, child, twin = tmp_path / "x.vmdk", tmp_path / "x-000001.vmdk", tmp_path / "twin.vmdk"
    base.write_text(VMWARE.format(cid="fffffffe", parent="ffffffff", hint=""))
    twin.write_text(base.read_text())
    child.write_text(VMWARE.format(cid="5e1f0a77", parent="FFFFFFFE", hint="/vmfs/volumes/5c/win/X.vmdk"))
    assert children_of(base, [child, twin]) == [child]
    # Every new disk has the content ID fffffffe: it tells nothing of whose child this is.
    assert children_of(twin, [child, base]) == []
    child.write_text(VMWARE.format(cid="5e1f0a77", parent="11111111", hint="D:\\VMs\\x.vmdk"))
    assert children_of(base, [child]) == [child]
    (tmp_path / "snap").mkdir()
    moved = tmp_path / "snap" / "x-000001.vmdk"
    moved.write_text(VMWARE.format(cid="5e1f0a77", parent="11111111", hint="..\\x.vmdk"))
    assert children_of(base, [moved]) == [moved]
    moved.write_text(VMWARE.format(cid="5e1f0a77", parent="11111111", hint="x.vmdk"))
    assert children_of(base, [moved]) == []


@needs_qemu
def test_raw_and_compressed_parents_of_a_qcow2(tmp_path: Path) -> None:
    base = tmp_path / "base.raw"
    base.write_bytes(bytes(MIB))
    child = qemu_create("qcow2", tmp_path / "child.qcow2", "-b", str(base), "-F", "raw")
    packed = base.rename(tmp_path / "base.raw.xz")
    assert children_of(base, [child]) == [child]
    assert children_of(packed, [child]) == [child]
    assert children_of(tmp_path / "base.raw.copy", [child]) == []


def packed(path: Path) -> Path:
    """Compress a file and return what lies in its place."""
    there = path.with_name(f"{path.name}.xz")
    there.write_bytes(lzma.compress(path.read_bytes(), preset=0))
    path.unlink()
    return there


def test_a_compressed_checkpoint_is_the_newer_state_of_a_compressed_base(tmp_path: Path) -> None:
    base, child = map(packed, vhdx_pair(tmp_path))
    assert children_of(base, [base, child]) == [child]
    assert children_of(base.rename(tmp_path / "renamed.vhdx.xz"), [child]) == [child]
    assert parents_of_each([tmp_path / "renamed.vhdx.xz", child]) == {child: [tmp_path / "renamed.vhdx.xz"]}


def test_of_many_compressed_disks_those_with_names_of_checkpoints_are_asked(tmp_path: Path) -> None:
    base, child = map(packed, vhdx_pair(tmp_path))
    other = child.rename(tmp_path / "other.vhdx.xz")
    many = [tmp_path / f"{number}.vhdx.xz" for number in range(MOST_PACKED - 1)]
    assert children_of(base, [other, *many]) == [other]
    assert children_of(base, [base, other, *many]) == []
    assert children_of(base, [base, other.rename(child), *many]) == [child]


def qcow2_head(backing: str) -> bytes:
    text = backing.encode()
    return (b"QFI\xfb" + struct.pack(">IQI", 3, 104, len(text))).ljust(104, b"\0") + text


def test_backing_names_as_qemu_writes_them(tmp_path: Path) -> None:
    base, child = tmp_path / "base.qcow2", tmp_path / "child.qcow2"
    base.write_bytes(qcow2_head(""))
    nested = {"driver": "qcow2", "file": {"driver": "file", "filename": "/images/base.qcow2"}}
    for backing in ("file:base.qcow2", "json:" + json.dumps(nested), 'json:{"file.filename": "base.qcow2"}'):
        child.write_bytes(qcow2_head(backing))
        assert children_of(base, [child]) == [child], backing
    for backing in ("json:[1", "json:7", "nbd://host/export", "", "/", "base.qcow2\0x", "json:" + "[" * 900):
        child.write_bytes(qcow2_head(backing))
        assert children_of(base, [child]) == [], backing


@needs_qemu
def test_vdi_child_names_the_uuid_of_its_parent(tmp_path: Path) -> None:
    base, child = qemu_create("vdi", tmp_path / "base.vdi"), qemu_create("vdi", tmp_path / "{snap}.vdi")
    data = bytearray(child.read_bytes())
    assert data[424:440] == bytes(16), "a disk without parent"
    assert children_of(base, [child]) == []
    data[424:440] = base.read_bytes()[392:408]
    child.write_bytes(data)
    assert children_of(base, [base, child]) == [child]


def vhd(path: Path, own: uuid.UUID, parent: uuid.UUID | None = None, name: str = "") -> Path:
    """Write the first and the last sectors of a VHD: dynamic, or differencing with this parent."""
    footer = bytearray(512)
    footer[:8] = b"conectix"
    struct.pack_into(">Q", footer, 16, 512)
    struct.pack_into(">I", footer, 60, 4 if parent else 3)
    footer[68:84] = own.bytes
    dynamic = bytearray(1024)
    dynamic[:8] = b"cxsparse"
    if parent:
        dynamic[40:56] = parent.bytes
        dynamic[64 : 64 + 2 * len(name)] = name.encode("utf-16-be")
    path.write_bytes(footer + dynamic + footer)
    return path


def test_differencing_vhd_names_the_uuid_or_the_file_of_its_parent(tmp_path: Path) -> None:
    one, two = uuid.UUID(int=1), uuid.UUID(int=2)
    base = vhd(tmp_path / "base.vhd", one)
    by_id = vhd(tmp_path / "a.avhd", two, one, "C:\\gone\\other.vhd")
    by_name = vhd(tmp_path / "b.avhd", two, uuid.UUID(int=9), "C:\\VMs\\Base.vhd")
    neither = vhd(tmp_path / "c.avhd", two, uuid.UUID(int=9), "C:\\VMs\\other.vhd")
    assert children_of(base, [neither, by_name, by_id]) == [by_name, by_id]


def test_a_disk_is_not_its_own_child_and_identities_of_zeros_are_none(tmp_path: Path) -> None:
    none = uuid.UUID(int=0)
    base, child = vhd(tmp_path / "base.vhd", none), vhd(tmp_path / "child.avhd", none, none, "x.vhd")
    own = vhd(tmp_path / "own.avhd", uuid.UUID(int=3), uuid.UUID(int=3), "own.avhd")
    link = tmp_path / "link.avhd"
    link.symlink_to(own)
    assert children_of(base, [child]) == []
    assert children_of(own, [own, link]) == []


@needs_qemu
def test_hostile_headers_and_special_files_raise_nothing(tmp_path: Path) -> None:
    base, child = vhdx_pair(tmp_path)
    seeds = [child.read_bytes()[: 3 * MIB]]
    for kind in ("qcow2", "vmdk"):
        parent = qemu_create(kind, tmp_path / f"base.{kind}")
        path = qemu_create(kind, tmp_path / f"child.{kind}", "-b", str(parent), "-F", kind)
        seeds.append(path.read_bytes()[: 1 << 16])
    seeds.append(vhd(tmp_path / "s.avhd", uuid.UUID(int=1), uuid.UUID(int=2), "base.vhd").read_bytes())
    mix = random.Random(11)
    target = tmp_path / "target"
    for number in range(400):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(mix.randint(1, 6)):
            at = min(len(data) - 1, mix.choice((0, 64 << 10, 192 << 10, 1 << 20, 2 << 20)) + mix.randrange(2048))
            data[at] = mix.choice((0, 255, mix.randrange(256)))
        target.write_bytes(data[: mix.choice((len(data), 20, 600, 70_000))])
        children_of(target, [target, base, child])
        children_of(base, [target])
    os.mkfifo(tmp_path / "fifo")
    special = [tmp_path / "fifo", tmp_path, Path("/dev/zero"), tmp_path / "absent", Path("a\0b")]
    for path in special:
        assert children_of(path, special) == []
    assert children_of(base, [*special, child]) == [child]
