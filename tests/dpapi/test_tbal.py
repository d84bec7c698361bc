"""What automatic sign-on after a restart keeps of a password."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from Crypto.Hash import MD4

from forensics.dpapi.tbal import open_tbal
from forensics.formats.lsa import LsaMaterial
from testdata.builder import lsa

STORE = lsa.LsaStore.seeded("tbal")
CLASSES = lsa.boot_key_classes(STORE.boot_key)
MATERIAL = LsaMaterial(
    boot_key_classes=(CLASSES["JD"], CLASSES["Skew1"], CLASSES["GBG"], CLASSES["Data"]),
    pol_ek_list=STORE.pol_ek_list(),
    tbal=STORE.tbal("123"),
)
# The secret of a published example, whose password was 123.
PUBLISHED = bytes.fromhex(
    "0300ffff9a00000005000000000000003dbde697d71690a769204beb122836780000000000000000000000000000000"
    "00d5399508427ce79556cda71918020c1e8d15b53"
)


def test_both_hashes_are_read() -> None:
    opened = open_tbal(MATERIAL)
    assert opened is not None
    raw = "123".encode("utf-16-le")
    assert (opened.sha1, opened.nt) == (hashlib.sha1(raw).digest(), MD4.new(raw).digest())
    assert opened.sha1.hex() not in repr((opened, MATERIAL))


def test_the_published_example() -> None:
    value = lsa.encrypt_secret("published", STORE.lsa_key_guid, STORE.lsa_key, PUBLISHED)
    assert open_tbal(replace(MATERIAL, tbal=value)) == open_tbal(MATERIAL)


def test_what_is_not_there_or_not_whole_gives_none() -> None:
    assert open_tbal(replace(MATERIAL, tbal=None)) is None
    assert open_tbal(replace(MATERIAL, boot_key_classes=None)) is None
    assert open_tbal(replace(MATERIAL, pol_ek_list=None)) is None
    assert open_tbal(replace(MATERIAL, tbal=(MATERIAL.tbal or b"")[:40])) is None
    for size in (0, 0x43):
        short = lsa.encrypt_secret("short", STORE.lsa_key_guid, STORE.lsa_key, PUBLISHED[:size])
        assert open_tbal(replace(MATERIAL, tbal=short)) is None
    empty = lsa.encrypt_secret("empty", STORE.lsa_key_guid, STORE.lsa_key, bytes(0x9A))
    assert open_tbal(replace(MATERIAL, tbal=empty)) is None
