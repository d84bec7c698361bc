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

SCRATCH = "scratch"
"""The folder below it where temporary files may be made."""
_MEMORY = Path("/dev/shm")
_writing: list[str] = []


@cache
def folder() -> Path:
    """Return the folder of this process; in memory where the system has such a place."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with _unwatched():
        made = Path(tempfile.mkdtemp(prefix="fuzz-", dir=parent)).resolve()
        (made / SCRATCH).mkdir()
    tempfile.tempdir = str(made / SCRATCH)
    owner = os.getpid()
    atexit.register(lambda: shutil.rmtree(made, ignore_errors=True) if os.getpid() == owner else None)
    return made


def is_being_written() -> bool:
    """Tell whether it is the engine that writes now."""
    return bool(_writing)


@contextmanager
def _unwatched() -> Iterator[None]:
    _writing.append("")
    try:
        yield
    finally:
        _writing.pop()


def given(name: str, data: bytes) -> Path:
    """Write an input and return where it is."""
    path = folder() / name
    with _unwatched():
        path.write_bytes(data)
    return path


def patched(name: str, base: bytes, pieces: list[tuple[int, bytes]]) -> Path:
    """Write a large input of which only some pieces differ from one time to the next.

    Args:
        name: Of the file.
        base: All of it; written once a process, so the pieces must be the same places each time.
        pieces: Offsets and what stands there this time.
    """
    path = folder() / name
    with _unwatched():
        if not path.exists() or path.stat().st_size != len(base):
            _write_sparse(path, base)
        with path.open("r+b", buffering=0) as file:
            for at, data in pieces:
                file.seek(at)
                file.write(data)
    return path


def _write_sparse(path: Path, data: bytes) -> None:
    block = 1 << 16
    with path.open("wb") as file:
        for at in range(0, len(data), block):
            piece = data[at : at + block]
            if piece.count(0) != len(piece):
                file.seek(at)
                file.write(piece)
        file.truncate(len(data))


def remove() -> None:
    """Remove the folder; the next use makes another."""
    shutil.rmtree(folder(), ignore_errors=True)
    folder.cache_clear()
