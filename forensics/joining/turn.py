"""One process at a time adds to a case file: what each of two added to an older state would be lost with the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Wait until nobody else adds to a file that is there, and have others wait meanwhile.

    The lock (``flock``) is on the file that has the name: whoever waited for one that was replaced waits for its
    successor. Where there are no such locks nobody waits.
    """
    descriptor = _locked(path) if fcntl is not None else None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    while True:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return None  # whoever reads it says why
        is_held = False
        try:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if not os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    continue
            is_held = True
            return descriptor
        finally:
            if not is_held:
                os.close(descriptor)
