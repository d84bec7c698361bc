"""Bundles that lie, lack something or lead out of their folder: told with the next step, and the rest is examined."""

from __future__ import annotations

import gzip
import os
import shutil
import zipfile
from pathlib import Path

import pytest

import forensics
from forensics.case import Case
from forensics.disk.errors import SourceError
from forensics.formats.bundles.vmware import parse_vmx
from forensics.sources.open import open_source
from forensics.tables.source import leaves
from testdata.builder.bundles import (
    BUNDLES,
    DISKS_OF_VBOX,
    LIBVIRT,
    OVF,
    PLIST,
    PVS,
    SPECS,
    VOLUME,
    ova,
    pages,
    stream_optimized,
    vbox_text,
    vmx_text,
    write_disk,
)
from testdata.builder.chain_disks import PAGE, vdi, vmdk, vmdk_name
from tests.sources.test_chains import plain
from tests.time_bound import within

pytestmark = pytest.mark.usefixtures("rows_alone")

PUT = "it is not there: put it beside the other files"
NEXT = "name the disk itself, or the folder that holds it"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return plain(tmp_path_factory.mktemp("plain"), "sample.vhdx")[0]


def refused(path: Path) -> tuple[str, str]:
    with pytest.raises(SourceError) as caught:
        forensics.examine(path)
    return caught.value.kind, caught.value.message


def machines(case: Case) -> dict[str, str | None]:
    """Return the disks that are examined as machines, and what each is an older state of."""
    return {entry.path: entry.older_state_of for entry in leaves(case.sources) if entry.machine_ids}


def told(case: Case) -> dict[str, str]:
    return {entry.path: entry.error for entry in leaves(case.sources) if entry.error}


def problems(case: Case, kind: str) -> list[str]:
    return [row.message for row in case.rows("problem") if row.kind == kind]


def disk(folder: Path, raw: bytes, name: str = "vm.vmdk") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(stream_optimized(raw))
    return path


def outside(tmp_path: Path, raw: bytes) -> Path:
    """Return a disk that is no part of the evidence."""
    return disk(tmp_path / "outside", raw, "secret.vmdk")


@pytest.mark.parametrize("how", ["absolute", "above", "link", "folder link", "drive"])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, raw: bytes, how: str) -> None:
    other = outside(tmp_path, raw)
    here = tmp_path / "vm"
    here.mkdir()
    written = {
        "absolute": str(other),
        "above": "../outside/secret.vmdk",
        "link": "secret.vmdk",
        "folder link": "there/secret.vmdk",
        "drive": "C:\\outside\\secret.vmdk",
    }[how]
    if how == "link":
        (here / "secret.vmdk").symlink_to(other)
    if how == "folder link":
        (here / "there").symlink_to(other.parent)
    (here / "web.vmx").write_text(vmx_text(written))
    shown = here / ("there/secret.vmdk" if how == "folder link" else "secret.vmdk")
    as_written = "" if "link" in how else f" ('{written}')"
    why = f"a symbolic link to {other} stands in its place, which is not followed: put the file itself there"
    reason = f"web.vmx names it as a disk of the machine{as_written}, and {why if how == 'link' else PUT}"
    assert refused(here / "web.vmx") == (
        "nothing_opened",
        f"nothing in {here}/web.vmx could be examined: {reason}",
    )
    case = forensics.examine(here, strict=False)
    assert machines(case) == {}
    assert told(case)[str(shown)] == reason
    # Beside the configuration it counts, whatever folder that writes.
    if "link" not in how:
        shutil.copy(other, here / "secret.vmdk")
        assert machines(forensics.examine(here / "web.vmx")) == {f"{here}/secret.vmdk": None}


def test_a_folder_that_holds_both_is_searched_as_a_whole(tmp_path: Path, raw: bytes) -> None:
    disk(tmp_path / "store", raw, "data.vmdk")
    (tmp_path / "vm").mkdir()
    (tmp_path / "vm" / "web.vmx").write_text(vmx_text("../store/data.vmdk"))
    case = forensics.examine(tmp_path)
    assert (machines(case), told(case)) == ({f"{tmp_path}/store/data.vmdk": None}, {})
    (entry,) = [each for each in case.sources if each.machine_ids and each.found_in]
    assert entry.bundle == f"{tmp_path}/vm/web.vmx"


def test_a_second_disk_that_is_missing(tmp_path: Path, raw: bytes) -> None:
    disk(tmp_path, raw)
    (tmp_path / "web.vmx").write_text(vmx_text("vm.vmdk", "data.vmdk"))
    case = forensics.examine(tmp_path / "web.vmx")
    assert machines(case) == {f"{tmp_path}/vm.vmdk": None}
    assert case.not_examined == [
        f"Examined 1 of 2: not {tmp_path}/data.vmdk.",
        f"{tmp_path}/data.vmdk: web.vmx names it as a disk of the machine, and {PUT}",
    ]
    assert {entry.bundle for entry in leaves(case.sources)} == {f"{tmp_path}/web.vmx"}


def test_only_the_disks_of_the_machine_that_was_named(tmp_path: Path, raw: bytes) -> None:
    disk(tmp_path, raw)
    disk(tmp_path, raw, "other.vmdk")
    (tmp_path / "web.vmx").write_text(vmx_text("vm.vmdk"))
    assert [entry.path for entry in forensics.examine(tmp_path / "web.vmx").sources] == [
        f"{tmp_path}/web.vmx",
        f"{tmp_path}/vm.vmdk",
    ]


@pytest.mark.parametrize("named", ["configuration", "folder", "base"])
def test_the_disk_of_today_is_missing(tmp_path: Path, raw: bytes, named: str) -> None:
    """Its base is examined and does not pass as the machine."""
    tmp_path = tmp_path / "Backup of the machines"  # no image backup, whatever its name begins with
    base = disk(tmp_path, raw)
    (tmp_path / "web.vmx").write_text(vmx_text("vm-000001.vmdk"))
    today = f"{tmp_path}/vm-000001.vmdk"
    case = forensics.examine({"configuration": tmp_path / "web.vmx", "folder": tmp_path, "base": base}[named])
    assert machines(case) == {str(base): today}
    assert case.shows_older_state
    if named == "base":
        assert problems(case, "older_state") == [
            f"{base} may be an older state: {tmp_path}/web.vmx says that the machine writes to {today}, which is not "
            "there; put it there and name it"
        ]
    else:
        assert told(case) == {today: f"web.vmx names it as a disk of the machine, and {PUT}"}


def test_a_base_of_virtualbox_that_is_named_alone(tmp_path: Path, raw: bytes) -> None:
    vdi(tmp_path, len(raw), [pages(raw), {}])
    (tmp_path / "win.vbox").write_text(vbox_text("Snapshots/{1}.vdi"))
    today = tmp_path / "Snapshots" / "{1}.vdi"
    today.unlink()
    case = forensics.examine(tmp_path / "vm.vdi")
    assert machines(case) == {f"{tmp_path}/vm.vdi": str(today)}
    assert problems(case, "older_state") == [
        f"{tmp_path}/vm.vdi is an older state: {tmp_path}/win.vbox says that a snapshot has closed it; examine {today}"
    ]


def test_a_disk_whose_snapshots_alone_are_listed(tmp_path: Path, raw: bytes) -> None:
    base = disk(tmp_path, raw)
    frozen = f'snapshot.numSnapshots = "1"\nsnapshot0.disk0.fileName = "{base.name}"\n'
    (tmp_path / "web.vmsd").write_text(frozen)
    assert machines(forensics.examine(base)) == {str(base): f"the disk after the last snapshot in {tmp_path}/web.vmsd"}
    assert refused(tmp_path / "web.vmsd") == (
        "no_disks",
        f"{tmp_path}/web.vmsd lists the snapshots of a VMware machine, not its disks of today: name its .vmx, or the "
        "disk",
    )


def test_a_base_of_hyper_v_that_is_named_alone(tmp_path: Path, raw: bytes) -> None:
    bundle = BUNDLES["hyper_v_2012"](tmp_path / "vm", raw)
    (configuration,) = bundle.names
    today = "web_8F3C0000-1111-4222-8333-444444444444.avhdx"
    text = configuration.read_text(encoding="utf-16").replace("web.vhdx", today)
    configuration.write_bytes(text.encode("utf-16"))
    case = forensics.examine(bundle.disk)
    (newer,) = machines(case).values()
    assert newer is not None
    assert newer.endswith(today)
    folder = forensics.examine(bundle.folder)
    assert [Path(older).name for older in machines(folder).values() if older] == [today]


ENCRYPTED = (
    '.encoding = "windows-1252"\nencryption.keySafe = "vmware:key/list/(pair/(phrase/x))"\nencryption.data = "AA=="\n'
)
HIDDEN = (
    "it is encrypted, and names its disks only in what is: remove the encryption in VMware (settings of the machine, "
    "Options, Access Control) and name it again"
)


def test_an_encrypted_configuration(tmp_path: Path, raw: bytes) -> None:
    base = disk(tmp_path, raw)
    path = tmp_path / "web.vmx"
    path.write_text(ENCRYPTED)
    assert refused(path) == ("encrypted", f"which disks {path} names is not known: {HIDDEN}")
    case = forensics.examine(tmp_path)
    assert machines(case) == {str(base): None}
    assert problems(case, "encrypted") == [f"which disks {path} names is not known: {HIDDEN}"]
    # Where only a TPM needed encryption the disks are named in the clear.
    path.write_text(ENCRYPTED + vmx_text("vm.vmdk"))
    assert machines(forensics.examine(path)) == {str(base): None}


def test_names_in_the_code_page_that_the_configuration_names() -> None:
    text = '.encoding = "Shift_JIS"\nscsi0:0.fileName = "サーバー.vmdk"\n'
    assert [disk.path for disk in parse_vmx(text.encode("shift_jis")).current] == ["サーバー.vmdk"]
    odd = '.encoding = "zip"\nscsi0:0.fileName = "größe.vmdk"\n'
    assert [disk.path for disk in parse_vmx(odd.encode()).current] == ["größe.vmdk"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("win.vbox", vbox_text("vm.vmdk")),
        ("web.ovf", OVF.format(href="vm.vmdk", more="", size=1)),
        ("web.xml", LIBVIRT.format(path="vm.vmdk")),
        ("config.pvs", PVS.format(path="vm.vmdk")),
        ("config.plist", PLIST.format(drives="Drive", name="ImageName", image="vm.vmdk", kind="Disk")),
    ],
)
@pytest.mark.parametrize("attack", ["entity", "cut", "huge"])
def test_xml_that_only_an_attacker_would_write(tmp_path: Path, raw: bytes, name: str, text: str, attack: str) -> None:
    base, path = disk(tmp_path, raw), tmp_path / name
    assert machines(forensics.examine(_written(path, text))) == {str(base): None}
    if attack == "entity":
        head = "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
        body = text[text.index("<", text.index(">") + 1) :] if text.startswith("<?xml") else text
        _written(path, head + body[body.index("<plist") :] if "<plist" in body else head + body)
        message = "the XML has a document type definition, by which a small file can be made to fill all memory"
    elif attack == "cut":
        _written(path, text[:-12])
        message = "no well-formed XML"
    else:
        _written(path, text + " " * (4 << 20))
        message = "bytes are no configuration"
    kind, said = refused(path)
    assert (kind, said.startswith(f"{path} cannot be read: "), said.endswith(f"; {NEXT}")) == ("unreadable", True, True)
    assert message in said
    case = forensics.examine(tmp_path)
    assert machines(case) == {str(base): None}
    assert [message in each for each in problems(case, "unreadable")] == [True]


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("web.vmx", vmx_text()),
        ("win.vbox", vbox_text("").replace(f'<Image uuid="{{{DISKS_OF_VBOX[1]}}}"/>', "")),
        ("web.ovf", "<Envelope xmlns='http://schemas.dmtf.org/ovf/envelope/1'/>"),
        ("web.xml", "<domain><devices/></domain>"),
        ("snapshot.xml", "<domainsnapshot><domain><devices/></domain></domainsnapshot>"),
        ("config.pvs", "<ParallelsVirtualMachine/>"),
        ("config.plist", PLIST.format(drives="Drive", name="ImageName", image="x", kind="CD")),
    ],
)
def test_a_configuration_without_a_disk(tmp_path: Path, name: str, text: str) -> None:
    path = _written(tmp_path / name, text)
    assert refused(path) == ("no_disks", f"{path} names no hard disk: {NEXT}")


@pytest.mark.parametrize(
    ("source", "shown", "why"),
    [
        ("dev='/dev/vg0/web'", "web", "it is a device of its host: save it there as an image (dd, qemu-img convert)"),
        ("protocol='rbd' name='pool/web'", "pool/web", "it lies in a storage of its host's network"),
        ("pool='default' volume='web.qcow2'", "web.qcow2", "it is a volume of a storage pool of its host: download it"),
    ],
)
def test_disks_of_a_libvirt_host_that_are_no_files(
    tmp_path: Path, raw: bytes, source: str, shown: str, why: str
) -> None:
    base = disk(tmp_path, raw)
    second = f"<disk type='x'><source {source}/></disk></devices>"
    path = _written(tmp_path / "web.xml", LIBVIRT.format(path="/images/vm.vmdk").replace("</devices>", second))
    case = forensics.examine(path)
    assert machines(case) == {str(base): None}
    ((place, reason),) = told(case).items()
    assert (place, why in reason) == (f"{tmp_path}/{shown}", True)


def test_a_disk_that_is_taken_by_its_name(tmp_path: Path, raw: bytes) -> None:
    disk(tmp_path, raw)
    path = _written(tmp_path / "web.xml", LIBVIRT.format(path="/var/lib/libvirt/images/vm.vmdk"))
    assert [row.detail for row in forensics.examine(path).rows("coverage") if row.name == "vm.vmdk"] == [
        "taken for '/var/lib/libvirt/images/vm.vmdk', which web.xml names, by its name"
    ]


@pytest.mark.parametrize("first", ["configuration", "disk"])
def test_a_configuration_and_its_disk_are_one_machine(tmp_path: Path, raw: bytes, first: str) -> None:
    base = disk(tmp_path, raw)
    path = _written(tmp_path / "web.vmx", vmx_text("vm.vmdk"))
    case = forensics.examine(*([path, base] if first == "configuration" else [base, path]))
    assert [machine.machine_id for machine in case.rows("machine")] == [1]
    assert [entry.same_as for entry in case.sources if entry.same_as] == [str(base)]


def test_two_machines_of_one_export(tmp_path: Path, raw: bytes) -> None:
    first, second = disk(tmp_path, raw, "a.vmdk"), disk(tmp_path, plain(tmp_path, "mbr.vhdx")[0], "b.vmdk")
    text = OVF.format(href="a.vmdk", more="", size=1)
    system = text[text.index("<VirtualSystem ") : text.index("</Envelope>")]
    other = system.replace('"web"', '"db"').replace("vmdisk1", "vmdisk2")
    text = text.replace("<References>", '<References><File ovf:href="b.vmdk" ovf:id="file2"/>')
    text = text.replace("<DiskSection>", '<DiskSection><Disk ovf:diskId="vmdisk2" ovf:fileRef="file2"/>')
    path = _written(
        tmp_path / "two.ovf",
        text.replace(system, f"<VirtualSystemCollection>{system}{other}</VirtualSystemCollection>"),
    )
    bundles = {each.path: each.bundle for each in forensics.examine(path).sources if each.found_in}
    assert bundles == {str(first): f"{path}#web", str(second): f"{path}#db"}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('ovf:href="vm.vmdk"', 'ovf:href="https://x.test/vm.vmdk"', "it lies on a server: download it beside the .ovf"),
        ('ovf:diskId="vmdisk1"', 'ovf:diskId="vmdisk1" ovf:parentRef="b"', "it holds only changes to the disk b"),
        ('ovf:href="vm.vmdk"', 'ovf:href="gone.vmdk"', PUT),
        ('ovf:href="vm.vmdk"', 'ovf:href="../vm.vmdk/../../gone.vmdk"', PUT),
    ],
)
def test_disks_of_an_export_that_are_not_there(tmp_path: Path, raw: bytes, old: str, new: str, why: str) -> None:
    disk(tmp_path, raw)
    path = _written(tmp_path / "web.ovf", OVF.format(href="vm.vmdk", more="", size=1).replace(old, new))
    kind, message = refused(path)
    assert (kind, why in message) == ("nothing_opened", True)


def test_names_that_an_export_writes_as_a_web_address(tmp_path: Path, raw: bytes) -> None:
    base = disk(tmp_path, raw, "web server.vmdk")
    path = _written(tmp_path / "web.ovf", OVF.format(href="web%20server.vmdk", more="", size=1))
    assert machines(forensics.examine(path)) == {str(base): None}


@pytest.mark.parametrize("packed", [False, True])
def test_a_disk_that_is_not_what_the_manifest_says(tmp_path: Path, raw: bytes, packed: bool) -> None:
    bundle = BUNDLES["ovf"](tmp_path / "x", raw)
    assert [row.detail for row in forensics.examine(bundle.names[0]).rows("coverage") if row.name == "web.mf"] == [
        "the checksums of 2 files are what it says"
    ]
    data = bytearray(bundle.disk.read_bytes())
    data[-1] ^= 1
    bundle.disk.write_bytes(data)
    top: Path = bundle.names[0]
    shown = str(bundle.disk)
    if packed:
        top = tmp_path / "x.zip"
        with zipfile.ZipFile(top, "w") as archive:
            for file in bundle.folder.iterdir():
                archive.write(file, file.name)
        shown = f"{top}/{bundle.disk.name}"
    case = forensics.examine(top)
    assert machines(case) == {shown: None}
    assert problems(case, "bad_checksum") == [
        f"{shown}: its SHA256 is not what the manifest of the export says: it was changed or damaged afterwards; "
        "export or copy it again"
    ]


def test_a_chunk_that_is_missing(tmp_path: Path, raw: bytes) -> None:
    bundle = BUNDLES["ovf_chunks"](tmp_path / "x", raw)
    gone = bundle.folder / "web-disk1.vmdk.gz.000000001"
    gone.unlink()
    kind, message = refused(bundle.names[0])
    assert kind == "nothing_opened"
    assert message.endswith(f"{gone.name} is not beside it, and the image needs all its chunks: put it there")


def test_what_is_named_as_a_disk_and_is_none(tmp_path: Path) -> None:
    text = OVF.format(href="web.ovf", more="", size=1)
    path = _written(tmp_path / "web.ovf", text)
    assert "it is no disk image but ovf: name the disk itself" in refused(path)[1]
    os.mkfifo(tmp_path / "pipe.vmdk")
    _written(tmp_path / "web.vmx", vmx_text("pipe.vmdk"))
    with within(4):
        assert "pipe.vmdk is a FIFO (named pipe), which is not opened in a folder" in refused(tmp_path / "web.vmx")[1]


def test_a_compressed_configuration(tmp_path: Path) -> None:
    path = tmp_path / "web.vmx.gz"
    path.write_bytes(gzip.compress(vmx_text("vm.vmdk").encode()))
    assert refused(path) == ("unsupported", f"{path} is compressed: unpack it beside the disks that it names")


def test_a_configuration_that_is_named_by_a_link(tmp_path: Path, raw: bytes) -> None:
    base = disk(tmp_path / "vm", raw)
    (tmp_path / "vm" / "web.vmx").write_text(vmx_text("vm.vmdk"))
    (tmp_path / "link.vmx").symlink_to(tmp_path / "vm" / "web.vmx")
    assert machines(forensics.examine(tmp_path / "link.vmx")) == {str(base): None}


def test_a_disk_of_the_mac_itself(tmp_path: Path) -> None:
    text = PVS.format(path="/dev/disk2").replace("<Enabled>1</Enabled><EmulatedType>1", "<EmulatedType>0")
    kind, message = refused(_written(tmp_path / "config.pvs", text.replace("<CdRom", "<CdRom ")))
    assert (kind, "it is a disk of its Mac, not a file: save that as an image" in message) == ("nothing_opened", True)


def test_a_property_list_in_binary_form(tmp_path: Path, raw: bytes) -> None:
    bundle = BUNDLES["utm"](tmp_path / "x", raw)
    bundle.names[0].write_bytes(b"bplist00" + bytes(40))
    assert machines(forensics.examine(bundle.folder)) == {str(bundle.disk): None}


def test_configurations_on_a_collected_drive_are_no_evidence(tmp_path: Path) -> None:
    for name in ("Windows/System32/config", "VMs"):
        (tmp_path / "C" / name).mkdir(parents=True)
    (tmp_path / "C/VMs/web.vmx").write_text(vmx_text("vm.vmdk"))
    (tmp_path / "C/Windows/System32/config/SYSTEM").write_bytes(b"regf".ljust(8192, b"\0"))
    with open_source(tmp_path) as source:
        assert source.found == []


def test_an_older_backup_is_an_older_state(tmp_path: Path, raw: bytes) -> None:
    bundle = BUNDLES["windows_backup"](tmp_path / "x", raw)
    host = bundle.disk.parent.parent
    before = host / "Backup 2026-09-30 120000"
    before.mkdir()
    older = before / bundle.disk.name
    write_disk(older, raw[: 1 << 20] + bytes(PAGE) + raw[(1 << 20) + PAGE :])
    (before / "BackupSpecs.xml").write_text(SPECS.format(volume=VOLUME))
    only_then = before / "9b9cfbc3-369e-11e9-a17c-806e6f6e6963.vhdx"
    write_disk(only_then, bytes(4 << 20))
    case = forensics.examine(bundle.folder, strict=False)
    assert machines(case) == {str(bundle.disk): None}
    entries = {entry.path: entry for entry in case.sources}
    assert entries[str(older)].older_state_of == str(bundle.disk)
    assert entries[str(older)].error == (
        f"older state of {bundle.disk}, which is examined; name this file itself to examine that older state"
    )
    assert [entries[str(path)].backup_of for path in (bundle.disk, older, only_then)] == [
        "2026-11-01 12:00:00",
        "2026-09-30 12:00:00",
        "2026-09-30 12:00:00",
    ]
    assert {entries[str(path)].bundle for path in (bundle.disk, older, only_then)} == {str(host)}
    assert (
        f"{bundle.disk} is a backup: it shows its machine as it was at 2026-11-01 12:00:00 (by the name of its folder, "
        "likely UTC), not as it is today"
    ) in case.not_examined
    drives = [row.detail for row in case.rows("coverage") if row.name == "drive C:"]
    assert drives == [f"{bundle.disk.name} is drive C: by BackupSpecs.xml, in the backup of 2026-11-01 12:00:00"]
    alone = forensics.examine(older)
    assert machines(alone) == {str(older): str(bundle.disk)}
    assert alone.sources[0].backup_of == "2026-09-30 12:00:00"
    assert problems(alone, "older_state") == [
        f"{older} is an older state: {bundle.disk} is of a later backup; examine {bundle.disk}"
    ]


def test_two_computers_in_one_image_backup(tmp_path: Path, raw: bytes) -> None:
    bundle = BUNDLES["windows_backup"](tmp_path / "x", raw)
    other = bundle.disk.parent.parent.with_name("DB01") / "Backup 2026-12-24 120000" / bundle.disk.name
    other.parent.mkdir(parents=True)
    write_disk(other, plain(tmp_path, "mbr.vhdx")[0])
    assert set(machines(forensics.examine(bundle.folder))) == {str(bundle.disk), str(other)}


def test_a_backup_without_its_disks(tmp_path: Path) -> None:
    path = _written(tmp_path / "BackupSpecs.xml", SPECS.format(volume=VOLUME))
    assert refused(path) == ("no_disks", f"{path} describes a backup, and no disk of it lies beside it: {NEXT}")


def test_thousands_of_disks_that_are_not_there(tmp_path: Path, raw: bytes) -> None:
    disk(tmp_path, raw)
    places = [(controller, at) for controller in range(9) for at in range(60)]
    for number in range(60):
        lines = [f'scsi{controller}:{at}.fileName = "{number}-{controller}-{at}.vmdk"' for controller, at in places]
        (tmp_path / f"{number}.vmx").write_text("\n".join(lines))
    with within(20):
        case = forensics.examine(tmp_path)
    assert len(told(case)) == 2000
    assert problems(case, "too_many")[-1].endswith("configurations were asked which disks are of today")


def test_lines_without_end_take_no_time() -> None:
    with within(2):
        assert parse_vmx(b"\n" * (4 << 20)).current == ()
        assert len(parse_vmx(b"scsi0:0.fileName = " * (1 << 17)).current) == 1


def test_a_path_without_end_is_told_cut(tmp_path: Path) -> None:
    (tmp_path / "web.vmx").write_text(vmx_text("x" * 100_000 + ".vmdk"))
    (named,) = told(forensics.examine(tmp_path / "web.vmx", strict=False))
    assert named == f"{tmp_path}/{'x' * 4096}"


def test_vmdks_that_are_named_in_the_list_of_snapshots_only(tmp_path: Path, raw: bytes) -> None:
    vmdk(tmp_path, len(raw), [pages(raw), {}])
    (tmp_path / "web.vmx").write_text(vmx_text(vmdk_name(1)))
    case = forensics.examine(tmp_path / vmdk_name(0), strict=False)
    assert set(machines(case).values()) == {f"{tmp_path}/{vmdk_name(1)}"}


def test_an_export_of_windows_server_2008(tmp_path: Path, raw: bytes) -> None:
    """Its configuration is no container and no XML of a machine; the disks beside it are what is examined."""
    bundle = BUNDLES["hyper_v_2012"](tmp_path / "vm", raw)
    (configuration,) = bundle.names
    exported = configuration.with_suffix(".exp")
    configuration.rename(exported)
    assert machines(forensics.examine(exported)) == {str(bundle.disk): None}


def test_the_disk_of_one_machine_is_not_taken_for_that_of_another(tmp_path: Path, raw: bytes) -> None:
    """Both are called disk.vmdk; that of the machine in A was not copied."""
    of_b = disk(tmp_path / "B", raw, "disk.vmdk")
    (tmp_path / "B" / "b.vmx").write_text(vmx_text("disk.vmdk"))
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "a.vmx").write_text(vmx_text("/vmfs/volumes/5e1f/A/disk.vmdk"))
    case = forensics.examine(tmp_path, strict=False)
    assert machines(case) == {str(of_b): None}
    assert told(case) == {
        str(
            tmp_path / "A" / "disk.vmdk"
        ): "a.vmx names it as a disk of the machine ('/vmfs/volumes/5e1f/A/disk.vmdk'), "
        "and it is not there: put it beside the other files"
    }
    (tmp_path / "A" / "a.vmx").write_text(vmx_text("/vmfs/volumes/5e1f/B/disk.vmdk"))
    assert told(forensics.examine(tmp_path)) == {}


def test_an_ova_of_which_the_description_alone_was_copied(tmp_path: Path, raw: bytes) -> None:
    """Nothing is to be unpacked or collected again: the file is to be copied again."""
    whole = ova(tmp_path / "whole", raw).names[0]
    cut_short = tmp_path / "web.ova"
    cut_short.write_bytes(whole.read_bytes()[:700])
    assert refused(cut_short) == (
        "nothing_found",
        f"{cut_short} is cut short, and nothing that is evidence is left of it: copy it again, and compare its size "
        "and hash with the original's",
    )
