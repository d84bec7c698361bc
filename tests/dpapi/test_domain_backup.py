"""User master keys that only the domain's backup key opens."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from forensics.dpapi.domain_backup import load_pvk, open_domain_section
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


def test_another_domain_key_does_not() -> None:
    file = parse_master_key_file(MADE.file)
    assert open_domain_section(file, load_pvk(pvk(rsa_key("2048-01")))) is None
    assert open_domain_section(file, load_pvk(pvk(rsa_key("4096-01")))) is None
    assert open_domain_section(file, "no key") is None
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
        (bytes(16385), "truncated", 0),
        (b"X" + BACKUP_KEY[1:], "bad_magic", 0),
        # dwEncryptType is the fourth number of the header, cbEncryptData (the size of a salt) the fifth.
        (pvk(rsa_key("domain-backup"), encrypted=1), "encrypted", 12),
        (BACKUP_KEY[:16] + b"\x10" + BACKUP_KEY[17:], "encrypted", 12),
        (BACKUP_KEY[:30], "truncated", 24),
        (BACKUP_KEY[:600], "bad_key", 24),
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
    assert repr(load_pvk(BACKUP_KEY)) == "DomainBackupKey()"
