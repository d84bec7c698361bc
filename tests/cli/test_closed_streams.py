"""Standard streams that were closed before the program began, as some schedulers do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import forensics
from tests.hand_made import case
from tests.paths import PROJECT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a shell closes them")


@pytest.mark.parametrize(
    ("closed", "code", "told"),
    [
        ("<&-", 1, b""),
        ("2>&-", 1, b""),
        (">&-", 5, b"keymortem: standard output cannot be written: Bad file descriptor\n"),
        ("<&- >&- 2>&-", 5, b""),
    ],
)
def test_closed_streams_cost_no_file(closed: str, code: int, told: bytes, tmp_path: Path) -> None:
    case().save(tmp_path / "saved.sqlite")
    program = f'exec "$0" -m forensics examine "$1" --case "$2" {closed}'
    ended = subprocess.run(
        ["sh", "-c", program, sys.executable, tmp_path / "saved.sqlite", tmp_path / "new.sqlite"],
        capture_output=True,
        cwd=PROJECT,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (code, told)
    assert forensics.open_case(tmp_path / "new.sqlite").rows("machine")
