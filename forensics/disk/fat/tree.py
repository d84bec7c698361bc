"""A FAT volume as a Tree, bounded: what the EFI system partition is read with.

Own, as the library for FAT follows chains of clusters that never end.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO

from forensics.disk.fat.boot import ENTRY_SIZE, FatEntry, parse_fat_boot_sector, parse_fat_folder
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.tree import Entry, NotFound, NotObtained, Unreadable
from forensics.formats.errors import FormatError
from forensics.language import sentence

MAX_FILE = 64 << 20
"""Format: bytes of one file on an EFI system partition."""
MAX_FOLDER = 65_536 * ENTRY_SIZE
"""Format: bytes of one folder on an EFI system partition."""
MAX_DEPTH = 32
"""Format: folders within folders on an EFI system partition."""
_WINDOW = 4096
_MAX_WINDOWS = 4096
"""Work: pieces of the allocation table that are kept in memory."""
_MAX_FOLDERS = 256
"""Work: folders that are kept in memory."""


class FatTree:
    """Tree over a FAT volume; ``handle`` of its entries is the folder entry.

    FAT keeps times in the local time of whoever wrote them, so its entries have none.

    Args:
        reader: The volume.

    Raises:
        Unreadable: Its boot sector describes no volume, or cannot be read.
    """

    complete = True

    def __init__(self, reader: VolumeReader) -> None:
        self._reader = reader
        try:
            self._layout = parse_fat_boot_sector(reader.read_at(0, 512))
        except FormatError as error:
            raise Unreadable(sentence("the FAT boot sector is damaged: {message}", message=error.message)) from error
        self._windows: dict[int, bytes] = {}
        self._folders: dict[int, list[FatEntry]] = {}

    def entry(self, path: str) -> Entry:
        at = Entry("", "", True)
        parts = [part for part in path.split("/") if part]
        for depth, part in enumerate(parts):
            if depth == MAX_DEPTH:
                raise NotObtained(
                    sentence("folders more than {max_depth} deep are not looked into", max_depth=MAX_DEPTH)
                )
            if not at.is_dir:
                raise NotFound(path)
            wanted = part.casefold()
            found = next((e for e in self._listed(at) if e.name.casefold() == wanted), None)
            if found is None:
                raise NotFound(path)
            at = _entry(at, found)
        return at

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        at = self.entry(folder) if isinstance(folder, str) else folder
        if not at.is_dir:
            raise Unreadable(sentence("not a folder"))
        return [_entry(at, found) for found in self._listed(at)]

    def cut_short(self, folder: str) -> str | None:
        return None

    def open(self, file: Entry | str) -> BinaryIO:
        at = self.entry(file) if isinstance(file, str) else file
        found = at.handle
        if not isinstance(found, FatEntry) or found.is_dir:
            raise Unreadable(sentence("a folder"))
        if found.size > MAX_FILE:
            raise NotObtained(
                sentence(
                    "{size} bytes; at most {max_file} are read of a file on a FAT volume",
                    size=found.size,
                    max_file=MAX_FILE,
                )
            )
        if found.size == 0:
            return io.BytesIO(b"")
        data = self._chain(found.cluster, -(-found.size // self._layout.cluster))
        if len(data) < found.size:
            raise NotObtained(
                sentence("its clusters hold {count} of its {size} bytes", count=len(data), size=found.size)
            )
        return io.BytesIO(data[: found.size])

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        return None

    def _listed(self, folder: Entry) -> list[FatEntry]:
        is_root = not isinstance(folder.handle, FatEntry)
        cluster = folder.handle.cluster if isinstance(folder.handle, FatEntry) else self._layout.root_cluster
        # Number 0 stands for the root folder of FAT12 and FAT16, which lies in no cluster.
        if cluster == 0 and not is_root:
            raise NotObtained(sentence("the folder {name} has no cluster", name=folder.name))
        if cluster not in self._folders:
            if len(self._folders) >= _MAX_FOLDERS:
                self._folders.clear()
            self._folders[cluster] = parse_fat_folder(self._folder_bytes(folder, cluster))
        return self._folders[cluster]

    def _folder_bytes(self, folder: Entry, cluster: int) -> bytes:
        layout = self._layout
        if not isinstance(folder.handle, FatEntry) and layout.bits != 32:
            return self._reader.read_at(layout.root, min(layout.root_size, MAX_FOLDER))
        data = self._chain(cluster, MAX_FOLDER // layout.cluster + 1)
        if len(data) > MAX_FOLDER:
            raise NotObtained(sentence("a folder of more than {max_folder} bytes", max_folder=MAX_FOLDER))
        return data

    def _chain(self, cluster: int, most: int) -> bytes:
        """Read up to ``most`` clusters of a chain; each may be passed once only."""
        layout = self._layout
        runs: list[list[int]] = []
        seen: set[int] = set()
        while len(seen) < most:
            if not 2 <= cluster < layout.clusters + 2:
                raise NotObtained(sentence("cluster {cluster} lies outside the volume", cluster=cluster))
            if cluster in seen:
                raise NotObtained(sentence("its chain of clusters returns to cluster {cluster}", cluster=cluster))
            seen.add(cluster)
            if runs and sum(runs[-1]) == cluster:
                runs[-1][1] += 1
            else:
                runs.append([cluster, 1])
            cluster = self._next(cluster)
            if cluster >= (1 << min(layout.bits, 28)) - 8:
                break
        size = layout.cluster
        return b"".join(self._reader.read_at(layout.data + (at - 2) * size, count * size) for at, count in runs)

    def _next(self, cluster: int) -> int:
        bits = self._layout.bits
        offset = cluster * bits // 8
        value = int.from_bytes(self._table(offset, 4 if bits == 32 else 2), "little")
        if bits == 12:
            return value >> 4 if cluster & 1 else value & 0xFFF
        return value & 0x0FFFFFFF

    def _table(self, offset: int, count: int) -> bytes:
        """Return bytes of the allocation table, which is read window by window."""
        window = self._window(offset // _WINDOW)
        start = offset % _WINDOW
        if start + count > len(window):
            window += self._window(offset // _WINDOW + 1)
        return window[start : start + count]

    def _window(self, number: int) -> bytes:
        if number not in self._windows:
            if len(self._windows) >= _MAX_WINDOWS:
                self._windows.clear()
            size = max(min(_WINDOW, self._layout.table_size - number * _WINDOW), 0)
            self._windows[number] = self._reader.read_at(self._layout.table + number * _WINDOW, size)
        return self._windows[number]


def _entry(parent: Entry, found: FatEntry) -> Entry:
    path = f"{parent.path}/{found.name}" if parent.path else found.name
    return Entry(found.name, path, found.is_dir, found.size, handle=found)
