"""The images of a WIM as sources: each that holds a Windows is an installation, as each volume of a disk is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from forensics.disk.containers import Image, open_image
from forensics.disk.errors import SourceError
from forensics.disk.tree import Unreadable
from forensics.disk.wim.file import Wim, WimImage
from forensics.disk.wim.parts import first_part, header_of
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass
from forensics.sources.collected_volume import add_collected_volumes
from forensics.sources.former import FormerRoot, former_windows, windows_told
from forensics.sources.holdings import tree_holds
from forensics.sources.installation import Installation, outcome_of
from forensics.sources.pieces import MAX_PIECES, Pieces
from forensics.sources.same_evidence import identity_of_path
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.sources.volumes import find_windows
from forensics.tables.outcome import Outcome

MAX_EXAMINED = 64
"""Evidence: images of one WIM that are examined."""
_MAX_IN_IMAGE = 16
"""Evidence: Windows folders of one image."""
_LONGEST_NAME = 40
"""Display: characters of the name of an image behind its number."""


@dataclass(frozen=True, slots=True)
class FoundWim:
    """A file that is a WIM.

    Attributes:
        path: The file.
        shown: Its path as rows name it.
        size: Its bytes.
    """

    path: Path
    shown: str
    size: int | None = None


def add_wims(pieces: Pieces, found: Sequence[FoundWim]) -> None:
    """Add the images of the WIMs of a folder; a part of a split one is read with the first, which lies beside it."""
    names = {wim.path for wim in found}
    for number, wim in enumerate(wim for wim in found if not _is_part(wim.path, names)):
        entry = pieces.entry(wim.shown)
        entry.size = wim.size
        if number >= MAX_PIECES:
            entry.error = sentence(
                "only the first {max_pieces} WIM images of a folder are opened: name it itself", max_pieces=MAX_PIECES
            )
        else:
            pieces.open(entry, partial(_open, pieces, wim.path))


def add_wim(pieces: Pieces, piece: Source, image: Image) -> None:
    """Add the Windows installations in the images of a WIM.

    Args:
        pieces: Those of which this is one, or alone.
        piece: Takes them.
        image: The file.

    Raises:
        SourceError: It cannot be read, or has no image of the number that was asked for.
        SameEvidenceError: It is examined already.
    """
    identity = identity_of_path(image.path)
    pieces.seen.refuse(identity)
    piece.kind = "wim"
    wim = Wim(image, piece)
    chosen = pieces.choices.image
    if chosen is not None and not 1 <= chosen <= len(wim.images):
        numbers = "1" if len(wim.images) == 1 else sentence("1 to {count}", count=len(wim.images))
        raise SourceError(
            "no_such_image",
            sentence(
                "{name} has no image {chosen}: --image takes {numbers}", name=image.name, chosen=chosen, numbers=numbers
            ),
        )
    first = pieces.next_machine_id
    wanted = wim.images if chosen is None else [wim.images[chosen - 1]]
    for each in wanted[:MAX_EXAMINED]:
        pieces.progress(f"reading image {each.number} of {image.name}")
        _add_image(piece, wim, each, image.name, first)
    for each in wim.images:
        if each not in wanted:
            outcome = Outcome("not_examined", sentence("--image {chosen} was asked for", chosen=chosen))
            piece.coverage.tell(
                "volume",
                f"image {each.number}",
                outcome,
                sentence("{name}#image {number}", name=image.name, number=each.number),
            )
    if len(wanted) > MAX_EXAMINED:
        message = sentence(
            "only {max_examined} of its {count} images are examined: choose another one with --image",
            max_examined=MAX_EXAMINED,
            count=len(wanted),
        )
        piece.cut("volume", "images", image.name, message)
    if not piece.installations:
        add_collected_volumes(pieces.of(piece))
    pieces.seen.note(piece.path, identity)


def _open(pieces: Pieces, path: Path, piece: Source) -> None:
    add_wim(pieces, piece, open_image(path, piece.path, piece, pieces.progress))


def _is_part(path: Path, names: set[Path]) -> bool:
    header = header_of(path)
    return header is not None and header.part > 1 and first_part(path, header) in names


def _add_image(piece: Source, wim: Wim, image: WimImage, path: str, first_machine_id: int) -> None:
    """Add one image; whatever is wrong with it leaves the others alone."""
    from forensics.registry.hives import open_hive

    name = sentence("image {number}", number=image.number)
    form = sentence("WIM image '{name}'", name=image.name) if image.name else "WIM image"
    volume = f"{name} '{_shortened(image.name)}'" if image.name else name
    try:
        tree = wim.tree(image)
        found = find_windows(tree)
        formers = former_windows(tree, "", piece.coverage, f"{path}#{name}")
        tree.complete = bool(found or formers)
        damage = tree.damage("")
    except Unreadable as reason:
        piece.problem(f"{path}#{name}", reason.kind, said_by(reason))
        piece.coverage.tell("volume", name, outcome_of(reason), f"{path}#{name}")
        return
    if len(found) > _MAX_IN_IMAGE:
        message = sentence(
            "only {max_in_image} of {count} folders that look like Windows are examined",
            max_in_image=_MAX_IN_IMAGE,
            count=len(found),
        )
        piece.cut("volume", name, f"{path}#{name}", message)
    for root in [*(FormerRoot("", entry.path) for entry in found[:_MAX_IN_IMAGE]), *formers]:
        piece.add(
            Installation(
                machine_id=first_machine_id + len(piece.installations),
                source_path=path,
                tree=tree,
                windows=root.windows,
                drive=root.drive,
                open_hive=open_hive,
                volume=volume,
                kind="former" if root in formers else "windows",
            )
        )
    piece.searched.append(SearchedTree(tree, path, "" if found else name, tuple(w.path for w in found)))
    piece.reader = wim.reader
    detail = windows_told(form, found, formers) if found or formers else tree_holds(tree, form)
    outcome = (
        Outcome("partial", sentence("{detail}; its root folder is damaged: {damage}", detail=detail, damage=damage))
        if damage
        else None
    )
    piece.coverage.tell("volume", name, outcome or Outcome("present", detail), f"{path}#{name}")


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3].rstrip()}..."
