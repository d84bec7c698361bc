"""Runs one target for a time in a process of its own, which is watched from outside."""

from __future__ import annotations

import gc
import hashlib
import json
import mmap
import os
import signal
import sys
import tempfile
import time
import traceback
import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz import given_files
from tests.fuzz.atheris_run import drive
from tests.fuzz.mutation import MAX_INPUT, Mutator
from tests.fuzz.target import Target, unpacked
from tests.fuzz.watch import Find, Watch, own_process

FOUND = Path("build/fuzz")
"""Where finds are kept until somebody looks at them, below the working directory."""
_STUCK = 60
_POLL = 0.2
_HEAD = 16
_SHOWN = 4000


@dataclass
class Result:
    """What a run did.

    Attributes:
        target: Name of it.
        engine: ``atheris``, or ``seeded`` for the engine of this project.
        runs: Inputs.
        seconds: How long, by the clock.
        slowest_ms: Processor time of the slowest input.
        memory_mib: By how much the process grew.
        finds: What went wrong, by place.
    """

    target: str
    engine: str
    runs: int = 0
    seconds: float = 0.0
    slowest_ms: float = 0.0
    memory_mib: int = 0
    finds: dict[str, str] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """Return the line of the table of figures: finds are counted."""
        return asdict(self) | {"finds": len(self.finds), "seconds": round(self.seconds, 1)}


class _Shared:
    """The input that is being looked at, where the watching process sees it although this one dies."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEAD + MAX_INPUT)

    def begin(self, runs: int, data: bytes) -> None:
        self._memory[:_HEAD] = runs.to_bytes(8, "little") + len(data).to_bytes(8, "little")
        self._memory[_HEAD : _HEAD + len(data)] = data[:MAX_INPUT]

    @property
    def runs(self) -> int:
        return int.from_bytes(self._memory[:8], "little")

    @property
    def data(self) -> bytes:
        return self._memory[_HEAD : _HEAD + int.from_bytes(self._memory[8:_HEAD], "little")]


class Run:
    """One run of one target.

    Args:
        target: It.
        seconds: How long.
        seed: Where chance begins.
        use_atheris: Whether coverage guides it.
    """

    def __init__(self, target: Target, seconds: float, seed: str, use_atheris: bool) -> None:
        self._target, self._seconds, self._seed, self._use_atheris = target, seconds, seed, use_atheris
        self._shared = _Shared()
        self._result = Result(target.name, "atheris" if use_atheris else "seeded")
        self._folder = FOUND / target.name

    def go(self) -> Result:
        """Run it; where a process cannot be forked, unwatched in this one."""
        if not hasattr(os, "fork"):
            self._work(None)
            return self._result
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder, "result")
            child = os.fork()
            if not child:
                status = 1
                try:
                    self._work(told)
                    status = 0
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(status)
            how = self._wait(child)
            if told.exists():
                self._result = Result(**json.loads(told.read_text()))
            if how:
                self._result.runs = max(self._result.runs, self._shared.runs)
                self._kept(Find("died", how, f"{self._target.name}: {how}"), self._shared.data)
        return self._result

    def _wait(self, child: int) -> str:
        """Wait for the child; return how it died where it did not end by itself."""
        seen, since, begun = -1, time.monotonic(), time.monotonic()
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                self._result.seconds = time.monotonic() - begun
                return "" if status == 0 else f"the process ended with status {os.waitstatus_to_exitcode(status)}"
            if self._shared.runs != seen:
                seen, since = self._shared.runs, time.monotonic()
            elif time.monotonic() - since > _STUCK:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                self._result.seconds = time.monotonic() - begun
                return f"no end after {_STUCK} s"
            time.sleep(_POLL)

    def _work(self, told: Path | None) -> None:
        """Give inputs to the target until the time is over."""
        given_files.folder.cache_clear()
        tempfile.tempdir = given_files.scratch()
        corpus = [*self._target.corpus(), *self._found_before()]
        watch = Watch(self._target, interrupts=told is not None)
        if told is not None:
            own_process()
            _bound_memory(self._target)
        # What is there now is not collected again and again: pefile collects all garbage with each header it refuses.
        gc.collect()
        gc.freeze()
        begun = time.monotonic()

        def one(data: bytes) -> bool:
            """Look at one input; tell whether there is time for another."""
            self._shared.begin(watch.runs, data)
            found = watch(data)
            if found is not None:
                self._kept(found, data)
            # The clock is looked at rarely, as most inputs take microseconds.
            return (found is None and watch.runs % 16 != 0) or time.monotonic() - begun < self._seconds

        for data in corpus:
            one(data)
        if self._use_atheris:
            drive(self._target, one, corpus, self._folder, lambda: self._tell(watch, begun, told))
        else:
            mutator = Mutator(corpus, self._target.words, f"{self._target.name} {self._seed}")
            while one(self._target.reseal(mutator.next())):
                pass
        self._tell(watch, begun, told)

    def _tell(self, watch: Watch, begun: float, told: Path | None) -> None:
        self._result.runs, self._result.seconds = watch.runs, time.monotonic() - begun
        self._result.slowest_ms = round(watch.slowest * 1000, 1)
        self._result.memory_mib = watch.memory >> 20
        if told is not None:
            told.write_text(json.dumps(asdict(self._result)))
        given_files.remove()

    def _found_before(self) -> Iterator[bytes]:
        yield from (unpacked(path) for path in sorted(self._folder.glob("find-*")) if path.suffix != ".txt")

    def _kept(self, found: Find, data: bytes) -> None:
        """Keep an input, once for each place, and the smallest of them."""
        if found.place in self._result.finds:
            return
        self._result.finds[found.place] = found.kind
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"find-{hashlib.sha256(data).hexdigest()[:12]}"
        (self._folder / name).write_bytes(data)
        (self._folder / f"{name}.txt").write_text(found.text)
        print(f"{self._target.name}: {found.kind}: {found.place} ({name})\n{found.text}", file=sys.stderr, flush=True)
        packed = b64encode(zlib.compress(data, 9)).decode()
        if len(packed) <= _SHOWN:
            print(f"its input, base64 of zlib: {packed}", file=sys.stderr, flush=True)


def _bound_memory(target: Target) -> None:
    """Let the system refuse what an input must not take, and some room beside it."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = now + (target.mib + 256 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
