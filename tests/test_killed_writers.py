"""``kill -9`` at random moments of writing: each output is whole, the older or the newer one, and alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT

KILLS = {
    "json": 200,
    "case": 100,
    "records": 40,
    "csv": 25,
    "parquet": 10,
    "json new": 100,
    "case new": 50,
    "csv new": 25,
    "several new": 100,
}
"""By kind of output: into a file or folder that is there, or (new) that is not; fewer where one takes longer."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="files without names are of Linux")
@pytest.mark.parametrize("kind", KILLS)
def test_what_is_killed_leaves_nothing_half(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.killed_writers", kind, str(tmp_path), str(KILLS[kind])]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True, text=True)
    told = json.loads(result.stdout)
    assert (told["half"], told["failed"], told["at last"]) == (0, 0, False), told
    if kind.partition(" ")[0] not in ("csv", "parquet") or kind.endswith("new"):
        assert told["mixed"] == 0, told  # only files in a folder that is there take their places one by one
    if kind in ("json new", "case new"):
        assert told["left over"] == 0, told  # what replaces nothing never has another name
    # Else a name of ours is seen where the moment fell between two calls of the system; the next run has removed it.
    assert told["left over"] <= KILLS[kind] // 5, told
    assert told["older"] + told["newer"] + told["mixed"] >= (0 if kind.endswith("new") else KILLS[kind])
