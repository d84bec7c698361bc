"""The LSA path: boot key, PolEKList, and DPAPI_SYSTEM under it (Windows Vista and later).

References: format notes, "LSA path".
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from dataclasses import dataclass, field

from Crypto.Cipher import AES
from Crypto.Hash import MD4

from testdata.builder.dpapi import DpapiSystem
from testdata.builder.seeded import Seeded

_PERMUTATION = (8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7)
_ALGORITHM_AES = 3


def boot_key_classes(boot_key: bytes) -> dict[str, str]:
    """Return the class names of ``Lsa\\{JD,Skew1,GBG,Data}`` that give ``boot_key``."""
    raw = bytearray(16)
    for position, source in enumerate(_PERMUTATION):
        raw[source] = boot_key[position]
    text = bytes(raw).hex()
    return {name: text[8 * i : 8 * i + 8] for i, name in enumerate(("JD", "Skew1", "GBG", "Data"))}


def encrypt_secret(seed: str, key_guid: str, key: bytes, payload: bytes) -> bytes:
    """Return an LSA_SECRET record that ``key`` opens."""
    salt = Seeded(seed + "/lsa").bytes(32)
    digest = hashlib.sha256(key)
    for _ in range(1000):
        digest.update(salt)
    clear = struct.pack("<I12x", len(payload)) + payload
    clear += bytes(-len(clear) % 16)
    data = AES.new(digest.digest(), AES.MODE_ECB).encrypt(clear)
    head = b"\0\0\0\1" + uuid.UUID(key_guid).bytes_le + struct.pack("<II", _ALGORITHM_AES, 0)
    return head + salt + bytes(data)


@dataclass(frozen=True, slots=True)
class LsaStore:
    """Boot key and LSA key of a machine, and what they protect."""

    seed: str
    boot_key: bytes = field(repr=False)
    lsa_key: bytes = field(repr=False)
    lsa_key_guid: str

    @classmethod
    def seeded(cls, seed: str) -> LsaStore:
        stream = Seeded(seed + "/LSA")
        return cls(seed, stream.bytes(16), stream.bytes(32), stream.guid())

    def pol_ek_list(self, *, older_keys: int = 0) -> bytes:
        """Return the default value of ``Policy\\PolEKList``; older keys stand before the current one."""
        stream = Seeded(self.seed + "/older LSA keys")
        keys = [(stream.guid(), stream.bytes(32)) for _ in range(older_keys)] + [(self.lsa_key_guid, self.lsa_key)]
        payload = struct.pack("<I", 3) + uuid.UUID(self.lsa_key_guid).bytes_le + struct.pack("<II", 3, len(keys))
        for guid, key in keys:
            payload += uuid.UUID(guid).bytes_le + struct.pack("<II", 3, len(key)) + key
        return encrypt_secret(self.seed + "/PolEKList", self.lsa_key_guid, self.boot_key, payload)

    def dpapi_system(self, secret: DpapiSystem, generation: str) -> bytes:
        """Return ``CurrVal`` or ``OldVal`` of the secret DPAPI_SYSTEM."""
        payload = struct.pack("<I", 1) + secret.both
        return encrypt_secret(f"{self.seed}/{generation}", self.lsa_key_guid, self.lsa_key, payload)

    def tbal(self, password: str) -> bytes:
        """Return ``CurrVal`` of what automatic sign-on after a restart keeps of a local user's password."""
        raw = password.encode("utf-16-le")
        payload = bytes.fromhex("0300ffff9a0000000500000000000000") + MD4.new(raw).digest() + bytes(16)
        payload += hashlib.sha1(raw).digest() + bytes(20)
        return encrypt_secret(f"{self.seed}/TBAL", self.lsa_key_guid, self.lsa_key, payload.ljust(0x9A, b"\0"))

    def cached_logon(self, rid: int, name: str, domain: str, password: str) -> tuple[bytes, bytes]:
        """Return ``CurrVal`` of NL$KM, and what Windows keeps of a sign-in (NL$1 and so on)."""
        stream = Seeded(f"{self.seed}/NL$KM")
        key, iv = stream.bytes(64), stream.bytes(16)
        salt, nt_hash = name.lower().encode("utf-16-le"), MD4.new(password.encode("utf-16-le")).digest()
        verifier = hashlib.pbkdf2_hmac("sha1", MD4.new(nt_hash + salt).digest(), salt, 10240, 16)
        named, of = name.encode("utf-16-le"), domain.encode("utf-16-le")
        clear = verifier.ljust(0x48, b"\0") + _padded(named) + _padded(of) + of
        clear += bytes(-len(clear) % 16)
        head = struct.pack("<HH12x", len(named), len(of)) + struct.pack("<II24x", rid, 513)
        head += struct.pack("<II", 1, 0) + struct.pack("<IHH", 0, len(of), 0)
        record = head + iv + bytes(16) + bytes(AES.new(key[:16], AES.MODE_CBC, iv).encrypt(clear))
        return encrypt_secret(f"{self.seed}/NL$KM", self.lsa_key_guid, self.lsa_key, key), record


def _padded(text: bytes) -> bytes:
    return text + bytes(-len(text) % 4)
