"""One broken artefact never stops the rest: whatever a reader throws becomes a row of table problem."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from forensics.disk.errors import SourceError
from forensics.disk.tree import NotFound, Unreadable
from forensics.formats.errors import FormatError
from forensics.sources.installation import Installation


@contextmanager
def guard(installation: Installation, path: str) -> Iterator[None]:
    """Turn an exception raised inside the block into a problem at ``path``; the block's remaining lines are skipped.

    Args:
        installation: Where the problem is recorded.
        path: What was being read, as provenance shows it.
    """
    try:
        yield
    except FormatError as error:
        installation.problem(path, error.kind, error.message, error.offset)
    except (SourceError, NotFound, Unreadable) as error:
        installation.problem(path, getattr(error, "kind", "unreadable"), str(error))
    except Exception as error:
        # Hostile bytes can make any library throw anything. Its text is left out: it may quote what it was reading.
        installation.problem(path, "unexpected", f"reading failed with {type(error).__name__}")
