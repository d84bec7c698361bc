"""A start, and the examination of the sample disk, take no more than was committed: counts, no clocks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.counts import COMMANDS, KEPT, counts

HOW = "if what is new is worth that, run python -m tests.counts, and say in the commit what it is"


@pytest.fixture(scope="module")
def counted() -> dict[str, dict[str, Any]]:
    return counts()


@pytest.mark.parametrize("command", COMMANDS)
def test_no_count_has_grown(command: str, counted: dict[str, dict[str, Any]]) -> None:
    kept, found = json.loads(KEPT.read_text())[command], counted[command]
    assert kept.keys() == found.keys()
    more = {name: count for name, count in found.items() if name != "libraries" and count > kept[name]}
    assert more == {}, f"{command} takes more than {kept}: {HOW}"
    new = set(found["libraries"]) - set(kept["libraries"])
    assert new == set(), f"{command} imports more libraries: {HOW}"


def test_data_frames_alone_import_pandas(counted: dict[str, dict[str, Any]]) -> None:
    assert [command for command, found in counted.items() if "pandas" in found["libraries"]] == []
