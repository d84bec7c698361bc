"""Public sections of CAPI key files (numbers are little-endian).

References:
    https://learn.microsoft.com/windows/win32/seccrypto/dss-version-3-public-key-blobs
"""

from __future__ import annotations

from forensics.formats.bcrypt_blob import MAX_RSA_BYTES
from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.formats.public_key import DsaPublicKey, PublicKey, RsaPublicKey
from forensics.language import sentence

_DSS_HEADERS = (0x0206, 0x0306, 0x0207, 0x0307)
_DSS_V3_MAGICS = (b"DSS3", b"DSS4")
_DSS_SEED_SIZE = 24
_MAX_DSS_PRIVATE_BITS = 512
"""Format: bits of a DSS key's private number."""


def parse_capi_public(data: bytes) -> PublicKey:
    """Parse the public section of an RSA or DSS key container.

    Raises:
        FormatError: ``unknown_magic`` for other keys, ``truncated`` or ``bad_length`` for damaged ones.
    """
    cursor = Cursor(data)
    if data[:4] == b"RSA1":
        return _rsa(cursor)
    if len(data) >= 2 and int.from_bytes(data[:2], "little") in _DSS_HEADERS:
        cursor.take(8, "BLOBHEADER")
    at = cursor.offset
    if cursor.take(4, "magic") in _DSS_V3_MAGICS:
        return _dss(cursor)
    raise FormatError("unknown_magic", at, sentence("no public key of RSA or DSS"))


def _rsa(cursor: Cursor) -> RsaPublicKey:
    cursor.take(4, "magic")
    slot, bits, last, e = cursor.u32s("slot", "bits", "last byte", "exponent")
    size = bits // 8
    if bits % 8 or not 0 < size <= MAX_RSA_BYTES or last != size - 1 or slot < size:
        raise FormatError(
            "bad_length",
            4,
            sentence("an RSA key of {bits} bits does not fit a slot of {slot} bytes", bits=bits, slot=slot),
        )
    modulus = cursor.take(slot, "modulus slot")[:size]
    return RsaPublicKey(int.from_bytes(modulus, "little"), e)


def _dss(cursor: Cursor) -> DsaPublicKey:
    at = cursor.offset
    p_bits, q_bits, j_bits, x_bits = cursor.u32s(*(f"bit length of {name}" for name in "pqjx"))
    whole_bytes = all(bits % 8 == 0 for bits in (p_bits, q_bits, j_bits, x_bits))
    large = max(p_bits, j_bits) > MAX_RSA_BYTES * 8 or max(q_bits, x_bits) > _MAX_DSS_PRIVATE_BITS
    if not whole_bytes or large or not p_bits or not q_bits:
        raise FormatError("bad_length", at, sentence("the bit lengths are not those of a DSS key"))
    cursor.take(_DSS_SEED_SIZE, "seed")

    def number(bits: int, what: str) -> int:
        return int.from_bytes(cursor.take(bits // 8, what), "little")

    p, q, g = number(p_bits, "p"), number(q_bits, "q"), number(p_bits, "g")
    cursor.take(j_bits // 8, "j")
    return DsaPublicKey(p, q, g, number(p_bits, "y"))
