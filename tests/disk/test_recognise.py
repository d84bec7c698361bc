"""What files are: each kind that is not read is named with the next step, by content, and folders know evidence."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from pathlib import Path

import pytest

from forensics.disk.errors import SourceError
from forensics.disk.recognise import image_kind, kind_of, refusal
from forensics.sources.open import open_source
from tests.oracles import tool

RESTORE = "restore its disks as images, with the program that made it, and examine those"
RAW = "convert it to raw (qemu-img convert -O raw) and examine that"
NO_DISK = "no disk and no collection"
KEY = "hold no machine: name the disk or the collection that its private key was on"
XVA = "a XenServer export (XVA): export its disks (xe vdi-export) and examine those"
OLE = "an OLE compound file, such as an Office document or an MSI package"
FLATTEN = "qemu-img convert -O raw makes a disk of it that can be examined"
BESIDE = "put {} and all parts into one folder, and name the descriptor"
LONE = f"a part of a VMDK, and its descriptor is not beside it: {BESIDE}"


def at(offset: int, magic: bytes) -> bytes:
    return bytes(offset) + magic


EVIDENCE = [
    ("disk.Ex01", b"EVF2\r\n\x81\0", "an EnCase Ex01 image: convert it to E01 or raw (ewfexport)"),
    ("a.L01", b"LVF\x09\x0d\x0a\xff\x00", "an EnCase L01 logical image: export its files into a folder"),
    ("a.Lx01", b"LEF2\r\n\x81\0", "an EnCase Lx01 logical image: export its files into a folder"),
    ("a.ad1", b"ADSEGMENTEDFILE", "an AccessData AD1 image: export its files into a folder"),
    ("a.E01", b"ADCRYPT\0", "an image with AccessData's encryption: decrypt it (FTK Imager) and examine the result"),
    ("a", b"WLPWM\0\0\0", "a pipable WIM image: export it to an ordinary one (wimexport) and examine that"),
    ("a", at(4, b"SignedImage "), "an FFU image: apply it to a disk (dism /Apply-FFU) and examine that disk"),
    ("a", b"Rar!\x1a\x07", "a RAR archive: unpack it and examine the folder"),
    ("a", b"AFF10", "an AFF image: convert it to raw (affconvert)"),
    ("a", b"QED\0", f"a QED image: {RAW}"),
    ("a", b"VMA\0", "a Proxmox backup (VMA): unpack it (vma extract) and examine the disks"),
    ("a.fidx", b"\x2f\x7f\x41\xed\x91\xfd\x0f\xcd", f"an index of a Proxmox Backup Server: {RESTORE}"),
    ("a", b"partclone-image", "a partclone image: restore it to a raw file (partclone.restore) and examine that"),
    ("a", b"\xce\x24\xb9\xa2\x20\0\0\0", f"an Acronis backup: {RESTORE}"),
    ("a", b"\xfe\xef\x01\x02", "a Norton Ghost image: restore it to a disk, or convert it to raw, and examine that"),
    ("a", at(32769, b"CD001"), "an optical disc image (ISO): copy what it holds into a folder and examine that"),
    ("a.mdf", at(37649, b"CD001"), "an optical disc image (ISO): copy what it holds into a folder and examine that"),
    ("a.vbk", b"\x0d\0\0\0\1", "a Veeam backup: restore its disks with Veeam and examine those"),
    ("a.TIBX", b"\1", f"an Acronis backup: {RESTORE}"),
    ("a.mrimg", b"\1", f"a Macrium Reflect backup: {RESTORE}"),
    ("a.v2i", b"\1", f"a Veritas System Recovery backup: {RESTORE}"),
    ("a.spf", b"\1", f"a ShadowProtect backup: {RESTORE}"),
    (
        "a.tar",
        b"ova.xml" + bytes(250) + b"ustar",
        "a XenServer export (XVA): export its disks (xe vdi-export) and examine those",
    ),
    (
        "a",
        b"PK\x03\x04".ljust(26, b"\0") + b"\x15\0\0\0container.description",
        "an AFF4 image: export it to raw or E01 with the tool that made it, and examine that",
    ),
    ("a.aff4", b"PK\x03\x04", "an AFF4 image: export it to raw or E01 with the tool that made it, and examine that"),
]
OTHERS = [
    ("a", b"ElfFile\0", "an event log (EVTX): name the disk, or the folder or archive that also holds the hives"),
    ("a", b"%PDF-1.7", f"a PDF document, {NO_DISK}"),
    ("a", b"SQLite format 3\0", f"an SQLite database, {NO_DISK}"),
    (
        "a",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        f"an OLE compound file, such as an Office document or an MSI package, {NO_DISK}",
    ),
    ("a", b"\x89PNG\r\n\x1a\n", f"a picture (PNG), {NO_DISK}"),
    ("a", b"\xff\xd8\xff\xe0", f"a picture (JPEG), {NO_DISK}"),
    ("a", b"MZ\x90\0", f"a Windows program, {NO_DISK}"),
    ("a", b"\x7fELF", f"a Linux program, {NO_DISK}"),
    ("a", b"PAGEDU64", "a memory dump: it holds no disk"),
    ("a", b"MDMP\x93\xa7", "a memory dump: it holds no disk"),
    ("a", at(4, b"\xef\xcd\xab\x89"), f"an ESE database, such as ntds.dit, {NO_DISK}"),
    ("a", b"\x30\x82\x09\x99\x02\x01\x03\x30", f"a PFX file (PKCS #12); such files {KEY}"),
    ("a", b"\x30\x82\x03\x05\x30\x82", f"a certificate or another DER file; such files {KEY}"),
    ("a.mdf", b"\1\x0f", "an optical disc image (MDF) or a database of SQL Server: neither is the disk of a machine"),
]
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


@pytest.mark.parametrize(("name", "head", "words"), EVIDENCE)
def test_evidence_that_is_not_read(tmp_path: Path, name: str, head: bytes, words: str) -> None:
    path = written(tmp_path, name, head)
    assert_refused(path, words)
    assert image_kind(path) is None
    assert refusal(path) == f"{name} is {words}"
    with pytest.raises(SourceError) as caught:
        kind_of("x/" + name, io.BytesIO(path.read_bytes()))
    assert caught.value.message == f"x/{name} is {words}"


@pytest.mark.parametrize(("name", "head", "words"), OTHERS)
def test_what_is_no_evidence(tmp_path: Path, name: str, head: bytes, words: str) -> None:
    path = written(tmp_path, name, head)
    assert_refused(path, words)
    assert image_kind(path) is None
    assert refusal(path) is None
    assert kind_of(name, io.BytesIO(path.read_bytes())) == "raw"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(("text", "words"), TEXTS)
def test_texts(tmp_path: Path, text: str, words: str, encoding: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(text.encode(encoding))
    assert_refused(path, words)
    assert image_kind(path) is refusal(path) is None
    path.write_bytes((text + "line\n" * 9999).encode(encoding))
    assert_refused(path, words)


def test_an_apple_disk_image_is_known_by_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.dmg"
    path.write_bytes(zlib.compress(bytes(5000)) + b"koly".ljust(512, b"\0"))
    assert_refused(
        path, "an Apple disk image (DMG): convert it to raw (qemu-img convert -f dmg -O raw) and examine that"
    )


def test_a_partition_saved_by_clonezilla_is_not_unpacked(tmp_path: Path) -> None:
    words = "a partition that Clonezilla saved: restore it to a raw file (partclone.restore) and examine that"
    path = written(tmp_path, "sda3.ntfs-ptcl-img.gz.aa", b"\x1f\x8b\x08")
    assert_refused(path, words)
    assert refusal(path) == f"{path.name} is {words}"
    assert image_kind(path) is None


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
        (3, 1 << 3, 0, 1, "a qcow2 compressed with zstd, which is not read: {}"),
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
    heads = [head for _, head, _ in EVIDENCE + OTHERS] + [sparse_extent(True), b"QFI\xfb", segment(3), b"\xff\xfe"]
    for number in range(600):
        head = heads[number % len(heads)]
        path.write_bytes((head + mix.randbytes(mix.choice((0, 1, 40, 600, 5000))))[: mix.choice((9, 60, 400, 40_000))])
        image_kind(path)
        refusal(path)
