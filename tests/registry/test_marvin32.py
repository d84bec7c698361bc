"""Marvin32 against published vectors."""

from __future__ import annotations

import pytest

from forensics.registry.marvin32 import marvin32

# The vectors of .NET's own Marvin tests (dotnet/runtime, System.Tests MarvinTests), seed 0x004FB61A001BDBCC.
VECTORS = [
    ("", 0x30ED35C100CD3C7D),
    ("AF", 0x48E73FC77D75DDC1),
    ("E70F", 0xB5F6E1FC485DBFF8),
    ("37F495", 0xF0B07C789B8CF7E8),
    ("8642DC59", 0x7008F2E87E9CF556),
    ("153FB79826", 0xE6C08C6DA2AFA997),
    ("0932E6246C47", 0x6F04BF1A5EA24060),
    ("AB427EA8D10FC7", 0xE11847E4F0678C41),
]


@pytest.mark.parametrize(("data", "expected"), VECTORS)
def test_published_vectors(data: str, expected: int) -> None:
    assert marvin32(bytes.fromhex(data), 0x004FB61A001BDBCC) == expected


def test_memoryview_is_hashed_like_bytes() -> None:
    assert marvin32(memoryview(b"xAB")[1:], 0x004FB61A001BDBCC) == marvin32(b"AB", 0x004FB61A001BDBCC)
