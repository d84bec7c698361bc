"""What became of each source that was named, and of each piece of evidence that was found in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from forensics.late_methods import dataclass


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
        found_in: Path of the source in which it was found: the one that was named, or an archive in that; None for what
            the user named.
        older_state_of: What this is an older state of, such as the path of the disk that builds on it and is likely the
            present state; None where nothing says so.
            This one was then read as its parent (no error, no installation), not examined (an error), or, being named
            itself, examined as the older state that it is. Where the entry of the other one has an error, this one is
            examined and only may be an older state: whether that one builds on it could not be read.
        same_as: Path of the entry that is the same disk or file and is examined; this one does not count. Where cases
            were joined that may be the same path, examined once more.
        bundle: Path of the configuration that names it as a disk of its machine, with ``#`` and the name of that machine
            where it describes several; of a backup the folder that bears the name of the computer. Disks with the same
            one are of one machine. None where nothing says so.
        backup_of: When the backup was made in which it lies, ``2026-11-01 12:00:00``, by the name of its folder: likely
            UTC. None for what lies in no backup.
        mixed: That what was examined as one machine is of two, and what tells it, one sentence; None where nothing does.
        reader: The library that reads its container, such as ``dissect.archive``; None where the reader is keymortem's.
        examined_with: Version of keymortem that examined it, where cases were joined and that is another one than the
            case's; what that version read and judged stands.
        examined_for: Date for which it was examined, UTC text, where cases were joined and that is another one than the
            case's, for which all is reckoned anew.
    """

    path: str
    kind: str
    machine_ids: list[int] = field(default_factory=list)
    error: str | None = None
    size: int | None = None
    sha256: str | None = None
    found_in: str | None = None
    older_state_of: str | None = None
    same_as: str | None = None
    mixed: str | None = None
    reader: str | None = None
    bundle: str | None = None
    backup_of: str | None = None
    examined_with: str | None = None
    examined_for: str | None = None


def leaves(entries: Sequence[SourceEntry]) -> list[SourceEntry]:
    """Return what counts as evidence: named sources in which nothing further was found, and what was found in others.

    What is the same as another one is not among them.

    Args:
        entries: Of one examination, each named source before what was found in it.
    """
    below = [*(entry.found_in for entry in entries[1:]), None]
    return [
        entry
        for entry, found_in in zip(entries, below, strict=False)
        # A sibling of the same path is the configuration that was named, which counts beside the disks found with it.
        if entry.same_as is None and (found_in is None or found_in != entry.path or found_in == entry.found_in)
    ]


def entry_of(entries: Sequence[SourceEntry], machine_id: int) -> SourceEntry | None:
    """Return the leaf in which an installation was found."""
    return next((entry for entry in leaves(entries) if machine_id in entry.machine_ids), None)
