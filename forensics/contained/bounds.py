"""What a contained child may take, and how it lets the operating system hold it to that.

Where there is no ``fork`` (Windows) only the clock and the size of the answer are bounded: memory, processor time and
files are not.

References:
    https://man7.org/linux/man-pages/man2/setrlimit.2.html,
    https://man7.org/linux/man-pages/man2/fcntl.2.html (F_SETSIG)
"""

from __future__ import annotations

import faulthandler
import os
import signal
from contextlib import suppress
from pathlib import Path

from forensics.late_methods import dataclass

_GRACE = 2
"""Seconds of processor time between the signal that tells why and the one that nothing survives."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one child may take.

    Attributes:
        memory: Bytes of address space, beyond what is in use when it begins; kept on Linux, which tells what that is.
        processor: Seconds of processor time.
        seconds: Seconds by the clock.
        answer: Bytes that it may send, records among them.
        file: Bytes of a file that it writes.
        quiet: What it prints is dropped, such as what Rust says when it dies.
        step: Seconds of processor time of each of its steps, where it has any: see :func:`begin_step`.
    """

    memory: int
    processor: int
    seconds: int
    answer: int
    file: int = 0
    quiet: bool = False
    step: float = 0


def die_with(parent: int, life: int) -> None:
    """Have the kernel kill this process when its parent is gone, where it can; else the pipe for the answer ends it.

    Args:
        parent: The process that forked it.
        life: The end for reading of a pipe, of which the parent alone has the other end.
    """
    import fcntl

    with suppress(OSError, AttributeError):
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    if os.getppid() != parent:
        os._exit(1)


def be_bounded(bounds: Bounds) -> None:
    """Bound this process, which is a child that was forked for one task."""
    # A crash is told by the parent, by its signal.
    faulthandler.disable()
    if hasattr(signal, "setitimer"):
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGXCPU, signal.SIGPROF, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # Whoever is asked to stop, by whatever means, is the parent.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, bounds.seconds)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2) if bounds.quiet else (0, 1):
        os.dup2(nowhere, stream)
    os.close(nowhere)
    with suppress(ImportError):
        _limit_resources(bounds)


def begin_step(seconds: float) -> None:
    """Have the operating system end this process, a child, unless it begins another step within this time.

    Args:
        seconds: Of processor time.
    """
    if hasattr(signal, "ITIMER_PROF"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_resources(bounds: Bounds) -> None:
    import resource

    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, bounds.processor, _GRACE)
    _limit(resource.RLIMIT_FSIZE, bounds.file)
    with suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, used + bounds.memory)


def _limit(kind: int, most: int, grace: int = 0) -> None:
    """Set one limit; a child of a child cannot have more than that."""
    import resource

    hard = resource.getrlimit(kind)[1]
    last = most + grace if hard == resource.RLIM_INFINITY else min(most + grace, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (min(most, last), last))
