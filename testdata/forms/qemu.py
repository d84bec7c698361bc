"""Forms that other people's programs make of the raw disk."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

from testdata.forms import windows
from testdata.forms.form import Form

_HYPERVISOR = "dissect.hypervisor"


def convert(kind: str, suffix: str, options: tuple[str, ...], folder: Path) -> Path:
    """Convert the disk with qemu-img."""
    raw, path = folder.with_name(f"{folder.name}.raw"), folder / f"disk.{suffix}"
    raw.write_bytes(windows.disk())
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", kind, *options, str(raw), str(path)], check=True)
    raw.unlink()
    return path


def ewfacquire(form: str, folder: Path) -> Path:
    """Acquire the disk with libewf."""
    raw = folder.with_name(f"{folder.name}.raw")
    raw.write_bytes(windows.disk())
    command = ["ewfacquire", "-u", "-q", "-t", str(folder / "disk"), "-f", form, "-c", "deflate:fast", str(raw)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    raw.unlink()
    return next(path for path in sorted(folder.glob("disk.?01")))


def _with_snapshot(folder: Path) -> Path:
    path = convert("qcow2", "qcow2", (), folder)
    subprocess.run(["qemu-img", "snapshot", "-c", "before", str(path)], check=True)
    return path


def _form(
    name: str, kind: str, suffix: str, *options: str, reader: str = _HYPERVISOR, second: str = "qemu-img"
) -> Form:
    make = partial(convert, kind, suffix, options)
    return Form(name, "disk", "disk", make, reader, second_reader=second, needs=("qemu-img",))


VHD = (
    _form("VHD fixed (Azure page blob)", "vpc", "vhd", "-o", "subformat=fixed,force_size=on", second="libvhdi"),
    _form("VHD dynamic (Disk2vhd, Xen)", "vpc", "vhd", "-o", "force_size=on", second="libvhdi"),
)
VMDK = (
    _form("VMDK streamOptimized (in OVF exports, AWS)", "vmdk", "vmdk", "-o", "subformat=streamOptimized"),
    _form("VMDK monolithicFlat", "vmdk", "vmdk", "-o", "subformat=monolithicFlat", reader=""),
    _form("VMDK twoGbMaxExtentSparse", "vmdk", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"),
    _form("VMDK twoGbMaxExtentFlat", "vmdk", "vmdk", "-o", "subformat=twoGbMaxExtentFlat", reader=""),
)
QCOW2 = (
    _form("qcow2, compressed (zlib)", "qcow2", "qcow2", "-c"),
    _form("qcow2, compressed (zstd)", "qcow2", "qcow2", "-c", "-o", "compression_type=zstd"),
    _form("qcow2 version 2", "qcow2", "qcow2", "-o", "compat=0.10"),
    Form(
        "qcow2 with an internal snapshot: its present state",
        "disk",
        "disk",
        _with_snapshot,
        _HYPERVISOR,
        second_reader="qemu-img",
        needs=("qemu-img",),
    ),
)
VDI = (_form("VDI fixed", "vdi", "vdi", "-o", "static=on", reader=""),)
