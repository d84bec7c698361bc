"""Opens the secret that automatic sign-on after a restart (ARSO, TBAL) keeps of a local user's password.

References:
    https://vztekoverflow.com/2018/07/31/tbal-dpapi-backdoor/
    https://github.com/gentilkiwi/mimikatz (KIWI_TBAL_MSV)
"""

from __future__ import annotations

from forensics.dpapi.credhist import PasswordHashes
from forensics.dpapi.lsa import secret_opener
from forensics.formats.errors import FormatError
from forensics.formats.lsa import LsaMaterial, boot_key

_NT_AT, _SHA1_AT, _END = 0x10, 0x30, 0x44


def open_tbal(material: LsaMaterial) -> PasswordHashes | None:
    """Return the hashes of the password of the user who was to be signed on again; None where none are there.

    Which user that is it does not tell here: what it opens proves it.
    """
    if not material.tbal or material.boot_key_classes is None:
        return None
    try:
        clear = secret_opener(material, boot_key(material.boot_key_classes))(material.tbal)
    except FormatError:
        return None
    sha1 = clear[_SHA1_AT:_END]
    return PasswordHashes(sha1, clear[_NT_AT : _NT_AT + 16]) if len(clear) >= _END and any(sha1) else None
