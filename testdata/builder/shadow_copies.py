"""An NTFS volume of which shadow copies are made while it changes.

    shadowed = ShadowedVolume(image)
    shadowed.copy(MONDAY)
    ...                        # whatever changes the image, in place
    shadowed.copy(TUESDAY)
    ...
    shadowed.finish()

As Windows does, each copy first gets the file for its store, which is thus on the volume that the copy shows, and
whose clusters nothing takes that changes later. Only ``finish`` fills the stores: until then what they will hold is in
memory, and the newest state lies beside the image.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from testdata.builder import acl
from testdata.builder.change_journal import Change
from testdata.builder.disk import copy_sparse
from testdata.builder.files import FileSpec
from testdata.builder.filetime import filetime
from testdata.builder.ntfs_changes import change_ntfs
from testdata.builder.ntfs_library import NtfsVolume
from testdata.builder.seeded import Seeded
from testdata.builder.shadow_blocks import Bitmap, ClusterBitmap, differing_blocks, read_block
from testdata.builder.shadow_catalog import VOLUME_HEADER, volume_header, write_catalog
from testdata.builder.shadow_store import (
    BLOCK,
    IDENTIFIER,
    Area,
    Moved,
    Shape,
    StoredCopy,
    StoreError,
    write_store,
)

FOLDER = "System Volume Information"
STORE_SIZE = 2 << 20
_CATALOG_SIZE = 4 * BLOCK
_FOLDER_ATTRIBUTES, _FILE_ATTRIBUTES = 0x06, 0x26  # hidden, system; hidden, system, archive
_UUID_TO_FILETIME = 5_748_192_000_000_000  # GUIDs count from 15 October 1582
_SD = acl.security_descriptor([acl.Ace(acl.SYSTEM)])


@dataclass(frozen=True, slots=True)
class EarlierState:
    """What a volume held when a shadow copy of it was made.

    Attributes:
        created: When, UTC.
        files: Its files and folders.
    """

    created: datetime
    files: Sequence[FileSpec] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reserve:
    """How the files beneath the copies are made.

    Attributes:
        store_size: Bytes of each store.
        pieces: Runs of clusters in which each store lies.
        when: ``before`` each copy, as Windows does, or ``last``: after the last change, so that no copy shows any of
            them, nor the volume header that names the catalog.
        free_blocks: ``left``: what no file has in use is not saved, and reads as chance has it; ``saved``: all is.
        older_removed: Copies before the oldest were deleted: it has the bitmap of its predecessor too.
    """

    store_size: int = STORE_SIZE
    pieces: int = 1
    when: Literal["before", "last"] = "before"
    free_blocks: Literal["left", "saved"] = "left"
    older_removed: bool = False


@dataclass
class _Frozen:
    """A copy until its store is written: the volume as it stood, and what is known of it."""

    created: datetime
    state: Path
    free: Bitmap
    areas: int
    also: Sequence[int]
    moved: Mapping[int, int]
    moved_on: Mapping[int, int]
    own_writes: Mapping[int, bytes]
    saved: dict[int, bytes] = field(default_factory=dict)
    free_before: Bitmap | None = None


class ShadowedVolume:
    """The image of a volume, and the copies made of it so far.

    ``keep_states`` leaves beside the image what each copy shows, for tests.

    Attributes:
        stored: The copies as their stores hold them, oldest first, once finished.
        areas: Catalog and stores, once they are reserved.
    """

    def __init__(
        self,
        image: Path,
        *,
        reserve: Reserve | None = None,
        shape: Shape | None = None,
        seed: str = "shadow copies",
        keep_states: bool = False,
    ) -> None:
        self._image = image
        self._keep_states = keep_states
        self._reserve = reserve or Reserve()
        self._shape = shape or Shape()
        self._seeded = Seeded(seed)
        self._volume = uuid.UUID(self._seeded.guid())
        self._size = image.stat().st_size
        self._frozen: list[_Frozen] = []
        self._identifiers: list[uuid.UUID] = []
        self.stored: list[StoredCopy] = []
        self.areas: list[Area] = []

    def copy(
        self,
        created: datetime,
        *,
        also: Sequence[int] = (),
        moved: Mapping[int, int] | None = None,
        moved_on: Mapping[int, int] | None = None,
        own_writes: Mapping[int, bytes] | None = None,
    ) -> Path:
        """Make a shadow copy of the volume as it is now.

        Args:
            created: When, UTC; later than the copy before.
            also: Blocks that the store holds even if they do not change.
            moved: Blocks that change, and the block that has their content in the next newer state.
            moved_on: Blocks that change, and a free block that had their content before it was overwritten again.
            own_writes: By byte of the volume, whole sectors that the copy's own file system writes into the copy.

        Returns:
            The state that the copy shows, but for its own writes and the blocks of the stores. It is there until the
            next copy is made, or for good where states are kept.
        """
        if self._frozen and created <= self._frozen[-1].created:
            raise StoreError("copies are made one after the other")
        if self._reserve.when == "before":
            self._make_room(created)
        self._settle()
        state = self._image.with_name(f"{self._image.name}.copy{len(self._frozen)}")
        with state.open("wb") as file:
            file.truncate(self._size)
            copy_sparse(self._image, file, 0)
        free = ClusterBitmap(self._image).free_blocks()
        given = (also, moved or {}, moved_on or {}, own_writes or {})
        self._frozen.append(_Frozen(created, state, free, len(self.areas), *given))
        return state

    def finish(self) -> None:
        """Write volume header, catalog and stores of the copies made, into the volume as it is now.

        Raises:
            StoreError: A store is too small, or a block did not move where it was said to.
        """
        if self._reserve.when == "last":
            for frozen in self._frozen:
                self._make_room(frozen.created)
        self._settle()
        with self._image.open("r+b") as volume:
            for frozen, identifier, area in zip(self._frozen, self._identifiers, self.areas[1:], strict=True):
                self.stored.append(self._stored(frozen, identifier, area))
            placed = [(copy, write_store(volume, copy, self._shape)) for copy in self.stored]
            if self.areas:
                write_catalog(volume, self._size, self.areas[0], placed, self._shape)

    # --- what changed

    def _settle(self) -> None:
        """Learn what the newest copy has to hold, now that the volume is about to be another state."""
        if not self._frozen:
            return
        frozen = self._frozen[-1]
        older = self._frozen[-2] if len(self._frozen) > 1 else None
        frozen.free_before = self._free_before(older)
        needless = frozen.free if frozen.free_before is None else frozen.free & frozen.free_before
        taken = {offset // BLOCK for area in self.areas[frozen.areas :] for offset in area.offsets}
        beneath = {offset // BLOCK for area in self.areas[: frozen.areas] for offset in area.offsets}
        with frozen.state.open("rb") as before, self._image.open("rb") as after:
            for block, content in differing_blocks(before, after):
                if block not in needless or (self._reserve.free_blocks == "saved" and block not in taken):
                    frozen.saved[block] = content
            for block in (*(block for block in taken if block not in needless), *frozen.also):
                frozen.saved[block] = read_block(before, block)
            for block, to in frozen.moved.items():
                if read_block(after, to) != frozen.saved.pop(block, b""):
                    raise StoreError(f"block {block} did not move to {to}")
        if not self._keep_states:
            frozen.state.unlink()
        if beneath & frozen.saved.keys():
            raise StoreError("something else was written into the store of a copy")

    def _free_before(self, older: _Frozen | None) -> Bitmap | None:
        """Return the blocks that no older copy needs: free in all of them, or saved already."""
        if older is None:
            return Bitmap.of(True, self._size) if self._reserve.older_removed else None
        bits = older.free if older.free_before is None else older.free & older.free_before
        bits = Bitmap(bytes(bits.bits))
        for block in older.saved:
            bits.add(block)
        return bits

    def _stored(self, frozen: _Frozen, identifier: uuid.UUID, area: Area) -> StoredCopy:
        free, before = frozen.free, frozen.free_before
        if self._reserve.free_blocks == "saved":
            free = Bitmap.of(False, self._size)
            before = None if before is None else Bitmap.of(True, self._size)
        saved = dict(frozen.saved)
        moved = [Moved(block, to) for block, to in frozen.moved.items()]
        moved += [Moved(block, to, saved.pop(block)) for block, to in frozen.moved_on.items()]
        if saved.keys() & frozen.moved_on.values():
            raise StoreError("the copy needs what its blocks are said to have moved over")
        return StoredCopy(
            created=frozen.created,
            identifier=identifier,
            copy=uuid.UUID(self._seeded.guid()),
            copy_set=uuid.UUID(self._seeded.guid()),
            area=area,
            saved=saved,
            free=bytes(free.bits),
            free_before=None if before is None else bytes(before.bits),
            moved=moved,
            own_writes=frozen.own_writes,
        )

    # --- room for catalog and stores

    def _make_room(self, created: datetime) -> None:
        """Make the file of a store, and before the first one those of the catalog and the volume header."""
        if not self.areas:
            with NtfsVolume(self._image) as volume:
                _make_folder(volume, created)
            self.areas.append(self._make_file(f"{{{IDENTIFIER}}}", _CATALOG_SIZE, 1, created))
            with self._image.open("r+b") as file:
                file.seek(VOLUME_HEADER)
                file.write(volume_header(self.areas[0].offsets[0], self._volume, self._shape))
        identifier = uuid.UUID(fields=_time_based(created, self._seeded))
        self._identifiers.append(identifier)
        name = f"{{{identifier}}}{{{IDENTIFIER}}}"
        self.areas.append(self._make_file(name, self._reserve.store_size, self._reserve.pieces, created))

    def _make_file(self, name: str, size: int, pieces: int, created: datetime) -> Area:
        """Make a file of zeros that lies in whole blocks of 16 KiB of the volume."""
        with NtfsVolume(self._image) as volume:
            parent = volume.find(FOLDER)
            assert parent is not None
            with volume.open(parent) as folder, folder.create(name, 0, is_dir=False) as inode:
                reference, record = inode.reference, inode.record
                inode.set_security_descriptor(_SD)
                inode.add_attributes(_FILE_ATTRIBUTES)
        bitmap = ClusterBitmap(self._image)
        blocks = _choose(bitmap.free_blocks(), -(-self._size // BLOCK), size // BLOCK, pieces)
        in_block = BLOCK // bitmap.cluster
        clusters = [block * in_block + number for block in blocks for number in range(in_block)]
        with bitmap.only_free(clusters), NtfsVolume(self._image) as volume, volume.open(record) as inode:
            inode.write("", bytes(size))
            inode.set_times(created, created, created)
            assert inode.clusters(len(clusters)) == clusters
        return Area(reference, tuple(block * BLOCK for block in blocks))


def carry_on(
    image: Path,
    copies: Sequence[EarlierState],
    present: Sequence[FileSpec],
    *,
    default_sd: bytes | None = None,
    changes: Sequence[Change] = (),
    deleted: Sequence[FileSpec] = (),
    shape: Shape | None = None,
    reserve: Reserve | None = None,
) -> None:
    """Make the copies of a volume that holds the files of the oldest one, changing it from state to state.

    Args:
        image: The volume, as :func:`testdata.builder.ntfs.build_ntfs` made it of the oldest copy's files.
        copies: The copies, oldest first.
        present: What the volume holds in the end.
        default_sd: Security descriptor of files that name none.
        changes: What the change journal tells in the end; no copy has one.
        deleted: Files that were written and deleted after the newest copy.
        shape: See :class:`ShadowedVolume`.
        reserve: See :class:`ShadowedVolume`.
    """
    shadowed = ShadowedVolume(image, reserve=reserve, shape=shape)
    following = [*(copy.files for copy in copies[1:]), present]
    for number, (copy, files) in enumerate(zip(copies, following, strict=True), 1):
        shadowed.copy(copy.created)
        told = (changes, deleted) if number == len(copies) else ((), ())
        change_ntfs(image, copy.files, files, default_sd=default_sd, changes=told[0], deleted=told[1])
    shadowed.finish()


def _make_folder(volume: NtfsVolume, created: datetime) -> None:
    if volume.find(FOLDER) is None:
        with volume.open(volume.ROOT_RECORD) as root, root.create(FOLDER, 0, is_dir=True) as inode:
            inode.set_security_descriptor(_SD)
            inode.add_attributes(_FOLDER_ATTRIBUTES)
            inode.set_times(created, created, created)


def _choose(free: Bitmap, volume: int, count: int, pieces: int) -> list[int]:
    """Return ``count`` free blocks of a volume's, behind its middle, in so many runs."""
    chosen: list[int] = []
    at = volume // 2
    for piece in range(pieces):
        length = count // pieces + (piece < count % pieces)
        run = 0
        while run < length:
            if at >= volume:
                raise StoreError(f"no room for {count} blocks behind the middle of the volume")
            run = run + 1 if at in free else 0
            at += 1
        chosen += range(at - length, at)
        at += 1  # what lies side by side would be one run
    return chosen


def _time_based(moment: datetime, seeded: Seeded) -> tuple[int, int, int, int, int, int]:
    """Return the fields of a GUID as UuidCreateSequential makes them."""
    ticks = filetime(moment) + _UUID_TO_FILETIME
    node = int.from_bytes(seeded.bytes(6), "big") & ~(1 << 40)
    clock = int.from_bytes(seeded.bytes(2), "big")
    low, middle, high = ticks & 0xFFFF_FFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF | 0x1000
    return low, middle, high, clock >> 8 & 0x3F | 0x80, clock & 0xFF, node
