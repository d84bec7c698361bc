"""One broken artefact never stops the rest: whatever a reader throws becomes a row of table problem."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from forensics.disk.errors import SourceError
from forensics.disk.tree import NotFollowed, NotFound, NotObtained, Unreadable
from forensics.formats.errors import FormatError
from forensics.lack_of_memory import how, is_lack_of_memory, kind_of
from forensics.language import said_by, sentence
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


@contextmanager
def guard(installation: Installation, path: str) -> Iterator[Guarded]:
    """Turn an exception raised inside the block into a problem at ``path``; the block's remaining lines are skipped.

    Args:
        installation: Where the problem is recorded.
        path: What was being read, as provenance shows it.

    Yields:
        What tells after the block whether it failed.
    """
    guarded = Guarded()
    try:
        yield guarded
    except FormatError as error:
        guarded.failure = Outcome("unreadable", error.message)
        installation.problem(path, error.kind, error.message, error.offset)
    except (SourceError, NotFound, Unreadable) as error:
        guarded.failure = outcome_of(error)
        # A link is told once, however much would lie behind it.
        installation.problem(error.path if isinstance(error, NotFollowed) else path, error.kind, said_by(error))
    except OSError as error:
        guarded.failure = outcome_of(error)
        installation.problem(path, NotObtained.kind, guarded.failure.why or "")
    except Exception as error:
        # Hostile bytes can make any library throw anything. Its text is left out: it may quote what it was reading.
        # A lack of memory here says nothing of what lies there.
        message = sentence("reading failed {how}", how=how(error))
        guarded.failure = Outcome("not_examined" if is_lack_of_memory(error) else "unreadable", message)
        installation.problem(path, kind_of(error), message)
