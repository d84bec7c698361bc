"""Test keys: RSA keys kept in ``testdata/keys``, elliptic-curve keys from a seed.

None of them protects anything: they are published with the project.
"""

from __future__ import annotations

import re
import struct
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


def rsa_key_names() -> list[str]:
    """Return the names of all RSA test keys."""
    return sorted(_pem_blocks())


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """Return the RSA test key ``name``, such as ``2048-01``, ``ca`` or ``domain-backup``."""
    # To check its numbers each time takes longer than most tests; tests/testdata/test_keys.py does it.
    key = serialization.load_pem_private_key(_pem_blocks()[name], None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@cache
def ec_key(curve: str, seed: str) -> ec.EllipticCurvePrivateKey:
    """Return the key on P-256, P-384 or P-521 that follows from ``seed``."""
    number = int.from_bytes(Seeded(f"ec/{curve}/{seed}").bytes(80), "big")
    below_every_order = 1 << (CURVES[curve].key_size - 1)
    return ec.derive_private_key(1 + number % (below_every_order - 1), CURVES[curve])


def pvk(key: rsa.RSAPrivateKey) -> bytes:
    """Return an RSA key as an unencrypted ``.pvk`` file, as exports of the domain's backup key are."""
    private = key.private_numbers()
    size = key.key_size // 8
    blob = struct.pack("<BBHI4sII", 7, 2, 0, 0xA400, b"RSA2", key.key_size, private.public_numbers.e)
    blob += private.public_numbers.n.to_bytes(size, "little")
    for number in (private.p, private.q, private.dmp1, private.dmq1, private.iqmp):
        blob += number.to_bytes(size // 2, "little")
    blob += private.d.to_bytes(size, "little")
    return struct.pack("<6I", 0xB0B5F11E, 0, 1, 0, 0, len(blob)) + blob
