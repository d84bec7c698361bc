"""Certificates in exports of users' own registry, which carry no profile folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import forensics
from testdata.builder.certs import make_certificate, store_element
from testdata.builder.keys import rsa_key

SID = "S-1-5-21-1004336348-1177238915-682003330-1001"
CERTIFICATE = make_certificate("anna.contoso.example", rsa_key("2048-01"))
THUMBPRINT = hashlib.sha1(CERTIFICATE.der).hexdigest().upper()
STORE = f"Software\\Microsoft\\SystemCertificates\\My\\Certificates\\{THUMBPRINT}"


def export(path: Path, *keys: str) -> Path:
    blob = ",".join(f"{octet:02x}" for octet in store_element(CERTIFICATE))
    text = "".join(f'[{key}\\{STORE}]\r\n"Blob"=hex:{blob}\r\n\r\n' for key in keys)
    path.write_bytes(("Windows Registry Editor Version 5.00\r\n\r\n" + text).encode("utf-16"))
    return path


@pytest.mark.parametrize(
    ("key", "owner"),
    [
        (f"HKEY_USERS\\{SID}", SID),
        ("HKEY_USERS\\S-1-5-20", "S-1-5-20"),
        ("HKEY_USERS\\.DEFAULT", "S-1-5-18"),
        ("HKEY_USERS\\S-1-5-18", "S-1-5-18"),
        ("HKEY_CURRENT_USER", None),
    ],
)
def test_a_user_s_store_belongs_to_its_user(tmp_path: Path, key: str, owner: str | None) -> None:
    path = export(tmp_path / "user.reg", key)
    case = forensics.examine(path)
    (row,) = case.rows("certificate")
    assert (row.thumbprint, row.store.upper(), row.store_scope, row.owner_sid) == (THUMBPRINT, "MY", "user", owner)
    assert row.source_path == f"{path}\\{STORE}!Blob"
    (chain,) = case.rows("key_chain")
    assert (chain.broken_at, chain.key_file, chain.owner_sid) == ("claim", "not_examined", owner)
    hives = {(c.name, c.outcome) for c in case.rows("coverage") if c.area == "hive"}
    assert ("SOFTWARE", "not_examined") in hives
    assert [p for p in case.rows("problem") if p.kind == "unexpected"] == []


def test_users_of_one_export_are_kept_apart_and_named_without_a_folder(tmp_path: Path) -> None:
    path = export(tmp_path / "users.reg", f"HKEY_USERS\\{SID}", "HKEY_CURRENT_USER", f"HKEY_USERS\\{SID}_Classes")
    case = forensics.examine(path)
    assert sorted(str(row.owner_sid) for row in case.rows("certificate")) == ["None", SID]
    (user,) = [u for u in case.rows("user") if u.sid == SID]
    assert (user.name, user.profile_outcome) == (None, "not_examined")
    hives = {(c.name, c.outcome, c.source_path) for c in case.rows("coverage") if c.area == "hive"}
    assert (f"NTUSER.DAT of {SID}", "partial", f"HKEY_USERS/{SID}") in hives


def test_a_user_whom_profile_list_names_keeps_the_folder(tmp_path: Path) -> None:
    path = export(tmp_path / "users.reg", f"HKEY_USERS\\{SID}")
    profile = f"[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\{SID}]\r\n"
    more = profile + '"ProfileImagePath"="C:\\\\Users\\\\anna"\r\n'
    path.write_bytes(path.read_bytes() + more.encode("utf-16-le"))
    case = forensics.examine(path)
    (row,) = case.rows("certificate")
    assert row.owner_sid == SID
    (user,) = [u for u in case.rows("user") if u.sid == SID]
    assert (user.name, user.profile_path) == ("anna", "Users/anna")
