"""CREDHIST (``Protect\\CREDHIST``): the hashes of a user's earlier passwords, each under the password that came after.

The file grows at its end: a header names the size of the link before it, so that it is read from there.

References:
    https://www.passcape.com/windows_password_recovery_dpapi_credhist
    https://github.com/gentilkiwi/mimikatz, https://github.com/fortra/impacket (dpapi.py)
"""

from __future__ import annotations

from dataclasses import field

from forensics.formats.alg_id import block_size, digest_size, key_size
from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.formats.master_key import MAX_ROUNDS
from forensics.formats.sid import parse_sid
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_LINKS = 1_000
"""Format: earlier passwords of one CREDHIST that are read, newest first; who changes his each month has 12 a year."""
SHA1_SIZE, NT_SIZE = 20, 16

# Zeros behind the two hashes alone tell that a link was opened; 3DES leaves 4, AES 12.
_ZEROS_BEHIND = 4
_HEADER = 24


@dataclass(frozen=True, slots=True)
class CredHistLink:
    """One earlier password.

    Attributes:
        guid: Of this link, lower case.
        sid: Of the account whose password it was.
        rounds: PBKDF2 rounds.
        hash_algorithm: ALG_ID; CALG_HMAC stands for SHA-1.
        cipher_algorithm: ALG_ID of the cipher.
        ciphertext: Whole blocks: SHA-1 of the password, its NT hash, zeros.
    """

    guid: str
    sid: str
    salt: bytes = field(repr=False)
    rounds: int
    hash_algorithm: int
    cipher_algorithm: int
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CredHist:
    """The whole file.

    Attributes:
        guid: Of the password of today, lower case; master keys name it.
        links: The earlier passwords that can be read, newest first.
        count: How many it says to hold, readable or not.
        problems: Why some cannot be read.
    """

    guid: str
    links: tuple[CredHistLink, ...]
    count: int
    problems: tuple[FormatError, ...] = ()


def parse_credhist(data: bytes) -> CredHist:
    """Parse a CREDHIST file.

    Raises:
        FormatError: ``truncated``: it has no last header.
    """
    end = len(data) - _HEADER
    if end < 0:
        raise FormatError("truncated", 0, sentence("a CREDHIST file does not have {count} bytes", count=len(data)))
    _, guid, size = _header(data, end)
    links: list[CredHistLink] = []
    problems: list[FormatError] = []
    count = 0
    while size:
        count += 1
        if not _HEADER < size <= end:
            problems.append(
                FormatError(
                    "bad_length",
                    end + 20,
                    sentence("a link of {size} bytes does not fit before {end}", size=size, end=end),
                )
            )
            break
        if count > MAX_LINKS:
            problems.append(
                FormatError(
                    "too_many", end, sentence("only {max_links} earlier passwords are read", max_links=MAX_LINKS)
                )
            )
            break
        end -= size
        _, of_link, before = _header(data, end)
        try:
            links.append(_parse_link(data[end + _HEADER : end + size], of_link))
        except FormatError as error:
            problems.append(FormatError(error.kind, end + _HEADER + error.offset, error.message))
        size = before
    return CredHist(guid, tuple(links), count, tuple(problems))


def _header(data: bytes, at: int) -> tuple[int, str, int]:
    """Return version, GUID, and the size of the link that ends here."""
    cursor = Cursor(data, at)
    return cursor.u32("version"), str(cursor.guid()), cursor.u32("size of the link before")


def _parse_link(body: bytes, guid: str) -> CredHistLink:
    cursor = Cursor(body)
    _, hash_algorithm, rounds, sid_size, cipher, sha1_size, nt_size = cursor.u32s(
        "type", "hash", "rounds", "SID length", "cipher", "SHA-1 length", "NT hash length"
    )
    salt = cursor.take(16, "salt")
    sid = parse_sid(cursor.take(sid_size, "SID"))
    ciphertext = cursor.take(cursor.remaining)
    block = block_size(cipher)
    if digest_size(hash_algorithm) is None or block is None or key_size(cipher, 256) is None:
        message = sentence(
            "hash 0x{hash_algorithm:x} with cipher 0x{cipher:x} is unknown",
            hash_algorithm=hash_algorithm,
            cipher=cipher,
        )
        raise FormatError("unknown_algorithm", 4, message)
    if not 1 <= rounds <= MAX_ROUNDS:
        raise FormatError("bad_rounds", 8, sentence("{rounds} rounds are not plausible", rounds=rounds))
    # The NT hash may be told longer than it is: zeros follow it.
    is_odd = sha1_size != SHA1_SIZE or not NT_SIZE <= nt_size <= len(ciphertext) - SHA1_SIZE
    if is_odd or len(ciphertext) % block or len(ciphertext) < SHA1_SIZE + NT_SIZE + _ZEROS_BEHIND:
        message = sentence(
            "{count} bytes hold no SHA-1 of {sha1_size} and NT hash of {nt_size} bytes",
            count=len(ciphertext),
            sha1_size=sha1_size,
            nt_size=nt_size,
        )
        raise FormatError("bad_length", 20, message)
    return CredHistLink(guid, sid, salt, rounds, hash_algorithm, cipher, ciphertext)
