"""TPM2B_PUBLIC: the public area of a TPM 2.0 key (big-endian).

References:
    https://trustedcomputinggroup.org/resource/tpm-library-specification/ (Part 2, section 12.2)
"""

from __future__ import annotations

import struct

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.formats.public_key import EcPublicKey, PublicKey, RsaPublicKey
from forensics.language import sentence

_ALG_RSA, _ALG_ECC, _ALG_NULL, _ALG_XOR, _ALG_RSAES, _ALG_ECDAA = 0x0001, 0x0023, 0x0010, 0x000A, 0x0015, 0x001A
_CURVES = {3: "P-256", 4: "P-384", 5: "P-521"}
_DEFAULT_EXPONENT = 65537


def parse_tpm2b_public(data: bytes) -> PublicKey | None:
    """Parse a TPM2B_PUBLIC.

    Returns:
        None for a type or a curve that no certificate of this project holds (keyed hash, symmetric, SM2).

    Raises:
        FormatError: ``truncated`` or ``bad_length``.
    """
    cursor = Cursor(data)
    size = _u16(cursor, "size")
    if size != cursor.remaining:
        raise FormatError(
            "bad_length",
            0,
            sentence("the public area says {size} bytes, {remaining} are there", size=size, remaining=cursor.remaining),
        )
    kind = _u16(cursor, "type")
    cursor.take(2 + 4, "nameAlg and objectAttributes")
    _sized(cursor, "authPolicy")
    if kind not in (_ALG_RSA, _ALG_ECC):
        return None
    key = _rsa(cursor) if kind == _ALG_RSA else _ecc(cursor)
    if cursor.remaining:
        raise FormatError(
            "bad_length", cursor.offset, sentence("{remaining} bytes follow the key", remaining=cursor.remaining)
        )
    return key


def _rsa(cursor: Cursor) -> RsaPublicKey:
    _skip_symmetric(cursor)
    _skip_scheme(cursor)
    bits_at = cursor.offset
    bits = _u16(cursor, "keyBits")
    exponent = int.from_bytes(cursor.take(4, "exponent"), "big") or _DEFAULT_EXPONENT
    modulus = _sized(cursor, "modulus")
    if len(modulus) * 8 != bits:
        raise FormatError(
            "bad_length",
            bits_at,
            sentence("a modulus of {bits} bits does not have {count} bytes", bits=bits, count=len(modulus)),
        )
    return RsaPublicKey(int.from_bytes(modulus, "big"), exponent)


def _ecc(cursor: Cursor) -> EcPublicKey | None:
    _skip_symmetric(cursor)
    _skip_scheme(cursor)
    curve = _CURVES.get(_u16(cursor, "curveID"))
    if _u16(cursor, "kdf") != _ALG_NULL:
        cursor.take(2, "kdf hash")
    x, y = _sized(cursor, "x"), _sized(cursor, "y")
    if curve is None:
        return None
    return EcPublicKey(curve, int.from_bytes(x, "big"), int.from_bytes(y, "big"))


def _skip_symmetric(cursor: Cursor) -> None:
    algorithm = _u16(cursor, "symmetric algorithm")
    if algorithm == _ALG_NULL:
        return
    cursor.take(2 if algorithm == _ALG_XOR else 4, "symmetric parameters")


def _skip_scheme(cursor: Cursor) -> None:
    scheme = _u16(cursor, "scheme")
    if scheme in (_ALG_NULL, _ALG_RSAES):
        return
    cursor.take(4 if scheme == _ALG_ECDAA else 2, "scheme parameters")


def _u16(cursor: Cursor, what: str) -> int:
    return int(struct.unpack(">H", cursor.take(2, what))[0])


def _sized(cursor: Cursor, what: str) -> bytes:
    return cursor.take(_u16(cursor, f"size of {what}"), what)
