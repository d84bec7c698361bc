"""Paths as a caller gives them: several, or just the one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

Paths = str | Path | Iterable[str | Path]


def given_paths(paths: Paths) -> list[Path]:
    """Return all paths; a text is one path, not its letters."""
    return [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
