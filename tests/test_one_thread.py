"""Tests of children that are forked here are skipped in a process with threads, as pytest-xdist's are: a pytest of its
own runs them.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from forensics.contained.child import is_forked_here, is_possible
from tests.paths import PROJECT

MODULES = ("tests/contained/test_child.py", "tests/examining/test_in_children.py")


@pytest.mark.skipif(not is_possible() or is_forked_here(), reason="they are not skipped here")
def test_they_pass_where_there_is_one_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", "-v", "-m", "one_thread", *MODULES],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "SKIPPED" not in done.stdout
    counted = re.search(r"(\d+) passed", done.stdout)
    assert counted is not None
    assert int(counted[1]) >= 30
