"""Which files a piece of code opens: Python itself says so before each (``sys.addaudithook``, event ``open``).

A child that is forked meanwhile is heard too. What a library in C opens by itself is not.
"""

from __future__ import annotations

import os
import stat
import sys
import sysconfig
import tempfile
import zoneinfo
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.paths import PROJECT

_OF_PYTHON = tuple(
    {*(os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))}
    | {os.path.realpath(sys.prefix), os.path.realpath(os.path.join(sys.base_prefix, "lib"))}
    | {os.path.realpath(place) for place in zoneinfo.TZPATH}
)
_OF_THE_PROGRAM = tuple(str(PROJECT / name) for name in ("forensics", "rules", "tests", "testdata/builder"))
# Accounting of memory, the mounts that access lists are asked of, random numbers, the time zone.
_OF_THE_SYSTEM = ("/proc/self/", "/proc/meminfo", "/dev/null", "/dev/urandom", "/etc/localtime", "/sys/fs/cgroup/")
_RECORDERS: list[int] = []
_FENCES: list[tuple[str, ...]] = []
_SEPARATOR = b"\0"


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if not (_RECORDERS or _FENCES) or event not in ("open", "sqlite3.connect"):
        return
    path = arguments[0]
    if isinstance(path, str | bytes | os.PathLike) and path != ":memory:" and not _is_of_a_folder(path, arguments):
        whole = os.path.abspath(os.fsdecode(path))
        for recorder in _RECORDERS:
            os.write(recorder, os.fsencode(whole) + _SEPARATOR)
        if any(not _is_in(whole, fence) or _is_special(whole) for fence in _FENCES):
            raise PermissionError(f"{whole} lies outside")


def _is_of_a_folder(path: object, arguments: tuple[object, ...]) -> bool:
    """Tell what opens a folder, or takes one away: that goes by names in it, which mean nothing by themselves."""
    flags = arguments[2] if len(arguments) > 2 else 0
    if isinstance(flags, int) and flags & getattr(os, "O_DIRECTORY", 0):
        return True
    return sys._getframe(2).f_globals.get("__name__") == "shutil" and not os.path.isabs(os.fsdecode(str(path)))


sys.addaudithook(_hear)


class OpenedFiles:
    """The paths of the files that were opened, absolute and without ``..``, each once and in order."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def outside(self, *folders: Path | str) -> list[str]:
        """Return what lies in none of these folders, and is no temporary file, and not Python's or the system's.

        By the real place of each: a link in a folder that leads out of it is outside.
        """
        allowed = (*_OF_PYTHON, *_OF_THE_PROGRAM, *map(os.path.realpath, folders))
        return [path for path in self.paths if not _is_in(path, allowed) and not _is_temporary(path)]

    def special(self) -> list[str]:
        """Return what is there and neither a file nor a folder, the devices of the system itself left out."""
        return [path for path in self.paths if not path.startswith(_OF_THE_SYSTEM) and _is_special(path)]

    def names_in(self, folder: Path) -> set[str]:
        """Return the files of a folder that were opened and are there, relative to it."""
        top = os.path.realpath(folder)
        inside = (os.path.realpath(each) for each in self.paths if _is_in(each, (top,)))
        return {os.path.relpath(each, top) for each in inside if os.path.isfile(each)}


def _is_in(path: str, folders: Iterable[str]) -> bool:
    real = os.path.realpath(path)
    if real.startswith(_OF_THE_SYSTEM) or path.startswith(_OF_THE_SYSTEM):
        return not real.startswith("/proc/self/") or os.path.basename(real) in ("maps", "status", "statm", "mountinfo")
    return any(real == folder or real.startswith(f"{folder}{os.sep}") for folder in folders)


def _is_temporary(path: str) -> bool:
    folder = tempfile.gettempdir()
    return path == folder or path.startswith(os.path.join(folder, "keymortem-"))


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def opened_files() -> Iterator[OpenedFiles]:
    """Record what is opened; what is recorded is there when the block ends."""
    found = OpenedFiles()
    with tempfile.TemporaryFile() as record:
        _RECORDERS.append(record.fileno())
        try:
            yield found
        finally:
            _RECORDERS.remove(record.fileno())
            record.seek(0)
            found.paths = list(dict.fromkeys(os.fsdecode(each) for each in record.read().split(_SEPARATOR)[:-1]))


@contextmanager
def fenced(*folders: Path) -> Iterator[None]:
    """Let nothing be opened but files in these folders, Python's and the program's: what opens another fails."""
    fence = (*_OF_PYTHON, *_OF_THE_PROGRAM, *map(os.path.realpath, folders))
    _FENCES.append(fence)
    try:
        yield
    finally:
        _FENCES.remove(fence)
