"""BCRYPT public key blobs: how CNG stores the public half (numbers are big-endian).

References:
    https://learn.microsoft.com/windows/win32/api/bcrypt/ns-bcrypt-bcrypt_rsakey_blob
    https://learn.microsoft.com/windows/win32/api/bcrypt/ns-bcrypt-bcrypt_ecckey_blob
"""

from __future__ import annotations

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.formats.public_key import EcPublicKey, PublicKey, RsaPublicKey
from forensics.language import sentence

# ECS is ECDSA, ECK is ECDH; odd digits are public, even ones private.
EC_PUBLIC = {b"ECS1": "P-256", b"ECS3": "P-384", b"ECS5": "P-521", b"ECK1": "P-256", b"ECK3": "P-384", b"ECK5": "P-521"}
COORDINATE_SIZE = {"P-256": 32, "P-384": 48, "P-521": 66}
MAX_RSA_BYTES = 16384 // 8
"""Format: bytes of one number of an RSA key."""


def parse_bcrypt_public(data: bytes) -> PublicKey:
    """Parse a BCRYPT_RSAPUBLIC_BLOB or a BCRYPT_ECCPUBLIC_BLOB of a named NIST curve.

    Raises:
        FormatError: ``unknown_magic`` for other kinds of blob, ``truncated`` or ``bad_length`` for damaged ones.
    """
    cursor = Cursor(data)
    magic = cursor.take(4, "magic")
    if magic == b"RSA1":
        _, e_size, n_size = cursor.u32s("bits", "cbPublicExp", "cbModulus")
        cursor.take(8, "prime sizes")
        if not 0 < e_size <= MAX_RSA_BYTES or not 0 < n_size <= MAX_RSA_BYTES:
            raise FormatError(
                "bad_length",
                8,
                sentence("an RSA key cannot have {e_size} and {n_size} bytes", e_size=e_size, n_size=n_size),
            )
        e = int.from_bytes(cursor.take(e_size, "public exponent"), "big")
        return RsaPublicKey(int.from_bytes(cursor.take(n_size, "modulus"), "big"), e)
    curve = EC_PUBLIC.get(magic)
    if curve is None:
        raise FormatError("unknown_magic", 0, sentence("no public key blob of RSA or of a NIST curve"))
    size = cursor.u32("cbKey")
    if size != COORDINATE_SIZE[curve]:
        raise FormatError(
            "bad_length", 4, sentence("{curve} does not have coordinates of {size} bytes", curve=curve, size=size)
        )
    x = int.from_bytes(cursor.take(size, "x"), "big")
    return EcPublicKey(curve, x, int.from_bytes(cursor.take(size, "y"), "big"))
