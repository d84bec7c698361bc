"""Opens each piece of evidence that a folder or archive holds, as if the user had named it by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace
from pathlib import Path

from forensics.disk.disk import Progress
from forensics.disk.errors import SourceError, unreadable
from forensics.disk.tree import Unreadable
from forensics.disk.unlock import Unlock
from forensics.language import Sentence, sentence
from forensics.late_methods import dataclass
from forensics.sources.choices import Choices
from forensics.sources.holdings import nothing_found, was_seen_whole
from forensics.sources.older_states import mark_older_states
from forensics.sources.same_evidence import SameEvidenceError, SeenEvidence
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome
from forensics.tables.source import SourceEntry

MAX_PIECES = 200
"""Evidence: disks and archives of one folder or archive that are opened; the others are named."""


@dataclass
class Pieces:
    """The pieces of one source.

    Attributes:
        source: The folder or archive in which they were found.
        keys: For BitLocker volumes.
        choices: What of it is examined.
        first: Number of the first installation.
        progress: Called with one line when something takes long.
        seen: What was opened before, so that nothing is examined twice.
        depth: Archives around what is opened here.
        top: Path of the folder or archive, as rows name it.
    """

    source: Source
    keys: Unlock
    choices: Choices
    first: int
    progress: Progress
    seen: SeenEvidence
    depth: int = 0
    top: str = ""
    _without_windows: list[tuple[SourceEntry, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.top = self.top or self.source.path

    def of(self, piece: Source) -> Pieces:
        """Return the pieces of one of these pieces, or of the source itself."""
        first = self.first if piece is self.source else self.next_machine_id
        return Pieces(piece, self.keys, self.choices, first, self.progress, self.seen, self.depth)

    def within(self, archive: Source) -> Pieces:
        """Return the pieces of an archive that is one of these pieces."""
        return replace(self.of(archive), depth=self.depth + 1)

    def inside(self, path: str) -> str:
        """Return a path of the folder or archive as rows name it."""
        return f"{self.top}/{path}" if path else self.top

    @property
    def next_machine_id(self) -> int:
        """Number of the next installation."""
        return self.first + len(self.source.installations)

    def entry(self, path: str) -> SourceEntry:
        """Add the entry of a piece."""
        entry = SourceEntry(path, "unknown", found_in=self.source.path)
        self.source.found.append(entry)
        return entry

    def left_out(self, path: str, reason: str) -> SourceEntry:
        """Add what is evidence, or may be, and is not examined; coverage tells it too."""
        self._tell(path, reason)
        entry = self.entry(path)
        entry.error = reason
        return entry

    def is_same(self, entry: SourceEntry, other: str) -> None:
        """Make an entry that of a second copy or name of what is examined already."""
        same = SameEvidenceError(other)
        entry.same_as, entry.error = other, same.message
        self._tell(entry.path, same.message)

    def is_older_state(self, entry: SourceEntry, child: SourceEntry) -> None:
        """Make an entry that of a disk on which another one builds that is, or should be, examined instead."""
        became = (
            sentence("which could not be opened because {reason}", reason=_reason(child))
            if child.error
            else sentence("which is examined")
        )
        entry.older_state_of = child.path
        entry.error = sentence(
            "older state of {path}, {became}; name this file itself to examine that older state",
            path=child.path,
            became=became,
        )
        self.source.problem(entry.path, "older_state", entry.error)
        self._tell(entry.path, entry.error)

    def open(self, entry: SourceEntry, opener: Callable[[Source], None]) -> None:
        """Open a piece and take what it holds; whatever goes wrong becomes its entry's error.

        Args:
            entry: Its entry.
            opener: Fills the source that it is given.
        """
        piece = Source(entry.path)
        if self.attempt(entry, piece, opener):
            self.take(entry, piece)

    def attempt(self, entry: SourceEntry, piece: Source, step: Callable[[Source], None]) -> bool:
        """Take one step in opening a piece; where it fails the piece is closed and its entry says why."""
        try:
            step(piece)
        except SameEvidenceError as same:
            piece.close()
            self.is_same(entry, same.other)
        except SourceError as error:
            self._failed(entry, piece, error)
        except Unreadable as error:
            self._failed(
                entry,
                piece,
                SourceError(error.kind, sentence("{path} cannot be read: {error}", path=entry.path, error=error)),
            )
        except OSError as error:
            self._failed(entry, piece, unreadable(entry.path, error))
        except BaseException:
            piece.close()
            raise
        else:
            return True
        return False

    def take(self, entry: SourceEntry, piece: Source) -> None:
        """Take over what an opened piece holds."""
        reason = nothing_found(piece)
        entry.kind, entry.reader = piece.kind, piece.reader
        entry.machine_ids = self.source.take(piece)
        if piece.installations and not entry.machine_ids:
            entry.error = sentence("more Windows installations than are examined of one source: name it itself")
        elif not piece.installations and not piece.found and not piece.is_joined:
            self._without_windows.append((entry, reason))
            entry.error = None if was_seen_whole(piece) else reason
        at = self.source.found.index(entry) + 1
        self.source.found[at:at] = piece.found

    def forget(self, entry: SourceEntry) -> None:
        """Take back the entry of what turned out to be no evidence."""
        self.source.found.remove(entry)
        self.source.forget(entry.path)

    def finish(self) -> None:
        """Where there is nothing but data disks, say of each that it holds no Windows; mark what may be older."""
        if not self.source.installations:
            for entry, reason in self._without_windows:
                entry.error = reason
        mark_older_states(self.source)

    def _failed(self, entry: SourceEntry, piece: Source, error: SourceError) -> None:
        entry.error = error.message
        for problem in piece.problems:
            self.source.problem(problem.source_path, problem.kind, problem.message, problem.offset)
        piece.close()
        self.source.problem(entry.path, error.kind, error.message)
        self._tell(entry.path, error.message)

    def _tell(self, path: str, reason: str) -> None:
        self.source.coverage.tell("file", Path(path).name, Outcome("not_examined", reason), path)


def _reason(entry: SourceEntry) -> str:
    """Return the first sentence of an entry's error, for use within another sentence that names its path."""
    text = (entry.error or "").partition(". ")[0].rstrip(".")
    if text.startswith(f"{entry.path}: "):
        text = text.removeprefix(f"{entry.path}: ")
    elif text.startswith(entry.path):
        text = f"it {text.removeprefix(entry.path).lstrip()}"
    return Sentence(text, entry.error.made) if isinstance(entry.error, Sentence) else text
