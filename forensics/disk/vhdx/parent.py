"""Finds the parent of a differencing VHDX and makes sure that it is the parent.

References:
    - [MS-VHDX] v8, section 2.6.2.6 (parent locator)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from forensics.disk.compressed import MAGIC_SIZE, SUFFIXES, compression, unpack
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import open_evidence
from forensics.disk.lineage import with_identity
from forensics.disk.places import not_listed, place_of
from forensics.disk.vhdx.file import VhdxFile
from forensics.disk.vhdx.structures import ParentLocator
from forensics.language import joined, sentence

ParentCandidate = tuple[str, Callable[[], BinaryIO]]
"""A file that may be the parent: its name, and what opens it (raises SourceError or OSError)."""

ParentResolver = Callable[[str, ParentLocator], Iterable[ParentCandidate]]
"""Looks for the parent of the named child: (name of the child, what it says of its parent) -> files, likeliest first.

The file is closed with the stream. The name comes back as the child's name where the parent has a parent itself.
"""


def find_beside(child: str, locator: ParentLocator) -> Iterator[ParentCandidate]:
    """Yield the files that lie where the child says, seen from the child's folder, compressed ones too.

    First the relative path is followed, unless it leaves the child's folder, then the file names of the relative and
    the absolute path are looked for in that folder itself; upper and lower case are the same.
    """
    folder = place_of(child).absolute().parent
    seen: set[Path] = set()
    for candidate in _candidates(folder, locator):
        # A FIFO or a device would block or have side effects.
        if candidate not in seen and candidate.is_file():
            seen.add(candidate)
            yield str(candidate), _opener(candidate)


def find_among(others: Iterable[Path]) -> ParentResolver:
    """Return what looks for a parent beside its child, then among other files by what the headers say."""

    def resolver(child: str, locator: ParentLocator) -> Iterator[ParentCandidate]:
        beside = set()
        for name, opener in find_beside(child, locator):
            beside.add(name)
            yield name, opener
        for path in with_identity(others, (locator.linkage, locator.linkage2)):
            if str(path.absolute()) not in beside:
                yield str(path), _opener(path)

    return resolver


def _opener(path: Path) -> Callable[[], BinaryIO]:
    def opener() -> BinaryIO:
        file = open_evidence(path, buffering=0)
        kind = compression(file.read(MAGIC_SIZE))
        file.seek(0)
        if kind is None:
            return file
        with file:
            return unpack(file, kind, str(path), path.stat().st_size, lambda line: None)

    return opener


def check_parent(child: VhdxFile, parent: VhdxFile) -> None:
    """Compare a parent with what its child says of it; raises SourceError when it is not the parent."""
    locator = child.locator
    assert locator is not None
    actual = parent.header.data_write_guid
    if actual not in (locator.linkage, locator.linkage2):
        raise SourceError(
            "wrong_parent",
            sentence(
                "{name} is not the parent of {child_name}, or was changed after the child was made: its "
                "DataWriteGuid is {{{actual}}}, the child needs {expected_guids}. Put the right parent "
                "beside the child.",
                name=parent.name,
                child_name=child.name,
                actual=actual,
                expected_guids=expected_guids(locator),
            ),
        )
    for what, of_child, of_parent in (
        (sentence("size"), child.geometry.disk_size, parent.geometry.disk_size),
        (sentence("sector size"), child.geometry.sector_size, parent.geometry.sector_size),
    ):
        if of_child != of_parent:
            raise SourceError(
                "wrong_parent",
                sentence(
                    "{name} (DataWriteGuid {{{actual}}}) does not fit {child_name}, which needs "
                    "{expected_guids}: the {what} of the parent's disk is {of_parent} bytes, that of the child's "
                    "{of_child}.",
                    name=parent.name,
                    actual=actual,
                    child_name=child.name,
                    expected_guids=expected_guids(locator),
                    what=what,
                    of_parent=of_parent,
                    of_child=of_child,
                ),
            )


def missing_parent(child: VhdxFile) -> SourceError:
    """Return the error for a differencing disk whose parent is not there."""
    locator = child.locator
    assert locator is not None
    paths = [locator.relative_path, locator.absolute_win32_path, locator.volume_path]
    named = " or ".join(repr(path) for path in paths if path) or sentence("no path at all")
    why = not_listed(place_of(child.name))
    put = (
        sentence("Put the parent beside the child.")
        if why is None
        else sentence("What lies beside it is not known: {why}; name both.", why=why)
    )
    return SourceError(
        "missing_parent",
        sentence(
            "{name} (DataWriteGuid {{{data_write_guid}}}) is a differencing disk and its parent, with "
            "DataWriteGuid {expected_guids}, was not found; the child names it {named}. {put}",
            name=child.name,
            data_write_guid=child.header.data_write_guid,
            expected_guids=expected_guids(locator),
            named=named,
            put=put,
        ),
    )


def no_parent(child: VhdxFile, tried: Sequence[SourceError]) -> SourceError:
    """Return the error for a child none of whose candidates is its parent; names each that was found."""
    if not tried:
        return missing_parent(child)
    if len(tried) == 1:
        return tried[0]
    found = joined(
        sentence("({number}) {message}", number=number, message=error.message) for number, error in enumerate(tried, 1)
    )
    return SourceError(
        tried[0].kind,
        sentence("none of the files that may be the parent of {name} is it: {found}", name=child.name, found=found),
    )


def expected_guids(locator: ParentLocator) -> str:
    """Return the DataWriteGuids that a child accepts, for a message."""
    guids = [locator.linkage] + ([locator.linkage2] if locator.linkage2 else [])
    return " or ".join(f"{{{guid}}}" for guid in guids)


def _candidates(folder: Path, locator: ParentLocator) -> Iterator[Path]:
    if locator.relative_path:
        yield from _walk_any(folder, locator.relative_path)
    for path in (locator.relative_path, locator.absolute_win32_path, locator.volume_path):
        if path:
            yield from _walk_any(folder, path.replace("/", "\\").rsplit("\\", 1)[-1])


def _walk_any(folder: Path, relative: str) -> Iterator[Path]:
    """Follow a path to its file, and to compressed ones beside it."""
    for suffix in ("", *SUFFIXES):
        found = _walk(folder, relative + suffix)
        if found:
            yield found


def _walk(folder: Path, relative: str) -> Path | None:
    """Follow a Windows path below a folder; only names that a folder lists are used, never the text of the image."""
    for name in relative.replace("/", "\\").split("\\"):
        if name in ("", "."):
            continue
        found = _listed(folder, name)
        if found is None:
            return None
        folder = found
    return folder


def _listed(folder: Path, name: str) -> Path | None:
    """Return the entry of a folder with this name, unless it is a link; the same case is preferred."""
    try:
        same = [each for each in folder.iterdir() if each.name.casefold() == name.casefold()]
        matches = [each for each in same if not each.is_symlink()]
    except OSError:
        return None
    return min(matches, key=lambda each: (each.name != name, each.name), default=None)
