"""What became of each source that was named, and of each piece of evidence that was found in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class SourceEntry:
    """One source, or one piece of evidence found in a folder or archive that was named.

    Attributes:
        path: As the user named it; of what was found in a folder or archive the path of that, ``/``, and its own.
        kind: Such as ``vhdx``, ``raw``, ``folder``; ``unknown`` when it could not be opened.
        machine_ids: The Windows installations found in it (`machine.machine_id`); of a folder or archive those of
            everything found in it.
        size: Bytes of the file; None for a folder, a device, or what is not there.
        sha256: Of that file, lower hex; None where it was not hashed.
        error: Why nothing of it could be examined, one sentence; None when something was.
        found_in: Path of the named source in which it was found; None for what the user named.
        older_state_of: Path of the disk that builds on this one and is the present state; None where there is none.
    """

    path: str
    kind: str
    machine_ids: list[int] = field(default_factory=list)
    error: str | None = None
    size: int | None = None
    sha256: str | None = None
    found_in: str | None = None
    older_state_of: str | None = None


def leaves(entries: Sequence[SourceEntry]) -> list[SourceEntry]:
    """Return what counts as evidence: named sources in which nothing further was found, and what was found in others.

    Args:
        entries: Of one examination, each named source before what was found in it.
    """
    return [
        entry
        for number, entry in enumerate(entries)
        if entry.found_in is not None or number + 1 == len(entries) or entries[number + 1].found_in is None
    ]


def entry_of(entries: Sequence[SourceEntry], machine_id: int) -> SourceEntry | None:
    """Return the leaf in which an installation was found."""
    return next((entry for entry in leaves(entries) if machine_id in entry.machine_ids), None)
