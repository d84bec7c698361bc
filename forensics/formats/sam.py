"""What SAM keeps of local accounts' passwords, still encrypted: the key of the account domain, and each NT hash.

References:
    MS-SAMR 2.2.11.1 (how an NT hash is encrypted with the account's number)
    https://github.com/fortra/impacket (secretsdump.py: both revisions of the key, and of the hashes)
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

_KEY_AT = 0x68
_NT_HASH_AT = 0xA8
_V_DATA_AT = 0xCC
_RC4, _AES = 1, 2
_SALT = 16
_HASH = 16
_MAX_KEY = 256
"""Format: bytes of the encrypted key of an account domain."""


@dataclass(frozen=True, slots=True)
class SamMaterial:
    """Registry values that lead to the NT hashes of local accounts.

    Attributes:
        account: Value F of SAM\\Domains\\Account; None when it is not there.
        users: Value V of each account, by its number (RID).
        linked: Numbers of the accounts that sign in as a Microsoft account.
    """

    account: bytes | None = field(default=None, repr=False)
    users: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    linked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value under the boot key, or under the key of the account domain.

    Attributes:
        is_aes: AES-128-CBC with the salt as IV; else RC4 (without salt in a hash).
        salt: 16 bytes; empty for a hash under RC4.
        data: The cipher text.
    """

    is_aes: bool
    salt: bytes = field(repr=False)
    data: bytes = field(repr=False)


def parse_account_key(account: bytes) -> Sealed:
    """Find the key of the account domain in the value F of SAM\\Domains\\Account.

    Raises:
        FormatError: ``truncated``, or ``unknown_version``.
    """
    if len(account) < _KEY_AT + 16 + _SALT:
        raise FormatError("truncated", len(account), sentence("the value F of the account domain holds no key"))
    revision, _, _, size = struct.unpack_from("<IIII", account, _KEY_AT)
    if revision == _RC4:
        body = account[_KEY_AT + 8 : _KEY_AT + 8 + _SALT + 32]
        if len(body) < _SALT + 32:
            raise FormatError("truncated", _KEY_AT, sentence("the key of the account domain is not whole"))
        return Sealed(False, body[:_SALT], body[_SALT:])
    if revision != _AES:
        raise FormatError(
            "unknown_version",
            _KEY_AT,
            sentence("revision {revision} of the key of the account domain", revision=revision),
        )
    start = _KEY_AT + 16 + _SALT
    data = account[start : start + size]
    if not _HASH <= size <= _MAX_KEY or size % 16 or len(data) != size:
        raise FormatError(
            "truncated", _KEY_AT + 12, sentence("the key of the account domain says {size} bytes", size=size)
        )
    return Sealed(True, account[start - _SALT : start], data)


def parse_nt_hash(user: bytes) -> Sealed | None:
    """Find the encrypted NT hash in the value V of an account.

    Returns:
        It; None when no password is set.

    Raises:
        FormatError: ``truncated``, or ``unknown_version``.
    """
    if len(user) < _V_DATA_AT:
        raise FormatError("truncated", len(user), sentence("the value V of the account has no table"))
    offset, size = struct.unpack_from("<II", user, _NT_HASH_AT)
    body = user[_V_DATA_AT + offset : _V_DATA_AT + offset + size]
    if len(body) != size or size < 4:
        raise FormatError(
            "truncated",
            _NT_HASH_AT,
            sentence("an NT hash of {size} bytes at {offset} is not in the value V", size=size, offset=offset),
        )
    (revision,) = struct.unpack_from("<H", body, 2)
    if revision == _RC4:
        return Sealed(False, b"", body[4 : 4 + _HASH]) if size >= 4 + _HASH else None
    if revision != _AES:
        raise FormatError(
            "unknown_version", _NT_HASH_AT, sentence("revision {revision} of an NT hash", revision=revision)
        )
    data = body[8 + _SALT :]
    return Sealed(True, body[8 : 8 + _SALT], data[: len(data) // 16 * 16]) if len(data) >= _HASH else None
