"""How the work of a contained child can fail: one exception, whose kind says in which way."""

from __future__ import annotations

import signal
from typing import Literal

from forensics.contained.bounds import Bounds
from forensics.language import sentence

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
    return ContainedFailure(
        "too_much_memory", sentence("it needed more than {memory} MiB of memory", memory=bounds.memory >> 20)
    )


def past_deadline(bounds: Bounds) -> ContainedFailure:
    """Return that it did not end in time."""
    return ContainedFailure("past_deadline", sentence("it did not end within {span}", span=_span(bounds.seconds)))


def too_large_answer(bounds: Bounds) -> ContainedFailure:
    """Return that it sent more than it may."""
    return ContainedFailure(
        "too_large_answer", sentence("it had more to say than {answer} MiB", answer=bounds.answer >> 20)
    )


def ended_with(code: int | None, bounds: Bounds) -> ContainedFailure:
    """Return what it means that a child ended so, without an answer.

    Args:
        code: Its exit code; of one that a signal ended the negative number of that; None
            where nothing tells.
        bounds: What it was allowed to take.
    """
    if code is None:
        return ContainedFailure("crashed", sentence("it ended, and nothing tells how"))
    if code == -getattr(signal, "SIGALRM", 0) and code:
        return past_deadline(bounds)
    if code == -getattr(signal, "SIGXCPU", 0) and code:
        return ContainedFailure(
            "too_much_time", sentence("it took more than {span} of processor time", span=_span(bounds.processor))
        )
    if code == -getattr(signal, "SIGPROF", 0) and code:
        return ContainedFailure(
            "too_much_time", sentence("it took more than {span} of processor time", span=_span(bounds.step))
        )
    if code == -getattr(signal, "SIGKILL", 0) and code:
        return ContainedFailure(
            "crashed", sentence("it was killed (SIGKILL), likely because the machine ran out of memory")
        )
    if code < 0:
        return ContainedFailure("crashed", sentence("it crashed ({name})", name=_name(-code)))
    return ContainedFailure("crashed", sentence("it ended without an answer (exit code {code})", code=code))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return sentence("signal {number}", number=number)


def _span(seconds: float) -> str:
    return (
        sentence("{seconds} hours", seconds=seconds // 3600)
        if seconds >= 7200
        else sentence("{seconds} seconds", seconds=seconds)
    )
