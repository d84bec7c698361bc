"""The test keys are what their files say, which nothing checks again when they are loaded."""

from __future__ import annotations

from math import lcm

import pytest

from testdata.builder.keys import rsa_key, rsa_key_names


@pytest.mark.parametrize("name", rsa_key_names())
def test_its_numbers_belong_together(name: str) -> None:
    key = rsa_key(name).private_numbers()
    p, q, e = key.p, key.q, key.public_numbers.e
    assert p * q == key.public_numbers.n
    assert [pow(base, prime - 1, prime) for base in (2, 3) for prime in (p, q)] == [1] * 4
    assert key.d * e % lcm(p - 1, q - 1) == 1
    assert (key.dmp1, key.dmq1, key.iqmp) == (key.d % (p - 1), key.d % (q - 1), pow(q, -1, p))
