"""The file CREDHIST beside the master keys of a user: seen with its folder, read only when a key needs it."""

from __future__ import annotations

from forensics.collectors.guard import guard
from forensics.disk.tree import Entry
from forensics.formats.credhist import CredHist, parse_credhist
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, PRESENT, Outcome

MAX_FILE_SIZE = 1 << 20
"""Format: bytes of one file CREDHIST; an earlier password takes about 150."""


@dataclass(frozen=True, slots=True)
class FoundCredHist:
    """A user's CREDHIST.

    Attributes:
        path: Of the file, there or not.
        outcome: What was seen of it.
        content: None where it was not read, or is damaged.
    """

    path: str
    outcome: Outcome
    content: CredHist | None = None


def find_credhist(installation: Installation, protect: str) -> FoundCredHist:
    """Tell whether the folder Protect of a profile holds CREDHIST, without reading it."""
    entry = _entry(installation, protect)
    if isinstance(entry, Entry):
        return FoundCredHist(entry.path, PRESENT)
    return FoundCredHist(f"{protect}/CREDHIST", entry)


def read_credhist(installation: Installation, protect: str) -> FoundCredHist:
    """Read the CREDHIST of the folder Protect of a profile; damage is a problem."""
    entry = _entry(installation, protect)
    if not isinstance(entry, Entry):
        return FoundCredHist(f"{protect}/CREDHIST", entry)
    content = installation.read(entry, MAX_FILE_SIZE)
    if not content.outcome.is_there:
        return FoundCredHist(entry.path, content.outcome)
    parsed: CredHist | None = None
    with guard(installation, entry.path):
        parsed = parse_credhist(content.data)
        for error in parsed.problems:
            installation.problem(entry.path, error.kind, error.message, error.offset)
    if parsed is None:
        return FoundCredHist(entry.path, Outcome("unreadable", sentence("the file CREDHIST is damaged")))
    damaged = Outcome("partial", sentence("a part of the file CREDHIST is damaged")) if parsed.problems else PRESENT
    return FoundCredHist(entry.path, damaged, parsed)


def _entry(installation: Installation, protect: str) -> Entry | Outcome:
    """Return the file, or what can be said of there being none: a collection holds only what somebody chose."""
    listing = installation.listing(protect)
    for entry in listing.entries:
        if entry.name.lower() == "credhist" and not entry.is_dir:
            return entry
    if listing.outcome.state == "present" and installation.tree.complete:
        return ABSENT
    return listing.outcome if listing.outcome.state not in ("present", "absent") else NOT_COLLECTED
