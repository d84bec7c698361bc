"""PKCS#12 (PFX) files that Windows imports into the provider and the key set that the key was in.

The cryptography library writes them, but not the attributes of the key by which Windows chooses where it goes, so they
are added here, outside of what is encrypted, and the MAC over them is made anew.

References:
    RFC 7292 sections 4 and B.2; openssl-pkcs12(1): -CSP, -LMK, -keyex, -keysig
    https://learn.microsoft.com/windows/win32/api/wincrypt/nf-wincrypt-pfximportcertstore
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12PrivateKeyTypes

ROUNDS = 150_000
"""Rounds of each key derivation: .NET refuses files with more than 600,000 in all, and there are three."""

_CSP_NAME, _LOCAL_KEY_SET, _KEY_USAGE = "1.3.6.1.4.1.311.17.1", "1.3.6.1.4.1.311.17.2", "2.5.29.15"
_USAGE_OF_SPEC = {1: b"\x03\x02\x00\x10", 2: b"\x03\x02\x00\x80"}
"""BIT STRING by key spec: dataEncipherment stands for AT_KEYEXCHANGE, digitalSignature for AT_SIGNATURE."""
_MAC_ID = 3


@dataclass(frozen=True, slots=True)
class Destination:
    """Where Windows is to put a key.

    Attributes:
        provider: Name of its provider; None leaves that to the import.
        is_machine: Into the key set of the computer.
        key_spec: 1 AT_KEYEXCHANGE, 2 AT_SIGNATURE; None of a key of CNG.
    """

    provider: str | None
    is_machine: bool
    key_spec: int | None


def pfx(
    key: PKCS12PrivateKeyTypes,
    certificate: bytes,
    issuers: Sequence[bytes],
    name: str | None,
    destination: Destination,
    password: bytes,
    *,
    is_legacy: bool = False,
) -> bytes:
    """Return a PFX file.

    Args:
        key: The private key.
        certificate: Its certificate, DER.
        issuers: Those above it, DER.
        name: Friendly name of the certificate.
        destination: Where Windows is to put the key.
        password: UTF-8.
        is_legacy: With triple DES and SHA-1, for a Windows that does not import AES.

    Raises:
        ValueError: The library cannot write the certificate or the key.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs12

    own, *above = (x509.load_der_x509_certificate(der) for der in (certificate, *issuers))
    written = pkcs12.serialize_key_and_certificates(
        name.encode("utf-8", "ignore") if name else None, key, own, above, _encryption(password, is_legacy)
    )
    return _with_destination(written, destination, password, "sha1" if is_legacy else "sha256")


def _encryption(password: bytes, is_legacy: bool) -> KeySerializationEncryption:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import PrivateFormat
    from cryptography.hazmat.primitives.serialization.pkcs12 import PBES

    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(ROUNDS)
    if is_legacy:
        builder = builder.key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1())
    else:
        builder = builder.key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    return builder.build(password)


def _with_destination(written: bytes, destination: Destination, password: bytes, digest: str) -> bytes:
    """Add the attributes of the key and make the MAC anew."""
    from asn1crypto import core, pkcs12

    file = pkcs12.Pfx.load(written)
    safes = file.authenticated_safe
    for safe in safes:
        if safe["content_type"].native != "data":
            continue
        bags = pkcs12.SafeContents.load(safe["content"].native)
        for bag in bags:
            if bag["bag_id"].native == "pkcs8_shrouded_key_bag":
                _add_attributes(bag, destination)
        safe["content"] = core.OctetString(bags.dump(force=True))
    content = safes.dump(force=True)
    salt = os.urandom(20)
    mac_key = derive(digest, _MAC_ID, password.decode(), salt, ROUNDS, hashlib.new(digest).digest_size)
    mac = file["mac_data"]
    file["auth_safe"]["content"] = core.OctetString(content)
    mac["mac"]["digest"] = hmac.digest(mac_key, content, digest)
    mac["mac_salt"], mac["iterations"] = salt, ROUNDS
    whole: bytes = file.dump(force=True)
    return whole


def _add_attributes(bag: Any, destination: Destination) -> None:
    from asn1crypto import core, pkcs12

    attributes = list(bag["bag_attributes"])
    if destination.provider:
        attributes.append(_attribute(_CSP_NAME, core.BMPString(destination.provider).dump()))
    if destination.is_machine:
        attributes.append(_attribute(_LOCAL_KEY_SET))
    if destination.key_spec in _USAGE_OF_SPEC:
        attributes.append(_attribute(_KEY_USAGE, _USAGE_OF_SPEC[destination.key_spec]))
    bag["bag_attributes"] = pkcs12.Attributes(attributes)


def _attribute(oid: str, value: bytes = b"") -> Any:
    from asn1crypto import core, pkcs12

    body = core.ObjectIdentifier(oid).dump() + core.Set(contents=value).dump()
    return pkcs12.Attribute.load(core.Sequence(contents=body).dump())


def derive(digest: str, purpose: int, password: str, salt: bytes, rounds: int, length: int) -> bytes:
    """Derive key material from a password as PKCS#12 does (RFC 7292, B.2).

    Args:
        digest: Name of the hash.
        purpose: 1 for a key, 2 for an IV, 3 for a MAC.
        password: The password.
        salt: The salt.
        rounds: How often the hash is taken.
        length: Bytes to derive; no more than the hash has.

    Raises:
        ValueError: More bytes are wanted than the hash has.
    """
    new = getattr(hashlib, digest)
    block = new().block_size
    if length > new().digest_size:
        raise ValueError("more bytes than one hash has")
    secret = (password + "\0").encode("utf-16-be")
    filled = b"".join(
        (part * (block // len(part) + 1 + len(part) // block))[: -(-len(part) // block) * block]
        for part in (salt, secret)
    )
    value = bytes([purpose]) * block + filled
    for _ in range(rounds):
        value = new(value).digest()
    derived: bytes = value[:length]
    return derived
