"""PFX files by how they begin."""

from __future__ import annotations

import pytest

from forensics.formats.pkcs12 import is_pkcs12


@pytest.mark.parametrize(
    ("head", "size", "is_one"),
    [
        (bytes.fromhex("308203e80201033082"), 1004, True),
        (bytes.fromhex("308203e80201033082"), 1003, False),
        (bytes.fromhex("30800201033080"), 300, True),
        (bytes.fromhex("30800201033080"), 255, False),
        (bytes.fromhex("308203e80201043082"), 2000, False),
    ],
)
def test_pfx_files_by_how_they_begin(head: bytes, size: int, is_one: bool) -> None:
    assert is_pkcs12(head, size) is is_one
