"""Opens encrypted members of a zip archive with the password that the user gave.

References:
    - APPNOTE.TXT 6.0 (traditional PKWARE encryption), 7.0 (strong encryption)
    - WinZip, AES Encryption Information: Encryption Specification AE-1 and AE-2
"""

from __future__ import annotations

import struct
import zipfile
from contextlib import suppress
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from forensics.disk.tree import NotObtained
from forensics.lack_of_memory import suppressed
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNPACK = sentence("unpack the archive and examine the folder")
NO_PASSWORD = sentence("encrypted with a password: give it with --archive-password-file, or {unpack}", unpack=_UNPACK)
OTHER_PASSWORD = sentence(
    "encrypted, and the password of --archive-password-file does not open it: give the right one, or {unpack}",
    unpack=_UNPACK,
)
DAMAGED_OR_OTHER = sentence(
    "encrypted, and the password of --archive-password-file is another one, or the archive is "
    "damaged there: give the right one, or {unpack}",
    unpack=_UNPACK,
)
NO_AES = sentence(
    "encrypted with AES, for which pyzipper is missing: pip install 'keymortem[archives]', or {unpack}", unpack=_UNPACK
)
STRONG = sentence("encrypted as only PKZIP does it, which is not read here: {unpack}", unpack=_UNPACK)
AES = 99
"""The method that stands for AES in front of a member (AE-x)."""
_STRONG = 0x40
_AES_EXTRA = 0x9901
_AES_FIELD = struct.Struct("<H2sBH")
_CODE_PAGES = ("cp1252", "cp437", "cp850", "cp932")


@dataclass(frozen=True, slots=True)
class Locked:
    """An encrypted member.

    Attributes:
        info: As zipfile takes it: as the directory has it, with the name in front of it.
        time: DOS time in front of it, by which a password is checked where its checksum follows it.
        extra: The extra fields in front of it.
    """

    info: zipfile.ZipInfo
    time: int
    extra: bytes


def spellings(password: str) -> list[bytes]:
    """Return the bytes that programs of different ages make of a password; for ASCII they are the same."""
    found = [password.encode("utf-8", "surrogateescape")]
    for page in _CODE_PAGES:
        with suppress(UnicodeEncodeError):
            found.append(password.encode(page))
    return list(dict.fromkeys(found))


def open_locked(archive: zipfile.ZipFile, file: BinaryIO, member: Locked, password: bytes | None) -> IO[bytes]:
    """Open an encrypted member.

    Args:
        archive: The archive.
        file: Its file.
        member: The member.
        password: None where none was given.

    Raises:
        NotObtained: The password is missing or another one, or what decrypts it is not installed.
        Exception: The member is damaged; of its library.
    """
    if member.info.flag_bits & _STRONG:
        raise NotObtained(STRONG)
    if password is None:
        raise NotObtained(NO_PASSWORD)
    try:
        if member.info.compress_type == AES:
            return _open_aes(file, member, password)
        # By it zipfile checks the password where the checksum follows the member.
        setattr(member.info, "_raw_time", member.time)  # noqa: B010
        return archive.open(member.info, pwd=password)
    except NotImplementedError:
        raise
    except RuntimeError as error:
        raise NotObtained(OTHER_PASSWORD) from error


def _open_aes(file: BinaryIO, member: Locked, password: bytes) -> IO[bytes]:
    try:
        from pyzipper.zipfile_aes import WZ_AES_V1, WZ_AES_V2, AESZipExtFile, AESZipInfo
    except ModuleNotFoundError as error:
        raise NotObtained(NO_AES) from error
    version, vendor, strength, method = _aes_field(member.extra)
    if version not in (WZ_AES_V1, WZ_AES_V2) or not 1 <= strength <= 3:
        raise zipfile.BadZipFile(sentence("its field for AES is damaged"))
    info = AESZipInfo(member.info.orig_filename)
    info.flag_bits, info.CRC = member.info.flag_bits, member.info.CRC
    info.compress_size, info.file_size = member.info.compress_size, member.info.file_size
    info.wz_aes_version, info.wz_aes_vendor_id, info.wz_aes_strength = version, vendor, strength
    info.compress_type = method
    return cast(IO[bytes], AESZipExtFile(_From(file, member.info.header_offset), "r", info, True, password))


def _aes_field(extra: bytes) -> tuple[int, bytes, int, int]:
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == _AES_EXTRA and size == _AES_FIELD.size and len(extra) >= 4 + size:
            version, vendor, strength, method = _AES_FIELD.unpack_from(extra, 4)
            return version, vendor, strength, method
        extra = extra[4 + size :]
    raise zipfile.BadZipFile(sentence("its field for AES is missing"))


class _From:
    """The archive from a member on, with a position of its own."""

    def __init__(self, file: BinaryIO, at: int) -> None:
        self._file = file
        self._at = at

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return self._at

    def read(self, count: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(count)
        self._at += len(data)
        return data

    def close(self) -> None:
        return


def right_spelling(
    archive: zipfile.ZipFile, file: BinaryIO, members: Sequence[Locked], password: str
) -> tuple[bytes, int]:
    """Return the bytes of a password that open most of some members, and how many.

    Args:
        archive: The archive.
        file: Its file.
        members: Some that are encrypted.
        password: As the user gave it.
    """
    opened = {spelling: _opened(archive, file, members, spelling) for spelling in spellings(password)}
    best = max(opened, key=lambda spelling: opened[spelling])
    return best, opened[best]


def _opened(archive: zipfile.ZipFile, file: BinaryIO, members: Sequence[Locked], password: bytes) -> int:
    count = 0
    for member in members:
        # Damage is told where the member is read: here the password is asked.
        with suppressed(), open_locked(archive, file, member, password) as content:
            content.read(1)
            count += 1
    return count
