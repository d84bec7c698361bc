"""The servers of one examination: sources on them without what is secret in their URLs, and what they did not give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from forensics.disk.places import is_url
from forensics.language import sentence
from forensics.tables.record import ProblemRow


def without_secrets(sources: Sequence[str | Path]) -> Sequence[str | Path]:
    """Return sources as rows name them.

    Raises:
        SourceError: There is a password or a signature in a URL.
    """
    if not any(map(is_url, sources)):
        return sources
    from forensics.disk.remote.address import checked

    return [checked(source) for source in sources]


def signatures(sources: Sequence[str | Path], signed_urls: str | Path | None) -> Mapping[str, str] | None:
    """Return what stands behind the ``?`` of signed URLs, by the URL without it; None where no source is on a server.

    Args:
        sources: Of one examination.
        signed_urls: File of signed URLs.

    Raises:
        SourceError: The file cannot be read, or holds something else.
    """
    if not any(map(is_url, sources)):
        return None
    from forensics.disk.remote.address import signed_urls as read_signed

    return read_signed(Path(signed_urls)) if signed_urls is not None else {}


@contextmanager
def asked_servers(signed: Mapping[str, str] | None) -> Iterator[Callable[[], dict[str, str]]]:
    """Know nothing of servers from before while sources are examined.

    Args:
        signed: As :func:`signatures` returns it.

    Yields:
        What returns why files of servers were not obtained, or not all of them, by their URLs.
    """
    if signed is None:
        yield dict
        return
    from forensics.disk.remote.session import session_of

    with session_of(signed) as session:
        yield lambda: dict(session.failures)


def not_obtained(failures: Mapping[str, str]) -> list[ProblemRow]:
    """Return a problem for each file of a server that was not obtained, or not all of it."""
    return [
        ProblemRow(
            machine_id=0,
            source_path=url,
            kind="not_obtained",
            message=sentence("{url} cannot be read: {why}", url=url, why=why),
        )
        for url, why in failures.items()
    ]
