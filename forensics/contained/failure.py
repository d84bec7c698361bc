"""How the work of a contained child can fail: one exception, whose kind says in which way."""

from __future__ import annotations

import signal
from typing import Literal

from forensics.contained.bounds import Bounds

FailureKind = Literal["crashed", "too_much_memory", "too_much_time", "past_deadline", "too_large_answer", "bad_answer"]


class ContainedFailure(Exception):
    """No answer came from a child.

    Args:
        kind: In which way it failed.
        message: What became of the child, a clause such as "it ended by SIGSEGV"; nothing of the evidence is in it.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.message = message


def too_much_memory(bounds: Bounds) -> ContainedFailure:
    """Return that it needed more memory than it may take."""
    return ContainedFailure("too_much_memory", f"it needed more than {bounds.memory >> 20} MiB of memory")


def past_deadline(bounds: Bounds) -> ContainedFailure:
    """Return that it did not end in time."""
    return ContainedFailure("past_deadline", f"it did not end within {_span(bounds.seconds)}")


def too_large_answer(bounds: Bounds) -> ContainedFailure:
    """Return that it sent more than it may."""
    return ContainedFailure("too_large_answer", f"it had more to say than {bounds.answer >> 20} MiB")


def ended_with(code: int | None, bounds: Bounds) -> ContainedFailure:
    """Return what it means that a child ended so, without an answer.

    Args:
        code: Its exit code; of one that a signal ended the negative number of that; None
            where nothing tells.
        bounds: What it was allowed to take.
    """
    if code is None:
        return ContainedFailure("crashed", "it ended, and nothing tells how")
    if code == -getattr(signal, "SIGALRM", 0) and code:
        return past_deadline(bounds)
    if code == -getattr(signal, "SIGXCPU", 0) and code:
        return ContainedFailure("too_much_time", f"it took more than {_span(bounds.processor)} of processor time")
    if code == -getattr(signal, "SIGPROF", 0) and code:
        return ContainedFailure("too_much_time", f"it took more than {_span(bounds.step)} of processor time")
    if code == -getattr(signal, "SIGKILL", 0) and code:
        return ContainedFailure("crashed", "it was killed (SIGKILL), likely because the machine ran out of memory")
    if code < 0:
        return ContainedFailure("crashed", f"it crashed ({_name(-code)})")
    return ContainedFailure("crashed", f"it ended without an answer (exit code {code})")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _span(seconds: int) -> str:
    return f"{seconds // 3600} hours" if seconds >= 7200 else f"{seconds} seconds"
