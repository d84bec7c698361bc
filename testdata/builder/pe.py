"""A minimal PE32+ file and its Authenticode signature, by a test chain whose names are those of Microsoft's.

References:
    Microsoft, PE Format; Windows Authenticode Portable Executable Signature Format (2008); RFC 2315.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from testdata.builder.certs import CODE_SIGNING, Certificate, make_certificate
from testdata.builder.keys import rsa_key

PCA_2011 = "Microsoft Windows Production PCA 2011"
UEFI_CA_2023 = "Windows UEFI CA 2023"
SIGNER = "Microsoft Windows"
_ROOT = "Contoso Test Root"

_PE_AT = 0x80
_OPTIONAL_AT = _PE_AT + 24
CHECKSUM_AT = _OPTIONAL_AT + 64
SECURITY_AT = _OPTIONAL_AT + 112 + 4 * 8
_HEADER_SIZE = 0x200

_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_INDIRECT_DATA = bytes.fromhex("060a2b060104018237020104")
_PE_IMAGE_DATA = bytes.fromhex("060a2b06010401823702010f")
_CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")


def make_pe(code: bytes = b"\xc3") -> bytes:
    """Return an unsigned EFI application of one section that holds ``code``."""
    section = code.ljust(-(-len(code) // 512) * 512, b"\0")
    dos = b"MZ" + bytes(58) + struct.pack("<I", _PE_AT)
    coff = struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x0022)
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII",
        0x20B,
        14,
        0,
        len(section),
        0,
        0,
        0x1000,
        0x1000,
        0x10000000,
        0x1000,
        0x200,
        *(0, 0, 0, 0, 6, 0),
        0,
        0x1000 + -(-len(section) // 0x1000) * 0x1000,
        _HEADER_SIZE,
        0,
        10,  # EFI application
        0,
        *(0x100000, 0x1000, 0x100000, 0x1000),
        0,
        16,
    ) + bytes(16 * 8)
    entry = struct.pack("<8sIIIIIIHHI", b".text", len(code), 0x1000, len(section), _HEADER_SIZE, 0, 0, 0, 0, 0x60000020)
    head = dos.ljust(_PE_AT, b"\0") + b"PE\0\0" + coff + optional + entry
    return head.ljust(_HEADER_SIZE, b"\0") + section


@cache
def signer(authority: str = UEFI_CA_2023) -> tuple[Certificate, Certificate]:
    """Return a signer's certificate and that of the authority of this name which issued it."""
    dates: dict[str, Any] = {
        "not_before": datetime(2024, 1, 1, tzinfo=UTC),
        "not_after": datetime(2035, 1, 1, tzinfo=UTC),
    }
    issuer = make_certificate(authority, rsa_key("ca"), issuer=_ROOT, is_ca=True, eku=(CODE_SIGNING,), **dates)
    leaf = make_certificate(SIGNER, rsa_key("2048-01"), issuer=authority, eku=(CODE_SIGNING,), **dates)
    return leaf, issuer


def sign_pe(image: bytes, authorities: Sequence[str] = (UEFI_CA_2023,)) -> bytes:
    """Append one Authenticode signature for each authority."""
    body = image.ljust(-(-len(image) // 8) * 8, b"\0")
    digest = hashlib.sha256(body[:CHECKSUM_AT] + body[CHECKSUM_AT + 4 : SECURITY_AT] + body[SECURITY_AT + 8 :]).digest()
    table = b""
    for authority in authorities:
        blob = _signed_data(digest, *signer(authority))
        padded = blob.ljust(-(-len(blob) // 8) * 8, b"\0")
        table += struct.pack("<IHH", 8 + len(padded), 0x0200, 2) + padded
    directory = struct.pack("<II", len(body), len(table))
    return body[:SECURITY_AT] + directory + body[SECURITY_AT + 8 :] + table


def signed_pe(authority: str = UEFI_CA_2023, code: bytes = b"\xc3") -> bytes:
    """Return a signed EFI application."""
    return sign_pe(make_pe(code), (authority,))


def _signed_data(digest: bytes, leaf: Certificate, issuer: Certificate) -> bytes:
    obsolete = _der(0xA0, _der(0xA2, _der(0x80, "<<<Obsolete>>>".encode("utf-16-be"))))
    image_data = _der(0x30, _PE_IMAGE_DATA, _der(0x30, b"\x03\x01\x00", obsolete))
    indirect = image_data + _der(0x30, _SHA256, _der(0x04, digest))
    attributes = [
        _der(0x30, _CONTENT_TYPE, _der(0x31, _INDIRECT_DATA)),
        _der(0x30, _MESSAGE_DIGEST, _der(0x31, _der(0x04, hashlib.sha256(indirect).digest()))),
    ]
    sorted_attributes = b"".join(sorted(attributes))
    key = leaf.key
    signature = key.sign(_der(0x31, sorted_attributes), padding.PKCS1v15(), hashes.SHA256())  # type: ignore[call-arg,arg-type]
    serial = leaf.x509.serial_number
    number = _der(0x02, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
    info = _der(
        0x30,
        b"\x02\x01\x01",
        _der(0x30, issuer.x509.subject.public_bytes(), number),
        _SHA256,
        _der(0xA0, sorted_attributes),
        _RSA,
        _der(0x04, signature),
    )
    content = _der(
        0x30,
        b"\x02\x01\x01",
        _der(0x31, _SHA256),
        _der(0x30, _INDIRECT_DATA, _der(0xA0, _der(0x30, indirect))),
        _der(0xA0, leaf.der, issuer.der),
        _der(0x31, info),
    )
    return _der(0x30, _SIGNED_DATA, _der(0xA0, content))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
