"""Writes the directory of a domain controller, NTDS.dit, with the backup keys of its domain.

References:
    MS-BKRP 2.2.5 (what a backup key is stored as); MS-DRSR 4.1.10 (secret attributes); dissect.database, NTDS
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from collections.abc import Mapping, Sequence
from typing import Literal

from Crypto.Cipher import AES, ARC4
from cryptography.hazmat.primitives.asymmetric import rsa

from testdata.builder.certs import make_certificate
from testdata.builder.ese import CLEAN, LONG, LONG_BINARY, LONG_TEXT, Column, Table, Value, database
from testdata.builder.keys import pvk
from testdata.builder.seeded import Seeded

Era = Literal["2016", "2008"]
"""Since when a domain controller protects its secrets so: with AES, or with RC4."""
AT = "Windows/NTDS/ntds.dit"
NAME, CURRENT_VALUE, PEK_LIST = "ATTm589825", "ATTk589851", "ATTk590689"
_AUTHENTICATOR = uuid.UUID("4881d956-91ec-11d1-905a-00c04fc2d4cf").bytes_le
_PVK_HEADER = 24
_DOMAIN = 10
_COLUMNS = (
    Column(1, "DNT_col", LONG),
    Column(2, "PDNT_col", LONG),
    Column(256, NAME, LONG_TEXT),
    Column(257, CURRENT_VALUE, LONG_BINARY),
    Column(258, PEK_LIST, LONG_BINARY),
)


def key_pair(key: rsa.RSAPrivateKey) -> bytes:
    """Return a backup key as its domain stores it: the private key, and a certificate of it."""
    private = pvk(key)[_PVK_HEADER:]
    certificate = make_certificate("contoso.test", key, self_signed=True, eku=[]).der
    return struct.pack("<3I", 2, len(private), len(certificate)) + private + certificate


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


class Sealer:
    """Protects secrets as a domain controller does, with its password encryption key (PEK).

    Args:
        boot_key: Of its hive SYSTEM.
        era: How.
        seed: What follows from it.
    """

    def __init__(self, boot_key: bytes, era: Era, seed: str) -> None:
        self._stream, self._era, self._key = Seeded(f"ntds/{seed}"), era, Seeded(f"pek/{seed}").bytes(16)
        clear = _AUTHENTICATOR + struct.pack("<QIII", 133000000000000000, 0, 1, 0) + self._key
        salt = self._stream.bytes(16)
        if era == "2016":
            sealed = AES.new(boot_key, AES.MODE_CBC, salt).encrypt(_padded(clear))
            self.pek_list = struct.pack("<II", 3, 1) + salt + sealed
        else:
            mixed = hashlib.md5(boot_key + salt * 1000).digest()
            self.pek_list = struct.pack("<II", 2, 1) + salt + ARC4.new(mixed).encrypt(clear)

    def sealed(self, clear: bytes) -> bytes:
        """Protect the value of an attribute."""
        salt = self._stream.bytes(16)
        if self._era == "2016":
            data = AES.new(self._key, AES.MODE_CBC, salt).encrypt(_padded(clear))
            return struct.pack("<HHI", 0x13, 0, 0) + salt + struct.pack("<I", len(clear)) + data
        data = ARC4.new(hashlib.md5(self._key + salt).digest()).encrypt(clear)
        return struct.pack("<HHI", 0x11, 0, 0) + salt + data


def objects(keys: Mapping[str, rsa.RSAPrivateKey], sealer: Sealer, users: int = 0) -> list[dict[str, Value]]:
    """Return the objects of a domain: itself, users, and its backup keys in the container System.

    Args:
        keys: By GUID; the first is the preferred one.
        sealer: Protects them.
        users: Number of them.
    """
    rows: list[dict[str, Value]] = [
        {"DNT_col": _DOMAIN, "PDNT_col": 2, NAME: "contoso", PEK_LIST: sealer.pek_list},
        {"DNT_col": _DOMAIN + 1, "PDNT_col": _DOMAIN, NAME: "System"},
    ]
    secrets: list[tuple[str, bytes]] = [("BCKUPKEY_P Secret", uuid.UUID(int=7).bytes_le)]
    secrets += [(f"BCKUPKEY_{uuid.UUID(int=7)} Secret", struct.pack("<I", 1) + bytes(range(256)))]
    secrets += [(f"BCKUPKEY_{guid} Secret", key_pair(key)) for guid, key in keys.items()]
    secrets += [("BCKUPKEY_PREFERRED Secret", uuid.UUID(guid).bytes_le) for guid in [*keys][:1]]
    rows += [{"DNT_col": 100 + at, "PDNT_col": _DOMAIN, NAME: f"user {at}"} for at in range(users)]
    rows += [
        {"DNT_col": 100 + users + at, "PDNT_col": _DOMAIN + 1, NAME: name, CURRENT_VALUE: sealer.sealed(value)}
        for at, (name, value) in enumerate(secrets)
    ]
    return rows


def directory(
    keys: Mapping[str, rsa.RSAPrivateKey],
    boot_key: bytes,
    *,
    era: Era = "2016",
    users: int = 0,
    state: int = CLEAN,
    intrinsic: int = 1024,
) -> bytes:
    """Return a NTDS.dit.

    Args:
        keys: Backup keys of its domain by GUID; the first is the preferred one.
        boot_key: Of the hive SYSTEM of its domain controller.
        era: How secrets are protected in it.
        users: Number of other objects in it.
        state: Whether it was shut down cleanly.
        intrinsic: Bytes of a value up to which it stands in its row.
    """
    return written(objects(keys, Sealer(boot_key, era, "contoso"), users), state, intrinsic)


def written(rows: Sequence[Mapping[str, Value]], state: int = CLEAN, intrinsic: int = 1024) -> bytes:
    """Return a NTDS.dit with these objects."""
    return database([Table("datatable", _COLUMNS, rows, intrinsic)], state)
