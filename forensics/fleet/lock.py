"""Keeps two runs on one dataset apart: a lock that ends with the process that holds it, however it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forensics.fleet.dataset import Dataset, DatasetError
from forensics.language import sentence

_NAME = ".lock"
_PATIENCE = 1.0
"""Work: seconds that a run waits for the lock: who asks whether one is going on holds it for an instant."""


@contextmanager
def locked(dataset: Dataset) -> Iterator[None]:
    """Hold the lock of a dataset.

    Raises:
        DatasetError: Another run holds it.
        OSError: It cannot be written.
    """
    descriptor = os.open(_place(dataset), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        end = time.monotonic() + _PATIENCE
        while not _try(descriptor, alone=True):
            if time.monotonic() > end:
                raise DatasetError(
                    sentence("another run works on {dataset}: wait for its end, or end it", dataset=str(dataset.path))
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def is_running(dataset: Dataset) -> bool:
    """Tell whether a run holds the lock."""
    try:
        descriptor = os.open(_place(dataset), os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try(descriptor, alone=False)
    finally:
        os.close(descriptor)


def _place(dataset: Dataset) -> Path:
    return dataset.path / _NAME


def _try(descriptor: int, alone: bool) -> bool:
    try:
        import fcntl
    except ImportError:
        return _try_on_windows(descriptor)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _try_on_windows(descriptor: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    return True
