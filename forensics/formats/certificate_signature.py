"""Who signed a certificate, also one that the X.509 library refuses.

References:
    RFC 5280 sections 4.1.1.3 and 6.1.3, RFC 8017 section 8.2, RFC 5758.
"""

from __future__ import annotations

import warnings

from forensics.formats.certificate_der import certificate_parts, expect
from forensics.formats.errors import FormatError
from forensics.formats.lenient_certificate import LenientCertificate
from forensics.lack_of_memory import pass_on
from forensics.language import sentence

_SEQUENCE, _BIT_STRING = 0x30, 0x03
_HASHES = {"SHA1": (5, "1"), "SHA256": (11, "3.2"), "SHA384": (12, "3.3"), "SHA512": (13, "3.4")}
_RSA = {f"1.2.840.113549.1.1.{arc}": name for name, (arc, _) in _HASHES.items()}
_EC = {f"1.2.840.10045.4.{arc}": name for name, (_, arc) in _HASHES.items()}


def is_signed_by(certificate: bytes, issuer: bytes) -> bool | None:
    """Tell whether the key of one certificate signed another; None where that cannot be checked.

    Args:
        certificate: DER.
        issuer: DER.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lower, upper = (x509.load_der_x509_certificate(der) for der in (certificate, issuer))
    except ValueError:
        return _read_leniently(certificate, issuer)
    try:
        lower.verify_directly_issued_by(upper)
    except InvalidSignature:
        return False
    except Exception as error:  # names that differ in their encoding, keys and hashes that the library does not know
        pass_on(error)
        return None
    return True


def _read_leniently(certificate: bytes, issuer: bytes) -> bool | None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    try:
        lower, upper = certificate_parts(certificate), certificate_parts(issuer)
        signed, signature = _signed(certificate)
        algorithm = LenientCertificate(lower).signature_algorithm()
        key = LenientCertificate(upper).public_key()
        if lower.issuer != upper.subject:
            return None
        if isinstance(key, rsa.RSAPublicKey) and algorithm in _RSA:
            key.verify(signature, signed, padding.PKCS1v15(), getattr(hashes, _RSA[algorithm])())
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _EC:
            key.verify(signature, signed, ec.ECDSA(getattr(hashes, _EC[algorithm])()))
        else:
            return None
    except InvalidSignature:
        return False
    except Exception as error:  # what is no certificate, and keys that the library refuses
        pass_on(error)
        return None
    return True


def _signed(der: bytes) -> tuple[bytes, bytes]:
    """Return what was signed, and the signature."""
    start, _ = expect(der, 0, _SEQUENCE)
    _, end = expect(der, start, _SEQUENCE)
    _, after = expect(der, end, _SEQUENCE)
    bits = der[slice(*expect(der, after, _BIT_STRING))]
    if bits[:1] != b"\0":
        raise FormatError("bad_signature", after, sentence("the signature does not fill whole octets"))
    return der[start:end], bits[1:]
