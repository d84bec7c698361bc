"""Key files of the Microsoft Platform Crypto Provider: keys wrapped by a TPM.

References: format notes, "TPM (PCPKSP)"; [TPM 2.0 Part 2] TPM2B_PUBLIC.
"""

from __future__ import annotations

import struct

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from testdata.builder.dpapi import LOCAL_MACHINE, MasterKey, make_blob
from testdata.builder.seeded import Seeded

_NULL = 0x0010
_CURVE = {256: 3, 384: 4, 521: 5}
_ATTRIBUTES = 0x00060072
_TAG_NAME, _TAG_TYPE, _TAG_CLEAR, _TAG_SEALED = 0x02000000, 0x02000004, 0x01000002, 0x01000003


def tpm2b_public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """TPM2B_PUBLIC of a signing key (big-endian)."""
    if isinstance(key, rsa.RSAPrivateKey):
        modulus = key.public_key().public_numbers().n.to_bytes(key.key_size // 8, "big")
        body = struct.pack(">HHI", 0x0001, 0x000B, _ATTRIBUTES) + struct.pack(">H", 0)
        body += struct.pack(">HHHI", _NULL, _NULL, key.key_size, 0) + struct.pack(">H", len(modulus)) + modulus
    else:
        numbers, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
        body = struct.pack(">HHI", 0x0023, 0x000B, _ATTRIBUTES) + struct.pack(">H", 0)
        body += struct.pack(">HHHH", _NULL, _NULL, _CURVE[key.key_size], _NULL)
        for number in (numbers.x, numbers.y):
            body += struct.pack(">H", size) + number.to_bytes(size, "big")
    return struct.pack(">H", len(body)) + body


def pcp_blob(
    seed: str,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *,
    auth_required: bool = False,
    pcr_bound: bool = False,
    header: int = 54,
) -> bytes:
    """Blob ``PCPM`` of a TPM 2.0 key.

    Args:
        seed: The wrapped private part follows from it; no TPM ever made it.
        key: The key whose public half is stored.
        auth_required: Flag 1: the TPM asks for a usage password.
        pcr_bound: Add a PCR binding.
        header: 52 (Windows 8), 54, or 56 (54 padded).
    """
    stream = Seeded(seed + "/pcp")
    wrapped = stream.bytes(190)
    public, private = tpm2b_public(key), struct.pack(">H", len(wrapped)) + wrapped
    binding, digest = (b"\x80\x00\x00", stream.bytes(32)) if pcr_bound else (b"", b"")
    sizes = (len(public), len(private), 0, 0, 0, len(binding), len(digest), 0, 0)
    head = b"PCPM" + struct.pack("<III9I", header, 2, int(auth_required), *sizes)
    if header >= 54:
        head += struct.pack("<H", 0x000B)
    return head.ljust(header, b"\0") + public + private + binding + digest


def make_pcpkey(seed: str, container: str, key_type: str, blob: bytes, *, master_key: MasterKey | None = None) -> bytes:
    """Build a ``.PCPKEY`` file; with a master key its blob is protected by DPAPI, else it lies in clear."""

    def record(tag: int, data: bytes) -> bytes:
        return struct.pack("<II", tag, len(data)) + data

    out = b"PKSP" + record(_TAG_NAME, container.encode("utf-16-le") + b"\0\0")
    out += record(_TAG_TYPE, key_type.encode("utf-16-le") + b"\0\0")
    if master_key is None:
        out += record(_TAG_CLEAR, blob)
    else:
        out += record(_TAG_SEALED, make_blob(seed + "/pcpkey", master_key, blob, flags=LOCAL_MACHINE))
    return out + b"PKSP"
