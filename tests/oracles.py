"""Other people's tools and readers that tests compare with, and what is said where one is not on this machine.

Every skip for want of something begins with "needs NAME", so that the end of a run can name all of them in one line.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.paths import SHARED

_PLACES_OF_ROOT = "/usr/sbin", "/sbin"
_WANT = re.compile(r"^(?:Skipped: )?needs (\S+)")


def find_tool(name: str) -> str | None:
    """Return the path of a program, looked for as root would."""
    return shutil.which(name) or shutil.which(name, path=":".join(_PLACES_OF_ROOT))


def tool(name: str, package: str) -> str:
    """Return the path of a program, or skip the test and name the Debian package that brings it."""
    found = find_tool(name)
    if found is None:
        pytest.skip(f"needs {name} (Debian package {package})")
    return found


def needs_tool(name: str, package: str) -> pytest.MarkDecorator:
    """Mark tests that only run where a program is."""
    return pytest.mark.skipif(find_tool(name) is None, reason=f"needs {name} (Debian package {package})")


def program(name: str, distribution: str) -> str:
    """Return the path of a program that pip installs, or skip the test and name the distribution that brings it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name} (pip: {distribution})")
    return found


def other_reader(module: str, distribution: str) -> Any:
    """Return an independent reader, or skip the test and name the distribution that brings it."""
    return pytest.importorskip(module, reason=f"needs {module} (pip: {distribution})")


def shared(place: Path) -> Path:
    """Return a file or folder of what lies beside the project, or skip the test."""
    if not place.exists():
        pytest.skip(_not_beside(place))
    return place


def needs_shared(place: Path) -> pytest.MarkDecorator:
    """Mark tests that only run where a file or folder lies beside the project."""
    return pytest.mark.skipif(not place.exists(), reason=_not_beside(place))


def _not_beside(place: Path) -> str:
    return f"needs {SHARED.name}/{place.relative_to(SHARED).parts[0]} (beside the project)"


def not_checked(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> str | None:
    """Say in one line what was not compared with what, or None where nothing was missing.

    Args:
        reports: Skipped tests, and skipped modules, each of which every process of pytest-xdist reports.
    """
    wanted: dict[tuple[str, str], str] = {}
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if match := _WANT.match(reason):
            wanted[report.nodeid, type(report).__name__] = match[1]
    if not wanted:
        return None
    counts = Counter((name, kind) for (_, kind), name in wanted.items())
    words = {"TestReport": "test", "CollectReport": "module"}
    told = [f"{name} ({n} {words[kind]}{'s' * (n != 1)})" for (name, kind), n in sorted(counts.items())]
    return f"not checked for want of: {', '.join(told)}"
