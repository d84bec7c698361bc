"""NT hashes of SAM, against hives of a real Windows and against values sealed here by MS-SAMR 2.2.11.1."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from Crypto.Cipher import ARC4, DES
from Crypto.Hash import MD4

from forensics.dpapi.sam import is_todays
from forensics.formats.lsa import boot_key
from forensics.formats.sam import SamMaterial
from testdata.builder import sam
from tests.student_pc8 import hive

QWERTY = b"!@#$%^&*()qwertyUIOPAzxcvbnmQQQQQQQQQQQQ)(*@&%\0"
DIGITS = b"0123456789012345678901234567890123456789\0"
BOOT_KEY, RID = bytes(range(16)), 1001
NT_HASH = MD4.new("Sommer".encode("utf-16-le")).digest()
EMPTY = MD4.new(b"").digest()


def sealed(nt_hash: bytes | None, aes: bool, rid: int = RID) -> SamMaterial:
    account, users = sam.values(BOOT_KEY, {rid: nt_hash}, aes)
    return SamMaterial(account, users)


@pytest.mark.parametrize("aes", [True, False], ids=["AES", "RC4"])
@pytest.mark.parametrize("rid", [500, RID, 0x01020304])
def test_a_password_is_todays_or_not(aes: bool, rid: int) -> None:
    material = sealed(NT_HASH, aes, rid)
    assert is_todays(material, BOOT_KEY, rid, NT_HASH) is True
    assert is_todays(material, BOOT_KEY, rid, EMPTY) is False
    assert is_todays(material, BOOT_KEY, rid + 1, NT_HASH) is None
    none_set = sealed(None, aes, rid)
    assert is_todays(none_set, BOOT_KEY, rid, EMPTY) is True
    assert is_todays(none_set, BOOT_KEY, rid, NT_HASH) is False


@pytest.mark.parametrize("aes", [True, False], ids=["AES", "RC4"])
def test_what_is_not_whole_says_nothing(aes: bool) -> None:
    material = sealed(NT_HASH, aes)
    assert material.account is not None
    for size in (0, 0x68, 0x88, len(material.account) - 16):
        cut = SamMaterial(material.account[:size], material.users)
        assert is_todays(cut, BOOT_KEY, RID, NT_HASH) is None
    for size in (0, 0xA8, 0xCB, 0xD0):
        cut = SamMaterial(material.account, {RID: material.users[RID][:size]})
        assert is_todays(cut, BOOT_KEY, RID, NT_HASH) is None
    assert is_todays(SamMaterial(None, material.users), BOOT_KEY, RID, NT_HASH) is None
    assert "A" * 8 not in repr(material)


def test_the_key_of_old_windows_proves_the_boot_key() -> None:
    assert is_todays(sealed(NT_HASH, aes=False), bytes(16), RID, NT_HASH) is None


def test_a_real_sam_against_impacket(realdata: Path) -> None:
    secretsdump = pytest.importorskip("impacket.examples.secretsdump")
    system, accounts_hive = hive(realdata, "SYSTEM"), hive(realdata, "SAM")
    current = system.open("Select").value("Current").value
    lsa = system.open(f"ControlSet{current:03}\\Control\\Lsa")
    classes = [lsa.subkey(name).class_name for name in ("JD", "Skew1", "GBG", "Data")]
    key = boot_key((classes[0], classes[1], classes[2], classes[3]))
    users = accounts_hive.open("SAM\\Domains\\Account\\Users")
    accounts = {int(k.name, 16): k.value("V").value for k in users.subkeys() if k.name != "Names"}
    material = SamMaterial(accounts_hive.open("SAM\\Domains\\Account").value("F").value, accounts)
    assert material.account is not None

    def theirs(rid: int, data: bytes) -> bytes:
        """What impacket makes of an account, by its own structures and keys."""
        common = secretsdump.CryptoCommon()
        stored = secretsdump.DOMAIN_ACCOUNT_F(material.account)["Key0"]
        part = secretsdump.SAM_KEY_DATA(stored)
        rc4 = ARC4.new(hashlib.md5(part["Salt"] + QWERTY + key + DIGITS).digest())
        hashed = rc4.encrypt(part["Key"] + part["CheckSum"])[:16]
        account = secretsdump.USER_ACCOUNT_V(data)
        body = account["Data"][account["NTHashOffset"] :][: account["NTHashLength"]]
        if len(body) < 20:
            return EMPTY
        inner = ARC4.new(hashlib.md5(hashed + struct.pack("<I", rid) + b"NTPASSWORD\0").digest())
        raw = inner.encrypt(secretsdump.SAM_HASH(body)["Hash"])
        first, second = common.deriveKey(rid)
        return bytes(DES.new(first, DES.MODE_ECB).decrypt(raw[:8]) + DES.new(second, DES.MODE_ECB).decrypt(raw[8:]))

    assert len(accounts) >= 2
    for rid, data in accounts.items():
        assert is_todays(material, key, rid, theirs(rid, data)) is True
        assert is_todays(material, key, rid, b"x" * 16) is False
