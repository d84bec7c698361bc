"""NTFS images without root, FUSE or loop devices: ``mkntfs`` makes the volume, libntfs-3g (ntfs_library.py) fills it.

Needed only when an image is rebuilt: Debian packages ``ntfs-3g`` and ``libntfs-3g89``.

References:
    mkntfs(8); ntfs-3g 2022.10.3, include/ntfs-3g/{dir,attrib,inode,security}.h.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from testdata.builder.change_journal import Change, journal
from testdata.builder.files import DEFAULT_TIME, FileSpec
from testdata.builder.ntfs_library import Inode, NtfsError, NtfsVolume, library_path

__all__ = [
    "NtfsError",
    "NtfsExtras",
    "VolumeWriter",
    "build_ntfs",
    "junction_data",
    "short_names",
    "symlink_data",
    "unavailable",
]

FILE_ATTRIBUTE_REPARSE_POINT = 0x400
_IO_REPARSE_TAG_MOUNT_POINT = 0xA0000003
_IO_REPARSE_TAG_SYMLINK = 0xA000000C
_ROOT = ""
_JOURNAL_START = 1 << 20
"""Byte of the journal at which it begins: what lay before was given back, and is a hole."""


@dataclass(frozen=True, slots=True)
class NtfsExtras:
    """What few volumes need beyond their files, by path.

    Attributes:
        junctions: Folders that are junctions, with the absolute Windows path they lead to.
        symlinks: Symbolic links, with their target; one that stands among the files is a link to a file, each other one
            a link to a folder. A target without drive or name of a volume is relative.
        attributes: FILE_ATTRIBUTE_* bits to set on a file or folder (hidden 2, system 4, ...).
        accessed: Access times; by default the modification time.
        named: When files got their names, where that is another time than the one of their making, which programs set.
        deleted: Files that were written and then deleted: their records and content stay in the image.
        short_names: Give every name its 8.3 name as Windows does (a second directory entry where it is longer);
            without, names are in the POSIX namespace, one entry each.
        changes: What the change journal tells; a volume without any keeps none.
    """

    junctions: Mapping[str, str] = field(default_factory=dict)
    symlinks: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, int] = field(default_factory=dict)
    accessed: Mapping[str, datetime] = field(default_factory=dict)
    named: Mapping[str, datetime] = field(default_factory=dict)
    deleted: Sequence[FileSpec] = ()
    short_names: bool = False
    changes: Sequence[Change] = ()


def unavailable() -> str | None:
    """Why images cannot be built on this machine; None when they can."""
    if _mkntfs() is None:
        return "mkntfs is not installed (Debian package ntfs-3g)"
    if library_path() is None:
        return "libntfs-3g.so is not installed (Debian package libntfs-3g89, which ntfs-3g brings)"
    return None


def build_ntfs(
    files: Iterable[FileSpec],
    out: Path,
    size: int,
    *,
    label: str = "",
    dirs: Mapping[str, bytes] | None = None,
    default_sd: bytes | None = None,
    extras: NtfsExtras | None = None,
    serial: int = 0x6B65_796D_6F72_7465,
    sector_size: int = 512,
    cluster_size: int = 4096,
    partition_start: int | None = None,
) -> None:
    """Write an NTFS volume; the same call writes the same bytes.

    Args:
        files: Files and folders; missing parent folders are made with the default date and rights.
        out: Image to write, sparse; replaced if it exists.
        size: Bytes of the volume, a multiple of ``sector_size``.
        label: Volume label.
        dirs: Security descriptors (self-relative) of folders by path, "" for the root.
        default_sd: Security descriptor of whatever names none; None leaves such files without any (security_id 0).
        extras: Junctions, attributes, access times, deleted files.
        serial: Volume serial number, 64 bits.
        sector_size: Bytes per sector of the disk the volume goes onto.
        cluster_size: Bytes per cluster.
        partition_start: First sector of the partition, as the boot sector records it; by default 1 MiB.

    Raises:
        NtfsError: mkntfs or libntfs-3g is missing or refuses.
    """
    reason = unavailable()
    if reason is not None:
        raise NtfsError(reason)
    extras = extras or NtfsExtras()
    start = partition_start if partition_start is not None else (1 << 20) // sector_size
    _format(out, size, label, sector_size, cluster_size, start)
    with NtfsVolume(out) as volume:
        VolumeWriter(volume, dirs or {}, default_sd, extras).write(list(files))
    _set_serial(out, size, serial, sector_size)


class VolumeWriter:
    """Fills one mounted volume, folder by folder: libntfs-3g must not hold the same folder open twice.

    Attributes:
        records: MFT record of each path that is on the volume; a folder that is not among them is made.
    """

    def __init__(
        self, volume: NtfsVolume, dirs: Mapping[str, bytes], default_sd: bytes | None, extras: NtfsExtras
    ) -> None:
        self.volume = volume
        self.dirs = dirs
        self.default_sd = default_sd
        self.extras = extras
        self.records = {_ROOT: volume.ROOT_RECORD}
        self.security_ids: dict[bytes | None, int] = {None: 0}

    def write(self, files: Sequence[FileSpec]) -> None:
        folders = self._folders(files)
        by_folder: defaultdict[str, list[FileSpec]] = defaultdict(list)
        for spec in (*files, *self.extras.deleted):
            if not spec.is_dir:
                by_folder[_parent(spec.path)].append(spec)
        _check_names([*folders, *(spec.path for specs in by_folder.values() for spec in specs)])

        self._learn_security_ids([*files, *self.extras.deleted, *folders.values()])
        for path in sorted(folders.keys() - self.records.keys(), key=lambda item: (item.count("/"), item)):
            with self.volume.open(self.records[_parent(path)]) as parent:
                self._create(parent, folders[path])
        for folder in sorted(by_folder):
            with self.volume.open(self.records[folder]) as parent:
                for spec in by_folder[folder]:
                    self._create(parent, spec)
        self._finish(files, folders)

    def _write_journal(self) -> None:
        with (
            self.volume.open(self.volume.EXTEND_RECORD) as extend,
            extend.create("$UsnJrnl", 0, is_dir=False) as inode,
        ):
            inode.write("$J", journal(self.extras.changes, self.records, _JOURNAL_START), _JOURNAL_START)
            inode.set_times(DEFAULT_TIME, DEFAULT_TIME, DEFAULT_TIME)

    def _finish(self, files: Sequence[FileSpec], folders: Mapping[str, FileSpec]) -> None:
        if self.extras.changes:
            self._write_journal()
        changed: dict[str, FileSpec] = {}
        if self.extras.short_names:
            changed = {**folders, **{spec.path: spec for spec in files}}
            changed[_ROOT] = FileSpec(_ROOT, data=None)
            for path, short in short_names(path for path in changed if path).items():
                self.volume.set_short_name(self.records[_parent(path)], self.records[path], short)
        for spec in self.extras.deleted:
            folder = _parent(spec.path)
            self.volume.delete(self.records[folder], self.records[spec.path], _name(spec.path))
            changed[folder] = folders.get(folder, FileSpec(folder, data=None))
        # Deleting and renaming put the present into the times of the file and of its folder.
        for path, spec in changed.items():
            with self.volume.open(self.records[path]) as inode:
                self._set_times(inode, spec)

    def _folders(self, files: Sequence[FileSpec]) -> dict[str, FileSpec]:
        given = {spec.path: spec for spec in files if spec.is_dir}
        links = {*self.extras.junctions, *(self.extras.symlinks.keys() - {spec.path for spec in files})}
        paths = {*given, *links, *self.dirs, *(_parent(spec.path) for spec in files)}
        paths.update(_parent(spec.path) for spec in self.extras.deleted)
        for path in tuple(paths):
            paths.update(str(above) for above in PurePosixPath(path).parents)
        return {path: given.get(path, FileSpec(path, data=None)) for path in sorted(paths - {_ROOT, "."})}

    def _learn_security_ids(self, items: Iterable[FileSpec]) -> None:
        # Each descriptor is put on the root folder once: $Secure then gives it the number that ntfs_create takes,
        # which is far faster than setting an ACL file by file. The root's own comes last.
        root_sd = self.dirs.get(_ROOT, self.default_sd)
        with self.volume.open(self.volume.ROOT_RECORD) as root:
            for sd in dict.fromkeys([*(self._sd(spec) for spec in items), root_sd]):
                if sd is not None:
                    self.security_ids[sd] = root.set_security_descriptor(sd)
            if root_sd is not None:
                root.set_security_descriptor(root_sd)
            root.set_times(DEFAULT_TIME, DEFAULT_TIME, DEFAULT_TIME)

    def _sd(self, spec: FileSpec) -> bytes | None:
        if spec.sd is not None:
            return spec.sd
        return self.dirs.get(spec.path, self.default_sd) if spec.is_dir else self.default_sd

    def _create(self, parent: Inode, spec: FileSpec) -> None:
        sd = self._sd(spec)
        with parent.create(_name(spec.path), self.security_ids[sd], is_dir=spec.is_dir) as inode:
            if sd is None:
                inode.remove_security_descriptor()
            self.records[spec.path] = inode.record
            if spec.data:
                inode.write("", spec.data)
            for stream, content in spec.streams.items():
                inode.write(stream, content)
            if spec.path in self.extras.junctions:
                inode.set_reparse_point(junction_data(self.extras.junctions[spec.path]))
            if spec.path in self.extras.symlinks:
                inode.set_reparse_point(symlink_data(self.extras.symlinks[spec.path]))
            if spec.path in self.extras.attributes:
                inode.add_attributes(self.extras.attributes[spec.path])
            self._set_times(inode, spec)

    def _set_times(self, inode: Inode, spec: FileSpec) -> None:
        accessed = self.extras.accessed.get(spec.path, spec.modified)
        inode.set_times(spec.created, spec.modified, accessed, self.extras.named.get(spec.path))


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Give each path the 8.3 name Windows would: its own in upper case where that fits, else ``FIRSTS~1.EXT``."""
    taken: set[tuple[str, str]] = set()
    chosen: dict[str, str] = {}
    for path in paths:
        folder, name = _parent(path), _name(path)
        stem, _, extension = name.upper().rpartition(".") if "." in name[1:] else (name.upper(), "", "")
        if re.fullmatch(r"[A-Z0-9_!#$%&'()@^`{}~-]{1,8}(\.[A-Z0-9_!#$%&'()@^`{}~-]{1,3})?", name.upper()):
            short = name.upper()
        else:
            base, tail = re.sub(r"[^A-Z0-9_-]", "", stem)[:6], re.sub(r"[^A-Z0-9_-]", "", extension)[:3]
            number = 1
            while (folder, short := f"{base[: 7 - len(str(number))]}~{number}{'.' if tail else ''}{tail}") in taken:
                number += 1
        taken.add((folder, short))
        chosen[path] = short
    return chosen


def junction_data(target: str) -> bytes:
    """REPARSE_DATA_BUFFER of a junction to an absolute Windows path such as ``C:\\Users``."""
    substitute = ("\\??\\" + target).encode("utf-16-le")
    shown = target.encode("utf-16-le")
    body = struct.pack("<HHHH", 0, len(substitute), len(substitute) + 2, len(shown))
    body += substitute + b"\0\0" + shown + b"\0\0"
    return struct.pack("<IHH", _IO_REPARSE_TAG_MOUNT_POINT, len(body), 0) + body


def symlink_data(target: str) -> bytes:
    """REPARSE_DATA_BUFFER of a symbolic link to a Windows path such as ``D:\\Keys`` or ``..\\Keys``."""
    is_relative = re.match(r"[A-Za-z]:|Volume\{", target) is None
    substitute = (target if is_relative else "\\??\\" + target).encode("utf-16-le")
    shown = target.encode("utf-16-le")
    body = struct.pack("<HHHHI", 0, len(substitute), len(substitute), len(shown), is_relative)
    body += substitute + shown
    return struct.pack("<IHH", _IO_REPARSE_TAG_SYMLINK, len(body), 0) + body


def _check_names(paths: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(path.upper(), path)
        if other is not path:
            raise NtfsError(f"{other!r} and {path!r} are one name on NTFS")


def _mkntfs() -> str | None:
    # Debian puts it in /usr/sbin, which the PATH of an ordinary user does not name.
    return shutil.which("mkntfs", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _format(out: Path, size: int, label: str, sector_size: int, cluster_size: int, start: int) -> None:
    with out.open("wb") as image:
        image.truncate(size)
    command = [str(_mkntfs()), "-F", "-Q", "-q", "-T", "-L", label, "-s", str(sector_size), "-c", str(cluster_size)]
    command += ["-p", str(start), "-H", "255", "-S", "63", str(out), str(size // sector_size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NtfsError(f"mkntfs: {done.stderr.strip() or done.stdout.strip()}")


def _set_serial(out: Path, size: int, serial: int, sector_size: int) -> None:
    with out.open("r+b") as image:
        for boot_sector in (0, size - sector_size):
            image.seek(boot_sector)
            if image.read(11)[3:7] == b"NTFS":
                image.seek(boot_sector + 0x48)
                image.write(struct.pack("<Q", serial))


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]
