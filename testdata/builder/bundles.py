"""Writes one machine into each form of a bundle: its disks, and the configuration that names them."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from testdata.builder.chain_disks import PAGE, Pages, layers, qcow2, vdi, vmdk, vmdk_name
from testdata.builder.parallels import cut, write_hdd
from testdata.builder.vhdx import write_dynamic
from testdata.builder.virtual_machine import VirtualMachine

VM = "0f0f0f0f-1111-4222-8333-444444444444"
VOLUME = "9b9cfbc4-369e-11e9-a17c-806e6f6e6963"
WHEN = "Backup 2026-11-01 120000"


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written.

    Attributes:
        folder: The folder that is it.
        disk: The file that rows name as the disk.
        names: Files of it by which it can be named alone, besides the disk itself.
        by_disk: The disk can be named alone too, and is then the source.
    """

    folder: Path
    disk: Path
    names: Sequence[Path]
    by_disk: bool = True


def pages(raw: bytes) -> Pages:
    """Return the pages of a disk that are not empty."""
    parts = {at // PAGE: raw[at : at + PAGE] for at in range(0, len(raw), PAGE)}
    return {page: content for page, content in parts.items() if content != bytes(len(content))}


def vmx_text(*disks: str, more: str = "") -> str:
    lines = [f'scsi0:{at}.fileName = "{disk}"\nscsi0:{at}.present = "TRUE"\n' for at, disk in enumerate(disks)]
    return f'.encoding = "UTF-8"\nvirtualHW.version = "19"\n{"".join(lines)}ide1:0.fileName = "auto detect"\n{more}'


def vmware(folder: Path, raw: bytes) -> Bundle:
    """A machine with a snapshot: the .vmx names the disk of today, the .vmsd the frozen one."""
    chain = [dict(each) for each in layers(raw, 2)]
    folder.mkdir()
    disk = vmdk(folder, len(raw), chain)
    (folder / "web.vmx").write_text(vmx_text(disk.name))
    frozen = f'.encoding = "UTF-8"\nsnapshot.numSnapshots = "1"\nsnapshot0.disk0.fileName = "{vmdk_name(0)}"\n'
    (folder / "web.vmsd").write_text(frozen)
    return Bundle(folder, disk, [folder / "web.vmx", folder / "web.vmsd"])


DISKS_OF_VBOX = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
VBOX = """<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.20-linux"><Machine uuid="{{{vm}}}" name="win"><MediaRegistry>
<HardDisks><HardDisk uuid="{{{base}}}" location="vm.vdi" format="VDI" type="Normal">
<HardDisk uuid="{{{today}}}" location="{snapshot}" format="VDI"/></HardDisk></HardDisks></MediaRegistry>
<Hardware><StorageControllers><StorageController name="SATA"><AttachedDevice type="DVD"/>
<AttachedDevice type="HardDisk" port="0"><Image uuid="{{{today}}}"/></AttachedDevice></StorageController>
</StorageControllers></Hardware></Machine></VirtualBox>
"""


def vbox_text(snapshot: str) -> str:
    return VBOX.format(vm=VM, base=DISKS_OF_VBOX[0], today=DISKS_OF_VBOX[1], snapshot=snapshot)


def virtualbox(folder: Path, raw: bytes) -> Bundle:
    """A machine with a snapshot, in the folder where VirtualBox puts those."""
    folder.mkdir()
    disk = vdi(folder, len(raw), layers(raw, 2))
    (folder / "win.vbox").write_text(vbox_text(f"Snapshots/{disk.name}"))
    return Bundle(folder, disk, [folder / "win.vbox"])


OVF = """<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
<References><File ovf:href="{href}" ovf:id="file1" {more}/></References>
<DiskSection><Info/><Disk ovf:capacity="{size}" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format=
"http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
<VirtualSystem ovf:id="web"><VirtualHardwareSection><Item><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>
<rasd:ResourceType>17</rasd:ResourceType></Item></VirtualHardwareSection></VirtualSystem></Envelope>
"""


def stream_optimized(raw: bytes) -> bytes:
    """Write a VMDK as an export has it: compressed grains one after the other, the directory at the end."""
    grain, per_table = 128, 512
    out = bytearray(_sparse_header(len(raw), (1 << 64) - 1).ljust(128 * 512, b"\0"))
    lines = ["# Disk DescriptorFile", "version=1", "CID=0a0b0c0d", "parentCID=ffffffff", 'createType="streamOptimized"']
    text = "\n".join([*lines, f'RW {len(raw) // 512} SPARSE "x.vmdk"', ""])
    out[512 : 512 + len(text)] = text.encode()
    tables: dict[int, list[int]] = {}
    for number in range(-(-len(raw) // (grain * 512))):
        content = raw[number * grain * 512 : (number + 1) * grain * 512].ljust(grain * 512, b"\0")
        if content != bytes(len(content)):
            packed = zlib.compress(content)
            tables.setdefault(number // per_table, [0] * per_table)[number % per_table] = len(out) // 512
            out += _padded(struct.pack("<QI", number * grain, len(packed)) + packed)
    places = [0] * -(-len(raw) // (grain * 512 * per_table))
    for number, entries in tables.items():
        out += _padded(struct.pack("<QII", 4, 0, 1))
        places[number] = len(out) // 512
        out += struct.pack(f"<{per_table}I", *entries)
    directory = _padded(struct.pack(f"<{len(places)}I", *places))
    out += _padded(struct.pack("<QII", len(directory) // 512, 0, 2))
    at = len(out) // 512
    out += directory + _padded(struct.pack("<QII", 1, 0, 3)) + _sparse_header(len(raw), at) + bytes(512)
    return bytes(out)


def _sparse_header(size: int, directory: int) -> bytes:
    header = struct.pack(
        "<4sIIQQQQIQQQB4sH", b"KDMV", 3, 0x30001, size // 512, 128, 1, 20, 512, 0, directory, 128, 0, b"\n \r\n", 1
    )
    return header.ljust(512, b"\0")


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 512) * 512, b"\0")


def ovf(folder: Path, raw: bytes) -> Bundle:
    """An export: description, manifest and a VMDK."""
    folder.mkdir()
    (folder / "web-disk1.vmdk").write_bytes(stream_optimized(raw))
    (folder / "web.ovf").write_text(OVF.format(href="web-disk1.vmdk", more="", size=len(raw)))
    (folder / "web.mf").write_text(manifest(folder / "web.ovf", folder / "web-disk1.vmdk"))
    return Bundle(folder, folder / "web-disk1.vmdk", [folder / "web.ovf"])


def manifest(*files: Path) -> str:
    return "".join(f"SHA256({file.name})= {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in files)


def ovf_chunks(folder: Path, raw: bytes) -> Bundle:
    """An export whose disk is compressed with gzip and cut."""
    folder.mkdir()
    data = gzip.compress(stream_optimized(raw), 1)
    step = len(data) // 3 + 1
    for number in range(3):
        (folder / f"web-disk1.vmdk.gz.{number:09d}").write_bytes(data[number * step : (number + 1) * step])
    more = f'ovf:compression="gzip" ovf:chunkSize="{step}"'
    (folder / "web.ovf").write_text(OVF.format(href="web-disk1.vmdk.gz", more=more, size=len(raw)))
    return Bundle(folder, folder / "web-disk1.vmdk.gz.000000000", [folder / "web.ovf"])


def ova(folder: Path, raw: bytes) -> Bundle:
    """An export in one file."""
    folder.mkdir()
    path = folder / "web.ova"
    with TemporaryDirectory() as above, tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        parts = ovf(Path(above) / "parts", raw)
        for name in ("web.ovf", "web.mf", "web-disk1.vmdk"):
            archive.add(parts.folder / name, name)
    return Bundle(folder, path / "web-disk1.vmdk", [path], by_disk=False)


LIBVIRT = """<domain type='kvm' id='3'>
  <name>web</name>
  <uuid>0f0f0f0f-1111-4222-8333-444444444444</uuid>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/>
      <backingStore type='file'><source file='/var/lib/libvirt/images/base.qcow2'/></backingStore>
      <target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><source file='/isos/virtio-win.iso'/><target dev='sda'/></disk>
  </devices>
</domain>
"""


def libvirt(folder: Path, raw: bytes) -> Bundle:
    """A machine of KVM whose configuration names the disk where it lay on the host."""
    folder.mkdir()
    disk = qcow2(folder, len(raw), [pages(raw)])
    (folder / "web.xml").write_text(LIBVIRT.format(path=f"/var/lib/libvirt/images/{disk.name}"))
    return Bundle(folder, disk, [folder / "web.xml"])


PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
\t<key>Backend</key><string>QEMU</string>
\t<key>ConfigurationVersion</key><integer>4</integer>
\t<key>{drives}</key>
\t<array>
\t\t<dict><key>Identifier</key><string>A</string><key>{name}</key><string>{image}</string>
\t\t<key>ImageType</key><string>{kind}</string><key>Interface</key><string>NVMe</string><key>ReadOnly</key><false/></dict>
\t\t<dict><key>Identifier</key><string>B</string><key>ImageType</key><string>CD</string><key>{name}</key>
\t\t<string>answer.iso</string><key>ReadOnly</key><true/></dict>
\t</array>
</dict>
</plist>
"""


def utm(folder: Path, raw: bytes) -> Bundle:
    """A machine of UTM 4."""
    bundle = folder / "Windows.utm"
    (bundle / "Data").mkdir(parents=True)
    disk = qcow2(bundle / "Data", len(raw), [pages(raw)])
    text = PLIST.format(drives="Drive", name="ImageName", image=disk.name, kind="Disk")
    (bundle / "config.plist").write_text(text)
    return Bundle(folder, disk, [bundle / "config.plist", bundle])


def utm_3(folder: Path, raw: bytes) -> Bundle:
    """A machine of UTM 3 and before."""
    bundle = folder / "Windows.utm"
    (bundle / "Images").mkdir(parents=True)
    disk = qcow2(bundle / "Images", len(raw), [pages(raw)])
    text = PLIST.format(drives="Drives", name="ImagePath", image=disk.name, kind="disk")
    (bundle / "config.plist").write_text(text)
    return Bundle(folder, disk, [bundle / "config.plist", bundle])


PVS = """<?xml version="1.0" encoding="UTF-8"?>
<ParallelsVirtualMachine dyn_lists="VirtualAppliance 0" schemaVersion="1.0"><Hardware dyn_lists="">
<CdRom id="0"><Enabled>1</Enabled><EmulatedType>1</EmulatedType><SystemName>x.iso</SystemName></CdRom>
<Hdd dyn_lists="Partition 0" id="0"><Index>0</Index><Enabled>1</Enabled><EmulatedType>1</EmulatedType>
<SystemName>{path}</SystemName><UserFriendlyName>{path}</UserFriendlyName></Hdd></Hardware></ParallelsVirtualMachine>
"""


def parallels(folder: Path, raw: bytes) -> Bundle:
    """A machine of Parallels Desktop with a snapshot."""
    bundle = folder / "Windows.pvm"
    bundle.mkdir(parents=True)
    held = cut(raw)
    older = {number: bytes(reversed(content)) for number, content in list(held.items())[::3]}
    today = {number: content for number, content in held.items() if number in older or number % 2}
    base = {number: content for number, content in held.items() if number not in older and not number % 2}
    disk = write_hdd(bundle / "harddisk.hdd", len(raw), [{**base, **older}, today])
    (bundle / "config.pvs").write_text(PVS.format(path="harddisk.hdd"))
    files = sorted(disk.parent.glob("*.hds"))
    return Bundle(folder, disk, [bundle / "config.pvs", bundle, disk.parent, files[0], files[1]])


def hyper_v(folder: Path, raw: bytes) -> Bundle:
    """An export of Hyper-V of today."""
    disk = _hyper_v_disk(folder, raw)
    path = f"D:\\VMs\\web\\Virtual Hard Disks\\{disk.name}"
    configuration = folder / "Virtual Machines" / f"{VM.upper()}.vmcx"
    configuration.write_bytes(VirtualMachine("web", VM, vtpm=False, disks=[path]).vmcx())
    return Bundle(folder, disk, [configuration])


HYPER_V_XML = """<?xml version="1.0" encoding="UTF-16" standalone="yes"?>
<configuration>
  <_83f8638b-8dca-4152-9eda-2ca8b33039b4_><controller0><drive0>
    <pathname type="string">D:\\VMs\\web\\Virtual Hard Disks\\{name}</pathname><type type="string">VHD</type>
  </drive0></controller0></_83f8638b-8dca-4152-9eda-2ca8b33039b4_>
  <manifest><vdev001><device type="string">83f8638b-8dca-4152-9eda-2ca8b33039b4</device>
    <instance type="string">83f8638b-8dca-4152-9eda-2ca8b33039b4</instance></vdev001></manifest>
  <properties><global_id type="string">{vm}</global_id><name type="string">web</name>
    <version type="integer">1025</version></properties>
</configuration>
"""


def hyper_v_2012(folder: Path, raw: bytes) -> Bundle:
    """A machine of Windows Server 2012 and before, whose configuration is XML."""
    disk = _hyper_v_disk(folder, raw)
    configuration = folder / "Virtual Machines" / f"{VM.upper()}.xml"
    configuration.write_bytes(HYPER_V_XML.format(name=disk.name, vm=VM.upper()).encode("utf-16"))
    return Bundle(folder, disk, [configuration])


def _hyper_v_disk(folder: Path, raw: bytes) -> Path:
    for name in ("Virtual Machines", "Virtual Hard Disks"):
        (folder / name).mkdir(parents=True)
    disk = folder / "Virtual Hard Disks" / "web.vhdx"
    write_disk(disk, raw)
    return disk


def write_disk(path: Path, raw: bytes) -> None:
    """Write a disk as a VHDX."""
    write_dynamic(io.BytesIO(raw), len(raw), path)


SPECS = (
    '<BackupSpecs><FileSpecs><Volume Name="\\\\?\\Volume{{9b9cfbc3-369e-11e9-a17c-806e6f6e6963}}\\" AccessPath="" '
    'OriginalAccessPath="" Label="" OriginalLabel="" ><FileSpec FilePath="x" FileName="*" IsRecursive="true" '
    'IsInclude="true" /></Volume><Volume Name="\\\\?\\Volume{{{volume}}}\\" AccessPath="C:" OriginalAccessPath="C:" '
    'Label="" OriginalLabel="" ><FileSpec FilePath="C:\\" FileName="*" IsRecursive="true" IsInclude="true" /></Volume>'
    '</FileSpecs><SystemState IsPresent="false" /><AllCritical IsPresent="false" /></BackupSpecs>'
)


def windows_backup(folder: Path, raw: bytes) -> Bundle:
    """An image backup of Windows' own."""
    top = folder / "WindowsImageBackup"
    backup = top / "WEB01" / WHEN
    backup.mkdir(parents=True)
    (top / "WEB01" / "Catalog").mkdir()
    (top / "WEB01" / "Catalog" / "GlobalCatalog").write_bytes(b"\1\0\0\0catalog")
    (top / "WEB01" / "MediaId").write_bytes(bytes(range(16)))
    disk = backup / f"{VOLUME}.vhdx"
    write_disk(disk, raw)
    (backup / "BackupSpecs.xml").write_bytes(SPECS.format(volume=VOLUME).encode("utf-16-le"))
    (backup / f"{VOLUME}_Components.xml").write_text("<BackupComponents/>")
    host, names = top / "WEB01", ("MediaId", "Catalog/GlobalCatalog", f"{WHEN}/BackupSpecs.xml")
    return Bundle(folder, disk, [top, top / "WEB01", backup, *(host / name for name in names)])


BUNDLES: dict[str, Callable[[Path, bytes], Bundle]] = {
    "vmware": vmware,
    "virtualbox": virtualbox,
    "ovf": ovf,
    "ovf_chunks": ovf_chunks,
    "ova": ova,
    "libvirt": libvirt,
    "utm": utm,
    "utm_3": utm_3,
    "parallels": parallels,
    "hyper_v": hyper_v,
    "hyper_v_2012": hyper_v_2012,
    "windows_backup": windows_backup,
}
