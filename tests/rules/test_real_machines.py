"""What the rules say of real machines on which nothing is the matter."""

from __future__ import annotations

from pathlib import Path

import pytest

import forensics
from tests.exports import AS_OF


@pytest.mark.parametrize("name", ["regipy-system2", "regipy-w10-1709"])
def test_available_updates_of_older_media_are_nothing(realdata: Path, name: str) -> None:
    case = forensics.examine(realdata / name / f"{name}.zip", as_of=AS_OF)
    (row,) = case.rows("secure_boot")
    assert row.available_updates == 0x8003
    assert [f.rule for f in case.finding_list if f.verdict == "match"] == []
