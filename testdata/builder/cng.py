"""Key files of the Microsoft Software Key Storage Provider: RSA, ECDSA, ECDH, symmetric.

References: format notes, "CNG key file"; lengths as in the real files R2 and R3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from testdata.builder.dpapi import AES_SHA512, LOCAL_MACHINE, MasterKey, Suite, make_blob
from testdata.builder.filetime import filetime_bytes
from testdata.builder.seeded import Seeded

PROPERTIES_ENTROPY = b"6jnkd5J3ZdQDtrsu\0"
PRIVATE_KEY_ENTROPY = b"xT5rZW5qVVbrvpuA\0"

ALLOW_EXPORT = 1
ALLOW_PLAINTEXT_EXPORT = 2

_CLASS_SYMMETRIC, _CLASS_ASYMMETRIC = 1, 3
_EC_INDEX = {"ECDSA": {256: 4, 384: 5, 521: 6}, "ECDH": {256: 7, 384: 8, 521: 9}}
_EC_MAGIC = {"ECDSA": {256: b"ECS1", 384: b"ECS3", 521: b"ECS5"}, "ECDH": {256: b"ECK1", 384: b"ECK3", 521: b"ECK5"}}


@dataclass(frozen=True, slots=True)
class Property:
    """One entry of a property list."""

    id: int
    name: str
    value: bytes


def property_list(properties: Sequence[Property]) -> bytes:
    """Return a list in its stored form."""
    out = b""
    for entry in properties:
        name = entry.name.encode("utf-16-le")
        out += struct.pack("<5I", 20 + len(name) + len(entry.value), entry.id, 0, len(name), len(entry.value))
        out += name + entry.value
    return out


def _rsa_blob(magic: bytes, key: rsa.RSAPrivateKey, *parts: str) -> bytes:
    private = key.private_numbers()
    size, half = key.key_size // 8, key.key_size // 16
    e = private.public_numbers.e.to_bytes(3, "big")
    primes = half if parts else 0
    out = magic + struct.pack("<5I", key.key_size, len(e), size, primes, primes) + e
    out += private.public_numbers.n.to_bytes(size, "big")
    for part in parts:
        out += getattr(private, part).to_bytes(size if part == "d" else half, "big")
    return out


def rsa_public_blob(key: rsa.RSAPrivateKey) -> bytes:
    """BCRYPT_RSAPUBLIC_BLOB."""
    return _rsa_blob(b"RSA1", key)


def rsa_private_blob(key: rsa.RSAPrivateKey) -> bytes:
    """BCRYPT_RSAPRIVATE_BLOB: modulus and primes."""
    return _rsa_blob(b"RSA2", key, "p", "q")


def rsa_full_blob(key: rsa.RSAPrivateKey) -> bytes:
    """BCRYPT_RSAFULLPRIVATE_BLOB."""
    return _rsa_blob(b"RSA3", key, "p", "q", "dmp1", "dmq1", "iqmp", "d")


def ec_blob(key: ec.EllipticCurvePrivateKey, algorithm: str = "ECDSA", *, private: bool = False) -> bytes:
    """BCRYPT_ECCPUBLIC_BLOB or BCRYPT_ECCPRIVATE_BLOB; ``algorithm`` is ECDSA or ECDH."""
    numbers = key.private_numbers()
    size = (key.key_size + 7) // 8
    magic = _EC_MAGIC[algorithm][key.key_size]
    points = [numbers.public_numbers.x, numbers.public_numbers.y]
    if private:
        magic = magic[:3] + bytes([magic[3] + 1])
        points.append(numbers.private_value)
    return magic + struct.pack("<I", size) + b"".join(p.to_bytes(size, "big") for p in points)


def symmetric_blob(key: bytes) -> bytes:
    """BCRYPT_KEY_DATA_BLOB."""
    return struct.pack("<4sII", b"KDBM", 1, len(key)) + key


def vbs_clear(seed: str) -> bytes:
    """Return what the private-key blob of a VBS-protected key holds: a number and an LSAISO data blob."""
    stream = Seeded(seed + "/vbs")
    ciphertext, kind = stream.bytes(256), b"NcryptIum\0"
    body = struct.pack("<III", 0, 1, 1) + stream.bytes(32) + stream.bytes(16)
    body += struct.pack("<III", 0, len(kind), len(ciphertext)) + kind + ciphertext
    return struct.pack("<II", 1, 4 + len(body)) + body


@dataclass(frozen=True, slots=True)
class CngKey:
    """What a key file is made of, before protection."""

    index: int
    type_class: int
    bits: int
    public: bytes | None
    private: bytes = field(repr=False)

    @classmethod
    def rsa(cls, key: rsa.RSAPrivateKey, *, full: bool = False) -> CngKey:
        clear = rsa_full_blob(key) if full else rsa_private_blob(key)
        return cls(1, _CLASS_ASYMMETRIC, key.key_size, rsa_public_blob(key), clear)

    @classmethod
    def ec(cls, key: ec.EllipticCurvePrivateKey, algorithm: str = "ECDSA") -> CngKey:
        index = _EC_INDEX[algorithm][key.key_size]
        public, private = ec_blob(key, algorithm), ec_blob(key, algorithm, private=True)
        return cls(index, _CLASS_ASYMMETRIC, key.key_size, public, private)

    @classmethod
    def aes(cls, key: bytes) -> CngKey:
        return cls(2, _CLASS_SYMMETRIC, len(key) * 8, None, symmetric_blob(key))


def ui_policy(title: str) -> Property:
    """UI Policy with force-high protection: Windows asks for a password at each use."""
    texts = [(t + "\0").encode("utf-16-le") for t in (title, title, "")]
    value = struct.pack("<5I", 1, 2, *(len(t) for t in texts)) + b"".join(texts)
    return Property(0, "UI Policy", value)


def make_cng_key(
    seed: str,
    container: str,
    master_key: MasterKey,
    key: CngKey,
    *,
    export_policy: int = 0,
    private_properties: Sequence[Property] = (),
    suite: Suite = AES_SHA512,
    flags: int = LOCAL_MACHINE,
    password: bytes = b"",
    modified: datetime = datetime(2024, 3, 4, 9, 15, tzinfo=UTC),
    creator: str | None = None,
    public_properties: bytes | None = None,
    private_clear: bytes | None = None,
) -> bytes:
    """Build a key file.

    Args:
        seed: Salts follow from it.
        container: Key name, original case.
        master_key: What protects the private halves.
        key: The key.
        export_policy: Export Policy bits.
        private_properties: Further private properties.
        suite: Cipher and hash of the blobs.
        flags: DPAPI flags of the blobs.
        password: A secret that only the private-key blob needs besides (PIN).
        modified: Property Modified.
        creator: Property CreatorProcessName (Windows 11).
        public_properties: Raw bytes in place of the public property list.
        private_clear: Raw bytes in place of the private key (VBS).
    """
    public = [Property(0, "Modified", filetime_bytes(modified))]
    if creator:
        public.append(Property(0, "CreatorProcessName", creator.encode("utf-16-le") + b"\0\0"))
    if key.public is not None:
        public.append(Property(10, "", key.public))
    private = [Property(3, "Export Policy", struct.pack("<I", export_policy))]
    private += [Property(7, "", struct.pack("<I", key.bits)), *private_properties]
    public_data = property_list(public) if public_properties is None else public_properties
    private_data = make_blob(
        seed + "/properties",
        master_key,
        property_list(private),
        suite=suite,
        flags=flags,
        entropy=PROPERTIES_ENTROPY,
        description="Private Key Properties",
    )
    key_data = make_blob(
        seed + "/private key",
        master_key,
        key.private if private_clear is None else private_clear,
        suite=suite,
        flags=flags,
        entropy=PRIVATE_KEY_ENTROPY,
        password=password,
        description="Private Key",
    )
    name = container.encode("utf-16-le")
    head = struct.pack("<IIIHH", 1, 0, len(name), key.index, key.type_class)
    head += struct.pack("<III", len(public_data), len(private_data), len(key_data)) + bytes(16)
    return head + name + public_data + private_data + key_data
