"""Files by the form of their names, wherever on a disk they lie: a search that only a broken key is worth."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator

from forensics.disk.disk_volume import DiskVolume
from forensics.disk.tree import Entry, FindsNames, KeepsDeleted, NotFound, Tree, Unreadable, WantedNames, damage_of
from forensics.lack_of_memory import how
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.sources.link_targets import collected_drives

_MAX_FOLDERS = 20_000
"""Work: folders of a collection, or of a volume without a list of all names, that are searched."""
_MAX_DEPTH = 64
"""Work: folders within folders that are searched."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was found by its name.

    Attributes:
        tree: Where it lies.
        path: Its path there.
        label: Its path as the rows of the installation name it: one on another volume begins with the volume's name.
    """

    tree: Tree
    path: str
    label: str


@dataclass(frozen=True, slots=True)
class Unsearched:
    """A part of the disk that was not searched, and why."""

    why: str


def on_own_volume(
    installation: Installation, wanted: WantedNames, skip: Collection[str] = ()
) -> Iterator[FoundFile | Unsearched]:
    """Search the volume or collection of an installation.

    Args:
        installation: Whose it is.
        wanted: The names.
        skip: Paths, lower case, of folders whose own files are not wanted, as rows name them.
    """
    tree = installation.own_tree
    named = tree.paths_named(wanted, skip) if isinstance(tree, FindsNames) else _walked(installation, wanted)
    for path in named:
        if path is None:
            yield Unsearched(in_part(installation.volume))
        elif path.rpartition("/")[0].lower() not in skip:
            yield FoundFile(tree, path, path)
    yield from _deleted(tree, wanted, installation.volume)


def on_other_volumes(
    installation: Installation, wanted: WantedNames, skip: Collection[str] = ()
) -> Iterator[FoundFile | Unsearched]:
    """Search the other volumes of the disk of an installation; the arguments are those of :func:`on_own_volume`."""
    for volume in installation.disk_volumes:
        if volume.name == installation.volume:
            continue
        if volume.open is None:
            yield Unsearched(
                sentence("{name} was not searched: {not_read}", name=volume.name, not_read=volume.not_read)
            )
            continue
        try:
            for found in _on_volume(volume, volume.open(), wanted):
                if isinstance(found, Unsearched) or found.label.rpartition("/")[0].lower() not in skip:
                    yield found
        except (NotFound, Unreadable) as reason:
            yield Unsearched(sentence("{name} was not searched: {reason}", name=volume.name, reason=reason))
        except Exception as error:  # whatever the libraries behind a tree raise on damaged or hostile bytes
            yield Unsearched(sentence("{name} was not searched: that failed {how}", name=volume.name, how=how(error)))


def _deleted(tree: Tree, wanted: WantedNames, volume: str | None) -> Iterator[FoundFile | Unsearched]:
    """Yield the deleted files whose content may still be theirs; nothing else tells that they were there."""
    if isinstance(tree, KeepsDeleted):
        files = tree.deleted_files()
        for entry in files.find(wanted):
            yield Unsearched(in_part(volume)) if entry is None else FoundFile(files, entry.path, entry.path)


def _on_volume(volume: DiskVolume, tree: Tree, wanted: WantedNames) -> Iterator[FoundFile | Unsearched]:
    for path in names_on(tree, wanted):
        yield Unsearched(in_part(volume.name)) if path is None else FoundFile(tree, path, volume.label(path))


def names_on(tree: Tree, wanted: WantedNames) -> Iterator[str | None]:
    """Yield the paths of files of a whole volume with a wanted name; None for each part that was not searched."""
    return tree.paths_named(wanted, ()) if isinstance(tree, FindsNames) else _walked_from_root(tree, wanted)


def in_part(volume: str | None) -> str:
    """Say that a part of a volume, or of the one there is, was not searched."""
    if volume:
        return sentence("the names of files were not all searched on {volume}", volume=volume)
    return sentence("the names of files were not all searched")


def _walked_from_root(tree: Tree, wanted: WantedNames) -> Iterator[str | None]:
    """Go from folder to folder of a volume, the nearest first."""
    waiting: deque[tuple[Entry | str, int]] = deque([("", 0)])
    for _ in range(_MAX_FOLDERS):
        if not waiting:
            return
        folder, depth = waiting.popleft()
        try:
            entries = tree.entries(folder)
        except (NotFound, Unreadable):
            yield None
            continue
        if damage_of(tree, folder) is not None:
            yield None
        for entry in entries:
            if entry.is_dir and depth < _MAX_DEPTH:
                waiting.append((entry, depth + 1))
            elif entry.is_dir:
                yield None
            elif wanted.fit(entry.name):
                yield entry.path
    yield None


def _walked(installation: Installation, wanted: WantedNames) -> Iterator[str | None]:
    """Go from folder to folder of the machine's drives, the nearest first."""
    waiting = deque((drive, 0) for drive in _roots(installation))
    gone_to: set[str] = set()
    for _ in range(_MAX_FOLDERS):
        if not waiting:
            return
        folder, depth = waiting.popleft()
        really = installation.really(folder).lower()
        if really in gone_to:
            continue
        gone_to.add(really)
        listing = installation.listing(folder)
        if not listing.outcome.is_whole and listing.entries == ():
            yield None
        for entry in listing.entries:
            if entry.is_dir and depth < _MAX_DEPTH:
                waiting.append((entry.path, depth + 1))
            elif not entry.is_dir and wanted.fit(entry.name):
                yield installation.really(entry.path)
    yield None


def _roots(installation: Installation) -> list[str]:
    """Return the system drive and the drives beside it."""
    return [path for _, path in collected_drives(installation)] or [installation.drive]
