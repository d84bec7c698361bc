"""Watches one input: exceptions, time, memory, and files that are opened or written meanwhile."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import sysconfig
import time
import traceback
import warnings
import zoneinfo
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz import given_files
from tests.fuzz.target import Target, unpacked
from tests.paths import PROJECT

_HAS_TIMER = hasattr(signal, "setitimer")
_HAS_RESOURCE = importlib.util.find_spec("resource") is not None
_ACTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "socket.bind")
_CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod")
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1 << 10


class TooSlow(BaseException):
    """The input took longer than it may; no parser catches it."""


@dataclass(frozen=True)
class Find:
    """What went wrong with one input.

    Attributes:
        kind: ``exception``, ``slow``, ``memory``, ``file`` or ``died``.
        place: The exception with its place in the program, or what was opened: finds of one place are one find.
        text: What a person wants to read.
    """

    kind: str
    place: str
    text: str


class _Opened:
    """What was opened or changed while an input is looked at; there is one a process, since hooks stay."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] | None = None
        self.seen: list[str] = []
        self._is_hooked = False
        own = (str(PROJECT / name) for name in ("forensics", "tests", "testdata", "rules"))
        code = {*own, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))}
        libraries = (path for path in sys.path if path and Path(path) != PROJECT)
        # What of time zones a library asks the system is no evidence.
        self._code = tuple({*zoneinfo.TZPATH, *code, *(str(Path(path).resolve()) for path in (*code, *libraries))})

    def begin(self, folder: Path | None) -> None:
        # Where a path is written in several ways, none tells by itself what lies in a folder.
        if not self._is_hooked and os.name == "posix":
            sys.addaudithook(self._hook)
            self._is_hooked = True
        self.seen.clear()
        self.allowed = () if folder is None else (str(folder),)

    def end(self) -> list[str]:
        self.allowed = None
        return self.seen

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.allowed is None or given_files.is_being_written():
            return
        if event == "open":
            path, mode = arguments[0], arguments[1] or ""
            if isinstance(path, int):
                return
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            name = path.decode(errors="replace") if isinstance(path, bytes) else str(path)
            writes = any(letter in mode for letter in "wax+") or bool(flags & 0b11)
            inside = name.startswith(self.allowed)
            is_scratch = inside and f"/{given_files.SCRATCH}/" in f"{name}/"
            if (writes and not is_scratch) or not (inside or self._is_code(name)):
                self.seen.append(f"{'wrote' if writes else 'opened'} {name}")
        elif event in _ACTS or (event in _CHANGES and given_files.SCRATCH not in str(arguments[0])):
            self.seen.append(f"{event} {arguments[0]!r}")

    def _is_code(self, name: str) -> bool:
        """Tell whether it belongs to the program, which imports some modules late, or to what it needs."""
        return name.startswith(self._code) and "/corpus/" not in name


_OPENED = _Opened()


def peak() -> int:
    """Return the most bytes that this process had in memory at once; 0 where that is not known."""
    if not _HAS_RESOURCE:
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow


def own_process() -> None:
    """Let an input that takes too long end in an exception, and see warnings; for processes that the engine owns."""
    warnings.simplefilter("always")
    warnings.simplefilter("ignore", ResourceWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.showwarning = lambda message, *_, **__: _OPENED.seen.append(f"warned: {message}")
    if _HAS_TIMER:
        signal.signal(signal.SIGVTALRM, _too_slow)


class Watch:
    """Gives a target one input after the other.

    Args:
        target: It.
        interrupts: Whether ``own_process`` was called.

    Attributes:
        runs: How many inputs it was given.
        slowest: Processor seconds of the slowest.
        memory: Bytes by which the process grew.
    """

    def __init__(self, target: Target, *, interrupts: bool) -> None:
        self._target, self._interrupts = target, interrupts and _HAS_TIMER
        self.runs, self.slowest = 0, 0.0
        self._warm_up()
        self._first_peak = self._last_peak = peak()

    def _warm_up(self) -> None:
        """Have everything imported that is imported late: what that costs and opens is no input's work."""
        for path in islice(self._target.files(), 1 if self._target.is_slow else None):
            with suppress(Exception):
                self._target.run(unpacked(path))

    @property
    def memory(self) -> int:
        return self._last_peak - self._first_peak

    def __call__(self, data: bytes) -> Find | None:
        """Give the target one input and say what went wrong."""
        target, found = self._target, None
        limit = target.may_take(len(data))
        self.runs += 1
        _OPENED.begin(given_files.folder() if target.reads_files else None)
        begun = time.process_time()
        try:
            if self._interrupts:
                signal.setitimer(signal.ITIMER_VIRTUAL, 4 * limit)
            try:
                target.run(data)
            finally:
                if self._interrupts:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except target.errors:
            pass
        except TooSlow as error:
            found = _find("slow", error)
        except MemoryError as error:
            found = _find("memory", error)
        except Exception as error:
            found = _find("exception", error)
        seconds = time.process_time() - begun
        opened = _OPENED.end()
        self.slowest = max(self.slowest, seconds)
        if opened and found is None:
            found = Find("file", opened[0], f"{target.name}: {'; '.join(opened[:5])}")
        if seconds > limit and found is None:
            found = Find("slow", "", f"{target.name}: {seconds:.2f} s of the processor for {len(data)} bytes")
        now = peak()
        if now > self._last_peak:
            if now - self._last_peak > target.mib << 20 and found is None:
                found = Find("memory", "", f"{target.name}: {now - self._last_peak >> 20} MiB for {len(data)} bytes")
            self._last_peak = now
        return found


def _find(kind: str, error: BaseException) -> Find:
    """Return the find of an exception, placed where the program itself is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "forensics" in Path(frame.filename).parts] or frames
    place = f"{type(error).__name__} at {'/'.join(Path(own[-1].filename).parts[-2:])}:{own[-1].lineno}"
    text = "".join(traceback.format_exception(error))
    return Find(kind, place if kind != "slow" else f"slow at {place.partition(' at ')[2]}", text)
