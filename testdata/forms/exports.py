"""Exports of virtual machines: their disks with the configuration that names them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from testdata.builder.virtual_machine import VirtualMachine
from testdata.forms.archives import files_of, zipped
from testdata.forms.form import Form
from testdata.forms.virtual_disks import dynamic_vhdx, vhdx_chain

_VM_ID = "6f1b1c2e-4a0b-4a86-9c57-0f4c3a5d9e21"


def _hyperv(newest: str, count: int, folder: Path) -> Path:
    top = folder / "FORMS01"
    for name in ("Virtual Machines", "Virtual Hard Disks"):
        (top / name).mkdir(parents=True)
    disks = top / "Virtual Hard Disks"
    path = dynamic_vhdx(disks) if count == 1 else vhdx_chain(count, disks)
    assert path.name == newest
    machine = VirtualMachine("FORMS01", _VM_ID, vtpm=False, disks=[f"D:\\VMs\\{newest}"])
    (top / "Virtual Machines" / f"{_VM_ID.upper()}.vmcx").write_bytes(machine.vmcx())
    return top


def _hyperv_zip(folder: Path) -> Path:
    path = folder / "FORMS01.zip"
    path.write_bytes(zipped(files_of(partial(_hyperv, "disk.vhdx", 1))))
    return path


FORMS = (
    Form("Hyper-V export", "export", "disk", partial(_hyperv, "disk.vhdx", 1)),
    Form("Hyper-V export with checkpoints", "export", "disk", partial(_hyperv, "disk_2.avhdx", 3)),
    Form("zip of a Hyper-V export", "export", "disk", _hyperv_zip, second_reader="7z"),
)
