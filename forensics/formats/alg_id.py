"""ALG_ID numbers that DPAPI writes, with the sizes that a parser needs to check lengths.

References:
    https://learn.microsoft.com/windows/win32/seccrypto/alg-id
"""

from __future__ import annotations

CALG_3DES = 0x6603
CALG_AES_128 = 0x660E
CALG_AES_192 = 0x660F
CALG_AES_256 = 0x6610
CALG_AES = 0x6611
CALG_SHA1 = 0x8004
CALG_HMAC = 0x8009
CALG_SHA_256 = 0x800C
CALG_SHA_384 = 0x800D
CALG_SHA_512 = 0x800E

_CIPHERS = {
    CALG_3DES: ("3DES", 24, 8),
    CALG_AES_128: ("AES-128", 16, 16),
    CALG_AES_192: ("AES-192", 24, 16),
    CALG_AES_256: ("AES-256", 32, 16),
    CALG_AES: ("AES", 0, 16),
}
# DPAPI writes CALG_HMAC where it means HMAC with SHA-1.
_HASHES = {
    CALG_SHA1: ("SHA-1", "sha1", 20),
    CALG_HMAC: ("SHA-1", "sha1", 20),
    CALG_SHA_256: ("SHA-256", "sha256", 32),
    CALG_SHA_384: ("SHA-384", "sha384", 48),
    CALG_SHA_512: ("SHA-512", "sha512", 64),
}


def algorithm_name(alg_id: int) -> str:
    """Return a name for people, such as ``AES-256`` or ``SHA-512``; unknown numbers in hex."""
    if alg_id in _CIPHERS:
        return _CIPHERS[alg_id][0]
    if alg_id in _HASHES:
        return _HASHES[alg_id][0]
    return f"0x{alg_id:04x}"


def block_size(cipher: int) -> int | None:
    """Return the block size of a cipher in bytes, None for an unknown cipher."""
    known = _CIPHERS.get(cipher)
    return known[2] if known else None


def key_size(cipher: int, key_bits: int = 0) -> int | None:
    """Return the key size of a cipher in bytes.

    Args:
        cipher: ALG_ID.
        key_bits: What the structure says; counts only for CALG_AES, since Vista writes 168 for 24-byte 3DES keys.

    Returns:
        None for an unknown cipher, or a size that the cipher does not have.
    """
    known = _CIPHERS.get(cipher)
    if known is None:
        return None
    if cipher != CALG_AES:
        return known[1]
    return key_bits // 8 if key_bits in (128, 192, 256) else None


def hash_name(alg_id: int) -> str | None:
    """Return the name of a hash for ``hashlib``, None for an unknown hash."""
    known = _HASHES.get(alg_id)
    return known[1] if known else None


def digest_size(alg_id: int) -> int | None:
    """Return the digest size of a hash in bytes, None for an unknown hash."""
    known = _HASHES.get(alg_id)
    return known[2] if known else None
