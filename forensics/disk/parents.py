"""Finds the disk below one that holds only changes, makes sure that it is that one, and opens it.

A parent lies beside its child, where VirtualBox puts snapshots, or among what was found or named together with the
child. A path that a child wrote is compared with the names that are there and never opened; links are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from forensics.disk.disk import Disk, Holder
from forensics.disk.errors import SourceError
from forensics.disk.image import Image
from forensics.disk.lineage import neighbours, parent_name, parents_among
from forensics.disk.places import not_listed, place_of
from forensics.language import joined, sentence
from forensics.late_methods import dataclass

MAX_PARENTS = 64
"""Format: disks below one that holds only changes."""
_MAX_TRIED = 16
"""Work: files that are opened to learn whether one of them is the parent of a disk."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which disk a child needs below it.

    Attributes:
        form: What the child is, for messages.
        misfit: Says of a file that was opened what does not fit; None where it is the parent, as far as can be told.
        size: Bytes that its disk must have; None where the child may be larger or smaller.
        is_raw: Its child says that it is raw, whatever its first bytes look like.
    """

    form: str
    misfit: Callable[[Image], str | None]
    size: int | None = None
    is_raw: bool = False


@dataclass(frozen=True, slots=True)
class ParentDisk:
    """The disk below one that holds only changes.

    Attributes:
        disk: It.
        files: Its file, then those of its own parents.
    """

    disk: Disk
    files: tuple[Path, ...]

    def read_at(self, offset: int, length: int) -> bytes:
        """Read what the child does not hold; behind the end of a smaller parent there are zeros."""
        stream = self.disk.stream
        there = max(0, min(length, self.disk.size - offset))
        stream.seek(offset)
        data = stream.read(there) if there else b""
        if len(data) != there:
            raise EOFError
        return data if there == length else data + bytes(length - there)


class _UnreadParent(SourceError):
    """A parent, however far down, cannot be read."""

    def __init__(self, child: str, kind: str, inner: str) -> None:
        super().__init__(kind, sentence("a parent of {child} cannot be read: {inner}", child=child, inner=inner))
        self.inner = inner


def open_parent(child: Image, wanted: Wanted, holder: Holder) -> ParentDisk:
    """Open the parent of a disk, and that one's own.

    Raises:
        SourceError: ``missing_parent``, ``wrong_parent``, or what is wrong with the parent itself.
    """
    if len(child.children) == MAX_PARENTS:
        raise SourceError(
            "chain_too_long",
            sentence(
                "{children} has more than {max_parents} parents below it",
                children=child.children[0],
                max_parents=MAX_PARENTS,
            ),
        )
    above = (*child.children, child.path)
    there = dict.fromkeys([*neighbours(child.path), *(path for path in child.others if not path.is_symlink())])
    tried: list[SourceError] = []
    for path in islice((p for p in parents_among(child.path, child.file, there) if p not in above), _MAX_TRIED):
        try:
            return _open(child, path, wanted, holder)
        except SourceError as error:
            tried.append(error)
    if not tried:
        raise _missing(child, wanted)
    if len(tried) == 1:
        raise tried[0]
    found = joined(
        sentence("({number}) {message}", number=number, message=error.message) for number, error in enumerate(tried, 1)
    )
    raise SourceError(
        tried[0].kind,
        sentence("none of the files that may be the parent of {name} can be it: {found}", name=child.name, found=found),
    )


def _open(child: Image, path: Path, wanted: Wanted, holder: Holder) -> ParentDisk:
    from forensics.disk.containers import open_disk, open_image

    shown = str(place_of(child.name).with_name(path.name)) if path.parent == child.path.parent else str(path)
    try:
        image = open_image(path, shown, holder, lambda line: None)
        if wanted.is_raw:
            image = replace(image, kind="raw", unpacked=True)
        if (misfit := _misfit(image, wanted)) is not None:
            raise _wrong(child, shown, misfit)
        disk = open_disk(replace(image, others=child.others, children=(*child.children, child.path)), holder)
    except SourceError as error:
        if error.kind == "wrong_parent" and child.name in error.message:
            raise
        inner = error.__cause__.inner if isinstance(error.__cause__, _UnreadParent) else error.message
        raise _UnreadParent(child.name, error.kind, inner) from error
    if wanted.size is not None and wanted.size != disk.size:
        raise _wrong(
            child,
            shown,
            sentence(
                "its disk has {size} bytes, that of the child {wanted_size}", size=disk.size, wanted_size=wanted.size
            ),
        )
    return ParentDisk(disk, (path, *disk.parents))


def _misfit(image: Image, wanted: Wanted) -> str | None:
    try:
        return wanted.misfit(image)
    except (OSError, struct.error) as error:
        raise SourceError("damaged", sentence("{name} is damaged where it says what it is", name=image.name)) from error


def _wrong(child: Image, parent: str, misfit: str) -> SourceError:
    return SourceError(
        "wrong_parent",
        sentence(
            "{parent} is not the parent of {name}, or was changed after the child was made: {misfit}. "
            "Put the right parent beside the child",
            parent=parent,
            name=child.name,
            misfit=misfit,
        ),
    )


def _missing(child: Image, wanted: Wanted) -> SourceError:
    named = parent_name(child.file)
    parent = f"'{named}'" if named else sentence("another disk, which it does not name")
    put = f"'{named}'" if named else sentence("that disk")
    if (why := not_listed(child.path)) is not None:
        return SourceError(
            "missing_parent",
            sentence(
                "this {form} is a snapshot that holds only changes to {parent}, and what lies beside it is "
                "not known: {why}; name {put} too",
                form=wanted.form,
                parent=parent,
                why=why,
                put=put,
            ),
        )
    return SourceError(
        "missing_parent",
        sentence(
            "this {form} is a snapshot that holds only changes to {parent}, and that is not there: put {put} beside it",
            form=wanted.form,
            parent=parent,
            put=put,
        ),
    )
