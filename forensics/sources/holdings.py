"""Says what a disk or a volume without Windows does hold, so that whoever named it knows what to name instead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.language import joined, sentence, sentence_n
from forensics.sources.source import Source
from forensics.tables.record import CoverageRow

if TYPE_CHECKING:
    from forensics.disk.wim.tree import WimTree

_NAMED = 5
"""Display: folders of a volume without Windows that one sentence names."""
_MOST_FOLDERS = 300
"""Display: folders that are searched for virtual disks and archives to count them."""
_MOST_VOLUMES = 8
"""Display: volumes that one sentence names."""
_DISKS = (".vhdx", ".avhdx", ".vhd", ".avhd", ".vmdk", ".vdi", ".qcow2")
_ARCHIVES = (".7z", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz")
_HOUSEKEEPING = ("system volume information", "recovery", "boot", "efi")
_RECOVERY = "Recovery/WindowsRE/Winre.wim"
_LINUX = ("ext", "XFS", "Btrfs", "F2FS", "JFS", "ReiserFS", "LVM", "Linux swap", "Linux RAID", "LUKS")
_SWAP = ("Linux swap",)
_MAC = ("HFS+", "HFSX", "APFS")
_NO_FILE_SYSTEM = {
    "LUKS": "a LUKS-encrypted volume",
    "LVM": sentence("an LVM physical volume"),
    "Linux RAID": sentence("a member of a Linux RAID"),
    "Linux swap": sentence("a Linux swap area"),
    "Storage Spaces": sentence("a member of a Storage Spaces pool"),
    "ZFS": sentence("a member of a ZFS pool"),
}
_COPY = sentence("copy what it holds into a folder and examine that")
_NEXT = {
    "ReFS": sentence("on a Windows that mounts it, {copy}", copy=_COPY),
    "exFAT": _COPY,
    "FAT": _COPY,
    "FAT32": _COPY,
    "VMFS": sentence("copy the folder of the machine out of it and examine that"),
    "LUKS": sentence("open it with cryptsetup and examine what that gives"),
    "LVM": sentence("activate it with vgchange -ay and examine its logical volumes"),
    "Linux RAID": sentence("assemble it with mdadm -o and examine that"),
    "Storage Spaces": sentence("attach the whole pool, and image its virtual disk"),
    "Linux swap": sentence("it holds no files"),
    "ZFS": sentence("import the pool read-only with zpool import -o readonly=on, and examine its volumes or folders"),
}
_MOUNT = sentence("mount it read-only and examine the folder")
_RESERVED = sentence("Microsoft reserved partition")
NO_WINDOWS = sentence("no Windows installation was found in it")
"""What the error of a disk begins with that holds none."""
_OFFICE = sentence(
    "a container of FSLogix for Office (ODFC), in which no keys lie; those are in the container "
    "of the profile (Profile_*.vhdx), examine that"
)
_WHOLE = 8 << 20
_SAMPLES, _SAMPLE = 64, 16 << 10
# Problems that tell nothing of why no Windows was found.
_REMARKS = ("ntfs_dirty", "older_state", "marked_dirty", "bad_boot_sector", "dynamic_disk")


def ntfs_holds(tree: NtfsTree) -> str:
    """Say what an NTFS volume without Windows holds."""
    return tree_holds(tree, f"NTFS{_label(tree)}")


def tree_holds(tree: NtfsTree | WimTree, form: str) -> str:
    """Say what a volume, or an image of one, without Windows holds.

    Args:
        tree: Its files.
        form: What it is.
    """

    from forensics.sources.profile_folders import OFFICE_CONTAINER  # here: most disks have a Windows

    what = sentence("{form} without Windows", form=form)
    if _exists(tree, _RECOVERY):
        return sentence("{what}: a Windows recovery environment", what=what)
    try:
        folders = [entry for entry in tree.entries("") if entry.is_dir and not _is_housekeeping(entry)]
    except Unreadable:
        return what
    if any(entry.name.upper() == OFFICE_CONTAINER for entry in folders):
        return joined([what, _OFFICE], ": ")
    names = sorted((entry.name for entry in folders), key=str.lower)
    named: str = ", ".join(names[:_NAMED])
    if len(names) > _NAMED:
        named = sentence("{names} and {count} more", names=named, count=len(names) - _NAMED)
    parts: list[str] = []
    if names:
        parts.append(sentence_n("folder {names}", "folders {names}", len(names), names=named))
    parts += _files_to_copy(tree)
    if not parts:
        parts = [sentence("a boot manager")] if _exists(tree, "bootmgr") else [sentence("no folders")]
    return joined([what, joined(parts, "; ")], ": ")


def other_file_system(kind: str) -> str:
    """Say what a volume with a file system other than NTFS is, and what to do with it."""
    what = _NO_FILE_SYSTEM.get(kind, sentence("{kind} file system", kind=kind))
    said = {"what": what, "next": _NEXT.get(kind, _MOUNT)}
    if kind in _LINUX:
        return sentence("{what}, of a Linux machine, which is not read ({next})", **said)
    if kind in _MAC:
        return sentence("{what}, of a Mac, which is not read ({next})", **said)
    return sentence("{what}, which is not read ({next})", **said)


def no_file_system(reader: VolumeReader, size: int) -> str:
    """Say what a volume without a file system that is known holds."""
    zeros = only_zeros(reader, size)
    return sentence("no known file system: {zeros}", zeros=zeros) if zeros else sentence("no known file system")


def may_hold_files(kind: str | None, reader: VolumeReader, size: int) -> bool:
    """Tell whether a volume whose file system is not read may hold files: one that is empty or for swapping does not.

    Args:
        kind: Its file system; None where it is not known.
        reader: The volume.
        size: Its bytes.
    """
    return kind not in _SWAP if kind else only_zeros(reader, size) is None


def no_volume(reader: VolumeReader, size: int) -> str:
    """Say what a disk without a partition table and without a file system is, and what may be wrong."""
    zeros = only_zeros(reader, size)
    if zeros:
        return sentence(
            "has no partitions: it holds {zeros}, so it was never written, was wiped, or nothing was "
            "copied into it; examine another copy",
            zeros=zeros,
        )
    return sentence(
        "holds neither a partition table nor a file system that is known: it is no disk image, it is "
        "encrypted as a whole, or its start is damaged or missing (part of a split image?); where a "
        "disk may begin further in, examine it again with --offset search"
    )


def only_zeros(reader: VolumeReader, size: int) -> str | None:
    """Say that bytes are zeros, and how far that was looked at; None when they are not, or cannot be read."""
    places = [(0, min(size, _WHOLE))]
    if size > _WHOLE:
        step = (size - _SAMPLE) // _SAMPLES
        places += [(number * step, _SAMPLE) for number in range(1, _SAMPLES)] + [(size - _SAMPLE, _SAMPLE)]
    try:
        if any(any(reader.read_at(offset, length)) for offset, length in places):
            return None
    except Unreadable:
        return None
    return (
        sentence("only zeros")
        if size <= _WHOLE
        else sentence(
            "only zeros in its first {whole} MiB and in {samples} samples", whole=_WHOLE >> 20, samples=_SAMPLES
        )
    )


def nothing_found(source: Source) -> str:
    """Say why a source gave no Windows: what its volumes hold, or what kept them from being read."""
    said = NO_WINDOWS
    volumes = [row for row in source.coverage if row.area == "volume" and row.detail]
    problems = [row.message or row.kind for row in source.problems if row.kind not in _REMARKS]
    if not volumes:
        gaps = [row.detail for row in source.coverage if row.outcome in ("unreadable", "not_examined") and row.detail]
        return joined([said, *[*problems, *gaps][:1]], ": ")
    shown = volumes[:_MOST_VOLUMES]
    told = [_told(row) if len(volumes) > 1 else row.detail or "" for row in shown]
    left = len(volumes) - len(shown)
    more = [sentence_n("and {count} more volume", "and {count} more volumes", left)] if left else []
    # A volume that counts as read may have lost what a problem of its disk tells of; those of its files are not meant.
    of_disk = (row.message for row in source.problems if row.source_path.startswith(source.path))
    lost = next((each for each in of_disk if each in problems and not any(each in text for text in told)), None)
    return joined([said, joined([*told, *more, *([lost] if lost else [])], "; ")], ": ")


def _told(row: CoverageRow) -> str:
    return sentence("{name}: {detail}", name=row.name, detail=row.detail)


def was_seen_whole(source: Source) -> bool:
    """Tell whether a disk without Windows hides none: every volume of it that can hold files was read."""
    return bool(source.searched) and were_seen_whole(row for row in source.coverage if row.area == "volume")


def were_seen_whole(volumes: Iterable[CoverageRow]) -> bool:
    """Tell whether every volume of a disk that can hold files was read.

    Args:
        volumes: What was seen of each.
    """
    return all(row.outcome in ("present", "absent") for row in volumes if row.detail != _RESERVED)


def _label(tree: NtfsTree) -> str:
    return f" '{tree.label}'" if tree.label else ""


def _is_housekeeping(entry: Entry) -> bool:
    return entry.name.startswith("$") or entry.name.lower() in _HOUSEKEEPING


def _exists(tree: NtfsTree | WimTree, path: str) -> bool:
    try:
        return not tree.entry(path).is_dir
    except (NotFound, Unreadable):
        return False


def _files_to_copy(tree: NtfsTree | WimTree) -> list[str]:
    """Count the virtual disks of a volume, and the archives that are not looked into there, in its first folders."""
    disks, archives, visited = 0, 0, 0
    pending: deque[Entry | str] = deque([""])
    while pending and visited < _MOST_FOLDERS:
        visited += 1
        try:
            for entry in tree.skim(pending.popleft()):
                if entry.is_dir and not _is_housekeeping(entry):
                    pending.append(entry)
                disks += not entry.is_dir and entry.name.lower().endswith(_DISKS)
                archives += not entry.is_dir and entry.name.lower().endswith(_ARCHIVES)
        except (NotFound, Unreadable):
            continue
    told = [_disks_to_copy(disks)] if disks else []
    told += [_archives_to_copy(archives)] if archives else []
    return [sentence("at least {what}", what=each) if pending else each for each in told]


def _disks_to_copy(count: int) -> str:
    return sentence_n(
        "{count} virtual disk (copy it out to be examined)",
        "{count} virtual disks (copy them out to be examined)",
        count,
    )


def _archives_to_copy(count: int) -> str:
    return sentence_n(
        "{count} archive (copy it out to be examined)", "{count} archives (copy them out to be examined)", count
    )
