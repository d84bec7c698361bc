"""Folders of disk images and Hyper-V exports: each disk that no other one builds on is examined."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from forensics.disk.containers import image_kind, open_disk, open_image
from forensics.disk.disk import Disk, Progress
from forensics.disk.errors import SourceError
from forensics.disk.unlock import Unlock
from forensics.sources.source import Source
from forensics.sources.volumes import add_disk
from forensics.tables.outcome import Outcome

_IMAGE_SUFFIXES = ".vhdx .avhdx .vhd .avhd .vmdk .vdi .qcow2 .qcow .e01 .raw .dd .img .bin .000 .001"
_SUFFIXES = frozenset(f"{_IMAGE_SUFFIXES} .xz .gz .zst .bz2".split())
_DISKS = ("vhdx", "vhd", "vmdk", "vdi", "qcow2", "e01", "raw")
_PACKED_DISK = re.compile(r"\.(vhdx|avhdx|vhd|vmdk|vdi|qcow2?|e01|raw|dd|img|bin)\.(xz|gz|zst|bz2)", re.IGNORECASE)
_EXTENT = re.compile(r".*-(flat|s\d+|f\d+|delta|ctk)\.vmdk", re.IGNORECASE)
_MAX_FOLDERS = 20_000
"""Evidence: folders that are searched for disk images."""
_MAX_DISKS = 200
"""Evidence: disk images of one folder."""


def find_disks(folder: Path, source: Source) -> list[Path]:
    """Return the disk images below a folder, symbolic links not followed, in path order."""
    found = sorted(_images(folder, source))
    if len(found) > _MAX_DISKS:
        source.cut("folder", "disk images", source.path, f"only the first {_MAX_DISKS} of {len(found)} are examined")
    return found[:_MAX_DISKS]


def _images(folder: Path, source: Source) -> Iterator[Path]:
    for visited, (top, folders, files) in enumerate(os.walk(folder)):
        if visited >= _MAX_FOLDERS:
            message = f"only {_MAX_FOLDERS} folders were searched for disk images"
            source.cut("folder", "disk images", source.path, message)
            return
        folders.sort()
        for name in files:
            path = Path(top, name)
            if path.suffix.lower() not in _SUFFIXES or _EXTENT.fullmatch(name) or path.is_symlink():
                continue
            if path.suffix == ".001" and path.with_suffix(".000").exists():
                continue
            kind = image_kind(path)
            if kind in _DISKS or (kind == "compressed" and _PACKED_DISK.search(name)):
                yield path


def add_disks(source: Source, paths: list[Path], keys: Unlock, first_machine_id: int, progress: Progress) -> None:
    """Add the Windows installations of several disks; one that fails is a problem and leaves the others alone.

    Raises:
        SourceError: None could be opened.
    """
    opened: list[tuple[Path, Disk]] = []
    reasons: list[str] = []
    for path in paths:
        try:
            disk = open_disk(open_image(path, str(path), source, progress), source)
            opened.append((path, disk))
        except SourceError as error:
            source.problem(str(path), error.kind, error.message)
            source.coverage.tell("volume", path.name, Outcome("not_examined", error.message), str(path))
            reasons.append(error.message)
    parents = {Path(name).resolve() for _, disk in opened for name in getattr(disk.stream, "files", [])[1:]}
    for path, disk in opened:
        if path.resolve() in parents:
            source.coverage.tell(
                "volume", path.name, Outcome("present", "read as the parent of a differencing disk"), str(path)
            )
        elif not add_disk(source, disk, keys, first_machine_id):
            message = "no partition table and no file system: not a disk, empty, or its start is damaged"
            source.problem(str(path), "no_volume", message)
            source.coverage.tell("volume", path.name, Outcome("not_examined", message), str(path))
            reasons.append(f"{path}: {message}")
    source.kind = "disks"
    if len(reasons) == len(paths):
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        raise SourceError("nothing_opened", f"none of the disks could be opened: {reasons[0]}{more}")


def export_folder(configuration: Path) -> Path:
    """Return the folder of a Hyper-V export that a .vmcx file of it stands for."""
    folder = configuration.parent
    return folder.parent if folder.name.lower() == "virtual machines" else folder
