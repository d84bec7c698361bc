"""Sign-ins of a domain's users that Windows keeps: forged ones that impacket opens, and bytes that lie."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from Crypto.Hash import MD4
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.collectors.cached_logons import collect_cached_logons
from forensics.dpapi.cached_logon import is_of_last_logon
from forensics.dpapi.dpapi import nt_hash
from forensics.formats.cached_logon import CachedLogons, iterations_of, parse_cached_logon
from forensics.formats.errors import FormatError
from forensics.formats.lsa import LsaMaterial
from testdata.builder import lsa
from testdata.builder.machine import machine
from tests.collectors.virtual import installation, problems

STORE = lsa.LsaStore.seeded("cached")
CLASSES = lsa.boot_key_classes(STORE.boot_key)
MATERIAL = LsaMaterial(
    boot_key_classes=(CLASSES["JD"], CLASSES["Skew1"], CLASSES["GBG"], CLASSES["Data"]),
    pol_ek_list=STORE.pol_ek_list(),
)
KEY, RECORD = STORE.cached_logon(1120, "Dave", "contoso.test", "Sommer")
PARSED = parse_cached_logon(RECORD)
assert PARSED is not None
CACHED = CachedLogons(KEY, 10240, (PARSED,))


def test_a_password_is_that_of_the_sign_in_or_not() -> None:
    assert is_of_last_logon(MATERIAL, CACHED, 1120, nt_hash("Sommer")) is True
    assert is_of_last_logon(MATERIAL, CACHED, 1120, nt_hash("Winter")) is False
    assert is_of_last_logon(MATERIAL, CACHED, 1121, nt_hash("Sommer")) is None


def test_what_cannot_be_opened_says_nothing() -> None:
    right = nt_hash("Sommer")
    for material in (replace(MATERIAL, boot_key_classes=None), replace(MATERIAL, pol_ek_list=None)):
        assert is_of_last_logon(material, CACHED, 1120, right) is None
    for cached in (replace(CACHED, key=None), replace(CACHED, key=b"x" * 80), replace(CACHED, iterations=0)):
        assert is_of_last_logon(MATERIAL, cached, 1120, right) is None
    assert is_of_last_logon(MATERIAL, replace(CACHED, iterations=0xFFFFFFFF), 1120, right) is None


def test_a_name_that_is_no_text_fits_nothing() -> None:
    assert PARSED is not None
    odd = replace(PARSED, data=PARSED.data[:-1] + b"\0", name_length=3)
    assert is_of_last_logon(MATERIAL, replace(CACHED, logons=(odd,)), 1120, nt_hash("Sommer")) is False


@pytest.mark.parametrize(("value", "rounds"), [(None, 10240), (10, 10240), (10240, 10485760), (10241, 10240), (0, 0)])
def test_how_many_rounds_a_value_stands_for(value: int | None, rounds: int) -> None:
    assert iterations_of(value) == rounds


def test_an_empty_place_is_none() -> None:
    assert parse_cached_logon(bytes(96)) is None


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_sign_in_or_a_format_error(data: bytes) -> None:
    try:
        parse_cached_logon(data)
    except FormatError:
        return


def test_they_are_read_from_security() -> None:
    forged = machine("cached")
    key, record = forged.lsa.cached_logon(1120, "Dave", "contoso.test", "Sommer")
    forged.hives.add_cached_logon(1, key, record)
    forged.hives.add_cached_logon(2, key, record[:20])
    on_disk = installation({}, {"SECURITY": forged.hives.security})
    found = collect_cached_logons(on_disk)
    assert (found.key, [logon.rid for logon in found.logons]) == (key, [1120])
    assert problems(on_disk) == [("Windows/System32/config/SECURITY\\Cache!NL$2", "truncated")]
    assert key.hex() not in repr(found)


def test_impacket_opens_the_forged_sign_in(tmp_path: Path) -> None:
    secretsdump = pytest.importorskip("impacket.examples.secretsdump")
    forged = machine("cached")
    forged.hives.add_secrets(forged.lsa, forged.secret, None)
    key, record = forged.lsa.cached_logon(1120, "Dave", "contoso.test", "Sommer")
    forged.hives.add_cached_logon(1, key, record)
    (tmp_path / "SECURITY").write_bytes(forged.hives.security.build())
    said: list[str] = []
    dump = secretsdump.LSASecrets(
        str(tmp_path / "SECURITY"),
        forged.lsa.boot_key,
        isRemote=False,
        perSecretCallback=lambda kind, secret: said.append(secret),
    )
    dump.dumpCachedHashes()
    dump.finish()
    [line] = said
    salt = "dave".encode("utf-16-le")
    verifier = hashlib.pbkdf2_hmac("sha1", MD4.new(nt_hash("Sommer") + salt).digest(), salt, 10240, 16)
    assert line.startswith(f"contoso.test/Dave:$DCC2$10240#Dave#{verifier.hex()}: (")
