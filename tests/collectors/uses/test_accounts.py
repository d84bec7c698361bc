"""Accounts as services name them."""

from __future__ import annotations

import pytest

from forensics.collectors.uses.accounts import JoinedDomain, account_sid
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
        ("IIS APPPOOL\\DefaultAppPool", "S-1-5-82-3006700770-424185619-1745488364-794895919-4004696415"),
        ("iis apppool\\defaultapppool", "S-1-5-82-3006700770-424185619-1745488364-794895919-4004696415"),
        (".\\gone", None),
        ("CONTOSO\\sql", "S-1-5-21-7-8-9-1104"),
        ("sql@contoso.com", "S-1-5-21-7-8-9-1104"),
        ("sql", None),
        ("CONTOSO\\", None),
    ],
)
def test_accounts(name: str | None, sid: str | None) -> None:
    users = [local_user("sql", "S-1-5-21-7-8-9-1104", "domain_account"), local_user("SQL", "S-1-5-21-1-2-3-1001")]
    assert account_sid(name, "DB01", users) == sid


CONTOSO = JoinedDomain("CONTOSO", "corp.contoso.test", "S-1-5-21-7-8-9")
OF_CONTOSO, OF_OTHER, LOCAL = "S-1-5-21-7-8-9-1104", "S-1-5-21-4-4-4-1104", "S-1-5-21-1-2-3-1001"
ENTRA = "S-1-12-1-1-2-3-4"


def profile(sid: str, folder: str, kind: AccountKind = "unknown") -> UserRow:
    return UserRow(machine_id=1, source_path="", sid=sid, name=folder, profile_path=f"Users/{folder}", kind=kind)


@pytest.mark.parametrize(
    ("name", "users", "sid"),
    [
        ("CONTOSO\\gmsa$", [profile(OF_CONTOSO, "gmsa$")], OF_CONTOSO),
        ("CONTOSO\\svc", [profile(OF_CONTOSO, "svc.CONTOSO")], OF_CONTOSO),
        ("CONTOSO\\svc", [profile(OF_CONTOSO, "svc.CONTOSO.000")], OF_CONTOSO),
        ("CONTOSO\\svc", [profile(OF_CONTOSO, "svc.CONTOSOLD")], None),
        ("CONTOSO\\svc", [profile(OF_CONTOSO, "svc2")], None),
        ("corp.contoso.test\\svc", [profile(OF_CONTOSO, "svc")], OF_CONTOSO),
        ("svc@corp.contoso.test", [profile(OF_CONTOSO, "svc")], OF_CONTOSO),
        ("CONTOSO\\svc", [profile(OF_OTHER, "svc"), profile(OF_CONTOSO, "svc.CONTOSO")], OF_CONTOSO),
        ("FABRIKAM\\svc", [profile(OF_OTHER, "svc"), profile(OF_CONTOSO, "svc.CONTOSO")], OF_OTHER),
        ("FABRIKAM\\svc", [profile(OF_CONTOSO, "svc")], None),
        ("CONTOSO\\svc", [profile(LOCAL, "svc", "machine_account")], None),
        (
            "CONTOSO\\Administrator",
            [profile("S-1-5-21-7-8-9-500", "Administrator", "machine_account")],
            "S-1-5-21-7-8-9-500",
        ),
        ("CONTOSO\\svc", [profile(OF_CONTOSO, "svc"), profile("S-1-5-21-7-8-9-1105", "svc.CONTOSO")], None),
        ("AzureAD\\AmyReed", [profile(ENTRA, "AmyReed")], ENTRA),
        ("CONTOSO\\AmyReed", [profile(ENTRA, "AmyReed")], None),
    ],
    ids=[
        "group managed service account",
        "named with the domain",
        "with a number",
        "a longer domain",
        "a longer name",
        "domain by its DNS name",
        "user principal name",
        "one of the joined domain",
        "one of another domain",
        "no profile of that domain",
        "a local account",
        "an account of a domain controller",
        "two that it may be",
        "Entra",
        "an account of Entra, not of the domain",
    ],
)
def test_accounts_of_domains_by_their_profiles(name: str, users: list[UserRow], sid: str | None) -> None:
    assert account_sid(name, "DB01", users, CONTOSO) == sid


def test_without_the_domains_sid_its_accounts_are_told_by_their_folder_alone() -> None:
    users = [profile(OF_OTHER, "svc")]
    assert account_sid("CONTOSO\\svc", "DB01", users, JoinedDomain("CONTOSO")) == OF_OTHER
