"""Accounts as services name them."""

from __future__ import annotations

import pytest

from forensics.collectors.uses.accounts import account_sid
from forensics.tables.machine import AccountKind, UserRow


def local_user(name: str, sid: str, kind: AccountKind = "machine_account") -> UserRow:
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
