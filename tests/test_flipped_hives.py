"""One wrong bit, or one wrong field, in a hive: nothing is said worse for it without a problem row about that hive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testdata.builder.regf import HiveWriter
from tests import flipped_hives, test_less_evidence
from tests.flipped_hives import HIVES, damaged, edits, is_told, said_of, worse
from tests.hive_structure import structure
from tests.test_less_evidence import CONFIG, collect


@pytest.fixture
def lists(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Hives whose lists are all of one kind."""
    monkeypatch.setattr(HiveWriter, "build", HiveWriter.build)
    test_less_evidence._files.cache_clear()
    flipped_hives.write_lists(request.param)
    yield request.param
    test_less_evidence._files.cache_clear()


@pytest.mark.parametrize(("lists", "count"), [("lh", 150), ("lf", 90), ("li", 60)], indirect=["lists"])
def test_nothing_is_said_worse_of_a_damaged_hive_without_a_word(lists: str, count: int, tmp_path: Path) -> None:
    folder = collect("odd-server", tmp_path)
    whole = said_of(folder)
    assert whole.problems == set()
    told = 0
    for edit in edits(folder, count, seed=count):
        if lists == "li" and edit.what == "key name":
            continue  # nothing in such a list stands for a name
        less = damaged(folder, edit)
        is_reported = is_told(less, whole, edit)
        told += is_reported
        assert is_reported or not worse(less, whole), (lists, edit, worse(less, whole))
    assert told > count // 3


def test_what_is_damaged_is_structure(tmp_path: Path) -> None:
    folder = collect("odd-server", tmp_path)
    for name in HIVES:
        data = (folder / CONFIG / name).read_bytes()
        found = dict(structure(data))
        assert {"base block", "bin", "cell size", "key", "key name", "value", "value list", "sub-key list"} <= {
            *found.values()
        }
        # The text of a value is content.
        at = data.find("SRV-07".encode("utf-16-le"))
        assert at not in found
