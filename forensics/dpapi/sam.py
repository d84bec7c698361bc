"""Opens the NT hashes of local accounts, to tell whether a password that was given is today's.

References:
    MS-SAMR 2.2.11.1
"""

from __future__ import annotations

import hashlib
import hmac
import struct

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from forensics.formats.errors import FormatError
from forensics.formats.sam import SamMaterial, Sealed, parse_account_key, parse_nt_hash

_QWERTY = b"!@#$%^&*()qwertyUIOPAzxcvbnmQQQQQQQQQQQQ)(*@&%\0"
_DIGITS = b"0123456789012345678901234567890123456789\0"
_NT_PASSWORD = b"NTPASSWORD\0"
EMPTY_NT_HASH = bytes.fromhex("31d6cfe0d16ae931b73c59d7e0c089c0")
"""NT hash of the empty password."""


def is_todays(material: SamMaterial, boot_key: bytes, rid: int, nt_hash: bytes) -> bool | None:
    """Tell whether an NT hash is the one that SAM holds for an account.

    Args:
        material: Values of SAM.
        boot_key: 16 bytes, proved by having opened something else: a wrong one opens SAM to noise.
        rid: Number of the account.
        nt_hash: 16 bytes.

    Returns:
        None when SAM does not tell.
    """
    user = material.users.get(rid)
    if user is None or material.account is None:
        return None
    try:
        sealed = parse_nt_hash(user)
        key = _account_key(parse_account_key(material.account), boot_key)
    except FormatError:
        return None
    if key is None:
        return None
    stored = EMPTY_NT_HASH if sealed is None else _open_hash(sealed, key, rid)
    return hmac.compare_digest(stored, nt_hash)


def _account_key(sealed: Sealed, boot_key: bytes) -> bytes | None:
    if sealed.is_aes:
        return _aes(boot_key, sealed)[:16]
    raw = _rc4(_md5(sealed.salt + _QWERTY + boot_key + _DIGITS), sealed.data)
    key, checksum = raw[:16], raw[16:32]
    return key if _md5(key + _DIGITS + key + _QWERTY) == checksum else None


def _open_hash(sealed: Sealed, key: bytes, rid: int) -> bytes:
    number = struct.pack("<I", rid)
    wrapped = _aes(key, sealed)[:16] if sealed.is_aes else _rc4(_md5(key + number + _NT_PASSWORD), sealed.data)
    first = number + number[:3]
    second = number[3:] + number + number[:2]
    return _des(first, wrapped[:8]) + _des(second, wrapped[8:16])


def _des(seven: bytes, block: bytes) -> bytes:
    bits = int.from_bytes(seven, "big")
    # Seven bits a byte; the lowest bit of each is parity, which nobody checks.
    key = bytes((bits >> (49 - 7 * at) & 0x7F) << 1 for at in range(8))
    decryptor = Cipher(TripleDES(key * 3), modes.ECB()).decryptor()
    return decryptor.update(block) + decryptor.finalize()


def _aes(key: bytes, sealed: Sealed) -> bytes:
    decryptor = Cipher(AES(key), modes.CBC(sealed.salt)).decryptor()
    return decryptor.update(sealed.data) + decryptor.finalize()


def _rc4(key: bytes, data: bytes) -> bytes:
    decryptor = Cipher(ARC4(key), mode=None).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
