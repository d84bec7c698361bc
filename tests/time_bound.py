"""A bound on processor time that only a hang or quadratic work exceeds, never a slow or busy machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

MARGIN = 20
"""How many times longer than on one idle core a test may take: CI's processors are shared and some are slow."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail when the block used more than ``MARGIN`` times the processor seconds it needs on an idle core."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < seconds * MARGIN
