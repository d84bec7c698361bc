"""Tells whether a password is the one of the last sign-in that Windows keeps of a domain's user (DCC2)."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from forensics.dpapi.lsa import secret_opener
from forensics.formats.cached_logon import CachedLogon, CachedLogons
from forensics.formats.errors import FormatError
from forensics.formats.lsa import LsaMaterial, boot_key

_KEY_SIZE, _VERIFIER = 16, 16
_NAME_AT = 0x48
_MAX_ITERATIONS = 100_000
"""Format: rounds of the derivation of a verifier; Windows takes 10,240."""
_MOST_OF_ONE = 4
"""Work: sign-ins of one account that are compared; Windows keeps one."""


def is_of_last_logon(material: LsaMaterial, cached: CachedLogons, rid: int, nt_hash: bytes) -> bool | None:
    """Tell whether an NT hash is that of a sign-in which is kept of an account of the domain.

    Args:
        material: What opens LSA secrets.
        cached: The sign-ins.
        rid: Number of the account.
        nt_hash: 16 bytes.

    Returns:
        None where none is kept of it, or it cannot be opened.
    """
    kept = [logon for logon in cached.logons if logon.rid == rid][:_MOST_OF_ONE]
    if not kept or cached.key is None or material.boot_key_classes is None or material.pol_ek_list is None:
        return None
    if not 1 <= cached.iterations <= _MAX_ITERATIONS:
        return None
    try:
        key = secret_opener(material, boot_key(material.boot_key_classes))(cached.key)[:_KEY_SIZE]
    except FormatError:
        return None
    if len(key) != _KEY_SIZE:
        return None
    return any(_fits(logon, key, cached.iterations, nt_hash) for logon in kept)


def _fits(logon: CachedLogon, key: bytes, iterations: int, nt_hash: bytes) -> bool:
    decryptor = Cipher(AES(key), modes.CBC(logon.iv)).decryptor()
    clear = decryptor.update(logon.data) + decryptor.finalize()
    name = clear[_NAME_AT : _NAME_AT + logon.name_length].decode("utf-16-le", "replace").lower()
    salt = name.encode("utf-16-le", "replace")
    from Crypto.Hash import MD4

    first = MD4.new(nt_hash + salt).digest()
    verifier = hashlib.pbkdf2_hmac("sha1", first, salt, iterations, _VERIFIER)
    return hmac.compare_digest(verifier, clear[:_VERIFIER])
