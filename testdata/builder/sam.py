"""SAM: the NT hash of a local account under the boot key, as Windows wrote it until 10 version 1511, and since.

References:
    MS-SAMR 2.2.11.1
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping

from Crypto.Cipher import AES, ARC4, DES

_QWERTY = b"!@#$%^&*()qwertyUIOPAzxcvbnmQQQQQQQQQQQQ)(*@&%\0"
_DIGITS = b"0123456789012345678901234567890123456789\0"
_ACCOUNT_KEY, _SALT = b"A" * 16, b"s" * 16


def des_keys(rid: int) -> tuple[bytes, bytes]:
    """Spread an account's number over two DES keys, bit by bit."""
    number = struct.pack("<I", rid)
    keys = []
    for seven in (number + number[:3], number[3:] + number + number[:2]):
        bits = "".join(f"{byte:08b}" for byte in seven)
        keys.append(bytes(int(bits[at : at + 7] + "0", 2) for at in range(0, 56, 7)))
    return keys[0], keys[1]


def account_value(boot_key: bytes, aes: bool = True) -> bytes:
    """Return the value F of SAM\\Domains\\Account."""
    if aes:
        key = AES.new(boot_key, AES.MODE_CBC, _SALT).encrypt(_ACCOUNT_KEY + b"\x10" * 16)
        return bytes(0x68) + struct.pack("<IIII", 2, 112, 0, len(key)) + _SALT + key
    rc4 = ARC4.new(hashlib.md5(_SALT + _QWERTY + boot_key + _DIGITS).digest())
    check = hashlib.md5(_ACCOUNT_KEY + _DIGITS + _ACCOUNT_KEY + _QWERTY).digest()
    return bytes(0x68) + struct.pack("<II", 1, 56) + _SALT + rc4.encrypt(_ACCOUNT_KEY + check) + bytes(8)


def user_value(rid: int, nt_hash: bytes | None, aes: bool = True) -> bytes:
    """Return the value V of an account; without hash no password is set."""
    first, second = des_keys(rid)
    body = struct.pack("<HH", 2, 2 if aes else 1)
    if aes:
        body += struct.pack("<I", 24) + _SALT
    if nt_hash is not None:
        raw = DES.new(first, DES.MODE_ECB).encrypt(nt_hash[:8]) + DES.new(second, DES.MODE_ECB).encrypt(nt_hash[8:])
        if aes:
            body += AES.new(_ACCOUNT_KEY, AES.MODE_CBC, _SALT).encrypt(raw + b"\x10" * 16)
        else:
            key = hashlib.md5(_ACCOUNT_KEY + struct.pack("<I", rid) + b"NTPASSWORD\0").digest()
            body += ARC4.new(key).encrypt(raw)
    user = bytearray(0xCC) + b"name" + body
    struct.pack_into("<II", user, 0x0C, 0, 4)
    struct.pack_into("<II", user, 0xA8, 4, len(body))
    return bytes(user)


def user_state(rid: int) -> bytes:
    """Return the value F of an account that may sign in."""
    return bytes(0x30) + struct.pack("<IIH", rid, 513, 0x0214) + bytes(0x16)


def values(boot_key: bytes, nt_hashes: Mapping[int, bytes | None], aes: bool = True) -> tuple[bytes, dict[int, bytes]]:
    """Return the value F of the account domain, and V of each account by its number."""
    return account_value(boot_key, aes), {rid: user_value(rid, hash_, aes) for rid, hash_ in nt_hashes.items()}
