"""Shows on a terminal how far an examination is: one line for one source, a bar for several.

Nothing here starts a thread, as libraries for that do: a process with threads cannot fork.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import forensics
from forensics.language import _, told

if TYPE_CHECKING:
    from rich.console import RenderableType

_PAUSE = 0.1
"""Seconds between two pictures."""


class Shown(Protocol):
    """What is shown."""

    def line(self, line: str) -> None:
        """Tell of a new step."""

    def tally(self, done: int, failed: int) -> None:
        """Tell how many sources are done, and how many of these failed; comes some times a second."""


@contextmanager
def shown(sources: int) -> Iterator[Shown | None]:
    """Show progress on stderr until this ends; None where that is no terminal.

    Args:
        sources: How many were named.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    line = _Line() if sources == 1 else _Bar(sources)
    with Live(console=Console(stderr=True), auto_refresh=False, transient=True, get_renderable=line.picture) as live:
        line.refresh = live.refresh
        line.line("starting")
        yield line


class _Line:
    """A line that says what is being done."""

    def __init__(self) -> None:
        from rich.spinner import Spinner

        self.refresh: Callable[[], None] = lambda: None
        self._spinner = Spinner("dots")
        self._said = ""
        self._at = 0.0

    def line(self, line: str) -> None:
        """Tell of a new step."""
        self._said = forensics.sanitise(told(line))
        self._show()

    def tally(self, done: int, failed: int) -> None:
        """Let it turn."""
        if time.monotonic() - self._at > _PAUSE:
            self._show()

    def _show(self) -> None:
        self._at = time.monotonic()
        self.refresh()

    def picture(self) -> RenderableType:
        """Return what rich draws."""
        from rich.text import Text

        self._spinner.update(text=Text(self._said, no_wrap=True, overflow="ellipsis"))
        return self._spinner


class _Bar(_Line):
    """A bar, what it counts, and the line below it."""

    def __init__(self, sources: int) -> None:
        super().__init__()
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn()
        self._bar = Progress(*columns, auto_refresh=False)
        self._began = time.monotonic()
        self._sources = sources
        self._task = self._bar.add_task("", total=sources, told=counted(0, 0, sources, 0.0))

    def tally(self, done: int, failed: int) -> None:
        """Tell how many sources are done."""
        told = counted(done, failed, self._sources, time.monotonic() - self._began)
        self._bar.update(self._task, completed=done, told=told)
        super().tally(done, failed)

    def picture(self) -> RenderableType:
        """Return what rich draws."""
        from rich.console import Group

        return Group(self._bar.get_renderable(), super().picture())


def counted(done: int, failed: int, sources: int, seconds: float) -> str:
    """Return what a bar counts, in words.

    Args:
        done: Sources that are done.
        failed: Those among them of which nothing came.
        sources: All.
        seconds: Since the first began.
    """
    counts = {"done": done, "failed": failed, "left": sources - done}
    if not done or not seconds:
        return _("{done} done, {failed} failed, {left} left", **counts)
    rate = f"{60 * done / seconds:.3g}"
    return _("{done} done, {failed} failed, {left} left, {rate} a minute", rate=rate, **counts)
