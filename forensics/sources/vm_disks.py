"""Tells which disks a virtual machine writes to today, and what of a folder or archive shows an earlier day.

A snapshot makes the machine go on in a new file. Where that file was not copied, the disk that is there opens well and
shows the machine as it was when the snapshot was taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from forensics.language import sentence
from forensics.sources.bundles import HYPER_V, WITH_SNAPSHOTS, Bundle, BundleDisk, file_name, is_elsewhere, names_of
from forensics.sources.older_states import examined_bases, mark
from forensics.sources.pieces import Pieces
from forensics.tables.outcome import Outcome
from forensics.tables.source import SourceEntry

_SNAPSHOTS = "Snapshots"


def disks_of_today(pieces: Pieces, bundles: Sequence[Bundle]) -> set[str]:
    """Return the paths, as rows name them, of the disks that a configuration names and no snapshot has closed."""
    frozen = {(_folder(bundle.entry.path), name) for bundle in bundles for name in map(file_name, bundle.said.frozen)}
    return {
        pieces.inside(disk.entry.path)
        for bundle in bundles
        for disk in bundle.disks
        if disk.entry is not None
        and not any((_folder(bundle.entry.path), name) in frozen for name in names_of(disk.entry.path))
    }


def tell_current_disks(pieces: Pieces, bundles: Sequence[Bundle], chains: Mapping[str, Sequence[Path]]) -> None:
    """Mark the disks that are not those to which their machine writes, and name the ones that are missing.

    Args:
        pieces: Those of the folder or archive.
        bundles: The configurations in it.
        chains: Each disk, by its path as rows name it: its file, and those that were read as its parents.
    """
    by_folder: dict[str, list[SourceEntry]] = {}
    known: dict[str, SourceEntry] = {}
    for entry in pieces.source.found:
        by_folder.setdefault(_folder(entry.path), []).append(entry)
        known.setdefault(entry.path, entry)
    current: dict[str, set[str]] = {}
    for bundle in bundles:
        for disk in bundle.disks:
            own = {file_name(disk.path)}
            if disk.entry is not None:
                own.update(names_of(disk.entry.path))
                of_disk = known.get(pieces.inside(disk.entry.path))
                if of_disk is not None and of_disk.bundle is None:
                    of_disk.bundle = bundle.shown(pieces, disk)
                    _tell_where_found(pieces, bundle, disk, of_disk.path)
            for folder in (_folder(bundle.entry.path), _folder(disk.path)):
                current.setdefault(folder, set()).update(own)
    beside: list[tuple[Bundle, list[SourceEntry]]] = []
    for bundle in bundles:
        folders = _folders(bundle)
        named = set().union(*(current.get(folder, ()) for folder in folders))
        places = dict.fromkeys(place for folder in folders for place in (folder, _below(folder, _SNAPSHOTS)))
        of_bundle = [entry for place in places for entry in by_folder.get(pieces.inside(place), ())]
        beside.append((bundle, [entry for entry in of_bundle if not named.intersection(names_of(entry.path))]))
    for bundle, others in beside:
        for disk in bundle.disks:
            _mark_without(pieces, bundle, disk, others, known)
            if disk.entry is not None:
                _mark_branches(pieces, bundle, known.get(pieces.inside(disk.entry.path)), others, chains)
    # A disk of a snapshot on which nothing builds is that of a branch where the disk of today is known.
    for bundle, others in beside:
        _mark_frozen(pieces, bundle, others)


def _folders(bundle: Bundle) -> Iterable[str]:
    """Return the folders in which the disks of a machine lie, its own first."""
    places = [_folder(bundle.entry.path)]
    for disk in bundle.disks:
        places.append(_folder(disk.entry.path if disk.entry is not None else disk.path))
    return dict.fromkeys(places)


def _tell_where_found(pieces: Pieces, bundle: Bundle, disk: BundleDisk, shown: str) -> None:
    """Say that a disk was taken for the one that a configuration names elsewhere: by its name."""
    if is_elsewhere(disk.named.path):
        detail = sentence(
            "taken for '{path}', which {name} names, by its name", path=disk.named.path, name=bundle.entry.name
        )
        pieces.source.coverage.tell("file", file_name(disk.path), Outcome("present", detail), shown)


def _mark_without(
    pieces: Pieces,
    bundle: Bundle,
    disk: BundleDisk,
    beside: Sequence[SourceEntry],
    known: dict[str, SourceEntry],
) -> None:
    """Name a disk that is missing; mark those beside it on which it, or one that could not be read, may build."""
    may_build = beside if bundle.kind in WITH_SNAPSHOTS else ()
    shown = pieces.inside(disk.path)
    if not disk.is_there:
        if bundle.kind == HYPER_V and not examined_bases(shown, may_build):
            return  # table vm tells it
        if shown in known:
            return
        entry = known[shown] = pieces.left_out(shown, _missing(bundle, disk))
        entry.bundle = bundle.shown(pieces, disk)
        mark(pieces.source, entry, may_build)
        return
    there = known.get(shown)
    if there is not None and there.error is not None and there.kind == "unknown":
        mark(pieces.source, there, may_build)


def _missing(bundle: Bundle, disk: BundleDisk) -> str:
    is_as_shown = disk.named.path.replace("\\", "/").casefold() in (disk.path.casefold(), file_name(disk.path))
    as_written = "" if is_as_shown else f" ('{disk.named.path}')"
    why = disk.named.lies_at or sentence("it is not there: put it beside the other files")
    if disk.link:
        why = sentence(
            "a symbolic link to {link} stands in its place, which is not followed: put the file itself there",
            link=disk.link,
        )
    return sentence(
        "{name} names it as a disk of the machine{as_written}, and {why}",
        name=bundle.entry.name,
        as_written=as_written,
        why=why,
    )


def _mark_branches(
    pieces: Pieces,
    bundle: Bundle,
    current: SourceEntry | None,
    beside: Sequence[SourceEntry],
    chains: Mapping[str, Sequence[Path]],
) -> None:
    """Mark the disks that branch off from below the one to which the machine writes: it went back to a snapshot."""
    if current is None or not current.machine_ids or current.older_state_of is not None:
        return
    for entry in beside:
        is_machine = entry.machine_ids and entry.older_state_of is None
        parents = set(chains.get(entry.path, ())[1:])
        if is_machine and parents.intersection(chains.get(current.path, ())):
            entry.older_state_of = current.path
            builds_on_it = chains[current.path][0] in parents
            made = (
                sentence("it builds on {path}", path=current.path)
                if builds_on_it
                else sentence("it was made on the same base as {path}", path=current.path)
            )
            message = sentence(
                "{path} is an older state: {made}, and {name} says that the machine writes to that",
                path=entry.path,
                made=made,
                name=bundle.entry.name,
            )
            pieces.source.problem(entry.path, "older_state", message)


def _mark_frozen(pieces: Pieces, bundle: Bundle, beside: Sequence[SourceEntry]) -> None:
    frozen = set(map(file_name, bundle.said.frozen))
    for entry in examined_bases(".vmdk", beside) if bundle.kind == "vmsd" else ():
        if frozen & set(names_of(entry.path)):
            newer = sentence("the disk after the last snapshot in {inside}", inside=pieces.inside(bundle.entry.path))
            entry.older_state_of = newer
            message = sentence(
                "{path} is an older state: {newer} builds on it and is not there", path=entry.path, newer=newer
            )
            pieces.source.problem(entry.path, "older_state", message)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _below(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path
