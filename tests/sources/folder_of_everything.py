"""Folders as administrators have them: disks, collections, hives and archives side by side."""

from __future__ import annotations

import lzma
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from testdata.builder.files import FileSpec
from testdata.builder.ntfs import build_ntfs
from testdata.builder.scenarios import SCENARIOS
from tests.oracles import tool
from tests.paths import IMAGES

SMALL = "sectors-4096"


def disk(path: Path, image: str = "sample.vhdx") -> Path:
    """Unpack one of the test images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.decompress((IMAGES / f"{image}.xz").read_bytes()))
    return path


def qemu(kind: str, path: Path, raw: Path | None = None, backing: str | None = None) -> Path:
    """Convert a raw disk, or make an overlay of a file beside it."""
    tool("qemu-img", "qemu-utils")
    if raw is not None:
        command = ["qemu-img", "convert", "-q", "-f", "raw", "-O", kind, str(raw), str(path)]
    else:
        command = ["qemu-img", "create", "-q", "-f", kind, "-b", str(backing), "-F", kind, str(path)]
    subprocess.run(command, check=True, cwd=path.parent)
    return path


def files_of(scenario: str) -> dict[str, bytes]:
    """Return the files of a forged machine by their path on its drive."""
    return dict(_forged(scenario))


@cache
def _forged(scenario: str) -> Mapping[str, bytes]:
    return {f.path: f.data for f in SCENARIOS[scenario]().stages[-1].volumes[0] if f.data is not None}


def triage(folder: Path, scenario: str = "healthy") -> Path:
    """Lay out a machine's files as a collector does."""
    for name, data in files_of(scenario).items():
        target = folder / "C" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def triage_zip(path: Path, scenario: str = "healthy", **more: Path) -> Path:
    """Write a machine's files, and whole files beside them, as a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files_of(scenario).items():
            archive.writestr(f"C/{name}", data)
        for name, file in more.items():
            archive.write(file, name.replace("__", "."))
    return path


def hives(folder: Path, scenario: str = "healthy") -> Path:
    """Put the loose hives of a machine into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files_of(scenario).items():
        if "/System32/config/" in name:
            (folder / name.rpartition("/")[2]).write_bytes(data)
    return folder


def ova(path: Path, *files: Path) -> Path:
    """Write an OVA: a tar of a descriptor and disks."""
    with tarfile.open(path, "w") as archive:
        for file in files:
            archive.add(file, file.name)
    return path


def collected_volume(path: Path, scenario: str = "healthy") -> Path:
    """Write an NTFS volume as KAPE does with --vhdx: what was collected lies in a folder named after the drive."""
    files = [FileSpec(f"C/{name}", data) for name, data in files_of(scenario).items()]
    build_ntfs(files, path, 64 << 20)
    return path
