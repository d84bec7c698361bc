"""Compares the files of an exported virtual machine with the checksums in its manifest (.mf)."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from forensics.disk.evidence_files import open_evidence
from forensics.disk.places import is_url
from forensics.disk.tree import NotFound, Unreadable
from forensics.formats.bundles.ovf import Checksum, parse_manifest
from forensics.language import joined, sentence, sentence_n
from forensics.sources.bundles import Bundle
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.pieces import Pieces
from forensics.tables.outcome import Outcome

_MAX_MANIFEST = 4 << 20
"""Format: bytes of a manifest."""
MAX_COMPARED = 8 << 30
"""Work: bytes of one file that are compared with a checksum."""
_BLOCK = 1 << 20


def check_manifests(pieces: Pieces, tree: CollectedTree, bundles: Sequence[Bundle], places: Mapping[str, Path]) -> None:
    """Compare the description and the disks of each export with its manifest; what does not fit is a problem.

    A file that does not fit is examined all the same: its content is what there is.

    Args:
        pieces: Those of the folder or archive.
        tree: It.
        bundles: Its configurations.
        places: Where the files of the tree lie on this machine.
    """
    for bundle in bundles:
        sums = _manifest(tree, bundle) if bundle.kind == "ovf" else {}
        if not sums:
            continue
        fitting, beyond = 0, 0
        files = [bundle.entry, *(disk.entry for disk in bundle.disks if disk.entry is not None)]
        for file in files:
            said = sums.get(file.name.casefold())
            if said is None:
                continue
            shown, place = pieces.inside(file.path), places.get(file.path)
            if file.size > MAX_COMPARED or (place is not None and is_url(place)):
                beyond += 1
                continue
            pieces.progress(f"comparing {shown} with the manifest")
            try:
                with open_evidence(place, follow_symlinks=False) if place is not None else tree.open(file) as opened:
                    fits = _digest(opened, said.algorithm) == said.digest
            except (NotFound, Unreadable, OSError):
                continue  # told where it is opened
            fitting += fits
            if not fits:
                message = sentence(
                    "{shown}: its {upper} is not what the manifest of the export says: it was changed or damaged "
                    "afterwards; export or copy it again",
                    shown=shown,
                    upper=said.algorithm.upper(),
                )
                pieces.source.problem(shown, "bad_checksum", message)
        if fitting or beyond:
            _tell(pieces, bundle, fitting, beyond)


def _manifest(tree: CollectedTree, bundle: Bundle) -> dict[str, Checksum]:
    path = f"{posixpath.splitext(bundle.entry.path)[0]}.mf"
    try:
        with tree.open(path) as file:
            data = file.read(_MAX_MANIFEST)
    except (NotFound, Unreadable, OSError):
        return {}
    return {each.name.casefold(): each for each in parse_manifest(data)}


def _digest(file: BinaryIO, algorithm: str) -> str:
    total = hashlib.new(algorithm, usedforsecurity=False)
    while block := file.read(_BLOCK):
        total.update(block)
    return total.hexdigest()


def _tell(pieces: Pieces, bundle: Bundle, fitting: int, beyond: int) -> None:
    detail: str = sentence_n(
        "the checksum of {count} file is what it says", "the checksums of {count} files are what it says", fitting
    )
    if beyond:
        left = sentence_n(
            "{count} file of more than {limit} GiB, or on a server, was not compared",
            "{count} files of more than {limit} GiB, or on a server, were not compared",
            beyond,
            limit=MAX_COMPARED >> 30,
        )
        detail = joined((detail, left), "; ")
    name = f"{posixpath.splitext(bundle.entry.name)[0]}.mf"
    shown = f"{posixpath.splitext(pieces.inside(bundle.entry.path))[0]}.mf"
    pieces.source.coverage.tell("file", name, Outcome("present", detail), shown)
