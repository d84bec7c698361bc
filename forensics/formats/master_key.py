"""DPAPI master key files (``Protect\\<SID>\\<GUID>``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from itertools import pairwise
from typing import TypeVar
from uuid import UUID

from forensics.formats.alg_id import block_size, digest_size
from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

HEADER_SIZE = 128
MAX_ROUNDS = 1_000_000
"""Format: rounds beyond this are taken as damage; Windows was seen to write 3,300 to 24,000."""

_Section = TypeVar("_Section")


@dataclass(frozen=True, slots=True)
class MasterKeySection:
    """The master or the backup section: a key wrapped under a pre-key.

    Attributes:
        rounds: PBKDF2 rounds.
        hash_algorithm: ALG_ID; CALG_HMAC stands for SHA-1.
        cipher_algorithm: ALG_ID of the cipher.
        ciphertext: Whole blocks.
    """

    salt: bytes = field(repr=False)
    rounds: int
    hash_algorithm: int
    cipher_algorithm: int
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DomainSection:
    """A copy of the master key for the domain's DPAPI backup key.

    Attributes:
        version: 2 (3DES and SHA-1 inside) or 3 (AES-256 and SHA-512); another one is laid out in ways not published.
        key_guid: Which backup key of the domain, lower case.
        secret: RSA cipher text, least significant byte first.
        access_check: Encrypted SID that the domain controller compares.
    """

    version: int
    key_guid: str
    secret: bytes = field(repr=False)
    access_check: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MasterKeyFile:
    """One master key file.

    Attributes:
        guid: GUID inside the file, lower case; it must equal the file's name.
        flags: Bit 0: the backup section needs DPAPI_SYSTEM; bit 1: protected by DPAPI_SYSTEM; bit 2: SHA-1 of the
            password is used (local account), else the NT hash.
        credhist_guid: The CREDHIST link, lower case.
        problems: Side sections that could not be read; the master section's own error is raised instead.
    """

    version: int
    guid: str
    flags: int
    master: MasterKeySection | None
    backup: MasterKeySection | None
    has_credhist: bool
    credhist_guid: str | None
    domain: DomainSection | None
    problems: tuple[FormatError, ...] = ()


def parse_master_key_file(data: bytes) -> MasterKeyFile:
    """Parse a master key file.

    Raises:
        FormatError: The header or the master section is damaged, or the section lengths leave the file.
    """
    cursor = Cursor(data)
    version = cursor.u32("version")
    if version not in (1, 2):
        raise FormatError(
            "bad_magic", 0, sentence("master key files have version 1 or 2, not {version}", version=version)
        )
    cursor.take(8, "reserved")
    guid = _guid_text(cursor)
    cursor.take(8, "reserved")
    flags = cursor.u32("flags")
    lengths = [cursor.u64(f"length of {what} section") for what in ("master", "backup", "CREDHIST", "domain")]
    starts = [HEADER_SIZE + sum(lengths[:i]) for i in range(5)]
    if starts[4] > len(data):
        raise FormatError(
            "truncated",
            96,
            sentence("the sections need {starts} bytes, the file has {count}", starts=starts[4], count=len(data)),
        )
    master, backup, credhist, domain = (data[a:b] for a, b in pairwise(starts))
    problems: list[FormatError] = []

    def side(parse: Callable[[bytes, int], _Section], section: bytes, start: int) -> _Section | None:
        if not section:
            return None
        try:
            return parse(section, start)
        except FormatError as error:
            problems.append(error)
            return None

    return MasterKeyFile(
        version=version,
        guid=guid,
        flags=flags,
        master=_parse_section(master, starts[0]) if master else None,
        backup=side(_parse_section, backup, starts[1]),
        has_credhist=bool(credhist),
        credhist_guid=side(_parse_credhist, credhist, starts[2]),
        domain=side(_parse_domain, domain, starts[3]),
        problems=tuple(problems),
    )


def _guid_text(cursor: Cursor) -> str:
    at = cursor.offset
    text = cursor.utf16(72, "GUID text").lower()
    try:
        guid = str(UUID(text))
    except ValueError as error:
        raise FormatError("bad_guid", at, sentence("the GUID text is no GUID")) from error
    if guid != text:
        raise FormatError("bad_guid", at, sentence("the GUID text is not in its usual form"))
    return guid


def _parse_section(section: bytes, start: int) -> MasterKeySection:
    cursor = Cursor(section)
    version = cursor.u32("section version")
    if version not in (1, 2):
        raise FormatError(
            "bad_magic", start, sentence("master key sections have version 1 or 2, not {version}", version=version)
        )
    salt = cursor.take(16, "salt")
    rounds, hash_algorithm, cipher = cursor.u32s("rounds", "hash", "cipher")
    if not 1 <= rounds <= MAX_ROUNDS:
        raise FormatError("bad_rounds", start + 20, sentence("{rounds} rounds are not plausible", rounds=rounds))
    digest, block = digest_size(hash_algorithm), block_size(cipher)
    if digest is None or block is None:
        message = sentence(
            "hash 0x{hash_algorithm:x} with cipher 0x{cipher:x} is unknown",
            hash_algorithm=hash_algorithm,
            cipher=cipher,
        )
        raise FormatError("unknown_algorithm", start + 24, message)
    ciphertext = cursor.take(cursor.remaining)
    if len(ciphertext) % block or len(ciphertext) < 16 + digest + 32:
        message = sentence(
            "{count} bytes hold no salt, HMAC and key in whole blocks of {block}", count=len(ciphertext), block=block
        )
        raise FormatError("bad_length", start + 32, message)
    return MasterKeySection(salt, rounds, hash_algorithm, cipher, ciphertext)


def _parse_credhist(section: bytes, start: int) -> str:
    if len(section) < 20:
        raise FormatError("truncated", start, sentence("the CREDHIST section needs 20 bytes"))
    return str(UUID(bytes_le=section[4:20]))


def _parse_domain(section: bytes, start: int) -> DomainSection:
    cursor = Cursor(section)
    try:
        version, secret_size, access_size = cursor.u32s("version", "size of the secret", "size of the access check")
        guid = str(cursor.guid())
        return DomainSection(version, guid, cursor.take(secret_size), cursor.take(access_size))
    except FormatError as error:
        raise FormatError(
            "truncated", start + error.offset, sentence("the domain section is shorter than it says")
        ) from error
