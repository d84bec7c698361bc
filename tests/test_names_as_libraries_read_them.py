"""What a library would open by a name in evidence is opened here too where it lies with it, or is told by its name."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dissect.evidence.ewf import find_files as segments_of
from dissect.hypervisor.disk.hdd import HDD
from dissect.hypervisor.disk.qcow2 import QCow2
from dissect.hypervisor.disk.vhdx import VHDX
from dissect.hypervisor.disk.vmdk import VMDK
from dissect.target.containers.split import SplitContainer
from dissect.target.loaders.libvirt import LibvirtLoader
from dissect.target.loaders.ovf import OvfLoader
from dissect.target.loaders.pvs import PvsLoader
from dissect.target.loaders.utm import UtmLoader
from dissect.target.loaders.vbox import VBoxLoader
from dissect.target.loaders.vmx import VmxLoader

import forensics
from forensics.disk.ewf.files import extension
from testdata.builder.bundles import LIBVIRT, OVF, PVS, stream_optimized, vbox_text
from testdata.builder.ewf import CHUNK, write_e01
from tests.naming_files import FORMS, SIZE, base_of_vhdx, disk, vmdk_text, write
from tests.opened_files import fenced, opened_files
from tests.oracles import tool
from tests.test_names_of_other_files import told

pytestmark = pytest.mark.usefixtures("rows_alone")

FLAT = f'RW {SIZE // 512} FLAT "disk-flat.vmdk" 0'
Opener = Callable[[Path], object]
Variants = Mapping[str, tuple[str, str | bytes]]
"""File name and content, by what is odd about it."""


def _loader(loader: Any) -> Opener:
    """Return what opens the disks that a loader of dissect.target finds."""

    def opener(path: Path) -> None:
        log = logging.getLogger("of the loader")
        log.disabled = True
        loader(path).map(SimpleNamespace(disks=SimpleNamespace(add=lambda disk: None), log=log))

    return opener


def _split(path: Path) -> object:
    return SplitContainer(path)


def _segments(path: Path) -> object:
    return [each.read_bytes() for each in segments_of(path)]


def _hdd(path: Path) -> object:
    return HDD(path.parent).open()


def _of_vmdk() -> Variants:
    plain = vmdk_text(FLAT)
    before, after = plain.split(FLAT)
    texts: dict[str, str | bytes] = {
        "plain": plain,
        "blanks before =": plain.replace("=", " = "),
        "leading blanks": "\n".join(f"  {line}" for line in plain.splitlines()).lstrip(),
        "leading tabs": "\n".join(f"\t{line}" for line in plain.splitlines()).lstrip(),
        "tabs between": plain.replace(FLAT, FLAT.replace(" ", "\t")),
        "upper case": plain.replace("parentCID", "PARENTCID").replace("createType", "CREATETYPE"),
        "lower case": plain.replace(FLAT, FLAT.replace("RW", "rw")),
        "lower case of one extent": plain.replace(FLAT, f'{FLAT}\nrw 8 FLAT "more.vmdk" 0'),
        "another case of the type": plain.replace("FLAT", "Flat"),
        "read only": plain.replace("RW", "RDONLY"),
        "no access": plain.replace("RW", "NOACCESS"),
        "without quotes": plain.replace('"disk-flat.vmdk"', "disk-flat.vmdk"),
        "one quote": plain.replace('"disk-flat.vmdk"', '"disk-flat.vmdk'),
        "doubled quotes": plain.replace('"disk-flat.vmdk"', '""disk-flat.vmdk""'),
        "a quote in the name": plain.replace('"disk-flat.vmdk"', '"disk"-flat.vmdk"'),
        "words behind the name": plain.replace(" 0", " 0 uuid device more"),
        "two names": plain.replace('"disk-flat.vmdk"', '"disk-flat.vmdk" "more.vmdk"'),
        "1 MB long": before + "#" * (1 << 20) + "\n" + FLAT + after,
        "CR alone": plain.replace("\n", "\r"),
        "CR and LF": plain.replace("\n", "\r\n"),
        "NUL before the extent": before + "\0\n" + FLAT + after,
        "NUL before another extent": plain + '\0\nRW 8 FLAT "more.vmdk" 0\n',
        "UTF-16": plain.encode("utf-16"),
        "with a mark of UTF-8": plain.encode("utf-8-sig"),
        "another case of the title": plain.replace("# Disk DescriptorFile", "# disk descriptorfile"),
        "a line of Unicode": plain.replace("version=1", "version=1\u2028").replace("createType", "\x0bcreateType"),
        "in a folder": plain.replace("disk-flat.vmdk", "sub/disk-flat.vmdk"),
        "from here": plain.replace("disk-flat.vmdk", "./disk-flat.vmdk"),
        "of VMFS": plain.replace("FLAT", "VMFS"),
        "of VMFS, raw": plain.replace("FLAT", "VMFSRAW"),
        "two extents": plain.replace(FLAT, f'{FLAT}\nRW 8 FLAT "more.vmdk" 0'),
        "sparse": plain.replace(FLAT, f'RW {SIZE // 512} SPARSE "more.vmdk"'),
        "one in another": plain.replace(FLAT, f'RW {SIZE // 512} SPARSE "base.vmdk"'),
    }
    for odd, hint in {
        "parent": 'parentFileNameHint="base.vmdk"',
        "parent in a folder": 'parentFileNameHint="sub/base.vmdk"',
        "parent by a path of Windows": 'parentFileNameHint="C:\\vm\\base.vmdk"',
        "parent, blanks": 'parentFileNameHint  =  "base.vmdk"',
        "parent, without quotes": "parentFileNameHint=base.vmdk",
        "parent, twice": 'parentFileNameHint="base.vmdk"\nparentFileNameHint="more.vmdk"',
        "parent, quotes missing": 'parentFileNameHint="base.vmdk',
        "parent, in upper case": 'PARENTFILENAMEHINT="base.vmdk"',
    }.items():
        texts[odd] = vmdk_text(FLAT, cid="0a0b0c0d").replace('parentFileNameHint=""', hint)
    return {odd: ("disk.vmdk", text) for odd, text in texts.items()}


def _of_vmx() -> Variants:
    line = 'scsi0:0.fileName = "base.vmdk"'
    head = 'virtualHW.version = "19"\n'
    lines = {
        "plain": line,
        "no blanks": line.replace(" ", ""),
        "leading blanks": f"   {line}",
        "tabs": line.replace(" ", "\t"),
        "upper case": line.replace("scsi0:0.fileName", "SCSI0:0.FILENAME"),
        "without quotes": line.replace('"', ""),
        "one quote": line.removesuffix('"'),
        "doubled quotes": line.replace('"', '""'),
        "CR alone": line + '\rscsi0:1.fileName = "more.vmdk"\r',
        "twice": line + '\nscsi0:0.fileName = "more.vmdk"',
        "a comment behind it": line + " # it",
        "another suffix": 'scsi0:0.fileName = "disk.raw"\nscsi0:0.deviceType = "scsi-hardDisk"',
        "another suffix, no kind": 'ide0:0.fileName = "disk.raw"',
        "of each controller": 'nvme0:0.fileName="base.vmdk"\nsata0:1.fileName="more.vmdk"\nide0:0.fileName="disk.raw"',
        "in a folder": line.replace("base", "sub/base"),
        "from here": line.replace("base", "./base"),
        "a snapshot that is not there": line.replace("base", "base-000002"),
        "of 1 MB": "#" * (1 << 20) + "\n" + line,
    }
    texts: dict[str, str | bytes] = {odd: head + text + "\n" for odd, text in lines.items()}
    texts["with a mark of UTF-8"] = (head + line).encode("utf-8-sig")
    texts["nothing else"] = line
    return {odd: ("web.vmx", text) for odd, text in texts.items()}


def _of_ovf() -> Variants:
    plain = OVF.format(href="base.vmdk", more="", size=SIZE)
    texts: dict[str, str | bytes] = {
        "plain": plain,
        "in a folder": plain.replace('href="base', 'href="sub/base'),
        "above": plain.replace('href="base', 'href="../base'),
        "of Windows": plain.replace('href="base', 'href="C:\\vm\\base'),
        "escaped": plain.replace('href="base', 'href="%62ase'),
        "UTF-16": plain.replace("UTF-8", "UTF-16").encode("utf-16"),
        "without its namespace": plain.replace("ovf:href", "href").replace("ovf:id", "id"),
        "by a file": plain.replace("ovf:/disk/vmdisk1", "ovf:/file/file1"),
        "no such file": plain.replace('fileRef="file1"', 'fileRef="file2"'),
        "two files": plain.replace("</References>", '<File ovf:href="more.vmdk" ovf:id="file2"/></References>').replace(
            "</DiskSection>", '<Disk ovf:diskId="d2" ovf:fileRef="file2"/></DiskSection>'
        ),
        "blanks": plain.replace('href="base.vmdk"', 'href=" base.vmdk "'),
    }
    return {odd: ("web.ovf", text) for odd, text in texts.items()}


def _of_configurations(file: str, text: str) -> Variants:
    names = {
        "plain": "base.vmdk",
        "in a folder": "sub/base.vmdk",
        "from here": "./base.vmdk",
        "by a path of Windows": "C:\\vm\\base.vmdk",
        "by a path of another host": "/var/lib/libvirt/images/base.vmdk",
        "blanks": " base.vmdk ",
        "raw": "disk.raw",
    }
    return {odd: (file, text.replace("@", name)) for odd, name in names.items()}


CASES: Mapping[str, tuple[Opener, Variants]] = {
    "VMDK": (VMDK, _of_vmdk()),
    "VMX": (_loader(VmxLoader), _of_vmx()),
    "OVF": (_loader(OvfLoader), _of_ovf()),
    "VBOX": (_loader(VBoxLoader), _of_configurations("win.vbox", vbox_text("@"))),
    "PVS": (_loader(PvsLoader), _of_configurations("config.pvs", PVS.format(path="@"))),
    "libvirt": (_loader(LibvirtLoader), _of_configurations("web.xml", LIBVIRT.format(path="@"))),
}
BY_ANOTHER_TITLE = ("with a mark of UTF-8", "another case of the title")
"""To QEMU, which is told that they are VMDKs, they are; here they are told to have no such title."""
FLAT_CASES = [(form, odd) for form, (_, variants) in CASES.items() for odd in variants]


def lay(folder: Path) -> None:
    """Put the files beside a descriptor that it may name."""
    for place in (folder, folder / "sub"):
        write(place / "disk-flat.vmdk", disk(1))
        write(place / "base.vmdk", stream_optimized(disk(2)))
        write(place / "more.vmdk", stream_optimized(disk(3)))
        write(place / "disk.raw", disk(4))
        write(place / 'disk"-flat.vmdk', disk(5))
        write(place / 'disk-flat.vmdk" "more.vmdk', disk(6))
        write(place / "C:\\vm\\base.vmdk", disk(7))


def opened_by_library(opener: Opener, path: Path) -> set[str]:
    """Return what a library opens of the folder, whether or not it goes on well."""
    with opened_files() as opened, fenced(path.parent), contextlib.suppress(Exception):
        opener(path)
    return opened.names_in(path.parent) - {path.name}


def lacking(path: Path, names: Iterable[str]) -> list[str]:
    """Return the names that are neither opened when a file is examined nor told."""
    with opened_files() as opened:
        case = forensics.examine(path, strict=False)
    assert opened.outside(path.parent) == []
    said = told(case)
    return sorted(name for name in set(names) - opened.names_in(path.parent) if name not in said)


@pytest.mark.parametrize(
    "title", ["# Disk Descriptor File", "# disk descriptorfile", "\ufeff# Disk DescriptorFile", "", "version=1"]
)
def test_a_descriptor_by_another_title_is_told(title: str, tmp_path: Path) -> None:
    """dissect goes by its first four bytes, QEMU by the line with the version."""
    lay(tmp_path / "evidence")
    path = write(tmp_path / "evidence" / "disk.vmdk", vmdk_text(FLAT).replace("# Disk DescriptorFile", title, 1))
    for source in (path, path.parent):
        said = told(forensics.examine(source, strict=False))
        assert f"{path} is named as a VMDK and is a text whose first line is not that of a descriptor" in said


@pytest.mark.parametrize(("form", "odd"), FLAT_CASES, ids=[f"{form}, {odd}" for form, odd in FLAT_CASES])
def test_a_descriptor(form: str, odd: str, tmp_path: Path) -> None:
    opener, variants = CASES[form]
    name, content = variants[odd]
    folder = tmp_path / "evidence"
    lay(folder)
    path = write(folder / name, content)
    assert lacking(path, opened_by_library(opener, path)) == []


def named_inside(form: str, folder: Path, name: str) -> Path:
    """Write a file of a form that names another one, with everything beside it that it may mean."""
    lay(folder)
    for place in (folder, folder / "sub"):
        write(place / "base.vhdx", base_of_vhdx())
        write(place / "base.qcow2", FORMS["qcow2, backing file"](folder / "made", "").read_bytes())
    shutil.rmtree(folder / "made")
    return FORMS[form](folder, name)


LIBRARIES: Mapping[str, tuple[Opener, tuple[str, ...]]] = {
    "qcow2, backing file": (
        lambda path: QCow2(path).open(),
        (
            "base.qcow2",
            "./base.qcow2",
            "sub/base.qcow2",
            "file:base.qcow2",
            "BASE.QCOW2",
            "base.qcow2\0x",
            " base.qcow2",
        ),
    ),
    "qcow2, backing file of form raw": (lambda path: QCow2(path).open(), ("disk.raw", "base.qcow2")),
    "qcow2, backing file of no form": (lambda path: QCow2(path).open(), ("disk.raw", "base.qcow2", "base.vmdk")),
    "qcow2, external data file": (lambda path: QCow2(path).open(), ("disk.raw", "disk.qcow2")),
    "VHDX, relative_path": (VHDX, (".\\base.vhdx", "sub\\base.vhdx", "./sub/base.vhdx", "base.vhdx", "BASE.VHDX")),
    "VHDX, absolute_win32_path": (VHDX, ("C:\\vm\\base.vhdx", "base.vhdx")),
    "DiskDescriptor.xml": (_hdd, ("disk.raw", "sub/disk.raw", "./disk.raw", "/vm/sub/disk.raw", "C:\\vm\\disk.raw")),
    "UTM": (_loader(UtmLoader), ("base.vmdk", "../base.vmdk", "../sub/base.vmdk")),
    "VMDK, parent in an embedded descriptor": (
        VMDK,
        ("base.vmdk", "sub/base.vmdk", "x/base.vmdk", "C:\\vm\\base.vmdk"),
    ),
}
OTHERS = [(form, name) for form, (_, names) in LIBRARIES.items() for name in names]


@pytest.mark.parametrize(("form", "name"), OTHERS, ids=[f"{form}, {name!r}" for form, name in OTHERS])
def test_a_disk_that_names_another(form: str, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    path = named_inside(form, folder, name)
    opener, _ = LIBRARIES[form]
    assert lacking(path, opened_by_library(opener, path)) == []


SETS: Mapping[str, tuple[Opener, tuple[str, ...], tuple[str, ...]]] = {
    "E01, one missing": (_segments, ("disk.E01", "disk.E03"), ("disk.E02",)),
    "E01, the last in lower case": (_segments, ("disk.E01", "disk.E02", "disk.e03"), ()),
    "E01, names against their numbers": (_segments, ("disk.E01", "disk.E03", "disk.E02"), ()),
    "raw, one missing": (_split, ("disk.001", "disk.003"), ("disk.002",)),
    "raw, another width": (_split, ("disk.001", "disk.0002"), ()),
}


@pytest.mark.parametrize("case", SETS)
def test_numbers_of_parts(case: str, tmp_path: Path) -> None:
    opener, names, missing = SETS[case]
    folder = tmp_path / "evidence"
    folder.mkdir()
    made = write_e01(disk(), folder / "made.E01", 3) if case.startswith("E01") else []
    kept = [path.read_bytes() for path in made] or [disk(at).ljust(1 << 20, b"\1") for at in range(3)]
    for path in made:
        path.unlink()
    for name, content in zip(names, kept[:1] + kept[2:] if missing else kept, strict=False):
        write(folder / name, content)
    path = folder / names[0]
    assert lacking(path, opened_by_library(opener, path)) == []
    said = told(forensics.examine(folder, strict=False))
    assert all(f"{name} is missing" in said for name in missing)


def test_very_many_segments(tmp_path: Path) -> None:
    """Beyond .E99 their names go on in letters."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    raw = b"".join(bytes([at % 251]) * CHUNK for at in range(130))
    names = [extension(folder / "disk.E01", number) for number in range(1, 131)]
    made = write_e01(raw, folder / "disk.E01", 130)
    for path, name in zip(reversed(made), reversed(names), strict=True):
        path.rename(path.with_suffix(f".{name}"))
    assert names[98:102] == ["E99", "EAA", "EAB", "EAC"]
    with opened_files() as opened:
        forensics.examine(folder / "disk.E01", strict=False)
    assert opened.names_in(folder) == {f"disk.{name}" for name in names}


def _named_by_qemu(path: Path) -> set[str]:
    """Return the files of the folder that QEMU says an image is made of or builds on."""
    command = [tool("qemu-img", "qemu-utils"), "info", "--output=json", "-f", path.suffix[1:], str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    said = json.loads(answer.stdout) if answer.returncode == 0 else {}
    data = said.get("format-specific", {}).get("data", {})
    extents = [each["filename"] for each in data.get("extents", ())]
    places = [*extents, said.get("full-backing-filename"), data.get("data-file")]
    inside = [os.path.relpath(each, path.parent) for each in places if each and os.path.isfile(each)]
    return {name for name in inside if not name.startswith("..")} - {path.name}


@pytest.mark.parametrize("odd", [odd for odd in CASES["VMDK"][1] if odd not in BY_ANOTHER_TITLE])
def test_a_vmdk_as_qemu_reads_it(odd: str, tmp_path: Path) -> None:
    name, content = CASES["VMDK"][1][odd]
    lay(tmp_path / "evidence")
    path = write(tmp_path / "evidence" / name, content)
    assert lacking(path, _named_by_qemu(path)) == []


@pytest.mark.parametrize(("form", "name"), [each for each in OTHERS if each[0].startswith("qcow2")])
def test_a_qcow2_as_qemu_reads_it(form: str, name: str, tmp_path: Path) -> None:
    path = named_inside(form, tmp_path / "evidence", name)
    assert lacking(path, _named_by_qemu(path)) == []
