"""A nested archive is read once: each byte of it, and of what is unpacked of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import forensics
from forensics.disk import evidence_files
from testdata.forms import windows
from tests.forms.nested_archive import ARCHIVES, counting, nested_archive
from tests.time_bound import within

SIZE = 256 << 20
HEADS = 1 << 20
"""Bytes of each archive that are looked at to tell what it is."""


def test_each_byte_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()
    monkeypatch.setattr(evidence_files, "open", counting(counts), raising=False)
    path = nested_archive(tmp_path, SIZE)
    with within(1):
        case = forensics.examine(path)
    assert [row.computer_name for row in case.rows("machine")] == ["FORMS01"]
    for name in ARCHIVES:
        assert SIZE <= counts[name] <= SIZE + HEADS, name
    assert counts["disk.raw"] < len(windows.disk())
