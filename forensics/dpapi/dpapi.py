"""DPAPI cryptography: master key sections under a pre-key, blobs under a master key.

References:
    https://github.com/gentilkiwi/mimikatz, https://github.com/fortra/impacket (dpapi.py)
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import field

from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from forensics.dpapi.pbkdf2 import dpapi_pbkdf2
from forensics.formats.alg_id import CALG_3DES, block_size, digest_size, hash_name, key_size
from forensics.formats.credhist import CredHistLink
from forensics.formats.dpapi_blob import DpapiBlob
from forensics.formats.master_key import MasterKeyFile, MasterKeySection
from forensics.late_methods import dataclass

CAPI_EXPORT_FLAG_ENTROPY = b"Hj1diQ6kpUx7VC4m\0"
CNG_PROPERTIES_ENTROPY = b"6jnkd5J3ZdQDtrsu\0"
CNG_PRIVATE_KEY_ENTROPY = b"xT5rZW5qVVbrvpuA\0"

MASTER_KEY_SIZE = 64
_BACKUP_KEY_SIZE = 32
_INNER_SALT = 16
_BACKUP_NEEDS_SECRET = 1
_MD_BLOCK = 64
_UNDER_ZEROS = {bits: modes.CBC(bytes(bits // 8)) for bits in (64, 128)}
"""Modes without IV, by the bits of a block."""


@dataclass(frozen=True, slots=True)
class OpenedBlob:
    """A blob after decryption; it is decrypted even when its MAC does not fit.

    Attributes:
        mac_ok: The MAC fits: master key, entropy and blob are right and whole.
        clear: Clear text, None when the padding is broken.
        raw: Clear text with its padding, for key arithmetic when only the tail is damaged.
    """

    mac_ok: bool
    clear: bytes | None = field(repr=False)
    raw: bytes = field(repr=False)


def open_master_section(section: MasterKeySection, pre: bytes) -> bytes | None:
    """Open the master section of a master key file.

    Args:
        section: The section.
        pre: Pre-key of 20 bytes: a half of DPAPI_SYSTEM, or what ``user_prekeys_from_password`` returns.

    Returns:
        The 64-byte master key, None when the section's own HMAC does not confirm it.
    """
    return _open_section(section, pre, MASTER_KEY_SIZE)


def section_rounds(section: MasterKeySection | CredHistLink) -> int:
    """Return how many rounds of HMAC one try at a section, or at a link of CREDHIST, takes."""
    digest = digest_size(section.hash_algorithm) or 1
    wanted = (key_size(section.cipher_algorithm, 256) or 0) + (block_size(section.cipher_algorithm) or 0)
    return section.rounds * -(-wanted // digest)


def open_backup_section(file: MasterKeyFile, sid: str, dpapi_system: bytes | None = None) -> bool:
    """Tell whether the backup section opens, which proves half of the file, and whose it is.

    Args:
        file: The master key file.
        sid: SID of its owner.
        dpapi_system: Both halves, 40 bytes; needed only when bit 0 of the file's flags is set.
    """
    section = file.backup
    if section is None:
        return False
    name = hash_name(section.hash_algorithm)
    if name is None:
        return False
    owner = _terminated(sid)
    if not file.flags & _BACKUP_NEEDS_SECRET:
        prekeys = [_digest(name, owner)]
    elif dpapi_system is None:
        return False
    else:
        # No real file with bit 0 was seen together with its secret: both orders are tried, and the HMAC decides.
        prekeys = [_digest(name, owner + dpapi_system), _digest(name, owner) + dpapi_system]
    return any(_open_section(section, pre, _BACKUP_KEY_SIZE) is not None for pre in prekeys)


def user_prekeys_from_password(password: str, sid: str) -> list[bytes]:
    """Return the pre-keys a password may give, likeliest first: SHA-1 (local account), NT hash, protected NT hash."""
    raw = password.encode("utf-16-le", "surrogatepass")
    return [user_prekey_from_sha1(_digest("sha1", raw), sid), *user_prekeys_from_nt_hash(_md4(raw), sid)]


def user_prekey_from_sha1(sha1: bytes, sid: str) -> bytes:
    """Return the pre-key that the SHA-1 of a password gives, by which the keys of local accounts open."""
    return _keyed_with_sid(sha1, sid)


def nt_hash(password: str) -> bytes:
    """Return the NT hash of a password, 16 bytes."""
    return _md4(password.encode("utf-16-le", "surrogatepass"))


def user_prekeys_from_nt_hash(nt_hash: bytes, sid: str) -> list[bytes]:
    """Return the pre-keys an NT hash may give: itself (domain account), and stretched as for protected users."""
    salt = sid.encode("utf-16-le")
    stretched = hashlib.pbkdf2_hmac("sha256", nt_hash, salt, 10000)
    protected = hashlib.pbkdf2_hmac("sha256", stretched, salt, 1)[:16]
    return [_keyed_with_sid(nt_hash, sid), _keyed_with_sid(protected, sid)]


def service_prekeys(half: bytes, sid: str) -> list[bytes]:
    """Return the pre-keys a half of DPAPI_SYSTEM may give for S-1-5-19 and S-1-5-20: raw, then keyed with the SID."""
    return [half, _keyed_with_sid(half, sid)]


def open_blob(blob: DpapiBlob, master_key: bytes, entropy: bytes = b"") -> OpenedBlob:
    """Decrypt a blob and check its MAC; the MAC, never the padding, tells whether the key is right.

    Args:
        blob: The blob.
        master_key: 64 bytes, or their SHA-1 (20 bytes), which is all that DPAPI uses.
        entropy: Second secret; key containers use fixed ones.
    """
    name = hash_name(blob.hash_algorithm)
    size = key_size(blob.cipher_algorithm, blob.key_bits)
    if name is None or size is None:
        return OpenedBlob(mac_ok=False, clear=None, raw=b"")
    short = master_key if len(master_key) == 20 else hashlib.sha1(master_key, usedforsecurity=False).digest()
    sign = _keyed(name, short, blob.hmac_nonce, entropy, blob.signed_range)
    session = _keyed(name, short, blob.salt, entropy, b"")
    raw = decrypt_cbc(blob.cipher_algorithm, _cipher_key(name, session, size), None, blob.data)
    return OpenedBlob(hmac.compare_digest(sign, blob.sign), _unpad(raw, block_size(blob.cipher_algorithm) or 8), raw)


def _open_section(section: MasterKeySection, pre: bytes, payload_size: int) -> bytes | None:
    name, digest = hash_name(section.hash_algorithm), digest_size(section.hash_algorithm)
    key_bytes, block = key_size(section.cipher_algorithm, 256), block_size(section.cipher_algorithm)
    if name is None or digest is None or key_bytes is None or block is None:
        return None
    if len(section.ciphertext) < _INNER_SALT + digest + payload_size:
        return None
    derived = dpapi_pbkdf2(name, pre, section.salt, section.rounds, key_bytes + block)
    clear = decrypt_cbc(section.cipher_algorithm, derived[:key_bytes], derived[key_bytes:], section.ciphertext)
    inner_salt, stored = clear[:_INNER_SALT], clear[_INNER_SALT : _INNER_SALT + digest]
    payload = clear[-payload_size:]
    computed = hmac.digest(hmac.digest(pre, inner_salt, name), payload, name)
    return payload if hmac.compare_digest(computed, stored) else None


def _keyed(name: str, key: bytes, first: bytes, entropy: bytes, last: bytes) -> bytes:
    if name != "sha1":
        return hmac.digest(key, first + entropy + last, name)
    # With SHA-1 Windows hashes entropy and signed range in the outer hash, which is no HMAC of RFC 2104.
    padded = key.ljust(_MD_BLOCK, b"\0")
    inner = _digest(name, bytes(b ^ 0x36 for b in padded) + first)
    return _digest(name, bytes(b ^ 0x5C for b in padded) + inner + entropy + last)


def _cipher_key(name: str, session: bytes, size: int) -> bytes:
    if len(session) >= size:
        return session[:size]
    padded = session.ljust(_MD_BLOCK, b"\0")
    pads = (bytes(b ^ value for b in padded) for value in (0x36, 0x5C))
    return b"".join(_digest(name, pad) for pad in pads)[:size]


def decrypt_cbc(cipher: int, key: bytes, iv: bytes | None, data: bytes) -> bytes:
    """Decrypt whole blocks; without IV under zeros."""
    algorithm: BlockCipherAlgorithm
    if cipher == CALG_3DES:
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

        algorithm = TripleDES(key)
    else:
        algorithm = AES(key)
    decryptor = Cipher(algorithm, modes.CBC(iv) if iv else _UNDER_ZEROS[algorithm.block_size]).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def _unpad(raw: bytes, block: int) -> bytes | None:
    count = raw[-1] if raw else 0
    if not 1 <= count <= block or raw[-count:] != bytes([count]) * count:
        return None
    return raw[:-count]


def _keyed_with_sid(key: bytes, sid: str) -> bytes:
    return hmac.digest(key, _terminated(sid), "sha1")


def _terminated(sid: str) -> bytes:
    return (sid + "\0").encode("utf-16-le")


def _digest(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data, usedforsecurity=False).digest()


def _md4(data: bytes) -> bytes:
    # OpenSSL 3 no longer offers MD4.
    from Crypto.Hash import MD4

    return MD4.new(data).digest()
