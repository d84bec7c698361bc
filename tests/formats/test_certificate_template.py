"""Values of certificate templates."""

from __future__ import annotations

import struct

import pytest

from forensics.formats.certificate_template import key_algorithm, period_seconds, provider_name
from forensics.formats.errors import FormatError


def test_period_of_a_template() -> None:
    assert period_seconds(struct.pack("<q", -365 * 86_400 * 10_000_000)) == 31_536_000
    assert period_seconds(bytes(8)) == 0


@pytest.mark.parametrize(("data", "kind"), [(bytes(4), "bad_length"), (struct.pack("<q", 1), "bad_period")])
def test_period_of_a_template_that_is_none(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as raised:
        period_seconds(data)
    assert raised.value.kind == kind


def test_texts_of_a_template() -> None:
    assert provider_name("1,Microsoft Platform Crypto Provider") == "Microsoft Platform Crypto Provider"
    assert provider_name("One, Two") == "One, Two"
    assert key_algorithm(["x", "msPKI-Asymmetric-Algorithm`PZPWSTR`ECDSA_P256`"]) == "ECDSA_P256"
    assert key_algorithm(["msPKI-Key-Usage`DWORD`1"]) is None
