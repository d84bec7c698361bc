"""The endorsement key of a TPM as Windows' registry keeps it, and the forms in which it could be hashed.

How ``EKPub`` is encoded is not documented. So every public form that is known is tried, and what fits is named; and a
certification authority's list of endorsement keys, which names them by SHA-256, is compared with each form.

References:
    https://learn.microsoft.com/windows-server/identity/ad-ds/manage/component-updates/tpm-key-attestation
    https://www.rfc-editor.org/rfc/rfc8017 (A.1.1 RSAPublicKey); https://www.rfc-editor.org/rfc/rfc5280 (4.1.2.7)
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

from forensics.formats.bcrypt_blob import COORDINATE_SIZE, parse_bcrypt_public
from forensics.formats.errors import FormatError
from forensics.formats.public_key import EcPublicKey, PublicKey, RsaPublicKey, public_key_from_certificate_key
from forensics.formats.tpm_public import parse_tpm2b_public

SPKI, PKCS1, MODULUS, BCRYPT, TPM2B = "SPKI", "PKCS#1", "modulus", "BCRYPT blob", "TPM2B_PUBLIC"
"""Names of the forms; a modulus is the bare number, most significant byte first."""

_RSA_OID = bytes.fromhex("06092a864886f70d010101")
_NULL = bytes.fromhex("0500")
_INTEGER, _BIT_STRING, _SEQUENCE = 0x02, 0x03, 0x30
_MODULUS_SIZES = (128, 256, 384, 512)
_EXPONENT = 65537
_EC_HEAD = 8  # magic and size of a coordinate


def read_endorsement_key(raw: bytes) -> tuple[str, PublicKey] | None:
    """Return the form that the bytes have, and the key in it; None when no known form fits the whole of them."""
    for form, parse in _READERS:
        with suppress(FormatError, ValueError, TypeError, OverflowError, NotImplementedError):
            key = parse(raw)
            if key is not None and key.bits:
                return form, key
    return None


def encodings(key: PublicKey) -> Iterator[tuple[str, bytes]]:
    """Yield the forms in which a public key is usually written, by name; of an elliptic-curve key only SPKI.

    Numbers that are no key (a modulus of zero, a point off its curve) have no form.
    """
    if isinstance(key, RsaPublicKey) and key.n:
        size = (key.n.bit_length() + 7) // 8
        modulus, exponent = key.n.to_bytes(size, "big"), key.e.to_bytes(max(1, (key.e.bit_length() + 7) // 8), "big")
        pkcs1 = _der(_SEQUENCE, _integer(modulus) + _integer(exponent))
        yield SPKI, _der(_SEQUENCE, _der(_SEQUENCE, _RSA_OID + _NULL) + _der(_BIT_STRING, b"\0" + pkcs1))
        yield PKCS1, pkcs1
        yield MODULUS, modulus
        head = struct.pack("<4s5I", b"RSA1", key.bits, len(exponent), size, 0, 0)
        yield BCRYPT, head + exponent + modulus
    elif isinstance(key, EcPublicKey):
        spki = _ec_spki(key)
        if spki is not None:
            yield SPKI, spki


def _ec_spki(key: EcPublicKey) -> bytes | None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    curves: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    with suppress(ValueError, KeyError):
        public = ec.EllipticCurvePublicNumbers(key.x, key.y, curves[key.curve]).public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return None


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _integer(number: bytes) -> bytes:
    return _der(_INTEGER, (b"\0" if number[0] & 0x80 else b"") + number)


def _load(raw: bytes) -> PublicKey | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return public_key_from_certificate_key(load_der_public_key(raw))
    except UnsupportedAlgorithm:
        return None


def _from_spki(raw: bytes) -> PublicKey | None:
    # The library reads PKCS#1 too, so what it read is written again and compared.
    return _if_written_so(_load(raw), SPKI, raw)


def _from_pkcs1(raw: bytes) -> PublicKey | None:
    return _if_written_so(_load(raw), PKCS1, raw)


def _from_bcrypt(raw: bytes) -> PublicKey | None:
    # The parser ignores what follows the key.
    key = parse_bcrypt_public(raw)
    if isinstance(key, EcPublicKey):
        return key if len(raw) == _EC_HEAD + 2 * COORDINATE_SIZE[key.curve] else None
    return _if_written_so(key, BCRYPT, raw)


def _if_written_so(key: PublicKey | None, form: str, raw: bytes) -> PublicKey | None:
    return key if key is not None and dict(encodings(key)).get(form) == raw else None


def _from_modulus(raw: bytes) -> PublicKey | None:
    # Nothing but its size and its outer bits says that bytes are a modulus.
    if len(raw) in _MODULUS_SIZES and raw[0] & 0x80 and raw[-1] & 1:
        return RsaPublicKey(int.from_bytes(raw, "big"), _EXPONENT)
    return None


_READERS: tuple[tuple[str, Callable[[bytes], PublicKey | None]], ...] = (
    (BCRYPT, _from_bcrypt),
    (TPM2B, parse_tpm2b_public),
    (SPKI, _from_spki),
    (PKCS1, _from_pkcs1),
    (MODULUS, _from_modulus),
)
