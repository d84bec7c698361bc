"""What is told of a volume's damaged structures: each break once, with the place where it lies."""

from __future__ import annotations

from collections.abc import Callable

from forensics.disk.tree import NotObtained
from forensics.language import sentence

_MAX_TOLD = 1_000
"""Evidence: damaged structures of one volume that are told one by one."""

KIND = "ntfs_damaged"
"""Kind of problem that a broken structure is."""

Report = Callable[[str, str, str, int | None], None]
"""Takes the path of a damaged place in its tree (empty for the volume itself), kind, message, and where it lies."""


class TooMuchWork(NotObtained):
    """The volume is read no further."""


class BrokenStructure(NotObtained):
    """A structure of the volume breaks what every whole one keeps; ``offset`` is where it lies on the volume.

    What the structure leads to was not got, and may be sound.
    """

    kind = KIND

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset


class DamageLog:
    """Passes every break on once.

    Args:
        report: Who is told; None where nobody asks.
    """

    def __init__(self, report: Report | None = None) -> None:
        self._report = report
        self._told: set[tuple[str, str]] = set()

    def tell(self, path: str, message: str, offset: int | None = None, kind: str = KIND) -> None:
        """Tell of a break.

        Args:
            path: Path in the tree; empty for the volume itself.
            message: What is wrong, one sentence.
            offset: Where on the volume, bytes.
            kind: Kind of the problem.
        """
        if self._report is None or (path, message) in self._told or len(self._told) > _MAX_TOLD:
            return
        self._told.add((path, message))
        if len(self._told) > _MAX_TOLD:
            path, kind, offset = "", "too_many", None
            message = sentence(
                "more than {max_told} structures of this volume are damaged: the others are not told",
                max_told=_MAX_TOLD,
            )
        self._report(path, kind, message, offset)
