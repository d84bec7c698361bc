"""Column certificate_use.key_access: each user of a certificate as the account that it runs as."""

from __future__ import annotations

import pytest

from forensics.chain.judge import judge
from forensics.collectors.local_groups import LocalGroups
from forensics.formats.acl import Ace, SecurityDescriptor
from forensics.tables.use import CertificateUseRow
from testdata.builder.keys import rsa_key
from tests.chain.evidence import SECRET, Windows

KEY = rsa_key("2048-01")
READ, WRITE, INHERIT_ONLY = 0x120089, 0x120116, 0x08
SYSTEM, NETWORK_SERVICE, ADMINISTRATORS = "S-1-5-18", "S-1-5-20", "S-1-5-32-544"
MACHINE = "S-1-5-21-1-2-3"
SQL = f"{MACHINE}-1007"
DOMAIN_SQL, DOMAIN_GROUP = "S-1-5-21-7-8-9-1105", "S-1-5-21-7-8-9-2200"


@pytest.fixture(autouse=True)
def secret_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hives here are empty: DPAPI_SYSTEM is as if it had been read from them."""
    monkeypatch.setattr("forensics.chain.judge.unlock_dpapi_system", lambda _: SECRET)


def allow(sid: str, mask: int = READ, flags: int = 0) -> Ace:
    return Ace(0, flags, mask, sid)


def told(security: SecurityDescriptor | None, **use: object) -> str | None:
    windows = Windows()
    evidence = windows.evidence
    evidence.machine.machine_sid = MACHINE
    evidence.local_groups = LocalGroups({ADMINISTRATORS: frozenset({SQL})}, are_all=True)
    windows.capi("web", KEY, security=security)
    windows.certificate("AA", KEY, "web")
    given = {"thumbprint": "AA", "store": "My", "owner_sid": SYSTEM, "account": SYSTEM, **use}
    row = CertificateUseRow(machine_id=1, source_path="x", consumer="SQL Server", certainty="proved", **given)  # type: ignore[arg-type]
    evidence.certificate_uses.append(row)
    (judged,) = judge(evidence).certificate_uses
    return judged.key_access


@pytest.mark.parametrize(
    ("entries", "account", "expected"),
    [
        ([allow(SYSTEM)], SYSTEM, "ok"),
        ([allow(SYSTEM)], NETWORK_SERVICE, "denied"),
        ([allow(NETWORK_SERVICE), Ace(1, 0, READ, NETWORK_SERVICE)], NETWORK_SERVICE, "ok"),
        ([Ace(1, 0, READ, NETWORK_SERVICE), allow(NETWORK_SERVICE)], NETWORK_SERVICE, "denied"),
        ([allow(NETWORK_SERVICE, WRITE)], NETWORK_SERVICE, "denied"),
        ([allow(NETWORK_SERVICE, READ, INHERIT_ONLY)], NETWORK_SERVICE, "denied"),
        ([allow(ADMINISTRATORS)], SQL, "ok"),
        ([allow(ADMINISTRATORS)], DOMAIN_SQL, "denied"),
        ([allow(DOMAIN_GROUP)], DOMAIN_SQL, "not_examined"),
        ([allow(DOMAIN_GROUP)], SQL, "denied"),
    ],
    ids=[
        "SYSTEM",
        "not named",
        "denied after the grant",
        "denied before the grant",
        "write only",
        "inherit only",
        "SAM lists it in Administrators",
        "SAM does not",
        "a group of the domain",
        "which no local account is in",
    ],
)
def test_the_list_is_walked(entries: list[Ace], account: str, expected: str) -> None:
    assert told(SecurityDescriptor(SYSTEM, tuple(entries), False), account=account, service="MSSQLSERVER") == expected


def test_what_was_not_there_to_read() -> None:
    sound = SecurityDescriptor(SYSTEM, (allow(SYSTEM),), False)
    assert told(None) == "not_examined"
    assert told(sound, account=None) is None
    assert told(sound, thumbprint="BB") is None
    assert told(sound, store="Remote Desktop") is None
    assert told(SecurityDescriptor(SYSTEM, None, null_dacl=True), account=NETWORK_SERVICE) == "ok"
