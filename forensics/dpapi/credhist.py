"""Opens the links of a CREDHIST file: each holds two hashes of an earlier password.

A link has no HMAC. The zeros behind the hashes tell a right key from a wrong one as surely as 32 bits can; what proves
a password in the end is the master key that it opens.
"""

from __future__ import annotations

from dataclasses import field

from forensics.dpapi.dpapi import decrypt_cbc
from forensics.dpapi.pbkdf2 import dpapi_pbkdf2
from forensics.formats.alg_id import block_size, hash_name, key_size
from forensics.formats.credhist import NT_SIZE, SHA1_SIZE, CredHistLink
from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class PasswordHashes:
    """What DPAPI keeps of a password.

    Attributes:
        sha1: SHA-1 of the password as UTF-16, 20 bytes.
        nt: NT hash, 16 bytes.
    """

    sha1: bytes = field(repr=False)
    nt: bytes = field(repr=False)


def open_credhist_link(link: CredHistLink, pre: bytes) -> PasswordHashes | None:
    """Open a link with a pre-key of the password that came after it; None where it is not that."""
    name = hash_name(link.hash_algorithm)
    key_bytes, block = key_size(link.cipher_algorithm, 256), block_size(link.cipher_algorithm)
    if name is None or key_bytes is None or block is None:
        return None
    derived = dpapi_pbkdf2(name, pre, link.salt, link.rounds, key_bytes + block)
    clear = decrypt_cbc(link.cipher_algorithm, derived[:key_bytes], derived[key_bytes:], link.ciphertext)
    if any(clear[SHA1_SIZE + NT_SIZE :]):
        return None
    return PasswordHashes(clear[:SHA1_SIZE], clear[SHA1_SIZE : SHA1_SIZE + NT_SIZE])
