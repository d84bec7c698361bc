"""Whatever an examination opens is evidence, in every form that evidence has: no output is ever written over it."""

from __future__ import annotations

import ast
import hashlib
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.disk.evidence_files import EvidenceFiles, recording
from forensics.disk.lineage import children_of
from forensics.disk.vhdx.reader import open_vhdx
from testdata.builder.bitlocker import encrypt
from testdata.builder.regf import HiveWriter
from tests.disk.ntfs_fixture import PACKED
from tests.exports import machine, write_export
from tests.oracles import tool
from tests.paths import IMAGES, PROJECT

REFUSAL = "evidence is never written, choose another place"


def unpacked(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(lzma.decompress((IMAGES / f"{name}.xz").read_bytes()))
    return path


def raw(folder: Path) -> Path:
    disk = unpacked("mbr.vhdx", folder)
    stream = open_vhdx(disk)
    path = folder / "disk.raw"
    path.write_bytes(stream.read(stream.size))
    stream.close()
    disk.unlink()
    return path


def disk_with_parents(folder: Path) -> Path:
    for name in ("chain.vhdx", "chain-1.avhdx", "chain-2.avhdx"):
        unpacked(name, folder)
    return folder / "chain-2.avhdx"


def split_raw(folder: Path) -> Path:
    content = raw(folder).read_bytes()
    (folder / "disk.raw").unlink()
    for number in range(3):
        (folder / f"disk.{number + 1:03d}").write_bytes(content[number * (12 << 20) : (number + 1) * (12 << 20)])
    return folder / "disk.001"


def vmdk_with_extents(folder: Path) -> Path:
    path = raw(folder)
    command = ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"]
    program = tool("qemu-img", "qemu-utils")
    subprocess.run([program, *command, str(path), str(folder / "disk.vmdk")], check=True)
    path.unlink()
    return folder / "disk.vmdk"


def flat_vmdk(folder: Path) -> Path:
    path = raw(folder).rename(folder / "disk-flat.vmdk")
    extent = f'RW {path.stat().st_size // 512} FLAT "disk-flat.vmdk" 0'
    head = '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
    (folder / "disk.vmdk").write_text(f"{head}{extent}\n")
    return folder / "disk.vmdk"


def e01_with_segments(folder: Path) -> Path:
    program = tool("ewfacquirestream", "ewf-tools")
    path = raw(folder)
    command = [program, "-q", "-t", str(folder / "disk"), "-S", "1048576", "-c", "none"]
    subprocess.run(command, input=path.read_bytes(), check=True, capture_output=True)
    path.unlink()
    return folder / "disk.E01"


def hive() -> bytes:
    writer = HiveWriter("SOFTWARE")
    writer.key("Microsoft\\Cryptography").sz("MachineGuid", "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162")
    return writer.build()


def loose_hive(folder: Path) -> Path:
    (folder / "SOFTWARE").write_bytes(hive())
    for log in ("SOFTWARE.LOG1", "SOFTWARE.LOG2"):
        (folder / log).write_bytes(b"HvLE" + bytes(508))
    return folder / "SOFTWARE"


def triage_folder(folder: Path) -> Path:
    config = folder / "triage" / "Windows" / "System32" / "config"
    config.mkdir(parents=True)
    (config / "SOFTWARE").write_bytes(hive())
    return folder / "triage"


def registry_export(folder: Path) -> Path:
    exported = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography]\r\n"
    (folder / "part.reg").write_text(exported, encoding="utf-16")
    return folder / "part.reg"


def exported_vm(folder: Path) -> Path:
    export = write_export(folder, machine())
    return next((export / "Virtual Machines").glob("*.vmcx"))


def packed_disk(folder: Path) -> Path:
    (folder / "disk.vhdx.xz").write_bytes((IMAGES / "mbr.vhdx.xz").read_bytes())
    return folder / "disk.vhdx.xz"


FORMS: list[Callable[[Path], Path]] = [
    disk_with_parents,
    split_raw,
    vmdk_with_extents,
    flat_vmdk,
    e01_with_segments,
    loose_hive,
    triage_folder,
    registry_export,
    exported_vm,
    packed_disk,
]

_opened: list[str] | None = None
"""Where the paths of opened files go while somebody watches; what watches can never be taken away again."""


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        _opened.append(os.path.realpath(os.fsdecode(arguments[0])))


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Yield the paths of the files that Python opens meanwhile, whichever library does it."""
    global _opened
    found: list[str] = []
    _opened = found
    try:
        yield found
    finally:
        _opened = None


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("make", FORMS, ids=lambda make: str(make.__name__))
def test_every_file_that_was_opened_is_refused_under_any_name(make: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    source = make(folder)
    before = files_of(folder)
    with watched() as opened:
        case = forensics.examine(source, strict=False)
    read = {path for path in opened if path.startswith(f"{folder}/") and os.path.isfile(path)}
    assert read
    # A hive's logs are its own, read or not.
    assert read >= {str(folder / name) for name in before if not name.startswith("SOFTWARE.LOG")}
    for number, name in enumerate(before):
        other = tmp_path / f"other-{number}"
        other.hardlink_to(folder / name)
        for target in (folder / name, other):
            with pytest.raises(forensics.EvidenceTargetError, match=REFUSAL):
                forensics.write(case, "json", target, overwrite=True)
            with pytest.raises(forensics.EvidenceTargetError, match=REFUSAL):
                case.save(target, overwrite=True)
    assert files_of(folder) == before


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (disk_with_parents, "chain.vhdx"),
        (split_raw, "disk.002"),
        (flat_vmdk, "disk-flat.vmdk"),
        (loose_hive, "SOFTWARE.LOG1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("option", ["-o", "--case"])
def test_no_command_writes_over_a_part_of_its_source(
    make: Callable[[Path], Path], part: str, option: str, tmp_path: Path
) -> None:
    source = make(tmp_path)
    before = files_of(tmp_path)
    for more, message in (([], "exists"), (["--overwrite"], REFUSAL)):
        if option == "--case":
            message = "exists and is no keymortem case file; choose another name"
        arguments = ["examine", str(source), "--format", "json", option, str(tmp_path / part), *more]
        result = CliRunner().invoke(cli, arguments, prog_name="keymortem")
        assert (result.exit_code, message in result.stderr) == (2, True), result.output
        assert files_of(tmp_path) == before


def test_what_may_belong_to_a_disk_that_cannot_be_opened_is_no_place_to_write_to(tmp_path: Path) -> None:
    """Known by their names: a split image that lacks a part, and a child whose region tables are damaged."""
    for folder in ("split", "chain"):
        (tmp_path / folder).mkdir()
    split = split_raw(tmp_path / "split")
    split.with_name("disk.009").write_bytes(b"the last part of many")
    child = disk_with_parents(tmp_path / "chain").with_name("chain-1.avhdx")
    with child.open("r+b") as file:
        for table in (192 << 10, 256 << 10):
            file.seek(table)
            file.write(bytes(64 << 10))
    for source, part in ((split, "disk.002"), (split, "disk.009"), (child, "chain.vhdx")):
        target = source.with_name(part)
        before = target.read_bytes()
        command = ["examine", str(source), "--format", "json", "--overwrite", "-o", str(target)]
        result = CliRunner().invoke(cli, command, prog_name="keymortem")
        assert (result.exit_code, "nothing replaced" in result.stderr) == (3, True), result.output
        case = forensics.examine(source, strict=False)
        with pytest.raises(forensics.EvidenceTargetError, match=REFUSAL):
            forensics.write(case, "json", target, overwrite=True)
        assert target.read_bytes() == before


def test_keys_and_rules_that_were_given_are_no_place_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "locked.raw").write_bytes(encrypt(lzma.decompress(PACKED.read_bytes())))
    (tmp_path / "volume.bek").write_bytes(b"no key")
    (tmp_path / "password").write_text("wrong")
    rules = tmp_path / "rules"
    forensics.new_rule(rules / "mine")
    with pytest.raises(forensics.EvidenceTargetError, match=REFUSAL):
        forensics.write(forensics.list_rules(rules), "markdown", rules / "mine.yaml", overwrite=True)
    before = files_of(tmp_path)
    options = ["--bek", "volume.bek", "--password-file", "password", "--password", "anna:password", "--rules", "rules"]
    words = [str(tmp_path / word) if (tmp_path / word).exists() else word for word in options]
    words = [f"anna:{tmp_path}/password" if word == "anna:password" else word for word in words]
    for target in ("volume.bek", "password", "rules/mine.yaml"):
        command = ["examine", str(tmp_path / "locked.raw"), *words, "--overwrite", "-o", str(tmp_path / target)]
        result = CliRunner().invoke(cli, command, prog_name="keymortem")
        # A pack is known to be evidence once it was read, which is after the disk gave nothing.
        assert result.exit_code == (3 if target.startswith("rules") else 2), result.output
    assert files_of(tmp_path) == before


def test_what_only_lies_beside_a_disk_may_be_replaced(tmp_path: Path) -> None:
    disk = unpacked("mbr.vhdx", tmp_path)
    report = tmp_path / "report.raw"
    report.write_bytes(bytes(510) + b"\x55\xaa")
    command = ["examine", str(disk), "--as-of", "2026-11-22", "-o", str(report), "--overwrite"]
    for _ in range(2):
        result = CliRunner().invoke(cli, command, prog_name="keymortem")
        assert result.exit_code == 0, result.output
        assert report.read_text().startswith("keymortem ")


def test_the_newer_state_of_a_disk_is_evidence_though_it_is_not_read(tmp_path: Path) -> None:
    child = disk_with_parents(tmp_path).with_name("chain-1.avhdx")
    other = tmp_path / "report.html"
    other.write_text("a report")
    evidence = EvidenceFiles()
    with recording(evidence):
        assert children_of(tmp_path / "chain.vhdx", [child, other]) == [child]
    with pytest.raises(forensics.EvidenceTargetError, match=REFUSAL):
        evidence.refuse(child)
    evidence.refuse(other)


ROOMS = ("disk", "sources", "registry", "collectors", "hyperv", "dpapi", "engine", "formats", "chain", "facts")
OPENERS = {
    "forensics/disk/evidence_files.py": "opens evidence for all others",
    "forensics/disk/remote/sftp.py": "opens files on a server",
    "forensics/disk/remote/smb.py": "opens files on a server",
    "forensics/engine/skeleton.py": "writes new rules",
    "forensics/engine/compiled_rules.py": "reads the program's own rules",
    "forensics/sources/unpacked_members.py": "writes temporary copies",
    "forensics/sources/seven_zip_tree.py": "unpacks into temporary files",
    "forensics/collectors/lifecycle.py": "reads the program's own data",
}
"""The modules of these rooms that may open files by path themselves, and why."""


def _openings(module: ast.Module) -> Iterator[ast.Call]:
    """Yield the calls that open a file by its path: open(), os.open(), Path.open() with a mode, Path.read_bytes()."""
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.id if isinstance(called, ast.Name) else ""
        attribute = called.attr if isinstance(called, ast.Attribute) else ""
        if name == "open" or attribute in ("read_bytes", "read_text", "fdopen"):
            yield node
        elif isinstance(called, ast.Attribute) and attribute == "open":
            owner = called.value.id if isinstance(called.value, ast.Name) else ""
            modes = [a.value for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)]
            is_mode = any(isinstance(mode, str) and set(mode) <= set("rwxab+t") for mode in modes)
            if owner in ("os", "io", "codecs", "gzip", "lzma", "bz2") or is_mode:
                yield node


@pytest.mark.parametrize("room", ROOMS)
def test_evidence_is_opened_in_one_place_only(room: str) -> None:
    found = {
        f"{path.relative_to(PROJECT).as_posix()}:{call.lineno}"
        for path in (PROJECT / "forensics" / room).rglob("*.py")
        for call in _openings(ast.parse(path.read_text(encoding="utf-8")))
        if path.relative_to(PROJECT).as_posix() not in OPENERS
    }
    assert found == set(), "open it with forensics.disk.evidence_files.open_evidence"
