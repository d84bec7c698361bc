"""Proved private keys as the cryptography library holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.formats.private_key import DsaPrivateKey, EcPrivateKey, PrivateKey, RsaPrivateKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12PrivateKeyTypes


def library_key(key: PrivateKey) -> PKCS12PrivateKeyTypes:
    """Return a key as the library's, whose own checks it passes; what can be computed anew is.

    Raises:
        ValueError: It is no key of RSA, DSA or a NIST curve, or its numbers are refused.
    """
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    if isinstance(key, RsaPrivateKey):
        d = rsa.rsa_recover_private_exponent(key.e, key.p, key.q)
        dp, dq, qi = rsa.rsa_crt_dmp1(d, key.p), rsa.rsa_crt_dmq1(d, key.q), rsa.rsa_crt_iqmp(key.p, key.q)
        return rsa.RSAPrivateNumbers(key.p, key.q, d, dp, dq, qi, rsa.RSAPublicNumbers(key.e, key.n)).private_key()
    if isinstance(key, EcPrivateKey):
        curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[key.curve]
        return ec.EllipticCurvePrivateNumbers(key.d, ec.EllipticCurvePublicNumbers(key.x, key.y, curve)).private_key()
    if isinstance(key, DsaPrivateKey) and key.beside is not None:
        beside = key.beside
        parameters = dsa.DSAParameterNumbers(beside.p, beside.q, beside.g)
        return dsa.DSAPrivateNumbers(key.x, dsa.DSAPublicNumbers(beside.y, parameters)).private_key()
    raise ValueError("no key of RSA, DSA or a NIST curve")
