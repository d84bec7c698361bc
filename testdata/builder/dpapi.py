"""DPAPI: blobs, master key files, Preferred, and the secrets that open them.

References: format notes, "DPAPI"; real bytes named there give every length.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from Crypto.Cipher import AES, DES3

from testdata.builder.filetime import filetime_bytes
from testdata.builder.keys import rsa_key
from testdata.builder.seeded import Seeded
from testdata.builder.sid import sid_bytes, sid_text_bytes

PROVIDER = uuid.UUID("df9d8cd0-1501-11d1-8c7a-00c04fc297eb").bytes_le

LOCAL_MACHINE = 0x4
AUDIT = 0x10
SYSTEM_FLAG = 0x20000000

FLAG_BACKUP_NEEDS_SYSTEM = 1
FLAG_SYSTEM = 2
FLAG_SHA1_PASSWORD = 4


@dataclass(frozen=True, slots=True)
class Suite:
    """One pair of hash and cipher as DPAPI writes it."""

    hash_name: str
    blob_hash: int
    section_hash: int
    hash_bits: int
    cipher: int
    key_bits: int
    key_bytes: int
    block: int
    salt: int


AES_SHA512 = Suite("sha512", 0x800E, 0x800E, 512, 0x6610, 256, 32, 16, 32)
TDES_SHA1 = Suite("sha1", 0x8004, 0x8009, 160, 0x6603, 192, 24, 8, 16)


def _digest(suite: Suite, data: bytes) -> bytes:
    return hashlib.new(suite.hash_name, data).digest()


def _hmac(suite: Suite, key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, suite.hash_name).digest()


def encrypt(suite: Suite, key: bytes, iv: bytes, data: bytes) -> bytes:
    """Encrypt whole blocks with the cipher of a suite."""
    if suite.cipher == AES_SHA512.cipher:
        return bytes(AES.new(key, AES.MODE_CBC, iv).encrypt(data))
    return bytes(DES3.new(_des_parity(key), DES3.MODE_CBC, iv).encrypt(data))


def _des_parity(key: bytes) -> bytes:
    return bytes(b & 0xFE | (1 ^ ((b >> 1).bit_count() & 1)) for b in key)


@dataclass(frozen=True, slots=True)
class DpapiSystem:
    """One generation of the LSA secret DPAPI_SYSTEM: two halves of 20 bytes."""

    machine: bytes = field(repr=False)
    user: bytes = field(repr=False)

    @property
    def both(self) -> bytes:
        return self.machine + self.user

    @classmethod
    def seeded(cls, seed: str) -> DpapiSystem:
        stream = Seeded(seed + "/DPAPI_SYSTEM")
        return cls(stream.bytes(20), stream.bytes(20))


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One master key: its GUID, its 64 bytes, and the file that holds them."""

    guid: str
    key: bytes = field(repr=False)
    file: bytes = field(repr=False)


def password_prekey(password: str, sid: str) -> bytes:
    """Key of a local user's master keys."""
    return hmac.new(hashlib.sha1(password.encode("utf-16-le")).digest(), sid_text_bytes(sid), "sha1").digest()


def nt_hash_prekey(nt_hash: bytes, sid: str) -> bytes:
    """Key of a domain user's master keys, in the form that logon caches since Windows 10."""
    salt = sid.encode("utf-16-le")
    step = hashlib.pbkdf2_hmac("sha256", nt_hash, salt, 10000)
    step = hashlib.pbkdf2_hmac("sha256", step, salt, 1)[:16]
    return hmac.new(step, sid_text_bytes(sid), "sha1").digest()


def service_prekey(half: bytes, sid: str) -> bytes:
    """Key of the master keys of LOCAL SERVICE and NETWORK SERVICE."""
    return hmac.new(half, sid_text_bytes(sid), "sha1").digest()


@cache
def stretch(suite: Suite, pre: bytes, salt: bytes, rounds: int) -> tuple[bytes, bytes]:
    """Microsoft's PBKDF2: each round feeds the XOR so far, not the last output."""
    inner = hashlib.new(suite.hash_name)
    padded = pre.ljust(inner.block_size, b"\0")
    inner.update(bytes(b ^ 0x36 for b in padded))
    outer = hashlib.new(suite.hash_name, bytes(b ^ 0x5C for b in padded))
    size = inner.digest_size
    copy_inner, copy_outer = inner.copy, outer.copy

    need = suite.key_bytes + suite.block
    out = b""
    for index in range(1, -(-need // size) + 1):
        data, total = salt + struct.pack(">I", index), 0
        for _ in range(rounds):
            first, second = copy_inner(), copy_outer()
            first.update(data)
            second.update(first.digest())
            total ^= int.from_bytes(second.digest(), "big")
            data = total.to_bytes(size, "big")
        out += data
    return out[: suite.key_bytes], out[suite.key_bytes : need]


def _section(suite: Suite, pre: bytes, payload: bytes, rounds: int, stream: Seeded) -> bytes:
    salt, inner_salt = stream.bytes(16), stream.bytes(16)
    mac = _hmac(suite, _hmac(suite, pre, inner_salt), payload)
    clear = inner_salt + mac
    clear += bytes(-(len(clear) + len(payload)) % suite.block) + payload
    key, iv = stretch(suite, pre, salt, rounds)
    head = struct.pack("<I16sIII", 2, salt, rounds, suite.section_hash, suite.cipher)
    return head + encrypt(suite, key, iv, clear)


def domain_section_v3(master_key: bytes, sid: str, seed: str) -> bytes:
    """Build a domain section of version 3 (MS-BKRP 2.2.2.2): AES-256 and SHA-512 instead of 3DES and SHA-1."""
    stream = Seeded(seed + "/domain section")
    supp = stream.bytes(48)
    clear = (
        struct.pack("<IIII", len(master_key), len(supp), AES_SHA512.cipher, AES_SHA512.blob_hash) + master_key + supp
    )
    nonce = stream.bytes(32)
    check = struct.pack("<II", 1, len(nonce)) + nonce + sid_bytes(sid)
    check += hashlib.sha512(check).digest()
    access = bytes(AES.new(supp[:32], AES.MODE_CBC, supp[32:]).encrypt(check.ljust(144, b"\0")[:144]))
    secret = domain_secret(clear, stream)
    return struct.pack("<III", 3, len(secret), len(access)) + uuid.UUID(DOMAIN_BACKUP_GUID).bytes_le + secret + access


def domain_secret(clear: bytes, stream: Seeded) -> bytes:
    """Encrypt for the domain's backup key: PKCS #1 v1.5, least significant byte first."""
    key = rsa_key("domain-backup").private_numbers().public_numbers
    padded = b"\0\2" + stream.nonzero_bytes(256 - 3 - len(clear)) + b"\0" + clear
    return pow(int.from_bytes(padded, "big"), key.e, key.n).to_bytes(256, "little")


def with_domain_section(file: bytes, section: bytes) -> bytes:
    """Give a master key file another domain section."""
    (length,) = struct.unpack_from("<Q", file, 120)
    return file[:120] + struct.pack("<Q", len(section)) + file[128 : len(file) - length] + section


def _domain_section(master_key: bytes, sid: str, stream: Seeded) -> bytes:
    supp = stream.bytes(32)
    secret = domain_secret(struct.pack("<II", len(master_key), len(supp)) + master_key + supp, stream)
    nonce = stream.bytes(32)
    check = struct.pack("<II", 1, len(nonce)) + nonce + sid_bytes(sid)
    check += hashlib.sha1(check).digest()
    access = bytes(DES3.new(_des_parity(supp[:24]), DES3.MODE_CBC, supp[24:]).encrypt(check.ljust(88, b"\0")[:88]))
    guid = uuid.UUID(DOMAIN_BACKUP_GUID).bytes_le
    return struct.pack("<III", 2, len(secret), len(access)) + guid + secret + access


DOMAIN_BACKUP_GUID = "3f0b7a5e-0d1c-4b7e-9a55-6c2d8f10e4b1"


def make_master_key(
    seed: str,
    sid: str,
    pre: bytes,
    *,
    suite: Suite = AES_SHA512,
    flags: int = 6,
    rounds: int = 8000,
    system: DpapiSystem | None = None,
    credhist: str | None = "00000000-0000-0000-0000-000000000000",
    domain: bool = False,
    guid: str | None = None,
) -> MasterKey:
    """Build a master key file.

    Args:
        seed: Everything random follows from it.
        sid: SID of the owner; the backup section is keyed with it.
        pre: What opens the master section.
        suite: AES-256 with SHA-512, or 3DES with HMAC-SHA1.
        flags: 5 local user, 6 SYSTEM, 0 domain user.
        rounds: Rounds of the key derivation.
        system: DPAPI_SYSTEM, for the backup section when bit 0 of the flags is set.
        credhist: GUID of the CREDHIST link; None leaves the section out.
        domain: Add the section that the domain's backup key opens.
        guid: GUID instead of one from the seed.
    """
    stream = Seeded(seed + "/master key")
    guid = guid or stream.guid()
    key = stream.bytes(64)
    master = _section(suite, pre, key, rounds, stream)
    backup_pre = sid_text_bytes(sid)
    if flags & FLAG_BACKUP_NEEDS_SYSTEM and system is not None:
        backup_pre += system.both
    backup = _section(suite, _digest(suite, backup_pre), stream.bytes(32), rounds, stream)
    link = b"" if credhist is None else struct.pack("<I", 3) + uuid.UUID(credhist).bytes_le
    domain_part = _domain_section(key, sid, stream) if domain else b""
    head = struct.pack("<III", 2, 0, 0) + guid.encode("utf-16-le") + struct.pack("<III", 0, 0, flags)
    head += struct.pack("<QQQQ", len(master), len(backup), len(link), len(domain_part))
    return MasterKey(guid, key, head + master + backup + link + domain_part)


def preferred(guid: str, renew_after: datetime) -> bytes:
    """Build the file Preferred: the master key in use and when the next one is due."""
    return uuid.UUID(guid).bytes_le + filetime_bytes(renew_after)


def _microsoft_sha1_hmac(key: bytes, nonce: bytes, entropy: bytes, data: bytes = b"") -> bytes:
    """The HMAC of SHA-1 blobs: entropy and data go into the outer hash (not RFC 2104)."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha1(bytes(b ^ 0x36 for b in padded) + nonce).digest()
    return hashlib.sha1(bytes(b ^ 0x5C for b in padded) + inner + entropy + data).digest()


def _session_key(suite: Suite, session: bytes) -> bytes:
    if len(session) >= suite.key_bytes:
        return session[: suite.key_bytes]
    padded = session.ljust(64, b"\0")
    longer = _digest(suite, bytes(b ^ 0x36 for b in padded)) + _digest(suite, bytes(b ^ 0x5C for b in padded))
    return longer[: suite.key_bytes]


def make_blob(
    seed: str,
    master_key: MasterKey,
    clear: bytes,
    *,
    suite: Suite = AES_SHA512,
    entropy: bytes = b"",
    password: bytes = b"",
    flags: int = 0,
    description: str = "",
) -> bytes:
    """Protect ``clear`` as CryptProtectData does.

    Args:
        seed: Salt and nonce follow from it.
        master_key: The master key that opens it.
        clear: The secret.
        suite: AES-256 with SHA-512, or 3DES with SHA-1.
        entropy: Optional entropy of the caller.
        password: A further secret (strong protection); without it the MAC does not verify.
        flags: 4 LOCAL_MACHINE, 0 user.
        description: Text stored in clear.
    """
    stream = Seeded(seed + "/blob")
    salt, nonce = stream.bytes(suite.salt), stream.bytes(suite.salt)
    mixed = entropy + password
    key = hashlib.sha1(master_key.key).digest()
    sha1 = suite.hash_name == "sha1"
    session = _microsoft_sha1_hmac(key, salt, mixed) if sha1 else _hmac(suite, key, salt + mixed)
    fill = suite.block - len(clear) % suite.block
    data = encrypt(suite, _session_key(suite, session), bytes(suite.block), clear + bytes([fill]) * fill)
    text = description.encode("utf-16-le") + b"\0\0"
    signed = struct.pack("<I", 1) + uuid.UUID(master_key.guid).bytes_le + struct.pack("<II", flags, len(text)) + text
    signed += struct.pack("<III", suite.cipher, suite.key_bits, len(salt)) + salt + struct.pack("<I", 0)
    signed += struct.pack("<III", suite.blob_hash, suite.hash_bits, len(nonce)) + nonce
    signed += struct.pack("<I", len(data)) + data
    mac = _microsoft_sha1_hmac(key, nonce, mixed, signed) if sha1 else _hmac(suite, key, nonce + mixed + signed)
    return struct.pack("<I", 1) + PROVIDER + signed + struct.pack("<I", len(mac)) + mac
