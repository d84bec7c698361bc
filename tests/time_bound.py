"""Bounds on processor time that only a hang, quadratic or needless work exceeds, never a slow or busy machine."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MARGIN = 20
"""How many times longer than on one idle core a test may take: CI's processors are shared and some are slow."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail when the block used more than ``MARGIN`` times the processor seconds it needs on an idle core."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < seconds * MARGIN


def no_dearer(work: Callable[[], object], other: Callable[[], object], times: float, rounds: int = 20) -> None:
    """Fail when one piece of work takes more than so many times the processor time of another.

    The least time of each counts, of runs that take turns: whatever else the machine does only adds to it. It ends with
    the round in which the bound holds.
    """
    least = [float("inf"), float("inf")]
    for _ in range(rounds):
        for number, run in enumerate((work, other)):
            begun = time.process_time()
            run()
            least[number] = min(least[number], time.process_time() - begun)
        if least[0] <= times * least[1]:
            return
    raise AssertionError(f"{least[0]:.3f} s are {least[0] / least[1]:.2f} times {least[1]:.3f} s")
