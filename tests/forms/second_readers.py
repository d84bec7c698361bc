"""Other people's programs that read a form too: what of the machine each gives back.

Each takes what is to be named, an empty folder to work in, and a password; it returns the disk, or the files by their
names.
"""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from testdata.builder.bitlocker import RECOVERY_KEY
from testdata.forms import windows
from tests.oracles import other_reader, tool

Content = bytes | dict[str, bytes]
SecondReader = Callable[[Path, Path, str], Content]
SECTOR = 512
_QEMU = {".vhd": "vpc", ".avhd": "vpc"}
_DRIVE = r"^(uploads/\w+/[^/]+|C:?|fs/C:|sysvol|\[root\]/mnt/windows|Windows\.old)/"
"""Where collectors and Setup put a drive."""
_ARCHIVES = (".zip", ".7z", ".tar", ".gz", ".tgz", ".xz", ".zst")


def qemu_img(path: Path, work: Path, password: str = "") -> bytes:
    """Have qemu-img convert a virtual disk, or the one in a folder."""
    if path.is_dir():
        (path,) = [each for each in path.rglob("*") if each.suffix in (".qcow2", ".vhdx")]
    kind, out = _QEMU.get(path.suffix, path.suffix[1:]), work / "out.raw"
    command = [tool("qemu-img", "qemu-utils"), "convert", "-f", kind, "-O", "raw", str(path), str(out)]
    subprocess.run(command, check=True)
    return out.read_bytes()


def dissect_target(path: Path, work: Path, password: str = "") -> bytes:
    """Have dissect find the disk of a machine by its configuration."""
    target = other_reader("dissect.target.target", "dissect.target").Target()
    other_reader("dissect.target.loader", "dissect.target").open(path).map(target)
    (disk,) = target.disks
    disk.seek(0)
    content: bytes = disk.read(disk.size)
    return content


def cut_export(path: Path, work: Path, password: str = "") -> bytes:
    """Have gzip unpack the pieces of a disk beside its description, and qemu-img read it."""
    pieces = b"".join(piece.read_bytes() for piece in sorted(path.parent.glob("*.vmdk.gz.*")))
    disk = work / "disk.vmdk"
    command = [tool("gzip", "gzip"), "-dc"]
    disk.write_bytes(subprocess.run(command, input=pieces, check=True, capture_output=True).stdout)
    return qemu_img(disk, work)


def dissect_archive(path: Path, work: Path, password: str = "") -> bytes:
    """Read the disk in a backup of a machine by dissect, unpacked first where it is packed."""
    packer = {".zst": "zstd", ".gz": "gzip"}.get(path.suffix)
    file = io.BytesIO(unpacker(packer)(path, work, password) if packer else path.read_bytes())
    content: bytes
    if path.suffix == ".xva":
        export = other_reader("dissect.archive.xva", "dissect.archive").XVA(file)
        (disk,) = export.disks()
        content = export.open(disk).read()
    else:
        (device,) = other_reader("dissect.archive.vma", "dissect.archive").VMA(file).devices()
        content = device.open().read()
    return content


def libvhdi(path: Path, work: Path, password: str = "") -> bytes:
    """Read a VHD or VHDX, with the parents beside it, by libvhdi.

    Sector by sector where there are parents: its own reads over more than one run of sectors are wrong.
    """
    vhdi = other_reader("pyvhdi", "libvhdi-python")
    chain = sorted(path.parent.iterdir(), key=lambda each: (each.suffix not in (".vhd", ".vhdx"), each.name))
    below = None
    for each in chain:
        file = vhdi.file()
        file.open(str(each))
        if below is not None:
            file.set_parent(below)
        below = file
    assert below is not None
    size = below.get_media_size()
    step = SECTOR if len(chain) > 1 else 1 << 20
    return b"".join(below.read_buffer_at_offset(min(step, size - at), at) for at in range(0, size, step))


def virtualbox_chain(path: Path, work: Path, password: str = "") -> bytes:
    """Read a VDI with its parents by dissect, page by page: where a read crosses a block, dissect is wrong."""
    from dissect.hypervisor.disk.vdi import VDI

    disk: Any = None
    base = [path.parent.parent / "vm.vdi"] if path.name != "vm.vdi" else []
    for each in [*base, *(file for file in sorted(path.parent.iterdir()) if file.is_file())]:
        disk = VDI(each.open("rb"), parent=disk).open()
    pages = []
    for at in range(0, disk.size, 4096):
        disk.seek(at)
        pages.append(disk.read(4096))
    return b"".join(pages)


def ewfexport(path: Path, work: Path, password: str = "") -> bytes:
    """Have libewf export an image."""
    program = tool("ewfexport", "ewf-tools")
    command = [program, "-u", "-q", "-f", "raw", "-t", str(work / "out"), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return (work / "out.raw").read_bytes()


def libbde(path: Path, work: Path, password: str = "") -> bytes:
    """Unlock a volume by libbde."""
    volume = other_reader("pybde", "libbde-python").volume()
    volume.set_recovery_password(RECOVERY_KEY)
    volume.open(str(path))
    assert not volume.is_locked()
    size: int = volume.get_size()
    return b"".join(volume.read_buffer_at_offset(1 << 20, at) for at in range(0, size, 1 << 20))


def parts(path: Path, work: Path, password: str = "") -> bytes:
    """Join the parts of a disk by their names."""
    return b"".join(part.read_bytes() for part in sorted(path.parent.iterdir()))


def unpacker(program: str) -> Callable[[Path, Path, str], bytes]:
    """Return a reader that has a program unpack a file."""

    def unpack(path: Path, work: Path, password: str = "") -> bytes:
        command = [tool(program, {"xz": "xz-utils"}.get(program, program)), "-dc", str(path)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    return unpack


def dissect_ntfs(path: Path, work: Path, password: str = "") -> dict[str, bytes]:
    """Read the files of a raw disk or volume by dissect."""
    with path.open("rb") as file:
        return _files_of(file)


def vhdx_of_large_sectors(path: Path, work: Path, password: str = "") -> dict[str, bytes]:
    """Read a VHDX by libvhdi and its volume by dissect."""
    return _files_of(io.BytesIO(libvhdi(path, work)))


def _files_of(file: BinaryIO) -> dict[str, bytes]:
    from dissect.ntfs import NTFS
    from dissect.volume.disk import Disk

    file.seek(0)
    if file.read(11)[3:] != b"NTFS    ":
        sector = next((size for size in (SECTOR, 4096) if _is_gpt(file, size)), SECTOR)
        file.seek(0)
        partitions = [partition.open() for partition in Disk(file, sector_size=sector).partitions]
        (file,) = [each for each in partitions if each.read(11)[3:] == b"NTFS    "]
    table = NTFS(file).mft
    assert table is not None
    return {name: table.get(name).open().read() for name in windows.files()}


def _is_gpt(file: BinaryIO, sector: int) -> bool:
    file.seek(sector)
    return file.read(8) == b"EFI PART"


def seven_zip(path: Path, work: Path, password: str = "") -> Content:
    """Have 7-Zip unpack an archive, and those in it, and qemu-img read the disk in it."""
    program = tool("7z", "p7zip-full")

    def extract(archive: Path, into: Path) -> None:
        command = [program, "x", "-y", f"-p{password}", f"-o{into}", str(archive)]
        subprocess.run(command, check=True, capture_output=True)

    return _contents(path, work, extract)


def gnu_tar(path: Path, work: Path, password: str = "") -> Content:
    """Have GNU tar unpack an archive, and qemu-img read the disk in it."""

    def extract(archive: Path, into: Path) -> None:
        into.mkdir()
        subprocess.run([tool("tar", "tar"), "-xf", str(archive), "-C", str(into)], check=True)

    return _contents(path, work, extract)


def _contents(path: Path, work: Path, extract: Callable[[Path, Path], None]) -> Content:
    pending = [path] if path.is_file() else [each for each in path.iterdir() if each.suffix in _ARCHIVES]
    files: dict[str, bytes] = {}
    while pending:
        into = work / f"layer{len(list(work.iterdir()))}"
        extract(pending.pop(), into)
        for file in [each for each in into.rglob("*") if each.is_file()]:
            if file.suffix in _ARCHIVES:
                pending.append(file)
            elif file.suffix == ".vhdx":
                return qemu_img(file, work)
            elif file.suffix in (".raw", ".001"):
                return parts(file, work)
            elif file.suffix == ".E01":
                return ewfexport(file, work)
            else:
                files[re.sub(_DRIVE, "", file.relative_to(into).as_posix())] = file.read_bytes()
    return files


def dissect_evidence(path: Path, work: Path, password: str = "") -> dict[str, bytes]:
    """Read the files of a logical image by dissect."""
    segments = [each.open("rb") for each in sorted(path.parent.iterdir())]
    image = other_reader("dissect.evidence.ad1", "dissect.evidence").AD1(segments)
    files = {name: image.get(f"C:/{name}").open().read() for name in windows.files()}
    for segment in segments:
        segment.close()
    return files


def wimapply(path: Path, work: Path, password: str = "") -> dict[str, bytes]:
    """Have wimlib apply an image to a folder."""
    command = [tool("wimapply", "wimtools"), str(path), "1", str(work / "out")]
    if path.suffix == ".swm":
        command.append(f"--ref={path.with_name('install*.swm')}")
    subprocess.run(command, check=True, capture_output=True)
    found = (work / "out").rglob("*")
    return {file.relative_to(work / "out").as_posix(): file.read_bytes() for file in found if file.is_file()}


SECOND_READERS: dict[str, SecondReader] = {
    "qemu-img": qemu_img,
    "dissect.target": dissect_target,
    "gzip, qemu-img": cut_export,
    "dissect.archive": dissect_archive,
    "zstd, dissect.archive": dissect_archive,
    "gzip, dissect.archive": dissect_archive,
    "libvhdi": libvhdi,
    "libvhdi, dissect.ntfs": vhdx_of_large_sectors,
    "dissect.hypervisor": virtualbox_chain,
    "dissect.ntfs": dissect_ntfs,
    "ewfexport": ewfexport,
    "libbde": libbde,
    "cat": parts,
    "7z": seven_zip,
    "tar": gnu_tar,
    "dissect.evidence": dissect_evidence,
    "wimapply": wimapply,
    **{program: unpacker(program) for program in ("gzip", "bzip2", "xz", "zstd")},
}
