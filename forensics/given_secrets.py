"""The secrets that a caller gives, as the rest of the program holds them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import open_given
from forensics.language import sentence
from forensics.sources.given_paths import Paths, given_paths

if TYPE_CHECKING:
    from forensics.dpapi.domain_backup import DomainBackupKey
    from forensics.dpapi.user_secrets import UserSecrets

_LONGEST_LINE = 64 << 10
"""Format: bytes of the password of an archive, of which the length has 16 bits in 7z."""


def given_secrets(passwords: Mapping[str, str], nt_hashes: Mapping[str, str], pvk_files: Paths) -> UserSecrets:
    """Return the secrets of users and domains.

    Args:
        passwords: Password by user name or SID.
        nt_hashes: NT hash, 32 hexadecimal digits, by user name or SID.
        pvk_files: DPAPI backup private keys of domains.

    Raises:
        ValueError: An NT hash is not 32 hexadecimal digits.
        SourceError: A domain backup key cannot be read.
    """
    from forensics.dpapi.user_secrets import UserSecrets

    hashes: dict[str, bytes] = {}
    for user, text in nt_hashes.items():
        try:
            hashes[user.lower()] = bytes.fromhex(text)
        except ValueError:
            hashes[user.lower()] = b""
        if len(hashes[user.lower()]) != 16:
            # From None: the hash itself must not travel in the exception.
            raise ValueError(sentence("the NT hash of {user} is not 32 hexadecimal digits", user=user)) from None
    return UserSecrets(
        passwords={user.lower(): password for user, password in passwords.items()},
        nt_hashes=hashes,
        domain_keys=tuple(_domain_key(path) for path in given_paths(pvk_files)),
    )


def first_line(path: Path) -> str:
    """Return a password: the first line of a file, of which other bytes than UTF-8 stay as surrogates.

    Raises:
        SourceError: The file cannot be read, or its first line is empty.
    """
    try:
        with open_given(path) as file:
            line = file.readline(_LONGEST_LINE).removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    except OSError as error:
        raise SourceError(
            "unreadable", sentence("{path} cannot be read: {strerror}", path=path, strerror=error.strerror)
        ) from error
    if len(line) >= _LONGEST_LINE:
        raise SourceError("too_long", sentence("the first line of {path} is too long for a password", path=path))
    if not line:
        raise SourceError("empty", sentence("{path} holds no password: its first line is empty", path=path))
    return line.decode("utf-8", "surrogateescape")


def file_password(path: Path) -> bytes:
    """Return the password for files that are to be written, UTF-8: the first line of a file.

    Raises:
        SourceError: The file cannot be read, or its first line is none that somebody could type again.
    """
    password = first_line(path)
    if any(0xD800 <= ord(c) < 0xE000 for c in password):
        # Without the line itself, which is the secret.
        raise SourceError("not_utf8", sentence("{path} is not UTF-8 text; save it as UTF-8", path=path))
    if any(unicodedata.category(c) == "Cc" for c in password):
        raise SourceError(
            "not_text",
            sentence(
                "the first line of {path} holds characters that nobody can type; save it as UTF-8 text", path=path
            ),
        )
    return password.encode()


def _domain_key(path: Path) -> DomainBackupKey:
    from forensics.dpapi.domain_backup import MAX_PVK, load_pvk
    from forensics.formats.errors import FormatError

    try:
        with open_given(path) as file:
            return load_pvk(file.read(MAX_PVK + 1), path.name)
    except OSError as error:
        raise SourceError(
            "unreadable", sentence("{path} cannot be read: {strerror}", path=path, strerror=error.strerror)
        ) from error
    except FormatError as error:
        raise SourceError(
            error.kind,
            sentence("{path} is no domain DPAPI backup key (.pvk): {message}", path=path, message=error.message),
        ) from error
