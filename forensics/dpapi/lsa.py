"""Opens DPAPI_SYSTEM: boot key, LSA key, secret; every step is validated, since a wrong boot key decrypts to noise.

References:
    MS-LSAD 5.1.2 (DES secrets of XP and 2003)
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import field

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES256

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.formats.lsa import LsaMaterial, boot_key
from forensics.language import sentence
from forensics.late_methods import dataclass

_HALF = 20
_SECRET_SIZE = 4 + 2 * _HALF
_AES_RECORD = 3
_STRETCH = 1000
_EK_HEADER, _EK_SIZE = 28, 56
_XP_KEY_SIZE = 76
_MAX_SECRET = 65536
"""Format: bytes of one LSA secret."""

Opener = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class SystemSecret:
    """One generation of DPAPI_SYSTEM.

    Attributes:
        machine: 20 bytes that protect master keys of the machine (folder ``S-1-5-18``).
        user: 20 bytes that protect those of SYSTEM as a user (folder ``S-1-5-18\\User``).
    """

    machine: bytes = field(repr=False)
    user: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of both halves, lower hex."""
        return hashlib.sha256(self.machine + self.user).hexdigest()

    @property
    def machine_fingerprint(self) -> str:
        """SHA-256 of the machine half, lower hex."""
        return hashlib.sha256(self.machine).hexdigest()

    @property
    def user_fingerprint(self) -> str:
        """SHA-256 of the user half, lower hex."""
        return hashlib.sha256(self.user).hexdigest()


@dataclass(frozen=True, slots=True)
class DpapiSystem:
    """What DPAPI_SYSTEM gave.

    Attributes:
        current: CurrVal, None when absent or not opened.
        previous: OldVal, None when absent or not opened.
        problems: Why something that is stored did not open.
        reason: One sentence on why nothing opened at all; None when something did.
        never_changed: OldVal opens, and holds no bytes.
    """

    current: SystemSecret | None = None
    previous: SystemSecret | None = None
    problems: list[FormatError] = field(default_factory=list)
    reason: str | None = None
    never_changed: bool = False


def unlock_dpapi_system(material: LsaMaterial) -> DpapiSystem:
    """Open both generations of DPAPI_SYSTEM as far as the registry allows; never raises."""
    if material.current is None and material.previous is None:
        return DpapiSystem(reason=sentence("the SECURITY hive holds no DPAPI_SYSTEM"))
    if material.boot_key_classes is None:
        return DpapiSystem(reason=sentence("the SYSTEM hive gave no boot key"))
    try:
        open_secret = secret_opener(material, boot_key(material.boot_key_classes))
    except FormatError as error:
        return DpapiSystem(problems=[error], reason=error.message)
    problems: list[FormatError] = []

    def generation(value: bytes | None) -> SystemSecret | None:
        if not value:
            return None
        try:
            return _dpapi_system(open_secret(value))
        except FormatError as error:
            problems.append(error)
            return None

    never_changed = _holds_nothing(open_secret, material.previous)
    current, previous = generation(material.current), None if never_changed else generation(material.previous)
    reason = None
    if current is None and previous is None:
        reason = problems[0].message if problems else sentence("DPAPI_SYSTEM is stored without a value")
    return DpapiSystem(current, previous, problems, reason, never_changed)


def _holds_nothing(open_secret: Opener, value: bytes | None) -> bool:
    try:
        return value is not None and value != b"" and not open_secret(value)
    except FormatError:
        return False


def secret_opener(material: LsaMaterial, key: bytes) -> Opener:
    """Return what opens a secret of this machine.

    Raises:
        FormatError: The hives hold no LSA key, or the boot key does not open it.
    """
    if material.pol_ek_list is not None:
        lsa_keys = _open_pol_ek_list(key, material.pol_ek_list)
        return lambda value: _open_aes_secret(lsa_keys, value)
    if material.pol_secret_encryption_key is not None:
        lsa_key = _open_xp_key(key, material.pol_secret_encryption_key)
        return lambda value: _open_des_secret(lsa_key, value)
    raise FormatError("no_lsa_key", 0, sentence("the SECURITY hive holds neither PolEKList nor PolSecretEncryptionKey"))


def _dpapi_system(payload: bytes) -> SystemSecret:
    if len(payload) != _SECRET_SIZE or payload[:4] != b"\1\0\0\0":
        raise FormatError("bad_secret", 0, sentence("the opened value is no DPAPI_SYSTEM of version 1 and length 44"))
    return SystemSecret(payload[4 : 4 + _HALF], payload[4 + _HALF :])


def _open_pol_ek_list(key: bytes, value: bytes) -> dict[bytes, bytes]:
    """Return the LSA keys by key id; the structure of the clear text is what proves the boot key."""
    wrong = FormatError(
        "wrong_boot_key", 0, sentence("the boot key does not open PolEKList: the hives are of two machines")
    )
    try:
        payload = _open_record(_read_record(value, "PolEKList")[1], key)
    except FormatError as error:
        raise wrong if error.kind == "bad_secret" else error from None
    if len(payload) < _EK_HEADER:
        raise wrong
    count = struct.unpack_from("<I", payload, 24)[0]
    if len(payload) != _EK_HEADER + count * _EK_SIZE or not count:
        raise wrong
    keys = {}
    for at in range(_EK_HEADER, len(payload), _EK_SIZE):
        kind, size = struct.unpack_from("<II", payload, at + 16)
        if kind != _AES_RECORD or size != 32:
            raise wrong
        keys[payload[at : at + 16]] = payload[at + 24 : at + 56]
    return keys


def _open_aes_secret(keys: dict[bytes, bytes], value: bytes) -> bytes:
    key_id, body = _read_record(value, "DPAPI_SYSTEM")
    if key_id not in keys:
        raise FormatError("unknown_key", 4, sentence("DPAPI_SYSTEM names an LSA key that PolEKList does not hold"))
    return _open_record(body, keys[key_id])


def _read_record(value: bytes, what: str) -> tuple[bytes, bytes]:
    """Return the key id and the encrypted part (32 bytes salt, then AES blocks) of an LSA record."""
    cursor = Cursor(value)
    version = cursor.take(4, f"version of {what}")
    key_id = cursor.take(16, f"key id of {what}")
    algorithm = cursor.u32(f"algorithm of {what}")
    cursor.take(4, f"flags of {what}")
    if version != b"\0\0\0\1" or algorithm != _AES_RECORD:
        raise FormatError("bad_magic", 0, sentence("{what} is no LSA record of version 1 under AES-256", what=what))
    body = cursor.take(cursor.remaining)
    if len(body) < 48 or len(body) % 16 or len(body) > _MAX_SECRET:
        raise FormatError("bad_length", 28, sentence("{what} holds no salt and whole AES blocks", what=what))
    return key_id, body


def _open_record(body: bytes, key: bytes) -> bytes:
    digest = hashlib.sha256(key)
    digest.update(body[:32] * _STRETCH)
    decryptor = Cipher(AES256(digest.digest()), modes.ECB()).decryptor()
    clear = decryptor.update(body[32:])
    size = struct.unpack_from("<I", clear)[0]
    if clear[4:16] != bytes(12) or not 0 <= len(clear) - 16 - size < 16:
        raise FormatError("bad_secret", 0, sentence("the LSA key does not open this secret"))
    return clear[16 : 16 + size]


def _open_xp_key(key: bytes, value: bytes) -> bytes:
    from Crypto.Cipher import ARC4

    if len(value) != _XP_KEY_SIZE:
        message = sentence(
            "PolSecretEncryptionKey has {xp_key_size} bytes, not {count}", xp_key_size=_XP_KEY_SIZE, count=len(value)
        )
        raise FormatError("bad_length", 0, message)
    digest = hashlib.md5(key + value[60:76] * _STRETCH, usedforsecurity=False).digest()
    return bytes(ARC4.new(digest).decrypt(value[12:60]))[16:32]


def _open_des_secret(key: bytes, value: bytes) -> bytes:
    """Open a secret of XP or 2003: DES blocks under a key that moves on by seven bytes a block."""
    from Crypto.Cipher import DES

    size = Cursor(value).u32("length of the encrypted secret")
    if not 16 <= size <= len(value) - 4 or size % 8 or size > _MAX_SECRET:
        raise FormatError(
            "bad_length",
            0,
            sentence("an encrypted secret of {size} bytes does not fit {count} bytes", size=size, count=len(value)),
        )
    encrypted, clear, rest = value[-size:], b"", key
    for at in range(0, size, 8):
        clear += DES.new(_spread(rest[:7]), DES.MODE_ECB).decrypt(encrypted[at : at + 8])
        rest = rest[7:]
        if len(rest) < 7:
            rest = key[len(rest) :]
    length, version = struct.unpack_from("<II", clear)
    if version != 1 or not 0 <= size - 8 - length < 8:
        raise FormatError(
            "bad_secret", 0, sentence("the LSA key does not open this secret: the hives are of two machines")
        )
    return clear[8 : 8 + length]


def _spread(key: bytes) -> bytes:
    """Spread 56 bits over the upper seven bits of eight bytes; DES ignores the lowest."""
    bits = int.from_bytes(key, "big")
    return bytes((bits >> (49 - 7 * i) & 0x7F) << 1 for i in range(8))
