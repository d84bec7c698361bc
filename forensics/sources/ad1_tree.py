"""An AD1 image as a Tree: what FTK Imager copied of a machine, which is not all that was there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, cast

from forensics.disk.ad1 import DELETED, Ad1, Ad1Entry
from forensics.disk.links import Link
from forensics.disk.tree import NotObtained
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.archive_damage import ArchiveDamage
from forensics.sources.archive_tree import ArchiveTree

_MAX_DEPTH = 64
"""Evidence: folders within folders of an AD1 image."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file: its entry, the MD5 of its content where that is told, and what of it the image does not hold."""

    entry: Ad1Entry
    md5: str
    lacks: str


class Ad1Tree(ArchiveTree):
    """Tree over an AD1 image.

    Args:
        image: It.

    Attributes:
        deleted: Files in it that were deleted on the machine, and are not taken.
    """

    def __init__(self, image: Ad1) -> None:
        super().__init__()
        self._image = image
        self.deleted = 0
        seen: set[int] = set()
        # Paths that are no folders of the machine, such as "Custom Content Image([Multi])", are harmless folders here.
        pending = [(image.name.replace(":\\", ":/"), image.first, 0)]
        while pending:
            folder, first, depth = pending.pop()
            try:
                for entry in image.entries(first, seen):
                    self._take(folder, entry, depth, pending)
            except NotObtained as error:
                self.broken = self.broken or ArchiveDamage(
                    "damaged", sentence("in the folder {folder}: {error}", folder=folder, error=error), first
                )

    def _take(self, folder: str, entry: Ad1Entry, depth: int, pending: list[tuple[str, int, int]]) -> None:
        path = f"{folder}/{_component(entry.name)}"
        if entry.kind == DELETED:
            self.deleted += 1
        elif entry.is_dir:
            self._add(path, True, None, 0, None)
            if depth < _MAX_DEPTH:
                pending.append((path, entry.child, depth + 1))
            else:
                self.left_out += 1
        elif entry.is_file:
            told = self._image.properties(entry)
            link = Link("symbolic link", sentence("a place that cannot be told")) if told.is_link else None
            is_whole = told.size in (None, entry.size)
            lacks = (
                ""
                if is_whole
                else sentence("the image holds {size} of its {told_size} bytes", size=entry.size, told_size=told.size)
            )
            self._add(path, False, _File(entry, told.md5, lacks), entry.size, told.modified, link)
        else:
            self.left_out += 1

    def _stream(self, handle: object) -> IO[bytes]:
        assert isinstance(handle, _File)
        if handle.lacks:
            raise NotObtained(handle.lacks)
        return cast("IO[bytes]", io.BufferedReader(_Content(self._image.content(handle.entry, handle.md5))))

    def _size(self, handle: object) -> int:
        assert isinstance(handle, _File)
        return handle.entry.size


class _Content(io.RawIOBase):
    """The chunks of a file one behind the other; at the end its MD5 is compared."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        if not self._left:
            self._left = next(self._chunks, b"")
        part = self._left[: len(view)]
        view[: len(part)] = part
        self._left = self._left[len(part) :]
        return len(part)

    def close(self) -> None:
        with suppress(AttributeError):
            self._chunks.close()  # type: ignore[attr-defined]
        super().close()


def _component(name: str) -> str:
    """Return a name that stays one component of a path: that of a source, such as ``C:\\``, holds separators."""
    return name.strip("\\/").replace("/", "_").replace("\\", "_") or "_"
