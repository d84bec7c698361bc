"""Opens BitLocker volumes with the keys the user gave, or says which keys would open them.

References:
    dissect.fve, which holds the format.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from forensics.disk.errors import SourceError, unreadable
from forensics.disk.evidence_files import open_given
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.sized_stream import SizedStream
from forensics.disk.tree import NotObtained
from forensics.disk.unlock import Unlock
from forensics.lack_of_memory import pass_on
from forensics.language import joined, sentence
from forensics.tables.hyperv import BitLockerRow

if TYPE_CHECKING:
    from dissect.fve.bde import BDE
    from dissect.fve.bde.bde import BitlockerStream

_PROTECTORS = {
    0x0100: sentence("TPM (on its own machine only)"),
    0x0200: sentence("external key file (.BEK)"),
    0x0400: "TPM and PIN",
    0x0500: sentence("TPM and external key"),
    0x0600: sentence("TPM, PIN and external key"),
    0x0800: sentence("recovery password"),
    0x2000: "password",
}
_WORDS = {
    0x0000: "clear_key",
    0x0100: "tpm",
    0x0200: "external_key",
    0x0400: "tpm_pin",
    0x0500: "tpm_key",
    0x0600: "tpm_pin_key",
    0x0800: "recovery_password",
    0x2000: "password",
}
_NEED_TPM = frozenset((0x0100, 0x0400, 0x0500, 0x0600))
_MAX_BEK = 1 << 20
"""Format: bytes of a file with an external key."""
_MAX_PROTECTORS = 100
"""Display: key protectors of one volume."""
_NAMED = 20
"""Display: key protectors that one sentence names."""
_GIVE = sentence("examine it again with --recovery-key-file, --password-file or --bek")
_SAVE = sentence(
    "make the image again, from the disk itself; where that is so too, repair-bde of Windows may "
    "save what is on a copy of it, with the recovery key"
)


class _Window(SizedStream):
    """The volume as a file from offset 0, which dissect.fve reads."""

    def __init__(self, volume: VolumeReader, size: int) -> None:
        super().__init__(size)
        self._volume = volume

    def read(self, size: int | None = -1, /) -> bytes:
        count = self._count(size)
        data = self._volume.read_at(self._at, count) if count else b""
        self._at += count
        return data


def unlock_volume(volume: VolumeReader, size: int, keys: Unlock, row: BitLockerRow) -> BinaryIO:
    """Return the decrypted volume.

    Args:
        volume: The encrypted volume.
        size: Its bytes.
        keys: What the user gave.
        row: Filled with what the metadata says, locked or not.

    Raises:
        SourceError: ``bitlocker_locked`` (no key was given), ``bitlocker_wrong_key`` or ``bitlocker_damaged``;
            the message names the volume's protectors.
        NotObtained: The image does not give its metadata.
    """
    bde = describe_volume(volume, size, row)
    try:
        protectors = _protectors(bde)
        opened = bde.unlocked or _try_clear_key(bde)
    except NotObtained:
        raise
    except Exception as error:
        pass_on(error)
        raise _damaged(error) from error
    tried = [] if opened else _try_keys(bde, keys)
    if not bde.unlocked:
        known = (
            sentence("it opens with: {protectors}", protectors=protectors)
            if protectors
            else sentence("it names no protector, so nothing that could be given opens it; {save}", save=_SAVE)
        )
        if not tried:
            raise SourceError(
                "bitlocker_locked", sentence("encrypted by BitLocker: {give}; {known}", give=_GIVE, known=known)
            )
        raise SourceError(
            "bitlocker_wrong_key",
            sentence(
                "encrypted by BitLocker, not opened by {names}; {known}", names=joined(tried, " or "), known=known
            ),
        )
    row.unlocked = True
    try:
        stream = bde.open()
        decrypt_by_openssl(stream)
        return cast(BinaryIO, stream)
    except NotObtained:
        raise
    except Exception as error:
        pass_on(error)
        raise SourceError(
            "bitlocker_damaged", sentence("its encryption cannot be read: {error}; {save}", error=error, save=_SAVE)
        ) from error


def decrypt_by_openssl(stream: BitlockerStream) -> None:
    """Have sectors of AES-XTS, which Windows 10 and later write, decrypted at once.

    dissect.fve itself goes through them by 16 bytes, which takes forty times as long.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import XTS
    from dissect.fve.crypto._pycryptodome import XtsMode

    if not isinstance(stream.cipher, XtsMode):
        return
    cipher: Any = stream.cipher
    aes = AES(cipher.key)

    def decrypt(mode: int, sector: memoryview, tweak: bytearray) -> None:
        sector[:] = Cipher(aes, XTS(bytes(tweak[:16]))).decryptor().update(sector)

    cipher._crypt_sector = decrypt


def describe_volume(volume: VolumeReader, size: int, row: BitLockerRow) -> BDE:
    """Fill a row with what the metadata of a volume says, and unlock nothing.

    Raises:
        SourceError: ``bitlocker_damaged``.
        NotObtained: The image does not give its metadata.
    """
    from dissect.fve.bde import BDE

    try:
        bde = BDE(cast(BinaryIO, _Window(volume, size)))
        _fill(row, bde)
    except NotObtained:
        raise
    except Exception as error:
        pass_on(error)
        raise _damaged(error) from error
    return bde


def _damaged(error: Exception) -> SourceError:
    return SourceError(
        "bitlocker_damaged",
        sentence("its BitLocker metadata cannot be read: {error}; {save}", error=error, save=_SAVE),
    )


def _protectors(bde: BDE) -> str:
    names = []
    for vmk in bde.information.dataset.find_vmk(max_priority=0xFFFF):
        kind = int(vmk.priority) & 0xFF00
        if kind in _PROTECTORS:
            names.append(sentence("{kind} {{{id}}}", kind=_PROTECTORS[kind], id=str(vmk.identifier).upper()))
    return joined(names[:_NAMED], ", ")


def _fill(row: BitLockerRow, bde: BDE) -> None:
    kinds = [int(vmk.priority) & 0xFF00 for vmk in bde.information.dataset.find_vmk(max_priority=0xFFFF)]
    row.protectors = [_WORDS.get(kind, sentence("unknown 0x{kind:04x}", kind=kind)) for kind in kinds[:_MAX_PROTECTORS]]
    row.has_tpm = any(kind in _NEED_TPM for kind in kinds)
    row.has_recovery_password = 0x0800 in kinds
    row.suspended = bool(bde.has_clear_key())
    row.identifier = str(bde.information.dataset.identifier)


def _try_clear_key(bde: BDE) -> bool:
    """Open a volume whose protection is suspended: its key lies in the clear."""
    if not bde.has_clear_key():
        return False
    bde.unlock_with_clear_key()
    return bool(bde.unlocked)


def _try_keys(bde: BDE, keys: Unlock) -> list[str]:
    """Try each key that was given; return the names of those that were tried."""
    tried: list[str] = []
    if keys.recovery_key:
        tried.append(sentence("the recovery password"))
        _attempt(bde, "unlock_with_recovery_password", keys.recovery_key)
    if keys.password_file and not bde.unlocked:
        tried.append(sentence("the password"))
        lines = _content(keys.password_file).decode("utf-8-sig", "replace").splitlines()
        _attempt(bde, "unlock_with_passphrase", lines[0] if lines else "")
    if keys.bek_file and not bde.unlocked:
        tried.append(sentence("the key file {name}", name=keys.bek_file.name))
        _attempt(bde, "unlock_with_bek", io.BytesIO(_content(keys.bek_file)))
    return tried


def _attempt(bde: BDE, method: str, key: object) -> None:
    try:
        getattr(bde, method)(key)
    # dissect raises several types for a wrong key; their texts may quote it.
    except Exception as error:
        pass_on(error)
        return


def _content(path: Path) -> bytes:
    try:
        with open_given(path) as file:
            return file.read(_MAX_BEK)
    except OSError as error:
        raise unreadable(str(path), error) from error
