"""Runs the event log parser where it can do no harm: in a contained child, with bounds on memory, time and output.

A record of a few hundred bytes can unfold into gigabytes (a template that repeats a value that is a template that
repeats a value), the parser has no bound for that, and Rust ends the whole process when memory runs out. Where there
is no ``fork`` (Windows) the child is a new Python: its output and its time are bounded, its memory is not.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from forensics.contained.bounds import Bounds
from forensics.contained.child import is_forked_here, is_possible, records
from forensics.contained.failure import ContainedFailure
from forensics.contained.frames import Sender
from forensics.contained.task import Task
from forensics.formats.evtx import CHUNK_SIZE, log_of

MAX_MEMORY = 512 << 20
"""Format: bytes that the child that parses may take beyond what it has; chunks that need more are damaged."""
MAX_WAIT = 60
"""Format: seconds by the clock, for a child that waits for what never comes."""
MAX_WAIT_WITHOUT_FORK = 20
"""Format: seconds by the clock, the start of a new Python among them, where no processor time can be set."""
LEAST_OUTPUT = 32 << 20
"""Format: characters that chunks may unfold to, however small they are."""
MAX_RATIO = 16
"""Format: characters that chunks may unfold to for each of their bytes; Windows' own take 1.5."""

_RECORD, _BROKEN, _PANIC, _TOO_MUCH = b"r", b"b", b"p", b"m"
_GAVE_UP = {
    _PANIC: "the parser gave up on a part of the event log",
    _TOO_MUCH: "records of the event log unfold to many times their size",
}


class ParserGaveUp(Exception):
    """Nothing more comes from these chunks; the message says why, and never quotes the log."""


def wanted_records(chunks: Sequence[bytes], wants: Callable[[str], bool], seconds: int) -> Iterator[str | None]:
    """Yield the records of chunks as JSON, those that are wanted; None for each that cannot be read.

    Args:
        chunks: Whole chunks of one log.
        wants: Tells from a record's text whether it is wanted.
        seconds: Processor time it may take.

    Raises:
        ParserGaveUp: The parser died, unfolded too much or took too long; what came before stands.
    """
    import evtx  # noqa: F401 - so that no child has to

    # A child that is not forked here cannot be told what is wanted: it says everything.
    is_told = is_forked_here()
    clock = MAX_WAIT if is_possible() else MAX_WAIT_WITHOUT_FORK
    most = 4 * (LEAST_OUTPUT + MAX_RATIO * CHUNK_SIZE * len(chunks))
    bounds = Bounds(MAX_MEMORY, seconds, clock, most, quiet=True)
    for said in _said(Task(_parse, (tuple(chunks), wants if is_told else None), bounds)):
        kind, content = said[:1], said[1:]
        if kind in _GAVE_UP:
            raise ParserGaveUp(_GAVE_UP[kind])
        record = content.decode("utf-8", "replace") if kind == _RECORD else None
        if record is None or is_told or wants(record):
            yield record


def _said(task: Task) -> Iterator[bytes]:
    try:
        yield from records(task)
    except ContainedFailure as failure:
        why = "the parser took too much time or memory for a part of the event log, and was ended"
        raise ParserGaveUp(why) from failure


def _parse(sender: Sender, chunks: Sequence[bytes], wants: Callable[[str], bool] | None) -> None:
    """Be the child."""
    for item in _parsed(chunks, wants or (lambda _: True)):
        sender.record(_RECORD + item.encode("utf-8", "replace") if isinstance(item, str) else item)


def _parsed(chunks: Sequence[bytes], wants: Callable[[str], bool]) -> Iterator[str | bytes]:
    """Yield wanted records, and what befell the others."""
    from evtx import PyEvtxParser

    left = LEAST_OUTPUT + MAX_RATIO * CHUNK_SIZE * len(chunks)
    records: Any = PyEvtxParser(io.BytesIO(log_of(chunks)), 1).records_json()
    while True:
        try:
            for item in records:
                record: str = item["data"]
                left -= len(record)
                if left < 0:
                    yield _TOO_MUCH
                    return
                if wants(record):
                    yield record
            return
        except RuntimeError:
            # The parser goes on behind the record or chunk; its text quotes the log, and only that.
            left -= 1000
            yield _BROKEN
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            yield _PANIC
            return
