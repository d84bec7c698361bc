"""DPAPI blobs, as CryptProtectData writes them."""

from __future__ import annotations

from dataclasses import field
from uuid import UUID

from forensics.formats.alg_id import block_size, digest_size
from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

DPAPI_PROVIDER = UUID("df9d8cd0-1501-11d1-8c7a-00c04fc297eb")
_PROVIDER_BYTES = DPAPI_PROVIDER.bytes_le

_SIGNED_FROM = 20


@dataclass(frozen=True, slots=True)
class DpapiBlob:
    """One DPAPI blob.

    Attributes:
        master_key_guid: Which master key protects it, lower case.
        flags: 4 is LOCAL_MACHINE; 0x20000000 is CRYPTPROTECT_SYSTEM.
        description: Localised text; never to be matched on.
        cipher_algorithm: ALG_ID of the cipher.
        key_bits: Key size the writer noted; Vista notes 168 for 3DES.
        strong: Strong-protection bytes, empty in every blob seen.
        hash_algorithm: ALG_ID of the hash.
        data: Cipher text, whole blocks.
        sign: HMAC over ``signed_range``.
        raw: The whole blob, for an independent second opinion.
    """

    master_key_guid: str
    flags: int
    description: str
    cipher_algorithm: int
    key_bits: int
    salt: bytes = field(repr=False)
    strong: bytes = field(repr=False)
    hash_algorithm: int
    hash_bits: int
    hmac_nonce: bytes = field(repr=False)
    data: bytes = field(repr=False)
    sign: bytes = field(repr=False)
    signed_range: bytes = field(repr=False)
    raw: bytes = field(repr=False)


def parse_dpapi_blob(data: bytes) -> DpapiBlob:
    """Parse a DPAPI blob; bytes after its signature are ignored, as Windows does.

    Raises:
        FormatError: ``bad_magic`` (version or provider GUID), ``unknown_algorithm``, ``bad_length`` (cipher text not in
            whole blocks, signature not as long as its hash) or ``truncated``.
    """
    cursor = Cursor(data)
    if cursor.u32("version") != 1 or cursor.take(16, "provider GUID") != _PROVIDER_BYTES:
        raise FormatError("bad_magic", 0, sentence("no DPAPI blob: version and provider GUID differ"))
    cursor.u32("master key version")
    master_key_guid = str(cursor.guid("master key GUID"))
    flags = cursor.u32("flags")
    # A damaged description costs Windows the MAC but not us the key, so bad text is no error.
    description = cursor.sized("description").decode("utf-16-le", "replace").rstrip("\0")
    cipher, key_bits = cursor.u32s("cipher", "key bits")
    block = block_size(cipher)
    if block is None:
        raise FormatError(
            "unknown_algorithm", cursor.offset - 8, sentence("cipher 0x{cipher:x} is unknown", cipher=cipher)
        )
    salt = cursor.sized("salt")
    strong = cursor.sized("strong-protection field")
    hash_at = cursor.offset
    hash_algorithm, hash_bits = cursor.u32s("hash", "hash bits")
    if digest_size(hash_algorithm) is None:
        raise FormatError(
            "unknown_algorithm",
            hash_at,
            sentence("hash 0x{hash_algorithm:x} is unknown", hash_algorithm=hash_algorithm),
        )
    nonce = cursor.sized("HMAC nonce")
    data_at = cursor.offset
    ciphertext = cursor.sized("data")
    if not ciphertext or len(ciphertext) % block:
        raise FormatError(
            "bad_length",
            data_at,
            sentence("{count} bytes of data are no whole blocks of {block}", count=len(ciphertext), block=block),
        )
    signed_to = cursor.offset
    sign = cursor.sized("signature")
    if len(sign) * 8 != hash_bits:
        raise FormatError(
            "bad_length",
            signed_to,
            sentence(
                "the signature has {count} bytes, its hash {hash_bits} bits", count=len(sign), hash_bits=hash_bits
            ),
        )
    return DpapiBlob(
        master_key_guid=master_key_guid,
        flags=flags,
        description=description,
        cipher_algorithm=cipher,
        key_bits=key_bits,
        salt=salt,
        strong=strong,
        hash_algorithm=hash_algorithm,
        hash_bits=hash_bits,
        hmac_nonce=nonce,
        data=ciphertext,
        sign=sign,
        signed_range=data[_SIGNED_FROM:signed_to],
        raw=data[: cursor.offset],
    )
