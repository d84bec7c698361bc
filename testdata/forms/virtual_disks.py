"""Virtual disks of each hypervisor: alone, and as chains of snapshots of which the newest is named."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

from testdata.builder import chain_disks
from testdata.builder.vhdx import write_differencing, write_dynamic, write_fixed
from testdata.forms import windows
from testdata.forms.form import Form
from testdata.forms.qemu import QCOW2, VDI, VHD, VMDK

_HYPERVISOR = "dissect.hypervisor"


def dynamic_vhdx(folder: Path, content: bytes | None = None) -> Path:
    """Write the disk as a dynamic VHDX, as Hyper-V does, with blocks in the order in which they were written."""
    path, data = folder / "disk.vhdx", windows.disk() if content is None else content
    write_dynamic(io.BytesIO(data), len(data), path, shuffle_seed="forms", seed="forms")
    return path


def _fixed_vhdx(folder: Path) -> Path:
    path, data = folder / "disk.vhdx", windows.disk()
    write_fixed(io.BytesIO(data), len(data), path, seed="forms")
    return path


def _vhdx_with_large_sectors(folder: Path) -> Path:
    path, data = folder / "disk.vhdx", windows.disk("gpt", 4096)
    write_dynamic(io.BytesIO(data), len(data), path, sector_size=4096, seed="forms")
    return path


def vhdx_chain(count: int, folder: Path) -> Path:
    """Write the disk as a chain of VHDX, as Hyper-V's checkpoints make one; returns the newest."""
    data = windows.disk()
    base, *later = chain_disks.layers(data, count)
    below = io.BytesIO(chain_disks.merged(len(data), [base]))
    path = folder / "disk.vhdx"
    write_dynamic(below, len(data), path, shuffle_seed="forms", seed="forms")
    for number, pages in enumerate(later, 1):
        page = chain_disks.PAGE
        changes = [(at * page, content or bytes(page)) for at, content in pages.items()]
        child = folder / f"disk_{number}.avhdx"
        write_differencing(path, changes, child, shuffle_seed=child.name, seed=child.name)
        path = child
    return path


def chain(form: str, count: int, folder: Path) -> Path:
    """Write the disk as a chain of so many virtual disks of a form; returns the newest."""
    data = windows.disk()
    return chain_disks.FORMS[form](folder, len(data), chain_disks.layers(data, count))


def _form(name: str, form: str, count: int = 3, reader: str = "", second: str = "qemu-img") -> Form:
    return Form(name, "disk", "disk", partial(chain, form, count), reader, second_reader=second)


FORMS = (
    Form("VHDX dynamic", "disk", "disk", dynamic_vhdx, second_reader="qemu-img"),
    Form("VHDX fixed", "disk", "disk", _fixed_vhdx, second_reader="qemu-img"),
    Form(
        "VHDX with sectors of 4096 bytes",
        "disk",
        "disk",
        _vhdx_with_large_sectors,
        second_reader="libvhdi, dissect.ntfs",
    ),
    Form("VHDX with two checkpoints (.avhdx)", "disk", "disk", partial(vhdx_chain, 3), second_reader="libvhdi"),
    *VHD,
    _form("VHD with two differencing disks (.avhd)", "vhd", 3, _HYPERVISOR, "libvhdi"),
    _form("VMDK monolithicSparse", "vmdk", 1, _HYPERVISOR),
    *VMDK,
    _form("VMDK with two snapshots (Workstation)", "vmdk", 3, _HYPERVISOR),
    _form("VMDK with two snapshots (ESXi, VMFS 5)", "vmfs", 3, _HYPERVISOR),
    _form("VMDK with two snapshots (ESXi, VMFS 6: seSparse)", "sesparse", 3, _HYPERVISOR),
    _form("qcow2", "qcow2", 1, _HYPERVISOR),
    *QCOW2,
    _form("qcow2 on two backing files", "qcow2", 3, _HYPERVISOR),
    _form("VDI dynamic", "vdi", 1, second="dissect.hypervisor"),
    *VDI,
    _form("VDI with two snapshots (VirtualBox)", "vdi", 3, second="dissect.hypervisor"),
)
