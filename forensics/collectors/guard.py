"""One broken artefact never stops the rest: whatever a reader throws becomes a row of table problem."""

from __future__ import annotations

from typing import Self

from forensics.disk.errors import SourceError
from forensics.disk.tree import NotFollowed, NotFound, NotObtained, Unreadable
from forensics.formats.errors import FormatError
from forensics.lack_of_memory import how, is_lack_of_memory, kind_of
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation, outcome_of
from forensics.tables.outcome import Outcome


@dataclass(slots=True)
class Guarded:
    """What became of a guarded block.

    Attributes:
        failure: What its exception says of what was being read; None where there was none.
    """

    failure: Outcome | None = None


class guard(Guarded):
    """Turns an exception raised inside the block into a problem at ``path``; the block's remaining lines are skipped.

    Args:
        installation: Where the problem is recorded.
        path: What was being read, as provenance shows it.
    """

    __slots__ = ("_installation", "_path")

    def __init__(self, installation: Installation, path: str) -> None:
        self._installation = installation
        self._path = path
        self.failure = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failure, kind, offset = what_failed(error)
        # A link is told once, however much would lie behind it.
        path = error.path if isinstance(error, NotFollowed) else self._path
        self._installation.problem(path, kind, self.failure.why or "", offset)
        return True


def what_failed(error: Exception) -> tuple[Outcome, str, int | None]:
    """Return what an exception says of what was being read, with the kind of its problem and the byte where it was.

    The sentence of the problem is that of the outcome.
    """
    if isinstance(error, FormatError):
        return Outcome("unreadable", error.message), error.kind, error.offset
    if isinstance(error, SourceError | NotFound | Unreadable):
        return outcome_of(error), error.kind, None
    if isinstance(error, OSError):
        return outcome_of(error), NotObtained.kind, None
    # Hostile bytes can make any library throw anything. Its text is left out: it may quote what it was reading.
    # A lack of memory here says nothing of what lies there.
    message = sentence("reading failed {how}", how=how(error))
    return Outcome("not_examined" if is_lack_of_memory(error) else "unreadable", message), kind_of(error), None
