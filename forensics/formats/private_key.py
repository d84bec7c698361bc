"""Decrypted private keys: parsed only to prove them by arithmetic; nothing here ever prints a number.

References:
    https://learn.microsoft.com/windows/win32/api/bcrypt/ns-bcrypt-bcrypt_rsakey_blob
    https://learn.microsoft.com/windows/win32/api/bcrypt/ns-bcrypt-bcrypt_key_data_blob_header
    https://learn.microsoft.com/windows/win32/api/bcrypt/ns-bcrypt-bcrypt_pqdsa_key_blob
"""

from __future__ import annotations

import struct
from dataclasses import field

from forensics.formats.bcrypt_blob import COORDINATE_SIZE, MAX_RSA_BYTES
from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.formats.public_key import DsaPublicKey, EcPublicKey, PublicKey, RsaPublicKey
from forensics.language import sentence
from forensics.late_methods import dataclass

_EC_PRIVATE = {
    b"ECS2": "P-256",
    b"ECS4": "P-384",
    b"ECS6": "P-521",
    b"ECK2": "P-256",
    b"ECK4": "P-384",
    b"ECK6": "P-521",
}
_GENERIC_EC = (b"ECDV", b"ECKV")
_UNMODELLED = {
    b"DSPV": "DSA",
    b"DHPV": "DH",
    b"ECDV": "another curve",
    b"ECKV": "another curve",
    b"DSSK": "ML-DSA",
    b"DSSS": "ML-DSA",
}
_ALGORITHM_CURVES = {"P256": "P-256", "P384": "P-384", "P521": "P-521"}
_MAX_SYMMETRIC_BYTES = 4096
"""Format: bytes of a symmetric key."""
# Size word, 32-byte KDF context and 16-byte tag are in every LSAISO blob.
_LSAISO_LEAST = 4 + 32 + 16


@dataclass(frozen=True, slots=True)
class RsaPrivateKey:
    """RSA private key; the CNG short form (``RSA2``) stores only e, n, p and q, so the rest may be None."""

    n: int = field(repr=False)
    e: int = field(repr=False)
    p: int = field(repr=False)
    q: int = field(repr=False)
    d: int | None = field(default=None, repr=False)
    dp: int | None = field(default=None, repr=False)
    dq: int | None = field(default=None, repr=False)
    qi: int | None = field(default=None, repr=False)

    @property
    def public(self) -> PublicKey | None:
        """The public half."""
        return RsaPublicKey(self.n, self.e)

    def has_factors(self) -> bool:
        """Tell whether p and q are the factors of n: the key can then be had, whatever became of d, dp, dq and qi."""
        return self.p > 1 and self.q > 1 and self.e > 1 and self.p * self.q == self.n

    def is_consistent(self) -> bool:
        """Tell whether every stored number fits the others.

        Windows computes d modulo lcm(p-1, q-1), others modulo (p-1)(q-1): modulo p-1 and q-1 both are 1.
        """
        p, q, e = self.p, self.q, self.e
        if not self.has_factors():
            return False
        return (
            (self.d is None or (self.d * e % (p - 1) == 1 and self.d * e % (q - 1) == 1))
            and (self.dp is None or self.dp * e % (p - 1) == 1)
            and (self.dq is None or self.dq * e % (q - 1) == 1)
            and (self.qi is None or self.qi * q % p == 1)
        )


@dataclass(frozen=True, slots=True)
class EcPrivateKey:
    """Private key on a NIST curve, with the point that was stored beside it."""

    curve: str
    x: int = field(repr=False)
    y: int = field(repr=False)
    d: int = field(repr=False)

    @property
    def public(self) -> PublicKey | None:
        """The stored point."""
        return EcPublicKey(self.curve, self.x, self.y)

    def is_consistent(self) -> bool:
        """Tell whether d times the generator is the stored point."""
        from cryptography.hazmat.primitives.asymmetric import ec

        curves: dict[str, ec.EllipticCurve] = {
            "P-256": ec.SECP256R1(),
            "P-384": ec.SECP384R1(),
            "P-521": ec.SECP521R1(),
        }
        try:
            numbers = ec.derive_private_key(self.d, curves[self.curve]).public_key().public_numbers()
        except (KeyError, ValueError, OverflowError):
            return False
        return (numbers.x, numbers.y) == (self.x, self.y)


@dataclass(frozen=True, slots=True)
class DsaPrivateKey:
    """DSS private value, with the public key that lies in clear beside it in the key file."""

    x: int = field(repr=False)
    beside: DsaPublicKey | None = field(default=None, repr=False)

    @property
    def public(self) -> PublicKey | None:
        """The public key it was read with."""
        return self.beside

    def is_consistent(self) -> bool:
        """Tell whether g to the power of x is the public value; False when there is none to compare with."""
        key = self.beside
        return key is not None and 0 < self.x < key.q and key.p > 1 and pow(key.g, self.x, key.p) == key.y


@dataclass(frozen=True, slots=True)
class SymmetricKey:
    """A symmetric key, of which only the size is kept."""

    bits: int

    @property
    def public(self) -> PublicKey | None:
        """None: symmetric keys have no public half."""
        return None

    def is_consistent(self) -> bool:
        """Return True: there is no arithmetic in a symmetric key."""
        return True


@dataclass(frozen=True, slots=True)
class UnmodelledKey:
    """A key whose blob names itself (DSA, DH, another curve, ML-DSA) but whose numbers are not looked at.

    Attributes:
        magic: The BCRYPT magic, such as ``DHPV``.
    """

    magic: str

    @property
    def kind(self) -> str:
        """What kind of key it is, in words."""
        return _UNMODELLED.get(self.magic.encode("ascii"), self.magic)

    @property
    def public(self) -> PublicKey | None:
        """None: its numbers are not read."""
        return None

    def is_consistent(self) -> bool:
        """Return True: only the DPAPI MAC speaks for it."""
        return True


PrivateKey = RsaPrivateKey | EcPrivateKey | DsaPrivateKey | SymmetricKey | UnmodelledKey


def parse_capi_rsa_private(data: bytes) -> RsaPrivateKey:
    """Parse the clear private section of a CAPI key file: little-endian numbers in padded slots.

    Bytes after d are filler and are not looked at.

    Raises:
        FormatError: ``not_a_key_blob`` without the ``RSA2`` magic, ``truncated`` or ``bad_length`` otherwise.
    """
    cursor = Cursor(data)
    if data[:4] != b"RSA2":
        raise FormatError("not_a_key_blob", 0, sentence("no RSA2 magic"))
    cursor.take(4, "magic")
    slot, bits, last, e = cursor.u32s("slot", "bits", "last byte", "exponent")
    size = bits // 8
    if bits % 16 or not 0 < size <= MAX_RSA_BYTES or last != size - 1 or not size <= slot <= size + 64 or slot % 2:
        raise FormatError(
            "bad_length",
            4,
            sentence("an RSA key of {bits} bits does not have slots of {slot} bytes", bits=bits, slot=slot),
        )

    def number(slot_size: int, value_size: int, what: str) -> int:
        return int.from_bytes(cursor.take(slot_size, what)[:value_size], "little")

    n = number(slot, size, "modulus")
    p, q, dp, dq, qi = (number(slot // 2, size // 2, what) for what in ("p", "q", "dp", "dq", "qi"))
    return RsaPrivateKey(n, e, p, q, number(slot, size, "d"), dp, dq, qi)


def parse_private_key_blob(data: bytes) -> RsaPrivateKey:
    """Parse a PRIVATEKEYBLOB, as CryptoAPI exports an RSA key: little-endian numbers without padding.

    Raises:
        FormatError: ``not_a_key_blob`` without the ``RSA2`` magic, ``truncated`` or ``bad_length`` otherwise.

    References:
        https://learn.microsoft.com/windows/win32/seccrypto/rsa-schannel-key-blobs
    """
    cursor = Cursor(data)
    cursor.take(8, "BLOBHEADER")
    if data[8:12] != b"RSA2":
        raise FormatError("not_a_key_blob", 8, "no RSA2 magic")
    cursor.take(4, "magic")
    bits, e = cursor.u32s("bits", "exponent")
    size = bits // 8
    if bits % 16 or not 0 < size <= MAX_RSA_BYTES:
        raise FormatError("bad_length", 12, sentence("there is no RSA key of {bits} bits", bits=bits))
    sizes = (size, *[size // 2] * 5, size)
    n, p, q, dp, dq, qi, d = (int.from_bytes(cursor.take(each, "number"), "little") for each in sizes)
    return RsaPrivateKey(n, e, p, q, d, dp, dq, qi)


def parse_capi_private(data: bytes, public: PublicKey | None = None) -> RsaPrivateKey | DsaPrivateKey:
    """Parse the clear private section of a CAPI key file.

    Args:
        data: The clear text; of a DSS key it is x alone, little-endian, so bytes after x are ignored.
        public: The public half in the same file, which tells a DSS key.

    Raises:
        FormatError: ``not_a_key_blob`` when it is neither, ``truncated`` or ``bad_length`` when it is damaged.
    """
    if not isinstance(public, DsaPublicKey):
        return parse_capi_rsa_private(data)
    size = (public.q.bit_length() + 7) // 8
    if not 0 < size <= len(data):
        raise FormatError(
            "not_a_key_blob",
            0,
            sentence("{count} bytes hold no DSS private value of {size} bytes", count=len(data), size=size),
        )
    return DsaPrivateKey(int.from_bytes(data[:size], "little"), public)


def parse_cng_private(
    data: bytes, algorithm: str | None = None
) -> RsaPrivateKey | EcPrivateKey | SymmetricKey | UnmodelledKey:
    """Parse the clear private key of a CNG key file: a BCRYPT blob with big-endian numbers.

    Args:
        data: The clear text.
        algorithm: ``CngKeyFile.algorithm``, which names the curve of ``ECDV`` and ``ECKV`` blobs.

    Raises:
        FormatError: ``not_a_key_blob`` for a magic that BCRYPT does not have (a VBS-sealed key has none),
            ``truncated`` or ``bad_length`` for damaged ones.
    """
    cursor = Cursor(data)
    magic = data[:4]
    cursor.take(len(magic), "magic")
    if magic in (b"RSA2", b"RSA3"):
        return _cng_rsa(cursor, full=magic == b"RSA3")
    if magic == b"KDBM":
        version, size = cursor.u32s("version", "cbKeyData")
        if version != 1 or not 0 < size <= _MAX_SYMMETRIC_BYTES:
            raise FormatError(
                "bad_length",
                4,
                sentence("key data blob of version {version} with {size} bytes", version=version, size=size),
            )
        cursor.take(size, "key data")
        return SymmetricKey(size * 8)
    curve = _EC_PRIVATE.get(magic)
    if curve is None and magic in _GENERIC_EC:
        curve = _ALGORITHM_CURVES.get((algorithm or "").rpartition("_")[2])
    if curve is None and magic in _UNMODELLED:
        return UnmodelledKey(magic.decode("ascii"))
    if curve is None:
        raise FormatError("not_a_key_blob", 0, sentence("no magic of an RSA, NIST curve or symmetric private key"))
    size = cursor.u32("cbKey")
    if size != COORDINATE_SIZE[curve]:
        raise FormatError(
            "bad_length", 4, sentence("{curve} does not have coordinates of {size} bytes", curve=curve, size=size)
        )
    x, y, d = (int.from_bytes(cursor.take(size, what), "big") for what in ("x", "y", "d"))
    return EcPrivateKey(curve, x, y, d)


def _cng_rsa(cursor: Cursor, *, full: bool) -> RsaPrivateKey:
    _, *sizes = cursor.u32s("bits", "cbPublicExp", "cbModulus", "cbPrime1", "cbPrime2")
    if not all(0 < size <= MAX_RSA_BYTES for size in sizes):
        raise FormatError("bad_length", 8, sentence("an RSA key cannot have numbers of {sizes} bytes", sizes=sizes))
    _, n_size, p_size, q_size = sizes
    e, n, p, q = (int.from_bytes(cursor.take(size, "number"), "big") for size in sizes)
    if not full:
        return RsaPrivateKey(n, e, p, q)
    rest = (p_size, q_size, p_size, n_size)
    dp, dq, qi, d = (int.from_bytes(cursor.take(size, "number"), "big") for size in rest)
    return RsaPrivateKey(n, e, p, q, d, dp, dq, qi)


def is_vbs_blob(data: bytes) -> bool:
    """Tell whether a clear CNG private key has the shape of a key sealed to the secure kernel (VBS).

    The shape is a u32, then an LSAISO blob whose first u32 is its own size. It is known from mimikatz only, so this
    supports the property ``Virtual Iso`` and does not replace it. The magic of a key that BCRYPT may know one day is
    four letters.

    References:
        https://github.com/gentilkiwi/mimikatz (kull_m_key.h, LSAISO_DATA_BLOB)
    """
    if len(data) < 4 + _LSAISO_LEAST or data[:4].isalnum():
        return False
    (size,) = struct.unpack_from("<I", data, 4)
    return bool(_LSAISO_LEAST <= size <= len(data) - 4)
