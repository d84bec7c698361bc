"""What opening a source gives."""

from __future__ import annotations

from collections.abc import Callable, Container
from contextlib import ExitStack
from dataclasses import field

from forensics.disk.disk_volume import DiskVolume
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.coverage import Coverage
from forensics.sources.installation import Installation
from forensics.sources.searched_tree import SearchedTree
from forensics.tables.coverage_names import CoverageArea
from forensics.tables.hyperv import BitLockerRow
from forensics.tables.outcome import Outcome
from forensics.tables.record import ProblemRow
from forensics.tables.source import SourceEntry

MAX_INSTALLATIONS = 1_000
"""Evidence: Windows installations of one source."""


@dataclass
class Source:
    """A source, open until it is closed.

    Attributes:
        path: As the user named it.
        kind: ``disk``, ``volume``, ``export``, ``folder``, ``archive``, ``hives``, ``reg``, ``wim``.
        installations: Windows installations, numbered from 1.
        searched: Volumes and folders in which virtual machines may lie.
        bitlocker: Volumes that BitLocker encrypts.
        disk_volumes: The volumes of the disk, where the source is one of several.
        found: An entry for each piece of evidence that was found in it; empty where the source itself is the piece.
        coverage: Volumes and the like: what was, and was not, there to examine.
        resources: Closed with the source.
        holds_nothing: It was read whole, and holds no evidence at all.
        same_as: Path of the source opened before that is the same disk or archive.
        older_state_of: What this is an older state of, such as the path of the disk that builds on it and is likely the
            present state.
        backup_of: When the backup was made in which it lies; None for what lies in none.
        is_parent: It was read with that disk, and holds no machine besides.
        is_joined: What it holds was added to a machine of which another piece of evidence holds the rest.
        reader: The library that reads its container; None where the reader is ours.
    """

    path: str
    kind: str = "unknown"
    installations: list[Installation] = field(default_factory=list)
    searched: list[SearchedTree] = field(default_factory=list)
    bitlocker: list[BitLockerRow] = field(default_factory=list)
    disk_volumes: list[DiskVolume] = field(default_factory=list)
    found: list[SourceEntry] = field(default_factory=list)
    coverage: Coverage = field(default_factory=lambda: Coverage(0))
    resources: ExitStack = field(default_factory=ExitStack, repr=False)
    holds_nothing: bool = False
    same_as: str | None = None
    older_state_of: str | None = None
    is_parent: bool = False
    is_joined: bool = False
    reader: str | None = None
    backup_of: str | None = None
    _problems: list[ProblemRow] = field(default_factory=list)
    _watched: list[tuple[str, Callable[[], list[FormatError]]]] = field(default_factory=list)

    @property
    def problems(self) -> list[ProblemRow]:
        """Failures so far; a container tells more of its own while it is read."""
        later = [
            ProblemRow(machine_id=0, source_path=path, kind=error.kind, message=error.message, offset=error.offset)
            for path, problems in self._watched
            for error in problems()
        ]
        return [*self._problems, *later]

    def watch(self, path: str, problems: Callable[[], list[FormatError]]) -> None:
        """Take over what a container will have to say of itself."""
        self._watched.append((path, problems))

    def problem(self, path: str, kind: str, message: str, offset: int | None = None) -> None:
        """Record a failure of the source."""
        self._problems.append(ProblemRow(machine_id=0, source_path=path, kind=kind, message=message, offset=offset))

    def cut(self, area: CoverageArea, name: str, path: str, message: str, kind: str = "too_many") -> None:
        """Record that a bound was reached: a problem, and the place was seen in part only."""
        self.problem(path, kind, message)
        self.coverage.cut(area, name, message, path)

    def add(self, installation: Installation) -> None:
        """Take an installation, numbered after those that are there; beyond :data:`MAX_INSTALLATIONS` a problem."""
        if len(self.installations) < MAX_INSTALLATIONS:
            self.installations.append(installation)
        elif not any(problem.kind == "too_many" for problem in self._problems):
            message = sentence(
                "only the first {max_installations} Windows installations are examined: name the others one by one",
                max_installations=MAX_INSTALLATIONS,
            )
            self.cut("folder", "Windows installations", self.path, message)

    def forget_machines(self, numbers: Container[int]) -> None:
        """Take back installations, with the places in which their virtual machines would be looked for."""
        gone = {i.source_path for i in self.installations if i.machine_id in numbers}
        self.installations = [i for i in self.installations if i.machine_id not in numbers]
        self.searched = [place for place in self.searched if place.disk not in gone]

    def take(self, piece: Source) -> list[int]:
        """Take over what was opened as a part of this source, and close it with this one.

        Returns:
            Numbers of the piece's installations, without those beyond :data:`MAX_INSTALLATIONS`.
        """
        self.resources.enter_context(piece)
        before = len(self.installations)
        for installation in piece.installations:
            self.add(installation)
        self.searched += piece.searched
        self.bitlocker += piece.bitlocker
        for row in piece.coverage:
            self.coverage.tell(row.area, row.name, Outcome(row.outcome, row.detail), row.source_path)
        self._problems += piece._problems
        self._watched += piece._watched
        return [installation.machine_id for installation in self.installations[before:]]

    def forget(self, path: str) -> None:
        """Take back what was said of a file that turned out to be no evidence."""
        self._problems = [problem for problem in self._problems if problem.source_path != path]
        self.coverage.forget(path)

    def close(self) -> None:
        """Close files and delete what was unpacked."""
        self.resources.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()
