"""A chain of three differencing disks costs at most 1.3 times the flat disk that it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import forensics
from testdata.builder import chain_disks
from testdata.forms import windows
from testdata.forms.raw_disks import whole
from testdata.forms.virtual_disks import chain, vhdx_chain
from tests.time_bound import no_dearer

DISKS = 4
MOST = 1.3


@pytest.mark.parametrize("form", ["vhdx", *chain_disks.FORMS])
def test_a_chain_costs_little_more_than_the_flat_disk(tmp_path: Path, form: str) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "chain").mkdir()
    flat = whole(windows.disk, "disk.dd", tmp_path / "flat")
    newest = vhdx_chain(DISKS, tmp_path / "chain") if form == "vhdx" else chain(form, DISKS, tmp_path / "chain")
    no_dearer(lambda: forensics.examine(newest), lambda: forensics.examine(flat), MOST)
