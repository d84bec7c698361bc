"""Runs the event log parser where it can do no harm: in a contained child, with bounds on memory, time and output.

A record of a few hundred bytes can unfold into gigabytes (a template that repeats a value that is a template that
repeats a value), the parser has no bound for that, and Rust ends the whole process when memory runs out. Where there
is no ``fork`` (Windows) the child is a new Python: its output and its time are bounded, its memory is not.

One child parses the chunks of all logs, while this process does other things, and says when it is through with each:
what ends it costs the chunk that it had before it, and the next child goes on behind that.
"""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

from forensics.contained.bounds import Bounds
from forensics.contained.child import Child, is_possible, records_of
from forensics.contained.failure import ContainedFailure
from forensics.contained.frames import Sender
from forensics.contained.task import Task
from forensics.formats.evtx import CHUNK_SIZE, log_of
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_MEMORY = 512 << 20
"""Format: bytes that the child that parses may take beyond what it has; chunks that need more are damaged."""
MAX_WAIT = 60
"""Format: seconds by the clock, for a child that waits for what never comes."""
MAX_WAIT_WITHOUT_FORK = 20
"""Format: seconds by the clock, the start of a new Python among them, where no processor time can be set."""
BATCH = 512
"""Work: chunks of 64 KiB that one child parses, and that wait meanwhile for the next."""
BATCH_SECONDS = 8
"""Format: seconds of processor time that one child may take; its chunks do take less than a tenth of it."""
CHUNK_SECONDS = 1
"""Format: seconds of processor time that one chunk may take to parse."""
MAX_OUTPUT = 32 << 20
"""Format: characters that one chunk may unfold to; Windows' own take 100,000."""
MAX_RATIO = 16
"""Format: bytes of what is wanted of chunks for each byte of them, all together; Windows' own take 1.5."""
_PATIENCE = 3
"""Evidence: children of one installation that may be ended by what they parse before no more is parsed."""

_RECORD, _BROKEN, _PANIC, _TOO_MUCH, _END = b"r", b"b", b"p", b"m", b"e"
_GAVE_UP = {
    _PANIC: sentence("the parser gave up on a part of the event log"),
    _TOO_MUCH: sentence("records of the event log unfold to many times their size"),
}
_ENDED = sentence("the parser took too much time or memory for a part of the event log, and was ended")


class Log(Protocol):
    """A log whose chunks are parsed."""

    def parsed(self, records: Sequence[str | None], failure: str | None, offset: int | None) -> None:
        """Take what came of one chunk.

        Args:
            records: As JSON, those that are wanted; None for each that cannot be read.
            failure: Why there are no more of them, without a word of the log.
            offset: That of the chunk.
        """

    def not_parsed(self) -> None:
        """Take it that chunks are not parsed, since too many parts of this computer's logs end their parser."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One chunk that waits, with its log, what that wants of it, and an offset to be told beside."""

    log: Log
    wants: Callable[[str], bool]
    chunk: bytes
    offset: int | None


class Parser:
    """Parses the chunks of all logs of one installation."""

    def __init__(self) -> None:
        self._waiting: list[_Part] = []
        self._begun: _Begun | None = None
        self._patience = _PATIENCE

    def give(self, log: Log, wants: Callable[[str], bool], chunk: bytes, offset: int | None = None) -> None:
        """Have a chunk parsed; what comes of it is told to its log, then or later.

        Args:
            log: The log.
            wants: Tells from a record's text whether it is wanted; it can be pickled.
            chunk: The whole chunk, or what there is of it.
            offset: Told to the log again.
        """
        self._waiting.append(_Part(log, wants, chunk, offset))
        if len(self._waiting) == BATCH:
            self.begin()

    def begin(self) -> None:
        """Have a child begin with the chunks that wait."""
        self._hear()
        parts, self._waiting = self._waiting, []
        self._begun = self._child_for(parts)

    def finish(self) -> None:
        """Have the logs told of all chunks that were given."""
        self.begin()
        self._hear()

    def close(self) -> None:
        """End what is still parsed, where nobody wants it any more."""
        if self._begun is not None:
            self._begun.close()

    def _child_for(self, parts: list[_Part]) -> _Begun | None:
        if self._patience <= 0:
            for part in parts:
                part.log.not_parsed()
            return None
        return _Begun(parts) if parts else None

    def _hear(self) -> None:
        while self._begun is not None:
            left = self._begun.heard()
            if left is None:
                self._begun = None
            else:
                self._patience -= 1
                self._begun = self._child_for(left)


class _Begun:
    """A child, from when it begins to parse some chunks."""

    def __init__(self, parts: list[_Part]) -> None:
        import evtx  # noqa: F401 - so that no child has to

        clock = MAX_WAIT if is_possible() else MAX_WAIT_WITHOUT_FORK
        answer = 4 * MAX_OUTPUT + MAX_RATIO * CHUNK_SIZE * len(parts)
        bounds = Bounds(MAX_MEMORY, BATCH_SECONDS, clock, answer, quiet=True)
        self._parts = parts
        self._child: Child | None = None
        with suppress(ContainedFailure):  # it could not even begin, which is then told as its end
            chunks = tuple((part.chunk, part.wants) for part in parts)
            self._child = Child(Task(_parse, (chunks, CHUNK_SECONDS), bounds))

    def close(self) -> None:
        """End it, wherever it is."""
        if self._child is not None:
            self._child.end()

    def heard(self) -> list[_Part] | None:
        """Tell the logs what came of the chunks.

        Returns:
            If the child was ended, the chunks behind the one that did it.
        """
        done = 0
        why: ContainedFailure | None = None
        records: list[str | None] = []
        failure: str | None = None
        try:
            for said in records_of(self._child) if self._child is not None else ():
                kind = said[:1]
                if kind == _RECORD:
                    records.append(said[1:].decode("utf-8", "replace"))
                elif kind == _BROKEN:
                    records.append(None)
                elif kind in _GAVE_UP:
                    failure = _GAVE_UP[kind]
                elif kind == _END and done < len(self._parts):
                    self._tell(done, records, failure)
                    done, records, failure = done + 1, [], None
        except ContainedFailure as ended:
            why = ended
        if why is None and done == len(self._parts):
            return None
        # What all of them took together is no fault of this one.
        is_sum = why is not None and why.kind in ("too_much_time", "too_large_answer") and done
        if not is_sum and done < len(self._parts):
            self._tell(done, records, failure or _ENDED)
            done += 1
        return self._parts[done:]

    def _tell(self, number: int, records: list[str | None], failure: str | None) -> None:
        part = self._parts[number]
        part.log.parsed(records, failure, part.offset)


def _parse(sender: Sender, parts: Sequence[tuple[bytes, Callable[[str], bool]]], seconds: float) -> None:
    """Be the child."""
    has_clock = hasattr(signal, "setitimer")
    if has_clock:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for chunk, wants in parts:
        if has_clock:
            signal.setitimer(signal.ITIMER_PROF, seconds)
        for item in _parsed(chunk, wants):
            sender.record(_RECORD + item.encode("utf-8", "replace") if isinstance(item, str) else item)
        sender.record(_END)
        sender.flush()


def _parsed(chunk: bytes, wants: Callable[[str], bool]) -> Iterator[str | bytes]:
    """Yield wanted records, and what befell the others."""
    from evtx import PyEvtxParser

    left = MAX_OUTPUT
    records: Any = PyEvtxParser(io.BytesIO(log_of([chunk])), 1).records_json()
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
