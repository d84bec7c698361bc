"""The LSA path of Windows XP and Server 2003: PolSecretEncryptionKey, and DPAPI_SYSTEM under DES.

References: format notes, "LSA path"; [MS-LSAD] 5.1.2.
"""

from __future__ import annotations

import hashlib
import struct

from Crypto.Cipher import ARC4, DES

from testdata.builder.dpapi import DpapiSystem
from testdata.builder.seeded import Seeded

LSA_KEY_SIZE = 16


def pol_secret_encryption_key(seed: str, boot_key: bytes, lsa_key: bytes) -> bytes:
    """Return the default value of ``Policy\\PolSecretEncryptionKey`` (76 bytes); ``lsa_key`` has 16."""
    assert len(lsa_key) == LSA_KEY_SIZE
    stream = Seeded(seed + "/PolSecretEncryptionKey")
    salt = stream.bytes(16)
    rc4_key = hashlib.md5(boot_key + 1000 * salt).digest()
    clear = stream.bytes(16) + lsa_key + stream.bytes(16)
    return struct.pack("<III", 1, 1, 0) + bytes(ARC4.new(rc4_key).encrypt(clear)) + salt


def encrypt_secret(lsa_key: bytes, payload: bytes) -> bytes:
    """Return a secret's value: its size, and DES blocks under a key that moves on by seven bytes a block."""
    clear = struct.pack("<II", len(payload), 1) + payload
    clear += bytes(-len(clear) % 8)
    data, rest = b"", lsa_key
    for at in range(0, len(clear), 8):
        data += DES.new(_spread(rest[:7]), DES.MODE_ECB).encrypt(clear[at : at + 8])
        rest = rest[7:]
        if len(rest) < 7:
            rest = lsa_key[len(rest) :]
    return struct.pack("<III", len(data), len(data), 0) + data


def dpapi_system(lsa_key: bytes, secret: DpapiSystem) -> bytes:
    """Return ``CurrVal`` or ``OldVal`` of the secret DPAPI_SYSTEM."""
    return encrypt_secret(lsa_key, struct.pack("<I", 1) + secret.both)


def _spread(seven: bytes) -> bytes:
    """Spread 56 bits over the upper seven bits of eight bytes."""
    bits = int.from_bytes(seven, "big")
    return bytes((bits >> (49 - 7 * i) & 0x7F) << 1 for i in range(8))
