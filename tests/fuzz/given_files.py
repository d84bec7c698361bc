"""The one folder in which a target finds its input as a file."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.fuzz.sparse import pieces

SCRATCH = "scratch"
"""The folder below it where temporary files may be made."""
_MEMORY = Path("/dev/shm")
_writing: list[str] = []


@cache
def folder() -> Path:
    """Return the folder of this process; in memory where the system has such a place."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with unwatched():
        made = Path(tempfile.mkdtemp(prefix="fuzz-", dir=parent)).resolve()
        (made / SCRATCH).mkdir()
    owner = os.getpid()
    atexit.register(lambda: shutil.rmtree(made, ignore_errors=True) if os.getpid() == owner else None)
    return made


def scratch() -> str:
    """Return where the temporary files of a target belong."""
    return str(folder() / SCRATCH)


def is_being_written() -> bool:
    """Tell whether it is the engine that writes now."""
    return bool(_writing)


@contextmanager
def unwatched() -> Iterator[None]:
    """Let what a target needs be made, which is not what it does."""
    _writing.append("")
    try:
        yield
    finally:
        _writing.pop()


def given(name: str, data: bytes) -> Path:
    """Write an input and return where it is."""
    path = folder() / name
    with unwatched():
        path.write_bytes(data)
    return path


def given_sparse(name: str, data: bytes) -> Path:
    """Write a file with holes, of which an input of ``sparse`` says what is in it, and return where it is."""
    path = folder() / name
    size, found = pieces(data)
    with unwatched(), path.open("wb", buffering=0) as file:
        for at, piece in found:
            file.seek(at)
            file.write(piece)
        file.truncate(max(size, 1))
    return path


def remove() -> None:
    """Remove the folder; the next use makes another."""
    shutil.rmtree(folder(), ignore_errors=True)
    folder.cache_clear()
