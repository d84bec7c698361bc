"""What evidence names is opened only where it lies with it, whatever the name: seen by what Python opens."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import forensics
from forensics.case import Case
from forensics.tables.source import leaves
from tests.naming_files import FORMS, PARTS, base_of_vhdx, disk, write
from tests.opened_files import OpenedFiles, opened_files

SECRET = "secret.vmdk"
_NOT_NEEDED = ("map of ddrescue",)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of evidence, and what lies beside it."""
    evidence, elsewhere = (tmp_path / name for name in ("evidence", "elsewhere"))
    evidence.mkdir()
    write(elsewhere / SECRET, disk(7))
    return evidence, elsewhere


def _lay(folder: Path, elsewhere: Path) -> None:
    """Put into a folder what a name may lead through."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "link.vmdk").symlink_to(elsewhere / SECRET)
    (folder / "linked").symlink_to(elsewhere)
    (folder / "Snapshots").symlink_to(elsewhere)
    (folder / "Virtual Hard Disks").symlink_to(elsewhere)
    (folder / "device.vmdk").symlink_to("/dev/zero")
    os.mkfifo(folder / "fifo.vmdk")


def hostile(folder: Path, elsewhere: Path) -> list[str]:
    """Return names that lead out of a folder, or to what must never be opened."""
    secret = str(elsewhere / SECRET)
    up = os.path.relpath(secret, folder)
    return [
        secret,
        up,
        f"./{up}",
        up.replace("/", "\\"),
        f"C:{secret}".replace("/", "\\"),
        f"\\\\localhost\\{secret}".replace("/", "\\"),
        f"//localhost/{secret}",
        "\\\\.\\PhysicalDrive0",
        "\\\\?\\GLOBALROOT\\Device\\Harddisk0",
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "link.vmdk",
        f"linked/{SECRET}",
        "device.vmdk",
        "fifo.vmdk",
        "",
        ".",
        "..",
        "~/.ssh/id_rsa",
        "$HOME/.ssh/id_rsa",
        f"file://{secret}",
        f"file:{secret}",
        f"FILE:{secret}",
        "http://127.0.0.1:9/disk.vmdk",
        f'json:{{"driver":"raw","file":{{"driver":"file","filename":"{secret}"}}}}',
        f'json:{{"file.filename":"{secret}"}}',
        "nbd:127.0.0.1:9",
        "nbd+unix:///x?socket=/run/nbd",
        f"{secret}\0.vmdk",
        f"a.vmdk\0{secret}",
        up.replace("/", "%2f").replace("..", "%2e%2e"),
        f"a{'/..' * 3}/{up}",
        "x" * 5000,
        "/".join(["d"] * 2000),
        "\udcff\udcfe.vmdk",
        f" {secret} ",
    ]


def outside(opened: OpenedFiles, *folders: Path) -> list[str]:
    """Return what was opened outside of some folders, and what is no file."""
    return opened.outside(*folders) + opened.special()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.parametrize("form", FORMS)
def test_nothing_outside_is_opened(form: str, places: tuple[Path, Path]) -> None:
    """Whether the files are named themselves, or the folder that they lie in."""
    evidence, elsewhere = places
    named = []
    for number, name in enumerate(hostile(evidence / "0", elsewhere)):
        _lay(evidence / str(number), elsewhere)
        named.append(FORMS[form](evidence / str(number), name))
    for sources in (named, [evidence]):
        with opened_files() as opened:
            forensics.examine(*sources, strict=False)
        assert outside(opened, evidence) == []
        assert {os.path.relpath(each, evidence) for each in named} <= opened.names_in(evidence)


def told(case: Case) -> str:
    """Return all that a case says of what it did not read."""
    said = [problem.message for problem in case.rows("problem")]
    said += [entry.error or "" for entry in leaves(case.sources)]
    return "\n".join([*said, *(f"{row.source_path} {row.detail}" for row in case.rows("coverage"))])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.parametrize("stands", ["link", "FIFO", "device"])
@pytest.mark.parametrize("form", PARTS)
def test_what_stands_in_the_place_of_a_part_is_not_opened(form: str, stands: str, places: tuple[Path, Path]) -> None:
    """It is named, for want of it the image is not whole."""
    evidence, elsewhere = places
    first, *others = PARTS[form](evidence)
    for other in others:
        other.rename(elsewhere / other.name)
        if stands == "FIFO":
            os.mkfifo(other)
        else:
            other.symlink_to(elsewhere / other.name if stands == "link" else "/dev/zero")
    for source in (first, evidence):
        with opened_files() as opened:
            case = forensics.examine(source, strict=False)
        assert outside(opened, evidence) == []
        assert opened.names_in(evidence) == {first.name}
        if stands != "FIFO" or form not in _NOT_NEEDED:
            assert others[0].name in told(case)


@pytest.mark.parametrize("form", ["raw, .001", "raw, .aa", "E01", "map of ddrescue"])
def test_a_folder_of_links_to_an_image_is_that_image(form: str, places: tuple[Path, Path]) -> None:
    """Where the link that the user named leads is the folder of the evidence."""
    evidence, elsewhere = places
    for path in PARTS[form](elsewhere):
        (evidence / path.name).symlink_to(path)
    named = sorted(evidence.iterdir())[0]
    with opened_files() as opened:
        forensics.examine(named, strict=False)
    assert opened.names_in(elsewhere) == {path.name for path in evidence.iterdir()}


@pytest.mark.parametrize("name", ["Snapshots", "Virtual Machines"])
def test_a_folder_beside_a_disk_that_is_a_link_is_not_looked_into(name: str, places: tuple[Path, Path]) -> None:
    """Snapshots of VirtualBox, and configurations of Hyper-V, lie there where it is a folder."""
    evidence, elsewhere = places
    path = write(evidence / "Virtual Hard Disks" / "web.vhdx", base_of_vhdx())
    make = FORMS["VHDX, relative_path"] if name == "Snapshots" else FORMS["Hyper-V, .xml"]
    made = make(elsewhere, "..\\Virtual Hard Disks\\web.vhdx")
    for link in (evidence / name, evidence / "Virtual Hard Disks" / name):
        link.symlink_to(made.parent)
    with opened_files() as opened:
        forensics.examine(path, strict=False)
    assert outside(opened, evidence) == []
    for link in (evidence / name, evidence / "Virtual Hard Disks" / name):
        link.unlink()
    shutil.copytree(made.parent, path.parent / name if name == "Snapshots" else evidence / name)
    with opened_files() as opened:
        forensics.examine(path, strict=False)
    assert made.name in {Path(each).name for each in opened.names_in(evidence)}
