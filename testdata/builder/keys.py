"""Test keys: RSA keys kept in ``testdata/keys``, elliptic-curve keys from a seed.

None of them protects anything: they are published with the project.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from testdata.builder.seeded import Seeded

KEY_FOLDER = Path(__file__).resolve().parents[1] / "keys"
CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def _pem_blocks() -> dict[str, bytes]:
    blocks: dict[str, bytes] = {}
    for file in sorted(KEY_FOLDER.glob("*.pem")):
        text = file.read_bytes()
        for name, block in re.findall(rb"# TEST KEY ([\w-]+)\n(-----BEGIN.*?-----END[^\n]*\n)", text, re.S):
            blocks[name.decode()] = block
    return blocks


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """Return the RSA test key ``name``, such as ``2048-01``, ``ca`` or ``domain-backup``."""
    key = serialization.load_pem_private_key(_pem_blocks()[name], None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@cache
def ec_key(curve: str, seed: str) -> ec.EllipticCurvePrivateKey:
    """Return the key on P-256, P-384 or P-521 that follows from ``seed``."""
    number = int.from_bytes(Seeded(f"ec/{curve}/{seed}").bytes(80), "big")
    below_every_order = 1 << (CURVES[curve].key_size - 1)
    return ec.derive_private_key(1 + number % (below_every_order - 1), CURVES[curve])
