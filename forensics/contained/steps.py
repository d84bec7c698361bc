"""Steps of one work in a contained child: which one ended it is known, and another child does the rest.

What is done for a stranger's rules is such work: each is a step, and one that crashes or hangs its process shall not
silence the others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from forensics.contained.bounds import Bounds, begin_step
from forensics.contained.child import Child, is_possible, records_of
from forensics.contained.failure import ContainedFailure
from forensics.contained.frames import Sender
from forensics.contained.task import Task
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_MEMORY = 4 << 30
"""Work: bytes that one child may take for steps."""
MAX_ANSWER = 256 << 20
"""Work: bytes that all steps together may answer."""
MOST_ENDED = 5
"""Work: children that steps may end before the rest is given up."""

_GIVEN_UP = sentence("it was not tried, because {most_ended} others ended their processes", most_ended=MOST_ENDED)
_TO_PREPARE = 300
"""Work: seconds of processor time beside those of the steps."""
_CLOCK = 10
"""Work: seconds by the clock for each of processor time, on a machine that does other things too."""

Do = Callable[[int], Any]
"""Does the step of a number."""


@dataclass(frozen=True)
class Steps:
    """Work in steps.

    Attributes:
        prepare: Is called in the child with the arguments, and returns what does a step; a function of a module.
        arguments: They; they can be pickled.
        count: How many steps there are; their numbers are from 0.
        seconds: Of processor time that each may take.
        classes: Of the objects in what a step answers.
    """

    prepare: Callable[..., Do]
    arguments: tuple[Any, ...]
    count: int
    seconds: float
    classes: tuple[type, ...] = ()


def outcomes(steps: Steps) -> Iterator[tuple[int, Any | ContainedFailure]]:
    """Do steps in contained children; yields the number of each with its answer, or why there is none.

    Where no child can be had that is bounded, they are done in this process.
    """
    if not is_possible():
        do = steps.prepare(*steps.arguments)
        yield from ((number, do(number)) for number in range(steps.count))
        return
    left = list(range(steps.count))
    for ended in itertools.count(1):
        if not left:
            return
        yield from (run := _Run(steps, left)).outcomes()
        left = run.left
        if run.guilty is None:
            yield from ((number, _not_reached(run.failure)) for number in left)
            return
        if ended == MOST_ENDED:
            yield from ((number, ContainedFailure("crashed", _GIVEN_UP)) for number in left)
            return


def _not_reached(failure: ContainedFailure) -> ContainedFailure:
    return ContainedFailure(failure.kind, sentence("its process ended before that: {message}", message=failure.message))


class _Run:
    """One child that does those steps which are left.

    Attributes:
        left: Those that it did not come to.
        guilty: The step that ended it.
        failure: How it ended; what became of those that are left when no other child does them.
    """

    def __init__(self, steps: Steps, left: Sequence[int]) -> None:
        self._steps = steps
        self.left = list(left)
        self.guilty: int | None = None
        self.failure = ContainedFailure("bad_answer", sentence("it did not answer to all that was asked"))

    def outcomes(self) -> Iterator[tuple[int, Any | ContainedFailure]]:
        """Yield what comes, until the child ends."""
        from forensics.contained.answers import loaded

        begun: int | None = None
        try:
            for record in records_of(Child(_task(self._steps, self.left))):
                if record[:1] == b"?":
                    begun = self._number(record[1:])
                elif begun is not None:
                    answer = loaded(record[1:], self._steps.classes)
                    self.left.remove(begun)
                    yield begun, answer
                    begun = None
        except ContainedFailure as failure:
            self.failure = failure
            self.guilty = begun
        if begun is not None and self.guilty is not None:
            self.left.remove(begun)
            yield begun, self.failure

    def _number(self, told: bytes) -> int:
        number = int(told) if told.isdigit() and len(told) < 10 else -1
        if number not in self.left:
            raise ContainedFailure("bad_answer", sentence("what it answered cannot be read"))
        return number


def _task(steps: Steps, left: Sequence[int]) -> Task:
    processor = _TO_PREPARE + math.ceil(steps.seconds * len(left))
    bounds = Bounds(MAX_MEMORY, processor, processor * _CLOCK, MAX_ANSWER, step=steps.seconds)
    return Task(_do, (steps, tuple(left)), bounds)


def _do(sender: Sender, steps: Steps, left: Sequence[int]) -> None:
    from forensics.contained.answers import dumped

    do = steps.prepare(*steps.arguments)
    for number in left:
        sender.record(b"?%d" % number)
        sender.flush()
        begin_step(steps.seconds)
        sender.record(b"=" + dumped(do(number), steps.classes))
