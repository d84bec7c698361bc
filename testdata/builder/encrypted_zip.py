"""Writes encrypted zip archives, in memory, after the specifications and by nothing of what reads them.

References:
    - APPNOTE.TXT 6.1 (traditional PKWARE encryption)
    - WinZip, AES Encryption Information: Encryption Specification AE-1 and AE-2
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from hashlib import pbkdf2_hmac
from hmac import digest
from typing import Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Method = Literal["zipcrypto", "zipcrypto, checksum behind", "ae-1", "ae-2", "none"]
_TIME = 0x6C20


def encrypted_zip(files: Mapping[str, bytes], password: bytes, how: Method | Mapping[str, Method]) -> bytes:
    """Pack files with Deflate, encrypted.

    Args:
        files: Content by name.
        password: Of all of them.
        how: How each is encrypted, or all are.
    """
    body, directory = b"", b""
    for name, content in files.items():
        method = how if isinstance(how, str) else how.get(name, "none")
        flags, kind, crc, extra, packed = _member(content, password, method)
        sizes = struct.pack("<III", crc, len(packed), len(content))
        fields = struct.pack("<HHHH", flags, kind, _TIME, 0x5A21) + sizes
        names = struct.pack("<HH", len(name.encode()), len(extra))
        directory += b"PK\1\2" + struct.pack("<HH", 20, 20) + fields + names
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name.encode() + extra
        body += b"PK\3\4" + struct.pack("<H", 20) + fields + names + name.encode() + extra + packed
        if flags & 8:
            body += b"PK\7\x08" + sizes
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


def _member(content: bytes, password: bytes, how: Method) -> tuple[int, int, int, bytes, bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    crc = zlib.crc32(content)
    if how == "none":
        return 0, 8, crc, b"", packed
    if how in ("ae-1", "ae-2"):
        version = 1 if how == "ae-1" else 2
        extra = struct.pack("<HHH2sBH", 0x9901, 7, version, b"AE", 3, 8)
        return 1, 99, crc if version == 1 else 0, extra, _aes(packed, password)
    behind = how != "zipcrypto"
    check = _TIME >> 8 if behind else crc >> 24
    return 9 if behind else 1, 8, crc, b"", _zipcrypto(bytes(range(11)) + bytes([check]) + packed, password)


def _zipcrypto(data: bytes, password: bytes) -> bytes:
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = (keys[0] >> 8) ^ _crc_of(keys[0] ^ byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = (keys[2] >> 8) ^ _crc_of(keys[2] ^ (keys[1] >> 24))

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in data:
        word = keys[2] | 2
        out.append(byte ^ ((word * (word ^ 1)) >> 8) & 0xFF)
        update(byte)
    return bytes(out)


def _crc_of(byte: int) -> int:
    value = byte & 0xFF
    for _ in range(8):
        value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
    return value


def _aes(packed: bytes, password: bytes) -> bytes:
    salt = bytes(range(16))
    keys = pbkdf2_hmac("sha1", password, salt, 1000, 66)
    encryptor = Cipher(algorithms.AES(keys[:32]), modes.ECB()).encryptor()
    blocks = range(1, len(packed) // 16 + 2)
    stream = encryptor.update(b"".join(number.to_bytes(16, "little") for number in blocks))
    sealed = bytes(a ^ b for a, b in zip(packed, stream, strict=False))
    return salt + keys[64:] + sealed + digest(keys[32:64], sealed, "sha1")[:10]
