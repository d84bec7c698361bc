"""Bundles: the configuration of a machine with the disks that it names, and backups that Windows makes of itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from testdata.builder.bundles import BUNDLES
from testdata.forms import windows
from testdata.forms.form import Form

_HYPERVISOR, _TARGET = "dissect.hypervisor", "dissect.target"


def _bundle(key: str, name: int, folder: Path) -> Path:
    return BUNDLES[key](folder / "FORMS01", windows.disk()).names[name]


def _form(
    name: str,
    key: str,
    *,
    kind: str = "bundle",
    named_by: int = 0,
    reader: str = "",
    second: str = "",
    told: tuple[str, ...] = (),
) -> Form:
    return Form(name, kind, "disk", partial(_bundle, key, named_by), reader, second, told=told)


FORMS = (
    _form("VMware machine with a snapshot (.vmx)", "vmware", reader=_HYPERVISOR, second=_TARGET),
    _form("VirtualBox machine with a snapshot (.vbox)", "virtualbox"),
    _form("OVF with manifest", "ovf", reader=_HYPERVISOR, second=_TARGET),
    _form("OVF, its disk in .gz and cut", "ovf_chunks", reader=_HYPERVISOR, second="gzip, qemu-img"),
    _form("OVA", "ova", kind="archive", reader=_HYPERVISOR, second=_TARGET),
    _form("KVM machine (libvirt .xml)", "libvirt", reader=_HYPERVISOR, second=_TARGET),
    _form("UTM 4 (.utm)", "utm", kind="folder", named_by=1, reader=_HYPERVISOR, second=_TARGET),
    _form("UTM 3 (.utm)", "utm_3", kind="folder", named_by=1, reader=_HYPERVISOR, second="qemu-img"),
    _form("Parallels machine with a snapshot (.pvm)", "parallels", kind="folder", named_by=1, second=_TARGET),
    _form("Parallels disk with a snapshot, by one of its .hds", "parallels", kind="disk", named_by=4),
    _form("Hyper-V machine of 2012 and before (.xml)", "hyper_v_2012", kind="export", second=_TARGET),
    _form(
        "Windows' own image backup (WindowsImageBackup)",
        "windows_backup",
        kind="folder",
        second="qemu-img",
        told=("is a backup: it shows its machine as it was at 2026-11-01",),
    ),
)
