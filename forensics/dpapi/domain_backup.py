"""Opens user master keys with the domain's DPAPI backup key: of a .pvk file, or as the domain stores it.

The version in the section alone says how its clear text is laid out; each version of Windows since 7 may write both.

References:
    MS-BKRP 2.2.2.1, 2.2.2.2 (client-side wrapped secrets, versions 2 and 3), 2.2.5 (the key pair)
"""

from __future__ import annotations

import re
import struct
from dataclasses import field

from forensics.dpapi.dpapi import MASTER_KEY_SIZE
from forensics.formats.errors import FormatError
from forensics.formats.master_key import MasterKeyFile
from forensics.formats.private_key import RsaPrivateKey, parse_private_key_blob
from forensics.language import sentence
from forensics.late_methods import dataclass

_PVK_MAGIC = 0xB0B5F11E
_PVK_HEADER = struct.Struct("<6I")
MAX_PVK = 16384
"""Format: bytes of a domain's backup key."""
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_KEY_PAIR = struct.Struct("<III")
_KEY_PAIR_VERSION = 2
_MIN_PKCS1_PADDING = 8
_CLEAR_HEADER = {2: struct.Struct("<II"), 3: struct.Struct("<IIII")}
"""What precedes the secret: two lengths; in version 3 also the ALG_IDs of the cipher and hash of the access check."""


@dataclass(frozen=True, slots=True)
class DomainBackupKey:
    """The private RSA key of a domain's DPAPI backup.

    Attributes:
        key: It.
        guid: What the domain calls it, lower case, as its file is named; a .pvk file itself does not hold it.
        source: Disk of the domain controller whose directory gave it; None where somebody brought it.
    """

    key: RsaPrivateKey = field(repr=False)
    guid: str | None = None
    source: str | None = None


def load_pvk(data: bytes, name: str = "") -> DomainBackupKey:
    """Read a .pvk file, as ``lsadump::backupkeys`` and its relatives write it.

    Args:
        data: The file.
        name: Of the file; these tools put the GUID of the key into it.

    Raises:
        FormatError: ``bad_magic``, ``encrypted`` (a password protects it), ``truncated``, ``bad_length``,
            ``not_a_key_blob``, or ``bad_key`` when the numbers are no RSA key.
    """
    if len(data) > MAX_PVK:
        raise FormatError("bad_length", 0, sentence("a .pvk file has no more than {max_pvk} bytes", max_pvk=MAX_PVK))
    if len(data) < _PVK_HEADER.size:
        raise FormatError("truncated", 0, sentence("a .pvk file does not have {count} bytes", count=len(data)))
    magic, _version, _key_spec, encrypted, salt_size, _key_size = _PVK_HEADER.unpack_from(data)
    if magic != _PVK_MAGIC:
        raise FormatError("bad_magic", 0, sentence("no .pvk magic"))
    if encrypted or salt_size:
        raise FormatError("encrypted", 12, sentence("the .pvk file is protected by a password"))
    key = _private_key(data[_PVK_HEADER.size :], _PVK_HEADER.size, sentence("the .pvk file"))
    guid = _GUID.search(name)
    return DomainBackupKey(key, guid[0].lower() if guid else None)


def parse_key_pair(data: bytes) -> RsaPrivateKey:
    """Read a backup key as its domain stores it: version 2, two lengths, the private key, and a certificate of it.

    Raises:
        FormatError: ``unknown_version`` (1 is a key of the time before RSA), ``truncated``, ``bad_length``,
            ``not_a_key_blob``, or ``bad_key``.
    """
    if len(data) < _KEY_PAIR.size:
        raise FormatError("truncated", 0, sentence("a backup key does not have {count} bytes", count=len(data)))
    version, key_size, certificate_size = _KEY_PAIR.unpack_from(data)
    if version != _KEY_PAIR_VERSION:
        raise FormatError(
            "unknown_version",
            0,
            sentence("the backup key has version {version}; one with RSA keys has 2", version=version),
        )
    if _KEY_PAIR.size + key_size + certificate_size > len(data):
        raise FormatError("truncated", 4, sentence("the backup key is shorter than its lengths say"))
    return _private_key(data[_KEY_PAIR.size : _KEY_PAIR.size + key_size], _KEY_PAIR.size, sentence("the directory"))


def _private_key(blob: bytes, offset: int, where: str) -> RsaPrivateKey:
    try:
        key = parse_private_key_blob(blob)
    except FormatError as error:
        raise FormatError(
            error.kind,
            offset,
            sentence("{where} has no whole private key: {message}", where=where, message=error.message),
        ) from None
    if not key.is_consistent():
        raise FormatError("bad_key", offset, sentence("the numbers in {where} are no RSA key", where=where))
    return key


def open_domain_section(file: MasterKeyFile, key: DomainBackupKey) -> bytes | None:
    """Open the domain section of a user's master key file.

    Args:
        file: The master key file.
        key: The backup key.

    Returns:
        The 64-byte master key; None without domain section whose version is known, or when this is not the backup key
        it was made for.
    """
    if not can_open(file) or file.domain is None or key.key.d is None:
        return None
    rsa = key.key
    size = (rsa.n.bit_length() + 7) // 8
    # Windows stores the cipher text least significant byte first.
    number = int.from_bytes(file.domain.secret, "little")
    if len(file.domain.secret) != size or number >= rsa.n:
        return None
    return _master_key(file.domain.version, pow(number, key.key.d, rsa.n).to_bytes(size, "big"))


def can_open(file: MasterKeyFile) -> bool:
    """Tell whether the file has a domain section of a version that is known."""
    return file.domain is not None and file.domain.version in _CLEAR_HEADER


def _master_key(version: int, padded: bytes) -> bytes | None:
    """Undo PKCS #1 v1.5; padding and the two lengths inside prove the key as far as the section allows."""
    end = padded.find(b"\0", 2)
    if padded[:2] != b"\0\2" or end < 2 + _MIN_PKCS1_PADDING:
        return None
    clear, header = padded[end + 1 :], _CLEAR_HEADER[version]
    if len(clear) < header.size:
        return None
    key_size, supplement = header.unpack_from(clear)[:2]
    if key_size != MASTER_KEY_SIZE or len(clear) != header.size + key_size + supplement:
        return None
    return clear[header.size : header.size + key_size]
