"""Each form of account that a service may run as, on a machine forged whole: who it is, and which keys it would open.

Of each account there are three instances of SQL Server: one whose key file admits it, one whose key file admits SYSTEM
and Administrators, as Windows makes them, and one whose key lies among SYSTEM's own, without the machine-keyset flag.
"""

from __future__ import annotations

import hashlib
import struct
from functools import cache

import pytest

from forensics.chain.judge import judge
from forensics.collectors.collect import collect
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from forensics.tables.use import CertificateUseRow
from testdata.builder import acl
from testdata.builder.acl import READ, Ace, security_descriptor
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, make_certificate
from testdata.builder.folders import LOCAL_SYSTEM, MACHINE, Owner, service
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.sid import sid_bytes
from tests.memory_tree import MemoryTree

KEY = "2048-01"
COMPUTER, DOMAIN = "S-1-5-21-100-200-300", "S-1-5-21-7-8-9"
SYSTEM, LOCAL_SERVICE_SID, NETWORK_SERVICE_SID = "S-1-5-18", "S-1-5-19", "S-1-5-20"
DOMAIN_ADMINS = f"{DOMAIN}-512"
NETWORK_SERVICE = service(NETWORK_SERVICE_SID)


def hashed(prefix: str, name: str) -> str:
    """Return a SID that is made of a name: what ``sc showsid`` prints, and what IIS gives a pool."""
    digest = hashlib.sha1(name.encode("utf-16-le")).digest()
    return "-".join([prefix, *map(str, struct.unpack("<5I", digest))])


# As Microsoft prints them for the default instance and the default pool.
MSSQLSERVER = "S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003"
DEFAULT_POOL = "S-1-5-82-3006700770-424185619-1745488364-794895919-4004696415"
RESTRICTED, QUIET = (hashed("S-1-5-80", f"MSSQL${name}") for name in ("SID3ADMITS", "SID0ADMITS"))

ACCOUNTS: dict[str, tuple[str, str, str]] = {
    "SYS": ("LocalSystem", SYSTEM, SYSTEM),
    "NET": ("NT AUTHORITY\\NetworkService", NETWORK_SERVICE_SID, NETWORK_SERVICE_SID),
    "LOC": ("NT AUTHORITY\\LocalService", LOCAL_SERVICE_SID, LOCAL_SERVICE_SID),
    "VIRT": ("NT Service\\MSSQLSERVER", MSSQLSERVER, MSSQLSERVER),
    "POOL": ("IIS APPPOOL\\DefaultAppPool", DEFAULT_POOL, DEFAULT_POOL),
    "GMSA": ("CONTOSO\\gmsa-sql$", f"{DOMAIN}-1500", f"{DOMAIN}-1500"),
    "USER": (".\\sqluser", f"{COMPUTER}-1001", f"{COMPUTER}-1001"),
    "DOM": ("CONTOSO\\svc-sql", f"{DOMAIN}-1207", f"{DOMAIN}-1207"),
    "UPN": ("svc-upn@contoso.test", f"{DOMAIN}-1208", f"{DOMAIN}-1208"),
    "ADM": (".\\Boss", f"{COMPUTER}-500", f"{COMPUTER}-500"),
    "SID3": ("NT AUTHORITY\\LocalService", LOCAL_SERVICE_SID, RESTRICTED),
    "SID0": ("NT AUTHORITY\\LocalService", LOCAL_SERVICE_SID, QUIET),
}
"""By instance: the account as its service names it, its SID, and the SID that the first key file admits."""
_SID_TYPES = {"SID3": 3, "SID0": 0}


def alias(*members: str) -> bytes:
    """Return value C of a local group: the list of SIDs begins after its header of 52 bytes."""
    sids = b"".join(map(sid_bytes, members))
    return struct.pack("<13I", *[0] * 10, 0, len(sids), len(members)) + sids


def instance(
    forged: ForgedMachine, name: str, account: str, owner: Owner, sd: bytes | None, sid_type: int | None
) -> str:
    """Add an instance of SQL Server with certificate and key; returns the path of the key file."""
    certificate = make_certificate(f"{name}.contoso.test".lower(), rsa_key(KEY))
    path = forged.put_capi(name, exchange=Slot(rsa_key(KEY)), owner=owner, sd=sd)
    forged.put_certificate(certificate, link=capi_link(name, CAPI_ENHANCED, machine_keyset=owner is MACHINE))
    root = f"Microsoft\\Microsoft SQL Server\\MSSQL15.{name}\\MSSQLServer\\SuperSocketNetLib"
    forged.hives.software.key(root).sz("Certificate", certificate.thumbprint.lower())
    key = forged.hives.system.key(f"{CONTROL_SET}\\Services\\MSSQL${name}").sz("ObjectName", account)
    if sid_type is not None:
        key.dword("ServiceSidType", sid_type)
    return path


@cache
def uses(*administrators: str) -> dict[str, CertificateUseRow]:
    """Return the uses of the machine by instance; ``administrators`` are members of its group beside RID 500."""
    forged = machine("uses", machine_sid=COMPUTER, domain_sid=DOMAIN, computer_name="DB01")
    for owner in (LOCAL_SYSTEM, NETWORK_SERVICE):
        forged.add_master_key(owner)
    for sid, name in (
        (f"{DOMAIN}-1500", "gmsa-sql$"),
        (f"{DOMAIN}-1207", "svc-sql.CONTOSO"),
        (f"{DOMAIN}-1208", "svc-upn"),
    ):
        forged.hives.add_profile(sid, f"C:\\Users\\{name}", forged.facts.installed)
        forged.write(f"Users/{name}/AppData/Roaming/desktop.ini", b"")
    for name, rid in (("sqluser", 1001), ("Boss", 500)):
        forged.hives.sam.key(f"SAM\\Domains\\Account\\Users\\Names\\{name}").set("", rid, b"")
    members = alias(f"{COMPUTER}-500", *administrators)
    forged.hives.sam.key("SAM\\Domains\\Builtin\\Aliases\\00000220").binary("C", members)
    both = [Ace(acl.SYSTEM), Ace(acl.ADMINISTRATORS)]
    for name, (account, _, admitted) in ACCOUNTS.items():
        sid_type = _SID_TYPES.get(name)
        admits = security_descriptor([*both, Ace(admitted, READ)])
        instance(forged, f"{name}ADMITS", account, MACHINE, admits, sid_type)
        instance(forged, f"{name}DEFAULT", account, MACHINE, None, sid_type)
        instance(forged, f"{name}OWN", account, LOCAL_SYSTEM, None, sid_type)
    instance(forged, "MINE", "NT AUTHORITY\\NetworkService", NETWORK_SERVICE, None, None)
    instance(forged, "NOBODY", "CONTOSO\\gone", MACHINE, None, None)
    files = {file.path: file.data for file in forged.volume()}
    descriptors = {file.path: file.sd for file in forged.volume() if file.sd is not None}
    tree = MemoryTree(files, descriptors=descriptors)
    found = judge(collect(Installation(1, "memory", tree, "Windows", "", open_hive))).certificate_uses
    return {(row.detail or "").removeprefix("instance "): row for row in found if row.consumer == "SQL Server"}


def told(row: CertificateUseRow) -> tuple[str, str | None]:
    return row.opens, row.opens_broken_at


@pytest.mark.parametrize("name", ACCOUNTS)
def test_the_account_is_known_by_its_sid(name: str) -> None:
    account, sid, _ = ACCOUNTS[name]
    row = uses()[f"{name}DEFAULT"]
    assert (row.account_name, row.account) == (account, sid)


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_key_file_that_admits_it(name: str) -> None:
    row = uses()[f"{name}ADMITS"]
    # The service's own SID is in no token where ServiceSidType is 0.
    expected = ("unusable", "access", "denied") if name == "SID0" else ("usable", None, "ok")
    assert (*told(row), row.key_access) == expected
    assert (
        row.key_file_path
        == "ProgramData/Microsoft/Crypto/RSA/MachineKeys/" + (row.key_file_path or "").rpartition("/")[2]
    )


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_key_file_as_windows_makes_it(name: str) -> None:
    row = uses()[f"{name}DEFAULT"]
    # SYSTEM, and the built-in Administrator whatever it is called now, whom no service token filters.
    admitted = name in ("SYS", "ADM")
    assert told(row) == (("usable", None) if admitted else ("unusable", "access"))
    assert bool(row.opens_reason) is not admitted


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_key_among_those_of_system(name: str) -> None:
    row = uses()[f"{name}OWN"]
    assert told(row) == (("usable", None) if name == "SYS" else ("unusable", "keyset"))
    assert (row.key_file_path or "").startswith("ProgramData/Microsoft/Crypto/RSA/S-1-5-18/")
    assert row.opens_reason.endswith("looks among its own keys; the key lies among those of SYSTEM") is (name != "SYS")


def test_what_reasons_call_the_accounts() -> None:
    reasons = {name: uses()[f"{name}DEFAULT"].opens_reason for name in ACCOUNTS}
    who = {
        name: reason.partition("shuts out ")[2].partition(", which")[0] for name, reason in reasons.items() if reason
    }
    assert who == {
        "NET": "NETWORK SERVICE (S-1-5-20)",
        "LOC": "LOCAL SERVICE (S-1-5-19)",
        "VIRT": f"NT Service\\MSSQLSERVER ({MSSQLSERVER})",
        "POOL": f"IIS APPPOOL\\DefaultAppPool ({DEFAULT_POOL})",
        "GMSA": f"CONTOSO\\gmsa-sql$ ({DOMAIN}-1500)",
        "USER": f".\\sqluser ({COMPUTER}-1001)",
        "DOM": f"CONTOSO\\svc-sql ({DOMAIN}-1207)",
        "UPN": f"svc-upn@contoso.test ({DOMAIN}-1208)",
        "SID3": "LOCAL SERVICE (S-1-5-19)",
        "SID0": "LOCAL SERVICE (S-1-5-19)",
    }


def test_a_key_of_its_own() -> None:
    assert told(uses()["MINE"]) == ("usable", None)


def test_an_account_that_no_disk_but_the_domain_controllers_knows() -> None:
    row = uses()["NOBODY"]
    assert (row.account, row.account_name, row.key_access, *told(row)) == (None, "CONTOSO\\gone", None, "unknown", None)
    assert (
        row.opens_reason
        == "CONTOSO\\gone is no account that this disk knows by its SID, so whether that may is not known"
    )


def test_who_may_be_an_administrator_by_a_group_of_the_domain() -> None:
    """Members of Domain Admins are not on the disk: an account of the domain may be one, a local one is not."""
    found = uses(DOMAIN_ADMINS)
    assert {name: told(found[f"{name}DEFAULT"]) for name in ("DOM", "GMSA", "USER", "VIRT")} == {
        "DOM": ("unknown", None),
        "GMSA": ("unknown", None),
        "USER": ("unusable", "access"),
        "VIRT": ("unusable", "access"),
    }
    assert found["DOMDEFAULT"].opens_reason == (
        f"whether the access list of the key file lets in CONTOSO\\svc-sql ({DOMAIN}-1207) rests on what is not known "
        "of its groups"
    )


def test_a_member_of_administrators() -> None:
    assert told(uses(f"{COMPUTER}-1001")["USERDEFAULT"]) == ("usable", None)
