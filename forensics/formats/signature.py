"""Checks a signature without ever calling it wrong on a guess: of a key protector, of a boot manager.

What is certain of such a signature is its algorithm, where a well-known URI names it, and the key that made it. Which
bytes were signed is not always. RSA with PKCS #1 v1.5 tells these two apart, since the signed digest can be taken out
of it again: a block without the padding was not made by that key, whatever was signed, while a sound block with a
digest that fits nothing only shows that other bytes were signed.

References:
    RFC 8017 section 8.2, RFC 9231 (algorithm URIs), https://www.w3.org/TR/xmldsig-core1/ section 6.4
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Literal

from forensics.formats.public_key import EcPublicKey, PublicKey, RsaPublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

SignatureCheck = Literal["valid", "other_bytes", "other_key", "not_checked"]
"""``other_bytes``: by this key, over something else. ``other_key``: not by this key, or damaged."""

MAX_RSA_BITS = 8192
"""Format: bits of an RSA key that checks a signature; no guardian has more."""
MAX_EXPONENT_BITS = 32
"""Format: bits of an exponent that checks a signature; a larger one would only cost time, and no guardian has one."""

_SHORT = "http://www.w3.org/2000/09/xmldsig#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_NEWER = "http://www.w3.org/2007/05/xmldsig-more#"

_ALGORITHMS: dict[str, tuple[str, str]] = {
    _SHORT + "rsa-sha1": ("pkcs1", "SHA1"),
    **{f"{_MORE}rsa-sha{bits}": ("pkcs1", f"SHA{bits}") for bits in (256, 384, 512)},
    **{f"{_NEWER}sha{bits}-rsa-MGF1": ("pss", f"SHA{bits}") for bits in (256, 384, 512)},
    _MORE + "ecdsa-sha1": ("ecdsa", "SHA1"),
    **{f"{_MORE}ecdsa-sha{bits}": ("ecdsa", f"SHA{bits}") for bits in (256, 384, 512)},
}


def is_known_algorithm(uri: str | None) -> bool:
    """Whether signatures with this algorithm URI can be checked at all."""
    return uri in _ALGORITHMS


def check_signature(uri: str | None, signature: bytes, key: PublicKey | None, texts: Iterable[bytes]) -> SignatureCheck:
    """Check a signature over any of several texts.

    Args:
        uri: The signature's algorithm.
        signature: Its value; big-endian, or little-endian as CryptoAPI writes it.
        key: Public key of the presumed signer.
        texts: What may have been signed.

    Returns:
        ``not_checked`` for an unknown algorithm, and for a key that is none or does not suit it. ``other_key`` only of
        RSA with PKCS #1 v1.5: of the other algorithms, a failure may always be one of the text.
    """
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm

    scheme, hash_name = _ALGORITHMS.get(uri or "", ("", ""))
    try:
        if scheme == "ecdsa" and isinstance(key, EcPublicKey):
            return _check_ecdsa(key, hash_name, signature, texts)
        if scheme in ("pkcs1", "pss") and isinstance(key, RsaPublicKey) and _is_sane(key):
            return _check_rsa(key, scheme, hash_name, signature, texts)
    except (UnsupportedAlgorithm, InternalError, ValueError, OverflowError, KeyError):
        # Numbers that make no key, or something this build of OpenSSL refuses: that says nothing of the signature.
        pass
    return "not_checked"


def _is_sane(key: RsaPublicKey) -> bool:
    return key.bits <= MAX_RSA_BITS and key.e.bit_length() <= MAX_EXPONENT_BITS


def _hash(name: str) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    algorithm: HashAlgorithm = getattr(hashes, name)()
    return algorithm


def _check_rsa(
    key: RsaPublicKey, scheme: str, hash_name: str, signature: bytes, texts: Iterable[bytes]
) -> SignatureCheck:
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    algorithm = _hash(hash_name)
    public = RSAPublicNumbers(key.e, key.n).public_key()
    forms = [signature, signature[::-1]]
    pad: AsymmetricPadding = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
    if scheme == "pkcs1":
        pad = padding.PKCS1v15()
        forms = [form for form in forms if _holds(partial(public.recover_data_from_signature, form, pad, None))]
        if not forms:
            return "other_key"
    return _any_holds(partial(public.verify, form, text, pad, algorithm) for text in texts for form in forms)


def _check_ecdsa(key: EcPublicKey, hash_name: str, signature: bytes, texts: Iterable[bytes]) -> SignatureCheck:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    curves: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    public = ec.EllipticCurvePublicNumbers(key.x, key.y, curves[key.curve]).public_key()
    half = (key.bits + 7) // 8
    # XML signatures put r and s side by side; whoever took a library's own form wrote DER.
    if len(signature) == 2 * half:
        numbers = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        signature = encode_dss_signature(*numbers)
    scheme = ec.ECDSA(_hash(hash_name))
    return _any_holds(partial(public.verify, signature, text, scheme) for text in texts)


def _any_holds(checks: Iterable[Callable[[], object]]) -> SignatureCheck:
    return "valid" if any(_holds(check) for check in checks) else "other_bytes"


def _holds(verify: Callable[[], object]) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        verify()
    except InvalidSignature:
        return False
    return True
