"""What impacket says of proofs that are right, of proofs that are wrong, and where it has no say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forensics.dpapi.domain_backup import load_pvk
from forensics.dpapi.second_opinion import second_blob, second_domain_section, second_master_key
from forensics.formats.dpapi_blob import parse_dpapi_blob
from forensics.formats.master_key import parse_master_key_file
from testdata.builder import dpapi
from testdata.builder.keys import pvk, rsa_key

MADE = dpapi.make_master_key("second", "S-1-5-18", b"p" * 20, rounds=20)
SUITES = pytest.mark.parametrize("suite", [dpapi.AES_SHA512, dpapi.TDES_SHA1], ids=["AES-SHA512", "3DES-SHA1"])


def test_real_master_keys(realdata: Path) -> None:
    folder = realdata / "cng-chain"
    secret = bytes.fromhex((folder / "DPAPI_SYSTEM.hex").read_text())
    (item,) = (
        i for i in json.loads((folder / "truth.json").read_text())["master_keys"] if i["guid"].startswith("dd26")
    )
    raw = (folder / item["file"]).read_bytes()
    assert second_master_key(raw, secret[24:], None) == "agrees"
    assert second_master_key(raw, secret[4:24], None) == "disagrees"
    assert second_master_key(raw, secret[4:24], bytes(64)) == "disagrees"


@SUITES
def test_forged_master_keys(suite: dpapi.Suite) -> None:
    made = dpapi.make_master_key("second", "S-1-5-18", b"p" * 20, rounds=20, suite=suite)
    assert second_master_key(made.file, b"p" * 20, made.key) == "agrees"
    assert second_master_key(made.file, b"q" * 20, None) == "agrees"
    assert second_master_key(made.file, b"q" * 20, made.key) == "disagrees"


def test_a_file_that_impacket_cannot_read() -> None:
    assert second_master_key(b"", b"p" * 20, None) == "cannot_judge"


@SUITES
def test_blobs_without_entropy(suite: dpapi.Suite) -> None:
    blob = parse_dpapi_blob(dpapi.make_blob("second", MADE, b"secret", suite=suite))
    assert second_blob(blob, MADE.key, b"", b"secret") == "agrees"
    assert second_blob(blob, MADE.key, b"", b"secreT") == "disagrees"
    assert second_blob(blob, MADE.key, b"", None) == "disagrees"
    assert second_blob(blob, bytes(64), b"", None) == "agrees"


def test_blobs_with_entropy() -> None:
    blob = parse_dpapi_blob(dpapi.make_blob("second", MADE, b"secret", entropy=b"entropy"))
    assert second_blob(blob, MADE.key, b"entropy", b"secret") == "agrees"
    assert second_blob(blob, MADE.key, b"", None) == "agrees"
    assert second_blob(blob, MADE.key, b"", b"secret") == "disagrees"


def test_impacket_cannot_judge_sha1_blobs_with_entropy() -> None:
    blob = parse_dpapi_blob(dpapi.make_blob("second", MADE, b"secret", entropy=b"entropy", suite=dpapi.TDES_SHA1))
    assert second_blob(blob, MADE.key, b"entropy", b"secret") == "cannot_judge"


USER = "S-1-5-21-1004336348-1177238915-682003330-1104"
OF_DOMAIN = dpapi.make_master_key("second", USER, b"p" * 20, rounds=1, flags=0, domain=True)
RIGHT, WRONG = load_pvk(pvk(rsa_key("domain-backup"))), load_pvk(pvk(rsa_key("2048-01")))


def test_domain_sections_of_version_2() -> None:
    file = parse_master_key_file(OF_DOMAIN.file)
    assert second_domain_section(file, RIGHT, OF_DOMAIN.key) == "agrees"
    assert second_domain_section(file, RIGHT, bytes(64)) == "disagrees"
    assert second_domain_section(file, RIGHT, None) == "disagrees"
    assert second_domain_section(file, WRONG, None) == "agrees"
    assert second_domain_section(file, load_pvk(pvk(rsa_key("4096-01"))), None) == "agrees"
    assert second_domain_section(file, WRONG, OF_DOMAIN.key) == "disagrees"


def test_impacket_cannot_judge_domain_sections_of_version_3() -> None:
    """It takes the first bytes after two lengths, where version 3 has two ALG_IDs first: always another key."""
    section = dpapi.domain_section_v3(OF_DOMAIN.key, USER, "second")
    file = parse_master_key_file(dpapi.with_domain_section(OF_DOMAIN.file, section))
    assert second_domain_section(file, RIGHT, OF_DOMAIN.key) == "cannot_judge"
    assert second_domain_section(file, WRONG, None) == "cannot_judge"
    assert second_domain_section(parse_master_key_file(MADE.file), RIGHT, None) == "cannot_judge"


def test_real_domain_sections(realdata: Path) -> None:
    old = realdata / "nemesis-domain" / "old"
    file = parse_master_key_file((old / "ab998260-e99d-4871-8f4b-d922b2848ce6").read_bytes())
    assert second_domain_section(file, load_pvk((old / "45cbf2fb.pvk").read_bytes()), None) == "disagrees"
    assert second_domain_section(file, load_pvk((old.parent / "7efa51b1.pvk").read_bytes()), None) == "agrees"
