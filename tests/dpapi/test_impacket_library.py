"""Without impacket all works but what it is for, which says so: what is passed on may have to leave it out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.disk.errors import SourceError
from forensics.dpapi.domain_backup import parse_key_pair
from forensics.formats.errors import FormatError
from testdata.builder.keys import pvk
from tests.paths import IMAGES
from tests.test_domain_controllers import BACKUP

MISSING = "impacket is missing here: pip install impacket"


@pytest.fixture
def without_impacket(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "impacket"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "impacket", None)


@pytest.mark.usefixtures("without_impacket")
def test_an_image_is_examined_without_it() -> None:
    case = forensics.examine(IMAGES / "expiring.vhdx.xz")
    assert case.rows("problem") == []
    assert {row.private_key for row in case.rows("key_chain")} == {"proved"}


@pytest.mark.usefixtures("without_impacket")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"second_opinion": True}, f"no second opinion can be had: {MISSING}"),
        ({"domain_backup_keys": "key.pvk"}, f"key.pvk cannot be read: {MISSING}"),
    ],
    ids=["second opinion", "backup key"],
)
def test_what_needs_it_is_refused_before_anything_is_read(
    options: Mapping[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("key.pvk").write_bytes(pvk(BACKUP))
    with pytest.raises(SourceError) as raised:
        forensics.examine("nowhere.vhdx", **options)
    assert (raised.value.kind, raised.value.message) == ("missing_library", said)


@pytest.mark.usefixtures("without_impacket")
def test_a_backup_key_of_a_directory_is_not_called_damaged() -> None:
    blob = pvk(BACKUP)[24:]
    with pytest.raises(FormatError) as raised:
        parse_key_pair((2).to_bytes(4, "little") + len(blob).to_bytes(4, "little") + bytes(4) + blob)
    assert (raised.value.kind, raised.value.message) == ("missing_library", MISSING)
