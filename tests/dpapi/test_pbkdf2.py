"""DPAPI's key stretching against impacket's, and against RFC PBKDF2 where both are the same."""

from __future__ import annotations

import hashlib
from typing import Any

import impacket.dpapi
import pytest
from Crypto.Hash import HMAC, SHA1, SHA256, SHA384, SHA512

from forensics.dpapi.pbkdf2 import dpapi_pbkdf2
from tests.time_bound import within

MODULES = {"sha1": SHA1, "sha256": SHA256, "sha384": SHA384, "sha512": SHA512}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("secret", [b"s" * 20, b"s" * 200], ids=["short", "longer than a block"])
@pytest.mark.parametrize(("rounds", "size"), [(1, 48), (2, 48), (50, 32), (7, 150)])
def test_against_impacket(name: str, secret: bytes, rounds: int, size: int) -> None:
    def prf(key: bytes, data: bytes) -> bytes:
        return HMAC.new(key, bytes(data), MODULES[name]).digest()

    section: Any = impacket.dpapi.__dict__["MasterKey"]()
    expected = section.deriveKey(secret, b"salt" * 4, size, rounds, prf)
    assert dpapi_pbkdf2(name, secret, b"salt" * 4, rounds, size) == bytes(expected)


def test_the_quirk_begins_with_the_third_round() -> None:
    for rounds, same in ((1, True), (2, True), (3, False)):
        rfc = hashlib.pbkdf2_hmac("sha512", b"s" * 20, b"salt", rounds, 48)
        assert (dpapi_pbkdf2("sha512", b"s" * 20, b"salt", rounds, 48) == rfc) is same


def test_speed() -> None:
    """8,000 rounds of SHA-512 take 10 ms on one idle core; rounds of plain Python would take seconds."""
    with within(0.01):
        dpapi_pbkdf2("sha512", b"s" * 20, b"salt" * 4, 8000, 48)
