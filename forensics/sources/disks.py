"""The disks of a folder: which are parts, parents, copies or older states of another, and which are machines."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from forensics.disk.compressed import SUFFIXES
from forensics.disk.containers import open_disk, open_image
from forensics.disk.disk import Disk
from forensics.disk.errors import SourceError
from forensics.disk.lineage import MAX_NEIGHBOURS
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.places import place_of
from forensics.language import joined, renamed, sentence
from forensics.late_methods import dataclass
from forensics.sources.chosen_part import add_chosen
from forensics.sources.holdings import no_volume
from forensics.sources.older_states import NEEDS_ANOTHER
from forensics.sources.pieces import MAX_PIECES, Pieces
from forensics.sources.same_evidence import identity_of_path
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome
from forensics.tables.source import SourceEntry

_CHANGES = re.compile(r".*-ctk\.vmdk", re.IGNORECASE | re.DOTALL)
_NEEDS_ANOTHER = (*NEEDS_ANOTHER, "missing_part")


@dataclass(slots=True)
class FoundDisk:
    """A file that is a disk image.

    Attributes:
        path: The file.
        shown: Its path as rows name it.
        kind: What it is by its content.
        size: Bytes of the file.
        entry: Its entry.
        piece: What it is opened into; None when that failed.
        disk: The disk that it holds.
        failed_as: Kind of the error with which it could not be opened.
    """

    path: Path
    shown: str
    kind: str
    size: int | None = None
    entry: SourceEntry | None = None
    piece: Source | None = None
    disk: Disk | None = None
    failed_as: str = ""

    @property
    def parents(self) -> list[Path]:
        """The files that were read as its parents, the nearest first."""
        return parents_read(self.disk) if self.disk else []


def parents_read(disk: Disk) -> list[Path]:
    """Return the files that were read as the parents of a disk, the nearest first."""
    return [path.resolve() for path in disk.parents]


def tell_parent(source: Source, path: Path, shown: str) -> None:
    """Tell that a disk was examined as the parent of another one."""
    outcome = Outcome("present", sentence("read as the parent of a differencing disk"))
    source.coverage.tell("volume", path.name, outcome, shown)


def add_disks(pieces: Pieces, found: Sequence[FoundDisk], today: Collection[str] = ()) -> None:
    """Add the Windows installations of the disks of a folder; what becomes of each file stands in its entry.

    Args:
        pieces: Those of the folder.
        found: The disks.
        today: Paths, as rows name them, of those to which a machine writes: they are none of an earlier day, whatever
            builds on them.
    """
    parts = _parts(found)
    whole = [disk for disk in found if disk.path not in parts and not _CHANGES.fullmatch(disk.path.name)]
    # What is not compressed first: of two copies that is the one to speak of, and nothing is unpacked for it.
    whole.sort(key=lambda disk: (disk.path.suffix.lower() in SUFFIXES, disk.shown))
    others = (*(disk.path for disk in whole[:MAX_NEIGHBOURS]), *pieces.seen.named)
    for number, disk in enumerate(whole):
        disk.entry = pieces.entry(disk.shown)
        disk.entry.size = disk.size
        _open(pieces, disk, number, others)
    read_as_parents = {parent: disk for disk in whole for parent in disk.parents}
    parents: list[tuple[FoundDisk, FoundDisk]] = []
    for disk in whole:
        assert disk.entry is not None
        if disk.entry.same_as is not None:
            continue
        if disk.shown in today:
            if disk.piece is not None:
                _take(pieces, disk, disk.entry, disk.piece)
        elif (child := read_as_parents.get(disk.path.resolve())) is not None:
            parents.append((disk, child))
        elif (shown := pieces.seen.child_of(disk.path)) is not None:
            _counts_with(pieces, disk, disk.entry, shown)
        elif disk.piece is not None and (newer := _newer(disk, whole)) is not None:
            disk.piece.close()
            pieces.is_older_state(disk.entry, newer)
        elif disk.piece is not None:
            _take(pieces, disk, disk.entry, disk.piece)
    for disk, child in parents:
        tops = [o for o in whole if disk.path.resolve() in o.parents and o.path.resolve() not in read_as_parents]
        _is_parent(pieces, disk, child, tops)


def add_image(piece: Source, disk: Disk, pieces: Pieces, path: Path | None) -> None:
    """Add the Windows installations of one disk.

    Args:
        piece: Takes them.
        disk: The disk.
        pieces: Those of which this is one.
        path: The file that holds the disk; None where that holds several, and is noted by itself.

    Raises:
        SourceError: There is neither a partition table nor a file system on it.
        SameEvidenceError: It is examined already.
    """
    piece.reader = piece.reader or disk.reader
    pieces.seen.has_disk = True
    if add_chosen(piece, disk, pieces.keys, pieces.next_machine_id, pieces.choices, pieces.progress):
        identity = identity_of_path(path) if path is not None else None
        pieces.seen.refuse(identity)
        if all(each.kind != "windows" for each in piece.installations):
            from forensics.sources.collected_volume import add_collected_volumes

            add_collected_volumes(pieces.of(piece))
        pieces.seen.note(piece.path, identity)
        pieces.seen.disks.note(piece, identity)
        pieces.seen.note_parents(piece.path, parents_read(disk))
        return
    newer = [row.message for row in piece.problems if row.kind == "older_state"]
    told = [row for row in piece.problems if row.kind != "older_state"]
    if told:
        kind, why = told[0].kind, _damaged_at_its_start(told[0].message)
    else:
        kind, why = "no_volume", no_volume(VolumeReader(disk.stream, 0, disk.size), disk.size)
    raise SourceError(kind, joined([sentence("{path} {why}", path=piece.path, why=why), *newer], "; "))


def _damaged_at_its_start(message: str) -> str:
    return sentence("is truncated or damaged where a disk begins: {message}", message=message)


def _parts(found: Iterable[FoundDisk]) -> set[Path]:
    """Return the files that are parts of one of the disks."""
    from forensics.sources.disk_parts import parts_of_others

    by_folder: dict[Path, dict[Path, str]] = {}
    for disk in found:
        by_folder.setdefault(disk.path.parent, {})[disk.path] = disk.kind
    return {part for kinds in by_folder.values() for part in parts_of_others(kinds)}


def _open(pieces: Pieces, disk: FoundDisk, number: int, others: tuple[Path, ...]) -> None:
    assert disk.entry is not None
    if number >= MAX_PIECES:
        disk.entry.error = sentence(
            "only the first {max_pieces} disks of a folder are opened: name it itself", max_pieces=MAX_PIECES
        )
    else:
        piece = Source(disk.shown)
        if pieces.attempt(disk.entry, piece, _opener(pieces, disk, others)):
            disk.piece = piece


def _opener(pieces: Pieces, disk: FoundDisk, others: tuple[Path, ...]) -> Callable[[Source], None]:
    def opener(piece: Source) -> None:
        pieces.seen.refuse(identity_of_path(disk.path))
        try:
            image = open_image(disk.path, disk.shown, piece, pieces.progress)
            disk.disk = open_disk(replace(image, others=others), piece)
        except SourceError as error:
            disk.failed_as = error.kind
            # An unpacked member of an archive is known by its name there.
            shown = str(place_of(disk.shown).parent)
            raise SourceError(error.kind, renamed(error.message, str(disk.path.parent), shown)) from error

    return opener


def _is_parent(pieces: Pieces, disk: FoundDisk, child: FoundDisk, tops: Sequence[FoundDisk]) -> None:
    """Count a parent as examined with the child whose chain it belongs to, or as not examined as that was not."""
    assert disk.entry is not None
    newest = [top.entry for top in tops if top.entry is not None]
    if newest and all(entry.error and not entry.same_as for entry in newest):
        if disk.piece is not None:
            disk.piece.close()
        pieces.is_older_state(disk.entry, newest[0])
        return
    _counts_with(pieces, disk, disk.entry, child.shown)


def _counts_with(pieces: Pieces, disk: FoundDisk, entry: SourceEntry, child: str) -> None:
    entry.kind = disk.kind
    entry.error = None
    entry.older_state_of = child
    tell_parent(pieces.source, disk.path, disk.shown)
    if disk.piece is not None:
        disk.piece.close()


def _take(pieces: Pieces, disk: FoundDisk, entry: SourceEntry, piece: Source) -> None:
    opened = disk.disk
    assert opened is not None
    if pieces.attempt(entry, piece, lambda part: add_image(part, opened, pieces, disk.path)):
        pieces.take(entry, piece)


def _newer(disk: FoundDisk, whole: Sequence[FoundDisk]) -> SourceEntry | None:
    """Return the entry of a disk that is a newer state of one that no other was opened upon."""
    from forensics.disk.lineage import children_of

    by_path = {other.path: other for other in whole[:MAX_NEIGHBOURS] if other is not disk}
    child = next((by_path[path] for path in children_of(disk.path, list(by_path))), None)
    child = child or _names_it(disk, whole)
    if child is None:
        below = {disk.path.resolve(), *disk.parents}
        bases = [other for other in whole if other.path.resolve() in below]
        child = next(
            (o for o in whole if o.failed_as in _NEEDS_ANOTHER and any(_is_named_after(o, b) for b in bases)), None
        )
    return child.entry if child is not None else None


def _names_it(disk: FoundDisk, whole: Sequence[FoundDisk]) -> FoundDisk | None:
    """Return a disk whose parent is missing and that knows it by its name alone, which this one only bears."""
    from forensics.disk.lineage import only_name_of_parent

    name = disk.path.name.casefold()
    if sum(other.path.name.casefold() == name for other in whole) > 1:
        return None
    needy = [other for other in whole if other is not disk and other.failed_as in NEEDS_ANOTHER]
    return next((other for other in needy if only_name_of_parent(other.path).casefold() == name), None)


def _is_named_after(child: FoundDisk, base: FoundDisk) -> bool:
    """Tell whether a disk whose parent is missing bears the name that a snapshot of another one beside it gets."""
    is_beside = child is not base and child.path.parent == base.path.parent
    return is_beside and named_after(base.path.name, child.path.name)


def named_after(base: str, child: str) -> bool:
    """Tell whether a file bears the name that a snapshot of a disk gets.

    Hyper-V and VMware put a GUID or a number behind the name of the disk: ``WEB01_8F3C....avhdx``, ``web-000002.vmdk``.

    Args:
        base: File name of the disk.
        child: Path or name of the file.
    """
    stem = re.escape(base.partition(".")[0])
    pattern = rf"{stem}[-_]([0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|\d+)\."
    return re.match(pattern, child.replace("\\", "/").rpartition("/")[2], re.IGNORECASE) is not None
