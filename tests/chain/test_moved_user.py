"""A user who was moved to another account: his profile holds keys and master keys of the SID that he had before."""

from __future__ import annotations

import pytest

from forensics.dpapi.user_secrets import UserSecrets
from testdata.builder import acl, certs, dpapi
from testdata.builder.capi import Slot
from testdata.builder.certs import make_certificate
from testdata.builder.folders import user
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from tests.forged_machine import chains

KEY = rsa_key("2048-01")
BEFORE, NOW = "S-1-5-21-7-8-9-1105", "S-1-5-21-4-5-6-1001"
PASSWORD = "Moved in 2024"


def moved(key_under: str) -> ForgedMachine:
    """Return a machine whose user's key names a master key of his earlier SID."""
    forged = machine("moved", machine_sid="S-1-5-21-4-5-6")
    now = forged.add_user(NOW, "alice", "his password of today")
    before = user(BEFORE, "alice")
    old = dpapi.make_master_key("moved/before", BEFORE, dpapi.password_prekey(PASSWORD, BEFORE), flags=5)
    forged.write(f"{before.protect_folder}/{old.guid}", old.file)
    owner = now if key_under == NOW else before
    forged.put_capi("own", exchange=Slot(KEY), owner=owner, master_key=old)
    link = capi_link("own", certs.CAPI_ENHANCED, machine_keyset=False)
    forged.put_certificate(make_certificate("alice", KEY), link=link, owner=now)
    return forged


@pytest.mark.parametrize("key_under", [NOW, BEFORE])
@pytest.mark.parametrize("name", ["alice", NOW.lower(), BEFORE.lower()])
def test_his_password_opens_the_master_key_of_the_sid_before(key_under: str, name: str) -> None:
    row = chains(moved(key_under), UserSecrets(passwords={name: PASSWORD}))["alice"]
    assert (row.unlocked_by, row.private_key, row.recoverable) == ("password", "proved", True)
    assert row.verdict != "usable"
    assert BEFORE in row.reason


@pytest.mark.parametrize("key_under", [NOW, BEFORE])
def test_another_password_opens_nothing(key_under: str) -> None:
    row = chains(moved(key_under), UserSecrets(passwords={"alice": "another", "bob": PASSWORD}))["alice"]
    assert (row.unlocked_by, row.private_key) == ("nothing", "locked")
    assert row.reason


def test_who_must_read_a_key_among_those_of_another_account_is_the_user_of_today() -> None:
    """His new account was let in with the profile; of the old one nothing is asked."""
    forged = moved(BEFORE)
    (path,) = [path for path in forged.files if f"/RSA/{BEFORE}/" in path]
    for sid, access in ((NOW, "ok"), (BEFORE, "denied")):
        forged.protect(path, acl.owner_file_sd(sid))
        assert chains(forged)["alice"].access == access


def test_a_user_must_read_a_key_of_the_computer_that_his_certificate_names() -> None:
    forged = machine("moved", machine_sid="S-1-5-21-4-5-6")
    alice = forged.add_user(NOW, "alice", PASSWORD)
    path = forged.put_capi("shared", exchange=Slot(KEY))
    forged.put_certificate(make_certificate("alice", KEY), link=capi_link("shared", certs.CAPI_ENHANCED), owner=alice)
    row = chains(forged)["alice"]
    assert (row.access, row.verdict, row.broken_at, row.recoverable) == ("denied", "unusable", "access", True)
    forged.protect(path, acl.owner_file_sd(NOW))
    assert chains(forged)["alice"].verdict == "usable"
