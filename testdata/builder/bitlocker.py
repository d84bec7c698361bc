"""Encrypts a volume image as BitLocker does (metadata version 2, AES-XTS-128).

References:
    Layout: libbde, BitLocker Drive Encryption format; libbde opens what this writes.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

MIB = 1 << 20
SECTOR = 512
HEADER_SECTORS = 16
METADATA = (16 * MIB, 17 * MIB, 18 * MIB)
HEADER_AT = 19 * MIB
"""Where the volume must be unused: three metadata blocks and the moved start of the volume."""

RECOVERY_KEY = "-".join(f"{11 * n:06d}" for n in (10101, 20202, 30303, 40404, 50505, 60606, 1234, 4321))
PASSWORD = "Grüße aus dem Tresor"
IDS = {name: uuid.uuid5(uuid.NAMESPACE_OID, name) for name in ("recovery", "password", "external", "tpm")}
_VMK = hashlib.sha256(b"volume master key").digest()
_FVEK = hashlib.sha256(b"full volume encryption key").digest()
_EXTERNAL = hashlib.sha256(b"external key").digest()
_SALT = bytes(range(16))
_STRETCHED_RECOVERY_KEY = bytes.fromhex("accb61bae24e770bd1bfeed2517c2880986fd0b573f4fe9682829fe6c00c88d0")
_STRETCHED_PASSWORD = bytes.fromhex("2cee4c746fe296cce10f0fac88976c4d51692e2f306320b464f27f63906028e6")
"""What a million rounds of SHA-256 with _SALT make of RECOVERY_KEY and of PASSWORD: a second of computing for each."""
_INFORMATION_GUID = uuid.UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001")
_TIME = 133_500_000_000_000_000


def _datum(role: int, kind: int, body: bytes) -> bytes:
    return struct.pack("<HHHH", 8 + len(body), role, kind, 1) + body


def _key(kind: int, key: bytes) -> bytes:
    return _datum(0, 1, struct.pack("<HH", kind, 0) + key)


def _sealed(role: int, key: bytes, content: bytes, counter: int) -> bytes:
    nonce = struct.pack("<QI", _TIME, counter)
    box = AESCCM(key, tag_length=16).encrypt(nonce, content, None)
    return _datum(role, 5, nonce + box[-16:] + box[:-16])


def _protector(name: str, priority: int, properties: bytes) -> bytes:
    return _datum(2, 8, IDS[name].bytes_le + struct.pack("<QHH", _TIME, 0, priority) + properties)


def _all_protectors() -> bytes:
    stretch = _datum(0, 3, struct.pack("<HH", 0x1000, 0) + _SALT)
    vmk = _key(0x2003, _VMK)
    return (
        _tpm_protector()
        + _protector("recovery", 0x0800, stretch + _sealed(0, _STRETCHED_RECOVERY_KEY, vmk, 1))
        + _protector("password", 0x2000, stretch + _sealed(0, _STRETCHED_PASSWORD, vmk, 2))
        + _protector("external", 0x0200, _datum(0, 4, struct.pack("<HH", 5, 0)) + _sealed(0, _EXTERNAL, vmk, 3))
    )


def _tpm_protector() -> bytes:
    return _protector("tpm", 0x0100, _datum(0, 6, struct.pack("<I", 0x815) + bytes(64)))


def _dataset(datums: bytes) -> bytes:
    size = 48 + len(datums)
    guid = uuid.uuid5(uuid.NAMESPACE_OID, "volume").bytes_le
    return struct.pack("<IIII16sIHHQ", size, 1, 48, size, guid, 5, 0x8004, 0, _TIME) + datums


def bek_file() -> bytes:
    """The external key (.BEK) that opens the volume."""
    return _dataset(_datum(6, 9, IDS["external"].bytes_le + struct.pack("<Q", _TIME) + _key(0x2002, _EXTERNAL)))


def encrypt(volume: bytes) -> bytes:
    """Return the volume encrypted; it must hold nothing at METADATA and HEADER_AT."""
    for at in (*METADATA, HEADER_AT):
        assert volume[at : at + 65536] == bytes(65536), "the volume uses the place of the metadata"
    moved = volume[: HEADER_SECTORS * SECTOR]
    plain = volume[:HEADER_AT] + moved + volume[HEADER_AT + len(moved) :]
    out = bytearray()
    for sector in range(len(plain) // SECTOR):
        tweak = sector.to_bytes(16, "little")
        encryptor = Cipher(algorithms.AES(_FVEK), modes.XTS(tweak)).encryptor()
        out += encryptor.update(plain[sector * SECTOR : (sector + 1) * SECTOR])

    _put_metadata(out, volume, _all_protectors())
    return bytes(out)


def sealed_to_tpm(size: int) -> bytes:
    """Return a volume whose one protector is a TPM; its content is zeros in place of what nobody could decrypt."""
    volume = bytes(size)
    out = bytearray(volume)
    _put_metadata(out, volume, _tpm_protector())
    return bytes(out)


def _put_metadata(out: bytearray, volume: bytes, protectors: bytes) -> None:
    dataset = _dataset(protectors + _sealed(3, _VMK, _key(0x8004, _FVEK), 4))
    dataset += bytes(-len(dataset) % 16)
    size = 64 + len(dataset)
    block = struct.pack(
        "<8sHHHHQII3QQ", b"-FVE-FS-", size >> 4, 2, 4, 4, len(volume), 0, HEADER_SECTORS, *METADATA, HEADER_AT
    )
    block += dataset
    block += struct.pack("<HHI", 8, 1, zlib.crc32(block))
    for at in METADATA:
        out[at : at + len(block)] = block

    boot = bytearray(volume[:SECTOR])
    boot[:11] = b"\xeb\x58\x90-FVE-FS-"
    boot[160 : 160 + 40] = _INFORMATION_GUID.bytes_le + struct.pack("<3Q", *METADATA)
    out[:SECTOR] = boot
    out[SECTOR : HEADER_SECTORS * SECTOR] = bytes((HEADER_SECTORS - 1) * SECTOR)
