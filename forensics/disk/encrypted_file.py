"""Files that were encrypted as a whole, told by what stands before the ciphertext.

References:
    - RFC 9580, OpenPGP: packet headers (4.2), session keys (5.1, 5.3), encrypted data (5.7, 5.13), armor (6.2)
    - age-encryption.org/v1
    - AES Crypt, AES File Format
    - OpenSSL, apps/enc.c (``Salted__``)
"""

from __future__ import annotations

from pathlib import PurePath

from forensics.language import sentence

SUFFIXES = (".gpg", ".pgp", ".asc", ".age", ".aes", ".enc")
"""What programs put behind the name of a file that they encrypt."""

_MARKS = (
    (b"-----BEGIN PGP MESSAGE-----", "OpenPGP", "gpg -d"),
    (b"age-encryption.org/v1\n", "age", "age -d"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age", "age -d"),
    (b"AES\2\0", "AES Crypt", "aescrypt -d"),
    (b"AES\1\0", "AES Crypt", "aescrypt -d"),
    (b"AES\3\0", "AES Crypt", "aescrypt -d"),
    (b"Salted__", "OpenSSL", "openssl enc -d"),
)
_VERACRYPT = (".hc", ".tc")
_PUBLIC_KEY, _SYMMETRIC_KEY = 1, 3
_ENCRYPTED_DATA = (9, 18, 20)
_VERSIONS = {_PUBLIC_KEY: (3, 6), _SYMMETRIC_KEY: (4, 5, 6)}
_MOST_KEYS = 64
"""Format: encrypted session keys in front of an OpenPGP message."""


def encrypted_with(head: bytes) -> str | None:
    """Say with what a file was encrypted and what to do, continuing "NAME is"; None where it was not.

    Args:
        head: Its first bytes.
    """
    for mark, program, how in _MARKS:
        if head.startswith(mark):
            return sentence("encrypted with {program}, {what}", program=program, what=_decrypt(how))
    return sentence("encrypted with OpenPGP, {what}", what=_decrypt("gpg -d")) if _is_openpgp(head) else None


def _decrypt(how: str) -> str:
    return sentence("not examined: decrypt it ({how}) and examine the result", how=how)


def may_be_veracrypt(name: str) -> str | None:
    """Say that a file without any mark is named as a VeraCrypt container, which has none; None where it is not."""
    if PurePath(name).suffix.lower() not in _VERACRYPT:
        return None
    return sentence("named as a VeraCrypt container, not examined: mount it and examine what it holds")


def plain_name(name: str) -> str:
    """Return the name of a file without what a program that encrypts files has put behind it."""
    return name.rpartition(".")[0] if name.lower().endswith(SUFFIXES) else name


def _is_openpgp(head: bytes) -> bool:
    """Tell whether packets with encrypted session keys are followed by one with encrypted data."""
    at = 0
    for number in range(_MOST_KEYS):
        packet = _packet(head, at)
        if packet is None:
            return False
        tag, body, length = packet
        if tag in _ENCRYPTED_DATA:
            return number > 0
        if tag not in _VERSIONS or length is None or head[body : body + 1] not in map(_byte, _VERSIONS[tag]):
            return False
        at = body + length
    return False


def _packet(head: bytes, at: int) -> tuple[int, int, int | None] | None:
    """Return the tag of a packet, where its body begins, and its bytes; None of them where they are not told."""
    if at + 6 > len(head) or not head[at] & 0x80:
        return None
    if not head[at] & 0x40:
        kind = head[at] & 3
        size = (1, 2, 4, 0)[kind]
        length = int.from_bytes(head[at + 1 : at + 1 + size], "big") if size else None
        return head[at] >> 2 & 0xF, at + 1 + size, length
    tag, first = head[at] & 0x3F, head[at + 1]
    if first < 192:
        return tag, at + 2, first
    if first < 224:
        return tag, at + 3, (first - 192 << 8) + head[at + 2] + 192
    if first == 255:
        return tag, at + 6, int.from_bytes(head[at + 2 : at + 6], "big")
    return tag, at + 2, None


def _byte(value: int) -> bytes:
    return bytes((value,))
