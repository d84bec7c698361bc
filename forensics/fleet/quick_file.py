"""Writes the small files of a dataset: each whole or not there, at the cost of one file and one renaming.

They do not wait for the medium, which would take longer than a disk is examined: that nothing is lost with the process
is what a run needs. What is folded from them later is written through (:mod:`forensics.outputs`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

PREFIX = ".writing-"
"""How the name of a file begins that is not whole yet."""


def write_quickly(place: Path, content: bytes) -> None:
    """Write a file; what stands in its place is replaced.

    Args:
        place: Where, in a dataset; its folder is made.
        content: All of it.

    Raises:
        OSError: It cannot be written.
    """
    written = place.with_name(f"{PREFIX}{os.getpid()}-{place.name}")
    try:
        _write(written, content)
    except FileNotFoundError:
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(written, content)
    os.replace(written, place)


def _write(written: Path, content: bytes) -> None:
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except BaseException:
        with suppress(OSError):
            written.unlink()
        raise
