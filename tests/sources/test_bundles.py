"""One Windows in each form of a bundle: the same chains of keys as the plain disk, however it is named."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

import forensics
from forensics.case import Case
from forensics.tables.source import leaves
from testdata.builder.bundles import BUNDLES, Bundle
from tests.oracles import other_reader, tool
from tests.sources.test_chains import digests, plain

pytestmark = pytest.mark.usefixtures("rows_alone")

NAME = "broken-claim.vhdx"


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[str]]:
    """Return a disk with Windows, and what is said of its keys."""
    return plain(tmp_path_factory.mktemp("plain"), NAME)


def keys(case: Case, disk: str) -> list[str]:
    rows = sorted(repr(row) for table in ("key_chain", "machine") for row in case.rows(table))
    return [row.replace(disk, "DISK") for row in rows]


def whole(case: Case, bundle: Bundle, disk: str) -> None:
    """Assert that the disk is the one machine, and that nothing else is told of."""
    machines = [entry for entry in leaves(case.sources) if entry.machine_ids]
    assert [(entry.path, entry.older_state_of, entry.error) for entry in machines] == [(disk, None, None)]
    told = [line for line in case.not_examined if " is a backup: " not in line]
    assert told == []


@pytest.mark.parametrize("name", BUNDLES)
def test_the_same_chains_as_the_plain_disk(tmp_path: Path, windows: tuple[bytes, list[str]], name: str) -> None:
    raw, expected = windows
    assert len(expected) > 5
    bundle = BUNDLES[name](tmp_path / "evidence", raw)
    before = digests(bundle.folder)
    for named in [bundle.folder, *bundle.names, *([bundle.disk] if bundle.by_disk else [])]:
        case = forensics.examine(named)
        disk = str(named if named.suffix == ".hds" else bundle.disk)
        assert keys(case, disk) == expected, named
        whole(case, bundle, disk)
        assert not case.shows_older_state
    assert digests(bundle.folder) == before


@pytest.mark.parametrize("name", BUNDLES)
def test_the_same_chains_inside_a_zip(tmp_path: Path, windows: tuple[bytes, list[str]], name: str) -> None:
    raw, expected = windows
    bundle = BUNDLES[name](tmp_path / "evidence", raw)
    path = tmp_path / "evidence.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(bundle.folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(bundle.folder))
    case = forensics.examine(path)
    disk = f"{path}/{bundle.disk.relative_to(bundle.folder)}"
    assert keys(case, disk) == expected
    whole(case, bundle, disk)


@pytest.mark.parametrize("name", sorted(set(BUNDLES) - {"hyper_v", "hyper_v_2012"}))
def test_the_configuration_stands_at_the_disk(tmp_path: Path, windows: tuple[bytes, list[str]], name: str) -> None:
    bundle = BUNDLES[name](tmp_path / "evidence", windows[0])
    case = forensics.examine(bundle.folder)
    (entry,) = [each for each in case.sources if each.path == str(bundle.disk)]
    if name == "windows_backup":
        assert entry.bundle == str(tmp_path / "evidence" / "WindowsImageBackup" / "WEB01")
        assert entry.backup_of == "2026-11-01 12:00:00"
    elif name == "ova":
        assert entry.bundle == str(bundle.names[0] / "web.ovf")
    else:
        assert entry.bundle == str(bundle.names[0])


@pytest.mark.parametrize(
    "name", ["vmware", "virtualbox", "ovf", "ova", "libvirt", "utm", "parallels", "hyper_v", "hyper_v_2012"]
)
def test_dissect_finds_the_same_disk(tmp_path: Path, windows: tuple[bytes, list[str]], name: str) -> None:
    """Its loaders, where they know the form: the disk of the machine is the one that is examined here."""
    raw, _ = windows
    bundle = BUNDLES[name](tmp_path / "evidence", raw)
    loader = other_reader("dissect.target.loader", "dissect.target")
    target = other_reader("dissect.target.target", "dissect.target").Target()
    path = bundle.names[1] if name in ("utm", "parallels") else bundle.names[0]
    found = loader.open(path)
    assert found is not None
    found.map(target)
    (disk,) = target.disks
    assert disk.size == len(raw)
    if name != "virtualbox":  # of a snapshot of VirtualBox its reader shows the changes alone
        disk.seek(0)
        assert disk.read(1 << 20) == raw[: 1 << 20]


def test_what_an_export_compresses_is_what_qemu_reads(tmp_path: Path, windows: tuple[bytes, list[str]]) -> None:
    bundle = BUNDLES["ovf"](tmp_path / "evidence", windows[0])
    command = [
        tool("qemu-img", "qemu-utils"),
        "convert",
        "-f",
        "vmdk",
        "-O",
        "raw",
        str(bundle.disk),
        str(tmp_path / "raw"),
    ]
    subprocess.run(command, check=True)
    assert (tmp_path / "raw").read_bytes() == windows[0]
