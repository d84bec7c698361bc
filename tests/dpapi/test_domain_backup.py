"""User master keys that only the domain's backup key opens."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from forensics.dpapi.domain_backup import load_pvk, open_domain_section
from forensics.dpapi.dpapi import open_blob
from forensics.formats.dpapi_blob import parse_dpapi_blob
from forensics.formats.errors import FormatError
from forensics.formats.master_key import parse_master_key_file
from forensics.formats.private_key import RsaPrivateKey
from testdata.builder import dpapi
from testdata.builder.keys import rsa_key

USER = "S-1-5-21-1004336348-1177238915-682003330-1104"
MADE = dpapi.make_master_key("domain", USER, b"p" * 20, rounds=1, flags=0, domain=True)


def pvk(key: rsa.RSAPrivateKey, encrypted: int = 0) -> bytes:
    """Write a .pvk: a header of 24 bytes, then a PRIVATEKEYBLOB (Microsoft's documented layout)."""
    numbers, size = key.private_numbers(), key.key_size // 8
    blob = struct.pack("<BBHI4sII", 7, 2, 0, 0xA400, b"RSA2", key.key_size, numbers.public_numbers.e)
    for number, length in (
        (numbers.public_numbers.n, size),
        (numbers.p, size // 2),
        (numbers.q, size // 2),
        (numbers.dmp1, size // 2),
        (numbers.dmq1, size // 2),
        (numbers.iqmp, size // 2),
        (numbers.d, size),
    ):
        blob += number.to_bytes(length, "little")
    return struct.pack("<6I", 0xB0B5F11E, 0, 1, encrypted, 0, len(blob)) + blob


BACKUP_KEY = pvk(rsa_key("domain-backup"))


def test_the_domain_key_opens_the_master_key() -> None:
    assert open_domain_section(parse_master_key_file(MADE.file), load_pvk(BACKUP_KEY)) == MADE.key


@pytest.mark.parametrize(
    ("name", "guid"),
    [
        (f"ntds_capi_0_{dpapi.DOMAIN_BACKUP_GUID}.pvk", dpapi.DOMAIN_BACKUP_GUID),
        (f"G$BCKUPKEY_{dpapi.DOMAIN_BACKUP_GUID.upper()}.pvk", dpapi.DOMAIN_BACKUP_GUID),
        ("backup.pvk", None),
        ("", None),
    ],
)
def test_the_name_of_its_file_tells_which_key_it_is(name: str, guid: str | None) -> None:
    assert load_pvk(BACKUP_KEY, name).guid == guid


def test_another_domain_key_does_not() -> None:
    file = parse_master_key_file(MADE.file)
    assert open_domain_section(file, load_pvk(pvk(rsa_key("2048-01")))) is None
    assert open_domain_section(file, load_pvk(pvk(rsa_key("4096-01")))) is None
    assert open_domain_section(replace(file, domain=None), load_pvk(BACKUP_KEY)) is None


@pytest.mark.parametrize("at", [0, 100, 255])
def test_a_damaged_section_does_not_open(at: int) -> None:
    file = parse_master_key_file(MADE.file)
    assert file.domain is not None
    secret = bytearray(file.domain.secret)
    secret[at] ^= 1
    damaged = replace(file, domain=replace(file.domain, secret=bytes(secret)))
    assert open_domain_section(damaged, load_pvk(BACKUP_KEY)) is None


def test_a_real_section_does_not_open_with_a_stranger(realdata: Path) -> None:
    folder = realdata / "cng-chain"
    (item,) = (i for i in json.loads((folder / "truth.json").read_text())["master_keys"] if i["domain_key_len"])
    file = parse_master_key_file((folder / item["file"]).read_bytes())
    assert file.domain is not None
    assert open_domain_section(file, load_pvk(BACKUP_KEY)) is None


@pytest.mark.parametrize(
    ("data", "kind", "offset"),
    [
        (b"", "truncated", 0),
        (BACKUP_KEY[:23], "truncated", 0),
        (BACKUP_KEY[:24], "truncated", 24),
        (bytes(16384), "bad_magic", 0),
        (bytes(16385), "bad_length", 0),
        (b"X" + BACKUP_KEY[1:], "bad_magic", 0),
        # dwEncryptType is the fourth number of the header, cbEncryptData (the size of a salt) the fifth.
        (pvk(rsa_key("domain-backup"), encrypted=1), "encrypted", 12),
        (BACKUP_KEY[:16] + b"\x10" + BACKUP_KEY[17:], "encrypted", 12),
        (BACKUP_KEY[:30], "truncated", 24),
        (BACKUP_KEY[:600], "truncated", 24),
        (BACKUP_KEY[:-1], "truncated", 24),
        # The magic of a public key, and a length of its numbers that no key has.
        (BACKUP_KEY[:32] + b"RSA1" + BACKUP_KEY[36:], "not_a_key_blob", 24),
        (BACKUP_KEY[:36] + b"\1" + BACKUP_KEY[37:], "bad_length", 24),
        (BACKUP_KEY[:60] + b"\0" + BACKUP_KEY[61:], "bad_key", 24),
    ],
)
def test_files_that_are_no_backup_key(data: bytes, kind: str, offset: int) -> None:
    with pytest.raises(FormatError) as caught:
        load_pvk(data)
    assert (caught.value.kind, caught.value.offset) == (kind, offset)


def test_the_numbers_of_the_key_are_read() -> None:
    private = rsa_key("domain-backup").private_numbers()
    public = private.public_numbers
    assert load_pvk(BACKUP_KEY).key == RsaPrivateKey(
        public.n, public.e, private.p, private.q, private.d, private.dmp1, private.dmq1, private.iqmp
    )


def sealed(padded: bytes) -> bytes:
    """Return the secret of a domain section with other bytes under RSA (format notes, 4.2: byte-reversed)."""
    key = rsa_key("domain-backup").public_key().public_numbers()
    return pow(int.from_bytes(padded, "big"), key.e, key.n).to_bytes(256, "little")


LENGTHS = struct.pack("<II", 64, 32)
CLEAR = LENGTHS + MADE.key + bytes(32)


@pytest.mark.parametrize(
    ("padded", "opens"),
    [
        (b"\0\2" + b"\1" * 149 + b"\0" + CLEAR, True),
        (b"\0\2" + b"\1" * 181 + b"\0" + struct.pack("<II", 64, 0) + MADE.key, True),
        (b"\0\1" + b"\1" * 149 + b"\0" + CLEAR, False),
        (b"\0\2" + b"\1" * 150 + CLEAR, False),
        # RFC 8017, 7.2.2: fewer than eight bytes of padding are an error.
        (b"\0\2" + b"\1" * 7 + b"\0" + struct.pack("<II", 64, 174) + MADE.key + bytes(174), False),
        (b"\0\2" + b"\1" * 150 + b"\0" + CLEAR[:-1], False),
        (b"\0\2" + b"\1" * 149 + b"\0" + struct.pack("<II", 63, 33) + CLEAR[8:], False),
        (b"\0\2" + b"\1" * 149 + b"\0" + struct.pack("<II", 64, 31) + CLEAR[8:], False),
        (b"\0\2" + b"\1" * 246 + b"\0" + LENGTHS[:7], False),
    ],
    ids=["whole", "no supplement", "type 1", "no end", "short padding", "cut", "size 63", "supplement 31", "7 bytes"],
)
def test_what_stands_under_the_padding(padded: bytes, opens: bool) -> None:
    assert len(padded) == 256
    file = parse_master_key_file(MADE.file)
    assert file.domain is not None
    made = replace(file, domain=replace(file.domain, secret=sealed(padded)))
    assert open_domain_section(made, load_pvk(BACKUP_KEY)) == (MADE.key if opens else None)


def test_padding_of_just_eight_bytes_is_enough() -> None:
    """Then the supplement is as long as the key's size leaves."""
    clear = struct.pack("<II", 64, 173) + MADE.key + bytes(173)
    padded = b"\0\2" + b"\1" * 8 + b"\0" + clear
    file = parse_master_key_file(MADE.file)
    assert file.domain is not None
    made = replace(file, domain=replace(file.domain, secret=sealed(padded)))
    assert open_domain_section(made, load_pvk(BACKUP_KEY)) == MADE.key


def test_a_section_of_another_size_than_the_key_is_not_tried() -> None:
    file = parse_master_key_file(MADE.file)
    assert file.domain is not None
    for secret in (file.domain.secret + b"\0", file.domain.secret[:-1], b"\xff" * 256):
        made = replace(file, domain=replace(file.domain, secret=secret))
        assert open_domain_section(made, load_pvk(BACKUP_KEY)) is None


def test_no_number_is_in_a_repr() -> None:
    assert repr(load_pvk(BACKUP_KEY)) == "DomainBackupKey(guid=None, source=None)"


V3 = parse_master_key_file(dpapi.with_domain_section(MADE.file, dpapi.domain_section_v3(MADE.key, USER, "domain")))


class TestVersion3:
    """MS-BKRP 2.2.2.2: four numbers, secret, 48 bytes of key and IV for the access check."""

    HEADER = struct.pack("<IIII", 64, 48, 0x6610, 0x800E)

    def opened(self, clear: bytes, version: int = 3) -> bytes | None:
        padded = b"\0\2" + b"\1" * (253 - len(clear)) + b"\0" + clear
        assert V3.domain is not None
        domain = replace(V3.domain, version=version, secret=sealed(padded))
        return open_domain_section(replace(V3, domain=domain), load_pvk(BACKUP_KEY))

    def test_the_domain_key_opens_it_and_another_does_not(self) -> None:
        assert V3.domain is not None
        assert (V3.domain.version, len(V3.domain.secret), len(V3.domain.access_check)) == (3, 256, 144)
        assert open_domain_section(V3, load_pvk(BACKUP_KEY)) == MADE.key
        assert open_domain_section(V3, load_pvk(pvk(rsa_key("2048-01")))) is None

    def test_the_version_says_which_layout_it_is_and_nothing_else(self) -> None:
        whole = self.HEADER + MADE.key + bytes(48)
        assert self.opened(whole) == MADE.key
        assert self.opened(whole, version=2) is None
        assert self.opened(CLEAR) is None
        assert self.opened(CLEAR, version=2) == MADE.key

    @pytest.mark.parametrize("version", [0, 1, 4, 0xFFFFFFFF])
    def test_what_is_not_published_is_not_tried(self, version: int) -> None:
        assert self.opened(self.HEADER + MADE.key + bytes(48), version) is None
        assert self.opened(CLEAR, version) is None

    @pytest.mark.parametrize(
        "clear",
        [
            HEADER + MADE.key + bytes(47),
            HEADER + MADE.key + bytes(49),
            struct.pack("<IIII", 48, 64, 0x6610, 0x800E) + MADE.key + bytes(48),
            struct.pack("<IIII", 0xFFFFFFFF, 113, 0x6610, 0x800E) + MADE.key + bytes(48),
            HEADER[:15],
            b"",
        ],
        ids=["cut", "longer", "size 48", "size of 4 GiB", "15 bytes", "nothing"],
    )
    def test_lengths_that_do_not_add_up(self, clear: bytes) -> None:
        assert self.opened(clear) is None


REAL = [
    # folder, file, backup key, SHA-1 of the master key: truth.json of each set.
    (
        "nemesis-domain",
        "files/Users/itadmin/AppData/Roaming/Microsoft/Protect/S-1-5-21-3821320868-1508310791-3575676346-1103/"
        "ed93694f-5a6d-46e2-b821-219f2c0ecd4d",
        "7efa51b1.pvk",
        "17fd87f91d25a18abd9bcd66b6d9f3c6bfc16778",
        3,
    ),
    (
        "nemesis-domain",
        "old/ab998260-e99d-4871-8f4b-d922b2848ce6",
        "old/45cbf2fb.pvk",
        "d72cdafcae1fd11293488841cfd2fb062e9e4331",
        2,
    ),
    (
        "dpapitk",
        "6e909e35-840b-421a-8460-b6ca7f106e58",
        "domain0.pvk",
        "924c5a3a122889ff17f6178d4ac346eca976b4b3",
        2,
    ),
]


@pytest.mark.parametrize(("folder", "name", "key", "sha1", "version"), REAL, ids=["3", "2 of 2020", "2 of dpapitk"])
def test_real_sections_of_both_versions(
    realdata: Path, folder: str, name: str, key: str, sha1: str, version: int
) -> None:
    file = parse_master_key_file((realdata / folder / name).read_bytes())
    assert file.domain is not None
    assert file.domain.version == version
    opened = open_domain_section(file, load_pvk((realdata / folder / key).read_bytes()))
    assert opened is not None
    assert hashlib.sha1(opened).hexdigest() == sha1
    for _, _, other, _, _ in REAL:
        stranger = load_pvk(
            (realdata / ("dpapitk" if other == "domain0.pvk" else "nemesis-domain") / other).read_bytes()
        )
        assert (open_domain_section(file, stranger) == opened) == (other == key)


@pytest.mark.parametrize(
    ("blob", "entropy"), [("blob_without_entropy.bin", ""), ("blob_with_entropy.bin", "0102030405")]
)
def test_the_real_key_opens_what_it_protects(realdata: Path, blob: str, entropy: str) -> None:
    folder, name, key, _, _ = REAL[0]
    file = parse_master_key_file((realdata / folder / name).read_bytes())
    opened = open_domain_section(file, load_pvk((realdata / folder / key).read_bytes()))
    assert opened is not None
    clear = open_blob(parse_dpapi_blob((realdata / folder / blob).read_bytes()), opened, bytes.fromhex(entropy))
    assert (clear.mac_ok, clear.clear) == (True, b"test")
