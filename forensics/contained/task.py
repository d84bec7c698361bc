"""One task for a contained child, and how the child does it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from forensics.contained.bounds import Bounds, be_bounded
from forensics.contained.frames import Sender
from forensics.lack_of_memory import is_lack_of_memory
from forensics.late_methods import dataclass

NOTHING = b"nothing"
"""Stands for None, the answer of who sends records alone: pickling is slow to import."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a child is to do.

    Attributes:
        function: Is called with a :class:`Sender` and the arguments; what it returns is the answer. A function of a
            module, with arguments that can be pickled, wherever :func:`forensics.contained.child.is_forked_here` says
            that the child does not simply have them.
        arguments: They.
        bounds: What it may take.
        classes: Of the objects in its answer.
        before: Is called where children are forked for a process with threads, before that: what it does once, no child
            does anew. It can be called again.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    bounds: Bounds
    classes: tuple[type, ...] = ()
    before: Callable[[], None] | None = None


def do(task: Task, pipe: int) -> None:
    """Do a task, in a child that was made for it, and tell over the pipe what came of it."""
    sender = Sender(pipe)
    with suppress(BaseException):  # the parent is told by the pipe that ends
        sender.send(b"S", str(os.getpid()).encode())
        sender.flush()
        try:
            be_bounded(task.bounds)
            answer = _as_bytes(task.function(sender, *task.arguments), task.classes)
            if len(answer) > task.bounds.answer:
                sender.send(b"F", b"too_large_answer")
            else:
                sender.send(b"A", answer)
        except Exception as error:
            if is_lack_of_memory(error):
                sender.send(b"F", b"too_much_memory")
                sender.flush()
                return
            _tell(error)
            # Its name alone: its text may hold what lies on the disk.
            sender.send(b"F", type(error).__name__.encode())
        sender.flush()


def _as_bytes(answer: Any, classes: tuple[type, ...]) -> bytes:
    if answer is None:
        return NOTHING
    from forensics.contained.answers import dumped

    return dumped(answer, classes)


def _tell(error: Exception) -> None:
    import logging

    logging.getLogger(__name__).debug("in a contained child", exc_info=error)
