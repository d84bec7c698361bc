"""Tells which of the sources that were named together hold disks that build on disks of the others.

A disk on which another one builds is opened after that: it is then known to have been read as its parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from forensics.disk.below import Below
from forensics.disk.lineage import MAX_NEIGHBOURS, asked, children_of, holds_changes, neighbours
from forensics.disk.places import is_url
from forensics.sources.same_evidence import identity_of_path

_MOST_NAMES = 100_000
"""Evidence: files and folders in a folder that was named among which disks are looked for that build on others."""


def disks_named(sources: Sequence[Path]) -> list[list[Path]]:
    """Return for each source the files that may be disks: itself, or those of a folder, at most MAX_NEIGHBOURS.

    Nothing is raised, and nothing is returned where one source alone was named: there is nothing to compare.
    """
    return [_files(source) for source in sources] if len(sources) > 1 else [[] for _ in sources]


def newest_first(disks: Sequence[Sequence[Path]]) -> list[int]:
    """Return the numbers of sources in the order to open them: in that in which they were named, but children first.

    Args:
        disks: As :func:`disks_named` returns them.
    """
    return arranged(disks)[0]


def arranged(disks: Sequence[Sequence[Path]]) -> tuple[list[int], list[tuple[int, ...]]]:
    """Return the order of :func:`newest_first`, and the sources in groups that share a file or build on each other.

    Args:
        disks: As :func:`disks_named` returns them.
    """
    changes = [[path for path in asked(files) if holds_changes(path)] for files in disks]
    waits_for = {
        number: {
            other
            for other, children in enumerate(changes)
            if other != number and children and any(children_of(path, children) for path in files)
        }
        for number, files in enumerate(disks)
    }
    groups = _groups(disks, waits_for)
    order: list[int] = []
    while waits_for:
        # Sources that build on each other in a circle keep the order in which they were named.
        ready = next((number for number, others in waits_for.items() if not others & waits_for.keys()), min(waits_for))
        order.append(ready)
        del waits_for[ready]
    place = {number: at for at, number in enumerate(order)}
    return order, [tuple(sorted(group, key=place.__getitem__)) for group in groups]


def _groups(disks: Sequence[Sequence[Path]], waits_for: Mapping[int, Iterable[int]]) -> list[list[int]]:
    group_of = {number: [number] for number in range(len(disks))}

    def join(one: int, other: int) -> None:
        whole, part = group_of[one], group_of[other]
        if whole is not part:
            whole += part
            group_of.update(dict.fromkeys(part, whole))

    first: dict[object, int] = {}
    for number, files in enumerate(disks):
        for other in waits_for[number]:
            join(number, other)
        for path in files:
            if (identity := identity_of_path(path)) is not None:
                join(first.setdefault(identity, number), number)
    return list({id(group): group for group in group_of.values()}.values())


def _files(source: Path) -> list[Path]:
    try:
        if is_url(source) and source.is_dir():
            return neighbours(source / "*")
        if not source.is_dir():
            return [source] if source.is_file() else []
        below = islice(Below(source, _MOST_NAMES), MAX_NEIGHBOURS)
        return [Path(entry.path) for entry in below if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []
