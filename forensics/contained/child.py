"""A contained child, from its start to its end: what the parent reads of it, and how it is killed.

A process with one thread forks its children itself. One with several (a notebook, a worker of a cluster) must not: a
lock that another thread holds would be held in the child for ever. There :mod:`forensics.contained.nursery`, a process
with one thread, forks them; and where nothing can fork, the child is a new Python.

However it began, a child is killed with all that it started when it is no longer wanted, and does not live on when its
parent is gone, even by SIGKILL.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Protocol

from forensics.contained.bounds import die_with
from forensics.contained.failure import (
    ContainedFailure,
    ended_with,
    past_deadline,
    too_large_answer,
    too_much_memory,
)
from forensics.contained.frames import Frames
from forensics.contained.task import NOTHING, Task, do
from forensics.language import sentence

_PORTION = 1 << 18
_PATIENCE = 5.0
"""Work: seconds for which a killed child is waited for; one that hangs in the kernel is left to it."""
_PROTOCOL_ROOM = 1 << 20

_contained = False
_NEW_OBJECTS = 700
"""Objects until cycles are looked for, as in Python itself: one of exceptions may hold megabytes of hostile bytes."""
_LOOKS_BETWEEN = 100
"""Looks for cycles among younger objects between two among all: what ten thousand certificates are is not looked
through again and again, and cycles of exceptions are young."""
_held: set[int] = set()
"""Descriptors of this process that none of its children may keep."""


class Process(Protocol):
    """The process of a child, however it was made."""

    def end(self) -> int | None:
        """Kill it and what it started, if it has not ended; return its exit code, negative for a signal."""


def is_possible() -> bool:
    """Tell whether a child can be had that the operating system bounds."""
    return hasattr(os, "fork")


def is_forked_here() -> bool:
    """Tell whether a child that is started now has all objects of this process: nothing is pickled for it."""
    return is_possible() and _has_one_thread()


def _has_one_thread() -> bool:
    if threading.active_count() > 1:
        return False
    try:
        # Threads of libraries are none of Python's.
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return True


def scratch_prefix() -> str:
    """Return how the names of temporary folders begin that are removed when this process, a child, is killed."""
    return f"keymortem-{os.getpid()}-"


class Child:
    """A child that does one task.

    Args:
        task: The task; the child begins at once.

    Raises:
        ContainedFailure: No process could be started.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.records: list[bytes] = []
        self.lines: list[str] = []
        self._frames = Frames()
        self._received = 0
        self._pid: int | None = None
        self._answer: bytes | None = None
        self._failure: ContainedFailure | None = None
        self._deadline = time.monotonic() + task.bounds.seconds
        self._is_over = False
        try:
            self._pipe, self._process = _started(task)
        except OSError as error:
            why = sentence("no process could be started for it ({strerror})", strerror=error.strerror)
            raise ContainedFailure("crashed", why) from error
        _held.add(self._pipe)

    def fileno(self) -> int:
        """Return what becomes readable when :meth:`read` would not wait."""
        return self._pipe

    @property
    def left(self) -> float:
        """Seconds until its deadline."""
        return self._deadline - time.monotonic()

    def read(self) -> bool:
        """Take what it has to say into ``records`` and ``lines``; False when that was all."""
        data = os.read(self._pipe, _PORTION)
        self._received += len(data)
        if self._received > self.task.bounds.answer + _PROTOCOL_ROOM:
            self._failure = too_large_answer(self.task.bounds)
            return False
        for kind, content in self._frames.take(data):
            if kind == b"R":
                self.records.append(content)
            elif kind == b"P":
                self.lines.append(content.decode("utf-8", "replace"))
            elif kind == b"A":
                self._answer = content
            elif kind == b"F":
                self._failure = self._failed(content)
            elif kind == b"S" and content.isdigit() and len(content) < 12:
                self._pid = int(content)
        return bool(data)

    def _failed(self, content: bytes) -> ContainedFailure:
        if content == b"too_much_memory":
            return too_much_memory(self.task.bounds)
        if content == b"too_large_answer":
            return too_large_answer(self.task.bounds)
        name = content[:80].decode("ascii", "replace")
        return ContainedFailure(
            "crashed", sentence("it failed with {name}", name=name if name.isidentifier() else "an error")
        )

    def expire(self) -> None:
        """End it because its deadline is past."""
        self._failure = past_deadline(self.task.bounds)
        self.end()

    def answer(self) -> Any:
        """Return its answer, when :meth:`read` returned False.

        Raises:
            ContainedFailure: There is none.
        """
        code = self.end()
        if self._failure is not None:
            raise self._failure
        if self._answer is None:
            raise ended_with(code, self.task.bounds)
        if self._answer == NOTHING:
            return None
        from forensics.contained.answers import loaded

        return loaded(self._answer, self.task.classes)

    def end(self) -> int | None:
        """Kill it and all that it started, if it is there; returns its exit code when that was not asked before."""
        if self._is_over:
            return None
        self._is_over = True
        _held.discard(self._pipe)
        os.close(self._pipe)
        code = self._process.end()
        if self._answer is None and self._pid is not None:
            import shutil  # here: most children end well, and these import much
            import tempfile

            for litter in Path(tempfile.gettempdir()).glob(f"keymortem-{self._pid}-*"):
                shutil.rmtree(litter, ignore_errors=True)
        return code


def records_of(child: Child) -> Iterator[bytes]:
    """Yield what a child sends before it ends, as it comes.

    Raises:
        ContainedFailure: It failed; what came before stands.
    """
    try:
        while child.read():
            yield from child.records
            child.records.clear()
        yield from child.records
        child.answer()
    finally:
        child.end()


def _started(task: Task) -> tuple[int, Process]:
    if not is_possible():
        return _new_python(task)
    if not _has_one_thread():
        from forensics.contained.nursery import born

        return born(task)
    reading, writing = os.pipe()
    try:
        return reading, fork_into(task, writing, [reading])
    except BaseException:
        os.close(reading)
        raise


def fork_into(task: Task, writing: int, others: Iterable[int], before: Callable[[], None] = lambda: None) -> Forked:
    """Fork a child for a task, in a process with one thread.

    Args:
        task: The task.
        writing: Where its answer goes, a descriptor that is closed here.
        others: Descriptors that are not the child's.
        before: What the child does before its task.

    Raises:
        OSError: There are too many processes, or too little memory.
    """
    living, life = os.pipe()
    parent, nested = os.getpid(), _contained
    try:
        pid = os.fork()
    except OSError:
        for descriptor in (living, life, writing):
            os.close(descriptor)
        raise
    if not pid:
        _be_child(partial(_do, task, writing, before), parent, living, [life, *others, *_held])
    os.close(writing)
    os.close(living)
    if not nested:
        with suppress(OSError):
            os.setpgid(pid, pid)
    return Forked(pid, life, is_group=not nested)


def _do(task: Task, writing: int, before: Callable[[], None]) -> None:
    before()
    do(task, writing)


def _be_child(work: Callable[[], None], parent: int, living: int, others: Iterable[int]) -> NoReturn:
    """Do what the child was forked for, which ends with it."""
    global _contained
    try:
        if not _contained:
            os.setpgid(0, 0)
        die_with(parent, living)
        for descriptor in others:
            with suppress(OSError):
                os.close(descriptor)
        _held.clear()
        _contained = True
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS, 10, _LOOKS_BETWEEN)
        work()
    finally:
        os._exit(0)


class Forked:
    """A child of this process.

    Args:
        pid: It.
        life: Is closed when it is over, and by the kernel when this process is.
        is_group: It has a process group of its own.
    """

    def __init__(self, pid: int, life: int, is_group: bool) -> None:
        self.pid = pid
        self._life = life
        self._ended: int | None = None
        self._kill: Callable[[int, int], None] = os.killpg if is_group else os.kill
        _held.add(life)

    def has_ended(self) -> bool:
        """Tell whether it ended by itself."""
        self._ended = self._ended if self._ended is not None else _code(self.pid)
        return self._ended is not None

    def end(self) -> int | None:
        """Kill it and what it started, if it has not ended; return its exit code, negative for a signal."""
        code = self._ended if self.has_ended() else None
        with suppress(OSError):
            self._kill(self.pid, signal.SIGKILL)
        until = time.monotonic() + _PATIENCE
        while code is None and time.monotonic() < until:
            code = _code(self.pid)
            if code is None:
                time.sleep(0.0005)
        _held.discard(self._life)
        os.close(self._life)
        return code


def _code(pid: int) -> int | None:
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return -signal.SIGKILL
    return os.waitstatus_to_exitcode(status) if done else None


def _new_python(task: Task) -> tuple[int, Process]:
    import pickle
    import subprocess

    code = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); import forensics.contained.child as c; "
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", f"{code}c.serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if task.bounds.quiet else None,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(OSError):
        pickle.dump([place for place in sys.path if place], child.stdin)  # the folder may be the evidence
        pickle.dump(task, child.stdin)
        child.stdin.close()
    return os.dup(child.stdout.fileno()), _NewPython(child, task.bounds.seconds)


def serve() -> None:
    """Be the child where there is no ``fork``: the task comes on stdin, the answer goes to stdout."""
    import pickle

    task = pickle.load(sys.stdin.buffer)
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    do(task, pipe)


class _NewPython:
    """A new Python, which a clock of this process ends."""

    def __init__(self, child: Any, seconds: int) -> None:
        self._child = child
        self._clock = threading.Timer(seconds, child.kill)
        self._clock.daemon = True
        self._clock.start()

    def end(self) -> int | None:
        """Kill it, if it has not ended; return its exit code, negative for a signal."""
        self._clock.cancel()
        self._child.stdout.close()
        code: int | None = self._child.poll()
        self._child.kill()
        self._child.wait()
        return code
