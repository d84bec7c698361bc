"""Hashes as people paste them, and accounts as services name them."""

from __future__ import annotations

import pytest

from forensics.collectors.uses.accounts import account_sid, service_sid
from forensics.collectors.uses.thumbprint import thumbprint_of_text
from forensics.tables.machine import UserRow

HASH = "A909502DD82AE41433E6F83886B00D4277A32A7B"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HASH, None),
        (HASH.lower(), None),
        ("a9 09 50 2d d8 2a e4 14 33 e6 f8 38 86 b0 0d 42 77 a3 2a 7b", None),
        ("\u200ea909502dd82ae41433e6f83886b00d4277a32a7b", "invisible characters were pasted into the hash: U+200E"),
        (f"\u200e{HASH}\ufeff", "invisible characters were pasted into the hash: U+200E, U+FEFF"),
    ],
)
def test_hashes_are_read_whatever_was_pasted_along(text: str, fault: str | None) -> None:
    assert thumbprint_of_text(text) == (HASH, fault)


@pytest.mark.parametrize("text", ["", HASH[:-1], HASH + "0", HASH[:-1] + "G", "\uff11" * 40])
def test_what_is_no_hash_is_said(text: str) -> None:
    thumbprint, fault = thumbprint_of_text(text)
    assert thumbprint is None
    assert fault == f"no SHA-1 hash stands there but {text!r}"


def test_a_long_text_is_not_repeated_whole() -> None:
    assert thumbprint_of_text("x" * 100_000) == (None, f"no SHA-1 hash stands there but {'x' * 60!r}")


def test_service_sids_as_windows_publishes_them() -> None:
    # Microsoft Learn, Security identifiers (TrustedInstaller) and Configure Windows service accounts (MSSQLSERVER).
    assert service_sid("TrustedInstaller") == "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    assert service_sid("MSSQLSERVER") == "S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003"


def local_user(name: str, sid: str, kind: str = "machine_account") -> UserRow:
    return UserRow(machine_id=1, source_path="", sid=sid, name=name, kind=kind)


@pytest.mark.parametrize(
    ("name", "sid"),
    [
        (None, None),
        ("", None),
        ("LocalSystem", "S-1-5-18"),
        ("NT AUTHORITY\\NetworkService", "S-1-5-20"),
        ("NT AUTHORITY\\NETWORK SERVICE", "S-1-5-20"),
        ("nt authority\\LocalService", "S-1-5-19"),
        ("NT Service\\MSSQLSERVER", "S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003"),
        (".\\sql", "S-1-5-21-1-2-3-1001"),
        ("DB01\\SQL", "S-1-5-21-1-2-3-1001"),
        ("CONTOSO\\sql", None),
        ("sql@contoso.com", None),
    ],
)
def test_accounts(name: str | None, sid: str | None) -> None:
    users = [local_user("sql", "S-1-5-21-7-8-9-1104", "domain_account"), local_user("SQL", "S-1-5-21-1-2-3-1001")]
    assert account_sid(name, "DB01", users) == sid
