"""A disk is no machine of today where the configuration beside it names another one that is not there."""

from __future__ import annotations

import lzma
import zipfile
from pathlib import Path

import pytest

import forensics
from forensics.case import Case
from tests.disk.ntfs_fixture import PACKED
from tests.disk.test_lineage import VMWARE

pytestmark = pytest.mark.usefixtures("rows_alone")

VBOX = """<?xml version="1.0"?><VirtualBox xmlns="http://www.virtualbox.org/"><Machine name="win"><MediaRegistry>
<HardDisks><HardDisk uuid="{{2}}" location="win.img"><HardDisk uuid="{{3}}" location="Snapshots/{{3}}.vdi"/></HardDisk>
</HardDisks></MediaRegistry>%s</Machine></VirtualBox>"""
ATTACHED = """<StorageControllers><StorageController name="SATA"><AttachedDevice type="DVD"><Image uuid="{{9}}"/>
</AttachedDevice><AttachedDevice type="HardDisk"><Image uuid="{{%s}}"/></AttachedDevice></StorageController>
</StorageControllers>"""
VMX = '.encoding = "UTF-8"\nscsi0:0.fileName = "%s"\nscsi0:0.present = "TRUE"\nide1:0.fileName = "auto detect"\n'
VMSD = 'snapshot.numSnapshots = "%d"\nsnapshot0.filename = "vm-1.vmsn"\nsnapshot0.disk0.fileName = "vm.vmdk"\n'


def vmware(folder: Path) -> Path:
    """Lay a flat disk with its descriptor."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = lzma.decompress(PACKED.read_bytes())
    (folder / "vm-flat.vmdk").write_bytes(raw)
    text = VMWARE.format(cid="5e1f0a77", parent="ffffffff", hint="")
    text = text.replace("83886080 VMFSSPARSE", f"{len(raw) // 512} FLAT").replace("x-000001-delta", "vm-flat")
    (folder / "vm.vmdk").write_text(text)
    return folder / "vm.vmdk"


def virtualbox(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "win.vbox").write_text(text.replace("{{", "{").replace("}}", "}"))
    (folder / "win.vdi").write_bytes(lzma.decompress(PACKED.read_bytes()))
    return folder / "win.vdi"


def older(case: Case, disk: Path | str) -> str | None:
    (entry,) = [each for each in case.sources if each.path == str(disk)]
    assert entry.machine_ids
    return entry.older_state_of


def test_a_vmx_that_names_a_missing_disk(tmp_path: Path) -> None:
    disk = vmware(tmp_path / "one")
    (tmp_path / "one" / "vm.vmx").write_text(VMX % "vm-000002.vmdk")
    case = forensics.examine(tmp_path, strict=False)
    missing = tmp_path / "one" / "vm-000002.vmdk"
    assert older(case, disk) == str(missing)
    assert case.not_examined == [
        "Examined 1 of 2: not one/vm-000002.vmdk.",
        f"{missing}: vm.vmx names it as a disk of the machine, and it is not there: put it beside the other files",
        f"{disk} may be an older state: {missing}, which could not be read, may build on it",
    ]
    assert case.shows_older_state


def test_a_vmx_inside_a_zip(tmp_path: Path) -> None:
    disk = vmware(tmp_path / "vm")
    with zipfile.ZipFile(tmp_path / "vm.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vm.vmx", VMX % "vm-000002.vmdk")
        archive.write(disk, "vm.vmdk")
        archive.write(disk.with_name("vm-flat.vmdk"), "vm-flat.vmdk")
    case = forensics.examine(tmp_path / "vm.zip", strict=False)
    assert older(case, f"{tmp_path}/vm.zip/vm.vmdk") == f"{tmp_path}/vm.zip/vm-000002.vmdk"


@pytest.mark.parametrize(
    "vmx",
    [
        VMX % "vm.vmdk",
        VMX % "/vmfs/volumes/5e1f/vm/vm.vmdk",
        (VMX % "vm-000002.vmdk").replace("TRUE", "FALSE"),
        "no setting at all",
        "",
    ],
)
def test_a_vmx_that_says_nothing_against_the_disk(tmp_path: Path, vmx: str) -> None:
    disk = vmware(tmp_path)
    (tmp_path / "vm.vmx").write_text(vmx)
    case = forensics.examine(tmp_path, strict=False)
    assert older(case, disk) is None
    assert case.not_examined == []


def test_a_second_disk_that_was_not_copied(tmp_path: Path) -> None:
    disk = vmware(tmp_path)
    (tmp_path / "vm.vmx").write_text((VMX % "vm.vmdk") + 'sata0:1.fileName = "data.vmdk"\n')
    case = forensics.examine(tmp_path, strict=False)
    assert older(case, disk) is None
    assert case.not_examined == [
        "Examined 1 of 2: not data.vmdk.",
        f"{tmp_path}/data.vmdk: vm.vmx names it as a disk of the machine, and it is not there: put it beside the other "
        "files",
    ]


@pytest.mark.parametrize("snapshots", [1, 0])
def test_a_vmsd_that_lists_the_disk_of_a_snapshot(tmp_path: Path, snapshots: int) -> None:
    disk = vmware(tmp_path)
    (tmp_path / "vm.vmsd").write_text(VMSD % snapshots)
    newer = f"the disk after the last snapshot in {tmp_path}/vm.vmsd"
    case = forensics.examine(tmp_path, strict=False)
    assert older(case, disk) == (newer if snapshots else None)
    assert case.shows_older_state is bool(snapshots)


@pytest.mark.parametrize("above", ["%s", "<Hardware>%s</Hardware>"])
def test_a_vbox_that_attaches_a_missing_disk(tmp_path: Path, above: str) -> None:
    text = VBOX.replace("win.img", "win.vdi")
    disk = virtualbox(tmp_path / "one", text % (above % (ATTACHED % 3)))
    missing = tmp_path / "one" / "Snapshots" / "{3}.vdi"
    assert older(forensics.examine(tmp_path, strict=False), disk) == str(missing)
    missing.parent.mkdir()
    missing.write_bytes(b"")
    case = forensics.examine(tmp_path, strict=False)
    assert older(case, disk) == str(missing)
    assert f"{missing} is empty: nothing was copied into it" in case.not_examined


@pytest.mark.parametrize("attached", [ATTACHED % 2, ATTACHED % 8, "", "<!ENTITY"])
def test_a_vbox_that_says_nothing_against_the_disk(tmp_path: Path, attached: str) -> None:
    disk = virtualbox(tmp_path, VBOX.replace("win.img", "win.vdi") % attached)
    assert older(forensics.examine(tmp_path, strict=False), disk) is None
