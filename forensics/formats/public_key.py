"""Public keys as numbers: the one form in which a key file and a certificate can be compared."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

CURVE_BITS = {"P-256": 256, "P-384": 384, "P-521": 521}
_FEW = 8
"""One wrong bit in so many leaves a number the same."""
_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@dataclass(frozen=True, slots=True)
class RsaPublicKey:
    """RSA modulus and exponent."""

    algorithm: ClassVar[str] = "RSA"

    n: int
    e: int

    @property
    def bits(self) -> int:
        """Size of the modulus."""
        return self.n.bit_length()

    def spki_sha256(self) -> str:
        """Return the SHA-256 of the SubjectPublicKeyInfo DER, lower hex.

        Raises:
            FormatError: The numbers are no usable RSA key.
        """
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

        try:
            return _spki_sha256(RSAPublicNumbers(self.e, self.n).public_key())
        except (ValueError, OverflowError) as error:
            raise FormatError("bad_public_key", 0, sentence("the RSA numbers make no public key")) from error


@dataclass(frozen=True, slots=True)
class EcPublicKey:
    """A point on a NIST curve; the parser does not prove that it lies on the curve.

    Attributes:
        curve: ``P-256``, ``P-384`` or ``P-521``.
    """

    algorithm: ClassVar[str] = "EC"

    curve: str
    x: int
    y: int

    @property
    def bits(self) -> int:
        """Size of the curve."""
        return CURVE_BITS.get(self.curve, 0)

    def spki_sha256(self) -> str:
        """Return the SHA-256 of the SubjectPublicKeyInfo DER, lower hex.

        Raises:
            FormatError: The point is not on the curve.
        """
        from cryptography.hazmat.primitives.asymmetric import ec

        curves: dict[str, ec.EllipticCurve] = {
            "P-256": ec.SECP256R1(),
            "P-384": ec.SECP384R1(),
            "P-521": ec.SECP521R1(),
        }
        if self.curve not in curves:
            raise FormatError("unknown_curve", 0, sentence("no curve is called {curve}", curve=self.curve))
        try:
            return _spki_sha256(ec.EllipticCurvePublicNumbers(self.x, self.y, curves[self.curve]).public_key())
        except (ValueError, OverflowError) as error:
            raise FormatError("bad_public_key", 0, sentence("the point is not on {curve}", curve=self.curve)) from error


@dataclass(frozen=True, slots=True)
class DsaPublicKey:
    """DSS domain parameters and public value."""

    algorithm: ClassVar[str] = "DSA"

    p: int
    q: int
    g: int
    y: int

    @property
    def bits(self) -> int:
        """Size of the prime p."""
        return self.p.bit_length()

    def spki_sha256(self) -> str:
        """Return the SHA-256 of the SubjectPublicKeyInfo DER, lower hex.

        Raises:
            FormatError: The numbers are no usable DSA key.
        """
        from cryptography.hazmat.primitives.asymmetric import dsa

        try:
            parameters = dsa.DSAParameterNumbers(self.p, self.q, self.g)
            return _spki_sha256(dsa.DSAPublicNumbers(self.y, parameters).public_key())
        except (ValueError, OverflowError) as error:
            raise FormatError("bad_public_key", 0, sentence("the DSA numbers make no public key")) from error


PublicKey = RsaPublicKey | EcPublicKey | DsaPublicKey


def nearly_the_same(key: PublicKey | None, other: PublicKey | None) -> bool:
    """Tell whether two different keys are one of which a copy is damaged.

    The large numbers of two keys differ in about half of their bits, those of a damaged copy in few.
    """
    if isinstance(key, RsaPublicKey) and isinstance(other, RsaPublicKey):
        wrong = (key.n ^ other.n).bit_count()
    elif isinstance(key, EcPublicKey) and isinstance(other, EcPublicKey) and key.curve == other.curve:
        wrong = (key.x ^ other.x).bit_count() + (key.y ^ other.y).bit_count()
    elif isinstance(key, DsaPublicKey) and isinstance(other, DsaPublicKey):
        wrong = (key.y ^ other.y).bit_count()
    else:
        return False
    return key != other and wrong * _FEW < other.bits


def public_key_from_certificate_key(key: object) -> PublicKey | None:
    """Return the numbers of a public key object of the ``cryptography`` package.

    Returns:
        None for algorithms and curves that Windows key files of this project do not hold (Ed25519, secp256k1, DH).
    """
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    if isinstance(key, rsa.RSAPublicKey):
        rsa_numbers = key.public_numbers()
        return RsaPublicKey(rsa_numbers.n, rsa_numbers.e)
    if isinstance(key, ec.EllipticCurvePublicKey):
        curve = _CURVE_NAMES.get(key.curve.name)
        ec_numbers = key.public_numbers()
        return EcPublicKey(curve, ec_numbers.x, ec_numbers.y) if curve else None
    if isinstance(key, dsa.DSAPublicKey):
        dsa_numbers = key.public_numbers()
        group = dsa_numbers.parameter_numbers
        return DsaPublicKey(group.p, group.q, group.g, dsa_numbers.y)
    return None


def _spki_sha256(key: RSAPublicKey | EllipticCurvePublicKey | DSAPublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
