"""Tells which of the sources that were named together hold disks that build on disks of the others.

A disk on which another one builds is opened after that: it is then known to have been read as its parent.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from forensics.disk.lineage import MAX_NEIGHBOURS, children_of, holds_changes, neighbours
from forensics.disk.places import is_url


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
    changes = [[path for path in files if holds_changes(path)] for files in disks]
    waits_for = {
        number: {
            other
            for other, children in enumerate(changes)
            if other != number and children and any(children_of(path, children) for path in files)
        }
        for number, files in enumerate(disks)
    }
    order: list[int] = []
    while waits_for:
        # Sources that build on each other in a circle keep the order in which they were named.
        ready = next((number for number, others in waits_for.items() if not others & waits_for.keys()), min(waits_for))
        order.append(ready)
        del waits_for[ready]
    return order


def _files(source: Path) -> list[Path]:
    try:
        if is_url(source) and source.is_dir():
            return neighbours(source / "*")
        if not source.is_dir():
            return [source] if source.is_file() else []
        below = (Path(folder) / name for folder, _, names in os.walk(source) for name in sorted(names))
        return [path for path in islice(below, MAX_NEIGHBOURS) if path.is_file() and not path.is_symlink()]
    except OSError:
        return []
