"""An access list that many files have is parsed once; long ones, which nobody has, are not kept."""

from __future__ import annotations

import pytest

from forensics.collectors.access_lists import read_access_list
from testdata.builder.acl import EVERYONE, KEY_FILE_SD, READ, Ace, security_descriptor
from tests.collectors.virtual import installation


@pytest.mark.parametrize(
    ("data", "entries", "once"),
    [(KEY_FILE_SD, 2, True), (security_descriptor([Ace(EVERYONE, READ)] * 60), 60, False)],
    ids=["few entries", "many entries"],
)
def test_files_with_one_access_list_share_it_where_it_is_short(data: bytes, entries: int, once: bool) -> None:
    files = {"a": b"", "b": b""}
    windows = installation(files, descriptors=dict.fromkeys(files, data))
    (first, _), (second, _) = (read_access_list(windows, windows.tree.entry(name)) for name in files)
    assert first is not None
    assert first.dacl is not None
    assert (len(first.dacl), second == first, second is first) == (entries, True, once)
