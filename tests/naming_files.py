"""Files of evidence that name other files: one of each form, with any name in the place of the right one."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

from testdata.builder.ad1 import ad1
from testdata.builder.bundles import (
    HYPER_V_XML,
    LIBVIRT,
    OVF,
    PLIST,
    PVS,
    VM,
    manifest,
    stream_optimized,
    vbox_text,
)
from testdata.builder.chain_disks import PAGE, qcow2, vhd
from testdata.builder.ewf import write_e01
from testdata.builder.files import FileSpec
from testdata.builder.parallels import TOP, descriptor, storage
from testdata.builder.vhdx import write_differencing, write_dynamic
from testdata.builder.virtual_machine import VirtualMachine
from testdata.builder.wim import WimImageSpec, parts_of, split

SIZE = 64 * PAGE
VMDK = """# Disk DescriptorFile
version=1
CID=5e1f0a71
parentCID={cid}
createType="monolithicFlat"
parentFileNameHint="{hint}"
{extents}
"""
LOCATORS = ("W2ru", "W2ku", "Wi2r", "Wi2k", "Mac ", "MacX")

Maker = Callable[[Path, str], Path]
"""Writes a file into a folder that names another one: (folder, the name) -> the file."""


def vmdk_text(*extents: str, cid: str = "ffffffff", hint: str = "") -> str:
    return VMDK.format(cid=cid, hint=hint, extents="\n".join(extents))


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
    return path


def disk(mark: int = 1) -> bytes:
    """Return a small disk with a boot signature, unlike another one of another mark."""
    return (bytes([mark]) * 510 + b"\x55\xaa").ljust(SIZE, bytes([mark]))


def _extent(kind: str, folder: Path, name: str) -> Path:
    end = " 0" if kind == "FLAT" else ""
    return write(folder / "disk.vmdk", vmdk_text(f'RW {SIZE // 512} {kind} "{name}"{end}'))


def _hint(folder: Path, name: str) -> Path:
    write(folder / "own-flat.vmdk", disk(9))
    extent = f'RW {SIZE // 512} FLAT "own-flat.vmdk" 0'
    return write(folder / "disk.vmdk", vmdk_text(extent, cid="5e1f0a70", hint=name))


@cache
def _packed() -> bytes:
    return stream_optimized(disk(9))


def _embedded_hint(folder: Path, name: str) -> Path:
    text = vmdk_text(f'RW {SIZE // 512} SPARSE "disk.vmdk"', cid="5e1f0a70", hint=name)
    data = bytearray(_packed())
    data[512 : 21 * 512] = text.encode("utf-8", "surrogateescape")[: 20 * 512].ljust(20 * 512, b"\0")
    return write(folder / "disk.vmdk", bytes(data))


def _qcow2(folder: Path, name: str, form: bytes = b"qcow2", data_file: bool = False) -> Path:
    with TemporaryDirectory() as made:
        data = bytearray(qcow2(Path(made), SIZE, [{}, {}], form).read_bytes())
    written = name.encode("utf-8", "surrogateescape")[:1023]
    extensions = struct.pack(">II", 0xE2792ACA, len(form)) + form.ljust(8, b"\0") if form and not data_file else b""
    if data_file:
        struct.pack_into(">Q", data, 72, 4)
        extensions = struct.pack(">II", 0x44415441, len(written)) + written.ljust(-(-len(written) // 8) * 8, b"\0")
    extensions += bytes(8)
    at = 104 + len(extensions)
    struct.pack_into(">QI", data, 8, *((0, 0) if data_file else (at, len(written))))
    data[104 : 104 + len(extensions) + len(written)] = extensions + (b"" if data_file else written)
    return write(folder / "disk.qcow2", bytes(data))


def _vhd(folder: Path, name: str) -> Path:
    """Write a differencing VHD that names its parent in its header and by a locator of each platform."""
    with TemporaryDirectory() as made:
        data = bytearray(vhd(Path(made), SIZE, [{}, {0: bytes(PAGE)}]).read_bytes())
    header = 512
    data[header + 64 : header + 576] = name.encode("utf-16-be", "replace")[:510].ljust(512, b"\0")
    tail = data[-512:]
    del data[-512:]
    for number, code in enumerate(LOCATORS):
        text = name.encode("utf-8" if code.startswith("Mac") else "utf-16-le" if "u" in code else "cp1252", "replace")
        text = text[:4096]
        at = header + 576 + 24 * number
        data[at : at + 24] = code.encode() + struct.pack(">IIIQ", 512, len(text), 0, len(data))
        data += text.ljust(-(-len(text) // 512) * 512 or 512, b"\0")
    struct.pack_into(">I", data, header + 36, 0)
    struct.pack_into(">I", data, header + 36, ~sum(data[header : header + 1024]) & 0xFFFFFFFF)
    return write(folder / "disk.avhd", bytes(data + tail))


@cache
def base_of_vhdx() -> bytes:
    with TemporaryDirectory() as made:
        write_dynamic(io.BytesIO(bytes(1 << 20)), 1 << 20, Path(made) / "base.vhdx", seed="base")
        return (Path(made) / "base.vhdx").read_bytes()


def _vhdx(key: str, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as made:
        base = write(Path(made) / "base.vhdx", base_of_vhdx())
        text = name.encode("utf-8", "replace").decode()[:4000]
        names = {"relative_path": "", "absolute_path": None, "volume_path": None} | {key: text}
        write_differencing(base, [], folder / "disk.avhdx", **names)  # type: ignore[arg-type]
    return folder / "disk.avhdx"


def _vmx(folder: Path, name: str) -> Path:
    return write(folder / "web.vmx", f'virtualHW.version = "19"\nscsi0:0.fileName = "{name}"\n')


def _vmx_of_vmdk(folder: Path, name: str) -> Path:
    return _vmx(folder, f"{name}/x.vmdk")


def _vmsd(folder: Path, name: str) -> Path:
    write(folder / "web.vmx", 'virtualHW.version = "19"\nscsi0:0.fileName = "own.vmdk"\n')
    return write(folder / "web.vmsd", f'snapshot.numSnapshots = "1"\nsnapshot0.disk0.fileName = "{name}"\n')


def _xml(text: str) -> Callable[[str], str]:
    return lambda name: text.replace("@NAME@", escape(name, {'"': "&quot;", "'": "&apos;"}))


def _text_form(file: str, text: str) -> Maker:
    filled = _xml(text)

    def maker(folder: Path, name: str) -> Path:
        return write(folder / file, filled(name))

    return maker


_HDD = descriptor(storage(0, SIZE // 512, [(TOP, "Plain", "@NAME@")]), [TOP])


def _hyper_v_xml(folder: Path, name: str) -> Path:
    before = "D:\\VMs\\web\\Virtual Hard Disks\\{name}"
    text = HYPER_V_XML.replace(before, "@NAME@").replace("{vm}", VM.upper())
    content = _xml(text)(name).encode("utf-16", "replace")
    return write(folder / "Virtual Machines" / f"{VM.upper()}.xml", content)


def _vmcx(folder: Path, name: str) -> Path:
    path = name.encode("utf-8", "replace").decode("utf-8", "replace").replace("\0", "")
    content = VirtualMachine("web", VM, vtpm=False, disks=[path]).vmcx()
    return write(folder / "Virtual Machines" / f"{VM.upper()}.vmcx", content)


def _manifest(folder: Path, name: str) -> Path:
    write(folder / "web.mf", f"SHA256({name})= {'0' * 64}\n")
    return write(folder / "web.ovf", OVF.format(href="web-disk1.vmdk", more="", size=SIZE))


FORMS: Mapping[str, Maker] = {
    "VMDK, flat extent": lambda folder, name: _extent("FLAT", folder, name),
    "VMDK, VMFS extent": lambda folder, name: _extent("VMFS", folder, name),
    "VMDK, sparse extent": lambda folder, name: _extent("SPARSE", folder, name),
    "VMDK, space-efficient extent": lambda folder, name: _extent("SESPARSE", folder, name),
    "VMDK, parent": _hint,
    "VMDK, parent in an embedded descriptor": _embedded_hint,
    "qcow2, backing file": _qcow2,
    "qcow2, backing file of form raw": lambda folder, name: _qcow2(folder, name, b"raw"),
    "qcow2, backing file of no form": lambda folder, name: _qcow2(folder, name, b""),
    "qcow2, external data file": lambda folder, name: _qcow2(folder, name, data_file=True),
    "VHD, parent name and locators": _vhd,
    "VHDX, relative_path": lambda folder, name: _vhdx("relative_path", folder, name),
    "VHDX, absolute_win32_path": lambda folder, name: _vhdx("absolute_path", folder, name),
    "VHDX, volume_path": lambda folder, name: _vhdx("volume_path", folder, name),
    "VMX": _vmx,
    "VMX, in a folder of that name": _vmx_of_vmdk,
    "VMSD": _vmsd,
    "VBOX": _text_form("win.vbox", vbox_text("@NAME@")),
    "OVF": _text_form("web.ovf", OVF.format(href="@NAME@", more="", size=SIZE)),
    "OVF, chunks": _text_form("web.ovf", OVF.format(href="@NAME@", more='ovf:chunkSize="9"', size=SIZE)),
    "OVF, manifest": _manifest,
    "PVS": _text_form("config.pvs", PVS.format(path="@NAME@")),
    "DiskDescriptor.xml": _text_form("DiskDescriptor.xml", _HDD),
    "libvirt": _text_form("web.xml", LIBVIRT.format(path="@NAME@")),
    "UTM": _text_form("config.plist", PLIST.format(drives="Drive", name="ImageName", image="@NAME@", kind="Disk")),
    "Hyper-V, .xml": _hyper_v_xml,
    "Hyper-V, .vmcx": _vmcx,
}
"""Every form of a file that names another one."""

Parts = Callable[[Path], tuple[Path, ...]]
"""Writes an image in several files into a folder: what is named, then the files that are found by its name."""


def _numbered(names: tuple[str, ...], folder: Path) -> tuple[Path, ...]:
    step = 1 << 20  # what is smaller is no part of a disk where it is only found
    raw = disk().ljust(len(names) * step, b"\1")
    return tuple(write(folder / name, raw[at * step : (at + 1) * step]) for at, name in enumerate(names))


def _segments(folder: Path) -> tuple[Path, ...]:
    return tuple(write_e01(disk(), folder / "disk.E01", 3))


def _ad1(folder: Path) -> tuple[Path, ...]:
    parts = ad1({"a": random.Random(1).randbytes(100_000)}, segment=40_000)
    return tuple(write(folder / f"case.ad{number}", part) for number, part in enumerate(parts, 1))


def _wim(folder: Path) -> tuple[Path, ...]:
    image = WimImageSpec("files", [FileSpec(name, name.encode()) for name in "abc"])
    parts = split(parts_of([image]), 3)
    return tuple(write(folder / f"x{number if number > 1 else ''}.swm", part) for number, part in enumerate(parts, 1))


def _map(folder: Path) -> tuple[Path, ...]:
    text = f"# Mapfile. Created by GNU ddrescue version 1.27\n0x0 + 1\n0x0 {SIZE:#x} -\n"
    return write(folder / "disk.raw", disk()), write(folder / "disk.raw.map", text)


def _export(folder: Path) -> tuple[Path, ...]:
    write(folder / "web-disk1.vmdk", stream_optimized(disk()))
    ovf = write(folder / "web.ovf", OVF.format(href="web-disk1.vmdk", more="", size=SIZE))
    return ovf, folder / "web-disk1.vmdk", write(folder / "web.mf", manifest(ovf, folder / "web-disk1.vmdk"))


PARTS: Mapping[str, Parts] = {
    "raw, .001": partial(_numbered, ("disk.001", "disk.002", "disk.003")),
    "raw, .000": partial(_numbered, ("disk.000", "disk.001", "disk.002")),
    "raw, .aa": partial(_numbered, ("disk.aa", "disk.ab", "disk.ac")),
    "chunks of an OVF": partial(_numbered, tuple(f"disk.vmdk.{number:09d}" for number in range(3))),
    "E01": _segments,
    "AD1": _ad1,
    "split WIM": _wim,
    "map of ddrescue": _map,
    "export with a manifest": _export,
}
"""Every form of an image in several files that are found by their names."""
