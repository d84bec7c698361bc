"""Runs the event log parser where it can do no harm: in a child process with bounds on memory, time and output.

A record of a few hundred bytes can unfold into gigabytes (a template that repeats a value that is a template that
repeats a value), the parser has no bound for that, and Rust ends the whole process when memory runs out. Where there
is no ``fork`` (Windows) the child is a new Python: its output and its time are bounded, its memory is not.
"""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

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

_LENGTH = struct.Struct("<I")
_BROKEN, _PANIC, _TOO_MUCH, _END = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC


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
    if hasattr(os, "fork"):
        import evtx  # noqa: F401 - so that no child has to

        yield from _from_forked(chunks, wants, seconds)
    else:
        yield from _from_new_python(chunks, wants)


def serve() -> None:
    """Be the child where there is no ``fork``: whole chunks on stdin, their records on stdout."""
    raw = sys.stdin.buffer.read()
    chunks = [raw[at : at + CHUNK_SIZE] for at in range(0, len(raw), CHUNK_SIZE)]
    with suppress(OSError):
        _write(sys.stdout.fileno(), chunks, lambda _: True)


def _parsed(chunks: Sequence[bytes], wants: Callable[[str], bool]) -> Iterator[str | int]:
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


def _from_forked(chunks: Sequence[bytes], wants: Callable[[str], bool], seconds: int) -> Iterator[str | None]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            os.close(reading)
            _be_bounded(seconds)
            _write(writing, chunks, wants)
        os._exit(0)
    os.close(writing)
    try:
        with open(reading, "rb", buffering=1 << 18) as stream:
            yield from _received(stream)
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


def _from_new_python(chunks: Sequence[bytes], wants: Callable[[str], bool]) -> Iterator[str | None]:
    package = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.insert(0, sys.argv[1]); from {__name__} import serve; serve()"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        # -P: what lies in the folder in which this was started, perhaps that of the evidence, is not imported.
        [sys.executable, "-P", "-c", code, package],
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        clock = threading.Timer(MAX_WAIT_WITHOUT_FORK, child.kill)
        clock.start()
        try:
            with suppress(OSError):
                child.stdin.write(b"".join(chunks))
                child.stdin.close()
            # The child cannot be told what is wanted: it says everything.
            yield from (record for record in _received(child.stdout) if record is None or wants(record))
        finally:
            clock.cancel()
            child.kill()


def _received(stream: IO[bytes]) -> Iterator[str | None]:
    """Yield the records that a child writes; None for each that it cannot read."""
    while True:
        head = stream.read(_LENGTH.size)
        number = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else None
        if number == _END:
            return
        if number is None:
            raise ParserGaveUp("the parser took too much time or memory for a part of the event log, and was ended")
        if number == _PANIC:
            raise ParserGaveUp("the parser gave up on a part of the event log")
        if number == _TOO_MUCH:
            raise ParserGaveUp("records of the event log unfold to many times their size")
        yield None if number == _BROKEN else stream.read(number).decode("utf-8", "replace")


def _write(writing: int, chunks: Sequence[bytes], wants: Callable[[str], bool]) -> None:
    with open(writing, "wb", buffering=1 << 16) as stream:
        for item in _parsed(chunks, wants):
            if isinstance(item, int):
                stream.write(_LENGTH.pack(item))
            else:
                data = item.encode("utf-8", "replace")
                stream.write(_LENGTH.pack(len(data)) + data)
        stream.write(_LENGTH.pack(_END))


def _be_bounded(seconds: int) -> None:
    """Bound this child's life; what Rust says when it dies is for nobody."""
    import faulthandler
    import resource

    faulthandler.disable()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.alarm(MAX_WAIT)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    # Only Linux tells what is in use already, and only there the bound is kept.
    with suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MAX_MEMORY, used + MAX_MEMORY))
