"""What files are: each kind that is not read is named with the next step, by content, and folders know evidence."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import pytest

from forensics.disk.errors import SourceError
from forensics.disk.recognise import image_kind, refusal
from forensics.sources.open import open_source
from testdata.forms.refused import REFUSED
from tests.oracles import tool

RESTORE = "restore its disks as images, with the program that made it, and examine those"
RAW = "convert it to raw (qemu-img convert -O raw) and examine that"
NO_DISK = "no disk and no collection"
KEY = "hold no machine: name the disk or the collection that its private key was on"
OLE = "an OLE compound file, such as an Office document or an MSI package"
FLATTEN = "qemu-img convert -O raw makes a disk of it that can be examined"
BESIDE = "put {} and all parts into one folder, and name the descriptor"
LONE = f"a part of a VMDK, and its descriptor is not beside it: {BESIDE}"


TEXTS = [
    ("-----BEGIN CERTIFICATE-----\nMIID\n", f"a PEM file; such files {KEY}"),
    ("MD5 (disk.raw) = 0123\n", f"a text file, {NO_DISK}"),
    ("Prüfsumme und Größe\r\n", f"a text file, {NO_DISK}"),
]


CONFIGURATIONS = [
    ("a", '.encoding = "UTF-8"\nvirtualHW.version = "19"\n', "vmx"),
    ("A.VMX", 'scsi0:0.fileName = "vm.vmdk"\n', "vmx"),
    ("a.vmsd", '.encoding = "UTF-8"\nsnapshot.numSnapshots = "1"\n', "vmsd"),
    ("a", '<?xml version="1.0"?>\n<VirtualBox xmlns="http://www.virtualbox.org/">', "vbox"),
    ("a", '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1">', "ovf"),
    ("a", "<ParallelsVirtualMachine schemaVersion='1.0'>", "pvs"),
    ("a.xml", "<domain type='kvm'><devices>", "libvirt"),
    ("config.plist", "<plist version='1.0'><dict><key>Drive</key><array/></dict></plist>", "utm"),
    ("BackupSpecs.xml", "<BackupSpecs><FileSpecs/></BackupSpecs>", "windows_backup"),
    ("DiskDescriptor.xml", "<Parallels_disk_image Version='1.0'>", "parallels"),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(("name", "text", "kind"), CONFIGURATIONS)
def test_configurations(tmp_path: Path, name: str, text: str, kind: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    assert (image_kind(path), refusal(path)) == (kind, None)


def test_the_copy_that_parallels_keeps_of_a_description_is_no_second_disk(tmp_path: Path) -> None:
    path = tmp_path / "DiskDescriptor.xml.Backup"
    path.write_text("<Parallels_disk_image Version='1.0'>")
    assert image_kind(path) is None


def written(folder: Path, name: str, head: bytes, size: int = 50_000) -> Path:
    path = folder / name
    path.write_bytes(head.ljust(size, b"\0"))
    return path


def assert_refused(path: Path, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert (caught.value.kind, caught.value.message) == ("unsupported", f"{path} is {words}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(("text", "words"), TEXTS)
def test_texts(tmp_path: Path, text: str, words: str, encoding: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(text.encode(encoding))
    assert_refused(path, words)
    assert image_kind(path) is refusal(path) is None
    path.write_bytes((text + "line\n" * 9999).encode(encoding))
    assert_refused(path, words)


def test_a_disk_with_a_boot_signature_is_a_disk_whatever_it_begins_with(tmp_path: Path) -> None:
    for head in (b"MZ", b"\x30\x82\x03\x05\x30\x82", b"\xff\xd8\xff"):
        path = written(tmp_path, "disk.raw", head.ljust(510, b"\0") + b"\x55\xaa")
        assert image_kind(path) == "raw"
        assert refusal(path) is None


@pytest.mark.parametrize(
    ("version", "features", "encryption", "tail", "words"),
    [
        (3, 1 << 4, 0, 0, "a qcow2 with extended L2 entries (subclusters), which are not read: {}"),
        (3, 1 << 2, 0, 0, "a qcow2 whose data lies in an external data file: {}, with that file in its place"),
        (3, 1 << 3, 0, 0, "a qcow2 whose header contradicts itself about how it is compressed: {}"),
        (3, 0, 0, 1, "a qcow2 whose header contradicts itself about how it is compressed: {}"),
        (3, 1 << 3, 0, 7, "a qcow2 compressed with method 7, which is not read: {}"),
        (3, 1 << 5 | 1 << 60, 0, 0, "a qcow2 with features that are not known (incompatible feature bits 5, 60): {}"),
        (2, 0, 2, 0, "an encrypted qcow2: {} where its secret is known"),
        (1, 0, 0, 0, "a qcow image of version 1: {}"),
    ],
)
def test_qcow2_features(tmp_path: Path, version: int, features: int, encryption: int, tail: int, words: str) -> None:
    head = b"QFI\xfb" + struct.pack(">IQIIQII", version, 0, 0, 16, 1 << 20, encryption, 1)
    head = head.ljust(72, b"\0") + struct.pack(">QQQII", features, 0, 0, 4, 112) + bytes([tail])
    path = written(tmp_path, "disk.qcow2", head)
    assert_refused(path, words.format(FLATTEN))
    assert refusal(path) == f"disk.qcow2 is {words.format(FLATTEN)}"


def test_qcow2_with_subclusters_made_by_qemu(tmp_path: Path) -> None:
    import subprocess

    qemu = tool("qemu-img", "qemu-utils")
    path = tmp_path / "disk.qcow2"
    subprocess.run([qemu, "create", "-q", "-f", "qcow2", "-o", "extended_l2=on", str(path), "8M"], check=True)
    assert_refused(path, f"a qcow2 with extended L2 entries (subclusters), which are not read: {FLATTEN}")
    data = tmp_path / "data.raw"
    options = f"data_file={data}"
    subprocess.run([qemu, "create", "-q", "-f", "qcow2", "-o", options, str(path), "8M"], check=True)
    with pytest.raises(SourceError, match="whose data lies in an external data file"):
        open_source(path)


def sparse_extent(with_descriptor: bool) -> bytes:
    head = b"KDMV" + struct.pack("<IIQQQQ", 1, 3, 4096, 128, 1 if with_descriptor else 0, 20 if with_descriptor else 0)
    return head.ljust(512, b"\0") + (b"# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\n" if with_descriptor else b"")


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("web-s002.vmdk", sparse_extent(False)),
        ("web-f001.vmdk", b""),
        ("web-flat.vmdk", b""),
        ("web-delta.vmdk", b"COWD"),
        ("web-sesparse.vmdk", b"\xbe\xba\xfe\xca\0\0\0\0"),
        ("web-ctk.vmdk", b""),
    ],
)
def test_extents_of_a_vmdk(tmp_path: Path, name: str, head: bytes) -> None:
    path = written(tmp_path, name, head)
    if name != "web-flat.vmdk":
        words = LONE.format("web.vmdk")
        assert_refused(path, words)
        assert refusal(path) == f"{name} is {words}"
    (tmp_path / "web.vmdk").write_text("# Disk DescriptorFile\n")
    assert_refused(path, "a part of a VMDK: name its descriptor, web.vmdk, instead")
    assert image_kind(path) is refusal(path) is None
    assert image_kind(tmp_path / "web.vmdk") == "vmdk"


def test_a_sparse_vmdk_with_its_own_descriptor_stands_alone(tmp_path: Path) -> None:
    path = written(tmp_path, "web.vmdk", sparse_extent(True))
    assert image_kind(path) == "vmdk"
    lone = written(tmp_path, "renamed.bin", sparse_extent(False))
    named = "the .vmdk of a few hundred bytes that names it"
    assert refusal(lone) == f"renamed.bin is {LONE.format(named)}"


def test_a_flat_extent_whose_descriptor_is_lost_is_a_raw_disk(tmp_path: Path) -> None:
    path = written(tmp_path, "web-flat.vmdk", bytes(510) + b"\x55\xaa")
    assert image_kind(path) == "raw"


def segment(number: int) -> bytes:
    return b"EVF\x09\x0d\x0a\xff\x00\x01" + struct.pack("<HH", number, 0)


def test_later_segments_of_an_e01_are_parts_of_the_first(tmp_path: Path) -> None:
    second = written(tmp_path, "disk.E02", segment(2))
    assert image_kind(second) == "e01"
    first = written(tmp_path, "disk.E01", segment(1))
    assert image_kind(first) == "e01"
    assert image_kind(second) is refusal(second) is None


def test_special_files_and_hostile_bytes_raise_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero"), tmp_path / "absent", Path("a\0b")):
        assert image_kind(path) is refusal(path) is None
    mix = random.Random(5)
    path = tmp_path / "x.vmdk"
    heads = [refused.head for refused in REFUSED] + [sparse_extent(True), b"QFI\xfb", segment(3), b"\xff\xfe"]
    for number in range(600):
        head = heads[number % len(heads)]
        path.write_bytes((head + mix.randbytes(mix.choice((0, 1, 40, 600, 5000))))[: mix.choice((9, 60, 400, 40_000))])
        image_kind(path)
        refusal(path)
