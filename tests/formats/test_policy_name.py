"""Names in the LSA's policy."""

from __future__ import annotations

import struct

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.policy_name import parse_policy_name


def test_names_of_the_policy() -> None:
    text = "CONTOSO".encode("utf-16-le")
    assert parse_policy_name(struct.pack("<HHI", len(text), len(text) + 2, 8) + text) == "CONTOSO"
    assert parse_policy_name(struct.pack("<HHI", 0, 0, 8)) is None


@pytest.mark.parametrize(
    "data", [bytes(7), struct.pack("<HHI", 4, 4, 8) + b"A\0", struct.pack("<HHI", 2, 2, 2**32 - 1)]
)
def test_names_of_the_policy_that_are_cut_off(data: bytes) -> None:
    with pytest.raises(FormatError) as raised:
        parse_policy_name(data)
    assert raised.value.kind == "truncated"
