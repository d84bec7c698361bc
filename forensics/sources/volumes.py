"""Finds the volumes of a disk and the Windows installations on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from forensics.disk.disk import Disk
from forensics.disk.disk_volume import DiskVolume
from forensics.disk.efi import EfiPartition
from forensics.disk.errors import SourceError
from forensics.disk.file_systems import BITLOCKER, NTFS, file_system
from forensics.disk.ldm import LIKELY_SIMPLE, not_simple, rest_of
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.ntfs.volume import ntfs_size
from forensics.disk.partitions import Partition, read_partition_table
from forensics.disk.tree import Entry, NotFound, Tree, Unreadable
from forensics.disk.unlock import Unlock
from forensics.language import said_by, sentence
from forensics.sources.former import FormerRoot, former_windows, windows_told
from forensics.sources.holdings import may_hold_files, no_file_system, ntfs_holds, other_file_system
from forensics.sources.installation import Installation, outcome_of
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.tables.hyperv import BitLockerRow
from forensics.tables.outcome import Outcome
from forensics.tables.windows_path import is_moved_aside

_USUAL_NAMES = ("windows", "winnt")
_MAX_ON_VOLUME = 16
"""Evidence: Windows folders of one volume."""
_LEAST_DISK = 512
"""Format: bytes of a disk: one sector."""
_DIRTY = sentence(
    "the volume is marked dirty: it was not shut down cleanly or is damaged, and the last "
    "changes to its files and folders may lie only in $LogFile, which is not replayed"
)


class DamageRows:
    """Makes problems of what an NTFS volume finds broken in itself: of its Windows, once that is known.

    Args:
        source: Takes what belongs to no Windows.
        path: How its rows name the volume.

    Attributes:
        installations: Windows on the volume.
    """

    def __init__(self, source: Source, path: str) -> None:
        self._source = source
        self._path = path
        self.installations: Sequence[Installation] = ()

    def __call__(self, path: str, kind: str, message: str, offset: int | None) -> None:
        inside = [i for i in self.installations if f"{path}/".lower().startswith(f"{i.windows}/".lower())]
        for installation in (inside or self.installations)[:1] if path else ():
            installation.problem(path, kind, message, offset)
            return
        self._source.problem(f"{self._path}/{path}" if path else self._path, kind, message, offset)


def add_disk(source: Source, disk: Disk, keys: Unlock, first_machine_id: int, chosen: int | None = None) -> bool:
    """Add every Windows installation on a disk to a source, and a coverage row for each of its volumes.

    Args:
        source: Takes them.
        disk: The disk.
        keys: For BitLocker volumes.
        first_machine_id: Number of the first installation of the source.
        chosen: Number of the one partition that is examined; None: all.

    Returns:
        False when the bytes hold neither a partition table nor a file system.

    Raises:
        SourceError: The disk is smaller than a sector, or has no such partition.
    """
    if disk.size < _LEAST_DISK:
        raise SourceError(
            "too_small",
            sentence("the disk in {path} has {size} bytes, less than a sector", path=disk.path, size=disk.size),
        )
    reader = VolumeReader(disk.stream, 0, disk.size)
    bare = None
    try:
        bare = file_system(reader)
    except Unreadable as reason:
        source.problem(disk.path, reason.kind, said_by(reason))
    table = read_partition_table(reader, disk.size, disk.sector_size) if bare is None else None
    if bare is not None or (table is None and _backup_boot_sector(reader, disk.size) is not None):
        if chosen is not None:
            message = sentence(
                "{path} is one volume without partitions: leave out --partition {chosen}", path=disk.path, chosen=chosen
            )
            raise SourceError("no_partition", message)
        source.kind = "volume"
        _add_volume(source, disk, Partition(0, 0, disk.size), keys, first_machine_id)
        return True
    if table is None:
        return False
    if chosen is not None and all(partition.number != chosen for partition in table.partitions):
        from forensics.sources.chosen_part import told_partitions

        there = told_partitions(table.partitions) or sentence("none at all")
        raise SourceError(
            "no_partition",
            sentence("{path} has no partition {chosen}: it has {there}", path=disk.path, chosen=chosen, there=there),
        )
    source.kind = "disk"
    for problem in table.problems:
        source.problem(disk.path, "bad_partition_table", problem)
    if not table.partitions:
        source.coverage.tell(
            "volume",
            "disk",
            Outcome("absent", sentence("a {upper} disk without partitions", upper=table.scheme.upper())),
            disk.path,
        )
    seen: dict[int, Partition] = {}
    disk = replace(disk, efi=[], volumes=source.disk_volumes)
    for partition in table.partitions:
        if chosen not in (None, partition.number):
            disk = _leave_out(
                source, disk, partition, sentence("left out: --partition {chosen} was chosen", chosen=chosen)
            )
            continue
        before = seen.setdefault(partition.offset, partition)
        if before is not partition:
            detail = sentence("begins where partition {number} does, which is examined", number=before.number)
            name = _volume_name(disk, partition)
            source.coverage.tell("volume", name, Outcome("not_examined", detail), f"{disk.path}#{name}")
            continue
        _add_volume(source, disk, partition, keys, first_machine_id)
    return True


def _leave_out(source: Source, disk: Disk, partition: Partition, why: str) -> Disk:
    """Tell of a partition that is not examined; return the disk as it is known without it."""
    name = _volume_name(disk, partition)
    source.coverage.tell("volume", name, Outcome("not_examined", why), f"{disk.path}#{name}")
    if not partition.is_without_files:
        _take(disk, partition, not_read=why)
    return replace(disk, efi=None) if partition.is_efi else disk


def _add_volume(source: Source, disk: Disk, partition: Partition, keys: Unlock, first_machine_id: int) -> None:
    """Add one volume; whatever is wrong with it leaves the others alone."""
    name = _volume_name(disk, partition)
    path = f"{disk.path}#{name}" if partition.number or disk.start else disk.path
    if partition.note is not None:
        source.coverage.tell("volume", name, Outcome("not_examined", partition.note), path)
        if not partition.is_without_files:
            _take(disk, partition, not_read=partition.note)
        return
    if partition.offset >= disk.size:
        message = sentence(
            "lies beyond the end of the disk, which has {size} bytes: the image is truncated", size=disk.size
        )
        source.problem(path, "truncated", sentence("{name} {message}", name=name, message=message))
        source.coverage.tell("volume", name, Outcome("not_examined", message), path)
        _take(disk, partition, not_read=message)
        return
    reader = VolumeReader(disk.stream, partition.offset, partition.size)
    _tell_truncated(source, path, partition.offset + partition.size - disk.size)
    try:
        refused = not_simple(reader, partition.size) if partition.is_dynamic else None
        if refused is not None:
            source.coverage.tell("volume", name, Outcome("not_examined", refused), path)
            _take(disk, partition, not_read=refused)
            return
        kind = _file_system(reader, partition.size)
        if kind == BITLOCKER:
            row = BitLockerRow(machine_id=0, source_path=path, volume=name, disk=disk.path)
            source.bitlocker.append(row)
            reader = VolumeReader(unlock_lazily(reader, partition.size, keys, row), 0, partition.size)
            kind = file_system(reader)
            if kind != NTFS:
                raise SourceError(
                    "bitlocker_damaged",
                    sentence("what BitLocker decrypts here is not NTFS; make the image again, from the disk itself"),
                )
        boot = reader.read_at(0, 512) if kind == NTFS else None
        if kind is None:
            boot = _backup_boot_sector(reader, partition.size)
            if boot is not None:
                source.problem(path, "bad_boot_sector", sentence("the boot sector is damaged; its backup is used"), 0)
        if boot is not None and not partition.number:
            # Without a partition table the volume alone knows its size, and an image may have lost its end.
            reader = VolumeReader(reader.stream, reader.offset, max(partition.size, ntfs_size(boot)))
            _tell_truncated(source, path, ntfs_size(boot) - partition.size)
        if boot is None:
            if kind is not None and kind.startswith("FAT") and partition.is_efi and disk.efi is not None:
                disk.efi.append(EfiPartition(name, reader))
                source.coverage.tell(
                    "volume", name, Outcome("present", sentence("{kind}, the EFI system partition", kind=kind)), path
                )
                _take(disk, partition, partial(_open_fat, reader))
                return
            detail = other_file_system(kind) if kind else no_file_system(reader, partition.size)
            source.coverage.tell("volume", name, Outcome("not_examined", detail), path)
            if kind is not None and kind.startswith("FAT"):
                _take(disk, partition, partial(_open_fat, reader))
            elif may_hold_files(kind, reader, partition.size):
                _take(disk, partition, not_read=detail)
            return
        damage = DamageRows(source, path)
        tree = _open_tree(reader, boot, partition.size, damage)
        if tree.is_dirty:
            source.problem(path, "ntfs_dirty", _DIRTY)
        _take(disk, partition, lambda: tree)
        damage.installations = _add_installations(source, disk, tree, name, path, first_machine_id)
        if partition.is_dynamic:
            source.problem(path, "dynamic_disk", LIKELY_SIMPLE)
            rest = rest_of(boot, partition.size)
            if rest is not None:
                further = sentence("{name}, further in", name=name)
                source.coverage.tell("volume", further, Outcome("not_examined", rest), f"{disk.path}#{further}")
                if disk.volumes is not None:
                    disk.volumes.append(DiskVolume(further, not_read=rest))
    except SourceError as error:
        source.problem(path, error.kind, error.message)
        source.coverage.tell("volume", name, Outcome("not_examined", error.message), path)
        _take(disk, partition, not_read=error.message)
    except Unreadable as reason:
        source.problem(path, reason.kind, said_by(reason))
        source.coverage.tell("volume", name, outcome_of(reason), path)
        _take(disk, partition, not_read=said_by(reason))


def _take(
    disk: Disk, partition: Partition, opener: Callable[[], Tree] | None = None, not_read: str | None = None
) -> None:
    """Note a volume of a disk of several, once."""
    name = _volume_name(disk, partition)
    if disk.volumes is not None and all(known.name != name for known in disk.volumes):
        disk.volumes.append(DiskVolume(name, opener, not_read, partition.mounted_as))


def _open_fat(reader: VolumeReader) -> Tree:
    """Open a FAT volume, which is read only when something is looked for on all volumes of its disk."""
    from forensics.disk.fat.tree import FatTree

    return FatTree(reader)


def _tell_truncated(source: Source, path: str, missing: int) -> None:
    if missing > 0:
        source.problem(
            path, "truncated", sentence("the image ends {missing} bytes before the end of this volume", missing=missing)
        )


def unlock_lazily(reader: VolumeReader, size: int, keys: Unlock, row: BitLockerRow) -> BinaryIO:
    """Decrypt a BitLocker volume, importing what that needs only now."""
    from forensics.disk.bitlocker import unlock_volume

    return unlock_volume(reader, size, keys, row)


def _volume_name(disk: Disk, partition: Partition) -> str:
    name = sentence("partition {number}", number=partition.number) if partition.number else "volume"
    return sentence("{name} of what begins at byte {start}", name=name, start=disk.start) if disk.start else name


def _file_system(reader: VolumeReader, size: int) -> str | None:
    """Return the name of a volume's file system; None for one whose boot sector is lost, too, and has a copy."""
    try:
        return file_system(reader)
    except Unreadable:
        if _backup_boot_sector(reader, size) is None:
            raise
        return None


def _backup_boot_sector(reader: VolumeReader, size: int) -> bytes | None:
    """Return the copy of an NTFS boot sector in the last sector of its partition."""
    for sector in (512, 4096):
        try:
            boot = reader.read_at(size - sector, 512)
        except Unreadable:
            continue
        # That of a volume that begins elsewhere leads astray: a disk may have lost its table of partitions.
        if boot[3:11] == b"NTFS    " and ntfs_size(boot) + sector == size:
            return boot
    return None


def _open_tree(reader: VolumeReader, boot: bytes, size: int, damage: DamageRows) -> NtfsTree:
    """Open a volume by its boot sector, or by the copy of it where that leads nowhere."""
    try:
        return NtfsTree(reader, boot, damage)
    except Unreadable as reason:
        backup = _backup_boot_sector(reader, size)
        if backup is None or backup == boot:
            raise
        tree = NtfsTree(reader, backup, damage)
        damage(
            "",
            "bad_boot_sector",
            sentence("the boot sector is damaged: {reason}; its backup is used", reason=reason),
            0,
        )
        return tree


def _add_installations(
    source: Source, disk: Disk, tree: NtfsTree, name: str, path: str, first_machine_id: int
) -> list[Installation]:
    from forensics.registry.hives import open_hive

    label = f" '{tree.label}'" if tree.label else ""
    found = find_windows(tree)
    if not found:
        from forensics.sources.profile_volume import add_profile

        if (profile := add_profile(source, disk, tree, name, path, first_machine_id)) is not None:
            return [profile]
    if len(found) > _MAX_ON_VOLUME:
        message = sentence(
            "only {max_on_volume} of {count} folders that look like Windows are examined",
            max_on_volume=_MAX_ON_VOLUME,
            count=len(found),
        )
        source.cut("volume", name, path, message)
        found = found[:_MAX_ON_VOLUME]
    before = len(source.installations)
    formers = former_windows(tree, "", source.coverage, path)
    roots = [FormerRoot("", windows.path) for windows in found]
    for root in [*roots, *formers]:
        source.add(
            Installation(
                machine_id=first_machine_id + len(source.installations),
                source_path=disk.path,
                tree=tree,
                windows=root.windows,
                drive=root.drive,
                open_hive=open_hive,
                efi=disk.efi,
                disk_volumes=() if disk.volumes is None else disk.volumes,
                volume=None if path == disk.path else name,
                kind="former" if root in formers else "windows",
            )
        )
    # Paths on the volume that holds Windows are told as the other rows tell them.
    source.searched.append(SearchedTree(tree, disk.path, "" if found else name, tuple(w.path for w in found)))
    detail = windows_told(f"NTFS{label}", found, formers) if found or formers else ntfs_holds(tree)
    damage = tree.damage("")
    outcome = (
        Outcome("partial", sentence("{detail}; its root folder is damaged: {damage}", detail=detail, damage=damage))
        if damage
        else None
    )
    source.coverage.tell("volume", name, outcome or Outcome("present", detail), path)
    return source.installations[before:]


def find_windows(tree: Tree) -> list[Entry]:
    """Return the Windows folders at the root of a whole volume.

    ``Windows`` and ``WINNT`` need a ``System32``; a folder of another name needs ``System32/config`` as well. A
    ``WINNT`` without it counts where there is nothing better: what damage left of an old Windows.
    """
    found: list[Entry] = []
    remains: list[Entry] = []
    for entry in tree.entries(""):
        if not entry.is_dir or entry.name.startswith("$") or is_moved_aside(entry.name):
            continue
        usual = entry.name.lower() in _USUAL_NAMES
        try:
            if tree.entry(f"{entry.path}/System32" if usual else f"{entry.path}/System32/config").is_dir:
                found.append(entry)
        except NotFound:
            if entry.name.lower() == "winnt":
                remains.append(entry)
        except Unreadable:
            if usual:
                found.append(entry)
    return sorted(found or remains, key=lambda entry: (entry.name.lower() not in _USUAL_NAMES, entry.name.lower()))
