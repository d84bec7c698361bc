"""Several contained children at a time, and what each came to, as they end."""

from __future__ import annotations

import selectors
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from forensics.contained.child import Child
from forensics.contained.failure import ContainedFailure
from forensics.contained.task import Task

_TICK = 0.2
_LATE = 10
"""Seconds after which a child that should have ended itself by its own clock is ended."""


def answers(
    tasks: Sequence[Task],
    jobs: int,
    line: Callable[[int, str], None],
    tick: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, list[bytes], Any | ContainedFailure]]:
    """Yield the number of each task, the records that came of it, and its answer, or why there is none, as they come.

    Whatever ends this early (Ctrl-C, an error of whoever asks, a generator that is closed) kills the children.

    Args:
        tasks: They.
        jobs: Children at a time, at least one; fewer where the system has no room for more of them.
        line: Called with the number of a task and each line that it tells of its progress.
        tick: Called some times a second while nothing comes.
    """
    waiting = deque(enumerate(tasks))
    running: dict[Child, int] = {}
    with selectors.DefaultSelector() as ready:
        try:
            while True:
                while len(running) < jobs and waiting:
                    number, task = waiting.popleft()
                    try:
                        child = Child(task)
                    except ContainedFailure as failure:
                        if running:  # what these hold (processes, descriptors, memory) is free when they end
                            waiting.appendleft((number, task))
                            jobs = len(running)
                            break
                        yield number, [], failure
                        continue
                    running[child] = number
                    ready.register(child, selectors.EVENT_READ)
                if not running:
                    return
                over = [child for child in running if child.left < -_LATE]
                for child in over:
                    ready.unregister(child)
                    child.expire()
                for key, _ in ready.select(_TICK) if not over else ():
                    child = key.fileobj  # type: ignore[assignment]
                    goes_on = child.read()
                    for said in child.lines:
                        line(running[child], said)
                    child.lines.clear()
                    if not goes_on:
                        ready.unregister(child)
                        over.append(child)
                for child in over:
                    outcome = _outcome(child)
                    yield running.pop(child), child.records, outcome
                tick()
        finally:
            for child in running:
                child.end()


def _outcome(child: Child) -> Any | ContainedFailure:
    try:
        return child.answer()
    except ContainedFailure as failure:
        return failure
