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
    ("data", "kind"),
    [
        (b"", "truncated"),
        (bytes(20000), "truncated"),
        (b"X" + BACKUP_KEY[1:], "bad_magic"),
        (pvk(rsa_key("domain-backup"), encrypted=1), "encrypted"),
        (BACKUP_KEY[:30], "truncated"),
        (BACKUP_KEY[:600], "bad_key"),
        (BACKUP_KEY[:60] + b"\0" + BACKUP_KEY[61:], "bad_key"),
    ],
)
def test_files_that_are_no_backup_key(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        load_pvk(data)
    assert caught.value.kind == kind


def test_no_number_is_in_a_repr() -> None:
    assert repr(load_pvk(BACKUP_KEY)) == "DomainBackupKey()"
