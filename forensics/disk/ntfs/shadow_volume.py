"""A volume as libvshadow reads it, which puts the blocks that a shadow copy saved over those of today.

What a copy holds depends on its own store and on those of all newer copies, on no older one. So the library is shown a
catalog without the older copies where one of these is damaged, and a boot sector that is the volume's.

References:
    https://github.com/libyal/libvshadow
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.volume import NtfsVolume, ntfs_size
from forensics.disk.sized_stream import SizedStream
from forensics.disk.tree import NotObtained, Unreadable
from forensics.formats.shadow_catalog import BLOCK, CatalogCopy, ShadowCatalog
from forensics.language import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LISTS = 128 << 20
"""Evidence: bytes of the lists by which the shadow copies of a volume find what they saved: 64 GiB of it, and 800 MB of
memory.
"""
NO_LIBRARY = sentence("its blocks are put together by libvshadow, which is missing: pip install 'keymortem[shadow]'")
_REASON = re.compile(r"libvshadow_\w+: ([^.]+)\.")


class ShadowVolume:
    """Opens shadow copies of a volume.

    Args:
        volume: The volume of today.
        catalog: Its copies.
    """

    def __init__(self, volume: NtfsVolume, catalog: ShadowCatalog) -> None:
        self._volume = volume
        self._catalog = catalog
        self._opened: _Opened | None = None

    def stream(self, copy: CatalogCopy) -> BinaryIO:
        """Open the volume as it was when a copy of it was made.

        Raises:
            NotObtained: Bytes of the copy, or of a newer one, were not got; or the library is missing.
            Unreadable: What they keep does not parse.
        """
        copies = self._catalog.copies[: self._catalog.copies.index(copy) + 1]
        opened = self._opened
        if opened is None or len(opened.copies) < len(copies):
            try:
                opened = self._opened = _Opened(self._volume, self._catalog, self._catalog.copies)
            except Unreadable:
                opened = self._opened = _Opened(self._volume, self._catalog, copies)
        return opened.stream(copies)


class _Opened:
    """Some of the copies, the newest and what follows it, opened in the library."""

    def __init__(self, volume: NtfsVolume, catalog: ShadowCatalog, copies: Sequence[CatalogCopy]) -> None:
        try:
            import pyvshadow
        except ImportError as error:
            raise NotObtained(NO_LIBRARY) from error
        self.copies = copies
        self._file = _VolumeFile(volume, catalog, copies)
        self._library = pyvshadow.volume()
        try:
            self._library.open_file_object(self._file)
        except OSError as error:
            raise self._file.failure(error) from error
        self._file.opened()

    def stream(self, copies: Sequence[CatalogCopy]) -> BinaryIO:
        """Open the last of some copies: that of the newest needs no other."""
        try:
            stores = {store.identifier: store for store in self._library.stores}
            needed = [stores[str(copy.identifier)] for copy in copies]
            # The first byte of each is asked for, so that its lists are read now, and their size is counted.
            with self._file.counted:
                for store in needed:
                    store.read_buffer_at_offset(1, 0)
        except OSError as error:
            raise self._file.failure(error) from error
        except KeyError as error:
            raise Unreadable(sentence("libvshadow does not find it in the catalog")) from error
        return cast(BinaryIO, _CopyStream(needed[-1], self._file, copies[-1].volume_size))


class _VolumeFile:
    """The volume as a file.

    Attributes:
        counted: While it is entered, what is read is counted: the lists of a copy, which the library keeps in memory.
    """

    def __init__(self, volume: NtfsVolume, catalog: ShadowCatalog, copies: Sequence[CatalogCopy]) -> None:
        self._reader: VolumeReader = volume.reader
        boot, size = volume.boot, ntfs_size(volume.boot)
        self._end = size + len(boot) if self._reader.size is None else self._reader.size
        self._size = max(self._end, size + len(boot))
        self._at = 0
        self._shown = {0: boot, size: boot} | _catalog_of(catalog, copies)
        self._refused: Unreadable | None = None
        self.counted = _Counted()

    def opened(self) -> None:
        """Show the volume as it is from now on."""
        self._shown = {}

    def failure(self, error: OSError) -> Unreadable:
        """Return why the library failed: for want of bytes, or over those that it got."""
        if self._refused is not None:
            return NotObtained(str(self._refused))
        found = _REASON.search(str(error))
        return Unreadable(
            sentence("what it keeps does not parse: {found}", found=found[1] if found else "libvshadow refuses it")
        )

    def get_size(self) -> int:
        return self._size

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int) -> bytes:
        start = self._at
        shown = self._shown.get(start)
        if shown is not None and len(shown) >= size:
            data = shown[:size]
        else:
            data = self._read(start, max(0, min(size, self._end - start)))
        self._at += len(data)
        return data

    def _read(self, start: int, count: int) -> bytes:
        self._refused = None
        try:
            self.counted.count(count)
            return self._reader.read_at(start, count)
        except Unreadable as reason:
            self._refused = reason
            raise


class _Counted:
    """Counts bytes while it is entered, and refuses more than :data:`MAX_LISTS` of them in all."""

    def __init__(self) -> None:
        self._is_counting = False
        self._left = MAX_LISTS

    def __enter__(self) -> None:
        self._is_counting = True

    def __exit__(self, *_: object) -> None:
        self._is_counting = False

    def count(self, size: int) -> None:
        if self._is_counting:
            self._left -= size
            if self._left < 0:
                raise NotObtained(
                    sentence(
                        "its lists of what it saved, with those of newer copies, have more than {max_lists} bytes",
                        max_lists=MAX_LISTS,
                    )
                )


class _CopyStream(SizedStream):
    """The volume as it was."""

    def __init__(self, store: Any, file: _VolumeFile, size: int) -> None:
        super().__init__(size)
        self._store, self._file = store, file

    def read(self, size: int | None = -1, /) -> bytes:
        count = self._count(size)
        try:
            data: bytes = self._store.read_buffer_at_offset(count, self._at) if count else b""
        except OSError as error:
            # A file that lies there may be sound: nothing of it was got.
            raise NotObtained(
                sentence("byte {at} of the copy: {failure}", at=self._at, failure=self._file.failure(error))
            ) from error
        self._at += len(data)
        return data


def _catalog_of(catalog: ShadowCatalog, copies: Sequence[CatalogCopy]) -> dict[int, bytes]:
    """Return the blocks of a catalog that holds only some of its copies."""
    entries = b"".join(entry for copy in copies for entry in copy.entries)
    blocks = {}
    for at, head in catalog.heads.items():
        room = BLOCK - len(head)
        blocks[at], entries = (head + entries[:room]).ljust(BLOCK, b"\0"), entries[room:]
    return blocks
