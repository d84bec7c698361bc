"""Volumes that are no machine's own but hold what was collected from one: KAPE's VHDX, a disk full of cases."""

from __future__ import annotations

from forensics.language import sentence
from forensics.sources.contents import add_found
from forensics.sources.evidence_search import FoundEvidence, search
from forensics.sources.layout import find_layout
from forensics.sources.pieces import Pieces
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.sources.volume_search import MAX_FILES, MAX_HIVES, named_places
from forensics.sources.volume_tree import VolumeTree
from forensics.tables.outcome import Outcome

_COPY_OUT = sentence("copy out what you know of, and examine that")


def add_collected_volumes(pieces: Pieces) -> None:
    """Add what was collected onto the volumes of a disk on which no Windows lives itself.

    Args:
        pieces: Those of the disk, whose source knows its volumes.
    """
    source = pieces.source
    searched = [(place, *_searched(source, place)) for place in source.searched]
    found = [(place, tree, what) for place, tree, what in searched if tree is not None and what is not None]
    for place, tree, what in found:
        _add(pieces, place, tree, what, is_alone=len(found) == 1)


def _searched(source: Source, place: SearchedTree) -> tuple[VolumeTree, FoundEvidence] | tuple[None, None]:
    places = named_places(place.tree)
    if places is None:
        return None, None
    tree = VolumeTree(place.tree, places.shows)
    found = search(tree, find_layout(tree, is_volume=True))
    tree.show_all()
    path = f"{source.path}#{place.name}" if place.name else source.path
    if places.more_hives:
        message = sentence(
            "not all names on it were searched, or more than {max_hives} are those of hives: {copy_out}",
            max_hives=MAX_HIVES,
            copy_out=_COPY_OUT,
        )
        source.cut("folder", "collections", path, message)
    if places.more_files:
        message = sentence(
            "only {max_files} images and archives on it were looked at: {copy_out}",
            max_files=MAX_FILES,
            copy_out=_COPY_OUT,
        )
        source.coverage.tell("folder", "images and archives", Outcome("partial", message), f"{path}/*")
    layout = found.layout
    return (tree, found) if layout.roots or layout.shadows or found.hives or found.files else (None, None)


def _add(pieces: Pieces, place: SearchedTree, tree: VolumeTree, found: FoundEvidence, is_alone: bool) -> None:
    source = pieces.source
    kind, before = source.kind, len(source.installations) + len(source.found)
    pieces.top = source.path if is_alone or not place.name else f"{source.path}#{place.name}"
    add_found(pieces, tree, found, "folder")
    if len(source.installations) + len(source.found) == before:
        source.kind = kind
    elif place in source.searched:
        source.searched.remove(place)
