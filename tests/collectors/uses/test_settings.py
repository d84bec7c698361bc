"""Tables template, policy, folder_acl and provider."""

from __future__ import annotations

import struct

import pytest

from forensics.collectors.evidence import KeyFolder
from forensics.collectors.folder_acls import collect_folder_acls
from forensics.collectors.policies import collect_policies
from forensics.collectors.profiles import collect_profiles
from forensics.collectors.providers import collect_provider_rows
from forensics.collectors.templates import collect_templates
from forensics.tables.outcome import ABSENT, PRESENT
from testdata.builder.acl import Ace, security_descriptor
from testdata.builder.regf import HiveWriter
from tests.collectors.uses.forged import CONTROL, HIVE_TIME
from tests.collectors.virtual import (
    CONFIG,
    MACHINE_KEYS,
    PROTECT,
    USER_SID,
    add_profile,
    installation,
    problems,
    software_hive,
    system_hive,
)

CACHE = "Microsoft\\Cryptography\\CertificateTemplateCache"
DAY = 86_400


def ticks(seconds: int) -> bytes:
    return struct.pack("<q", -seconds * 10_000_000)


def test_templates_of_computer_and_user() -> None:
    software, default, user = software_hive(), HiveWriter("DEFAULT"), HiveWriter("NTUSER.DAT")
    add_profile(software, USER_SID, "C:\\Users\\alice")
    key = software.key(f"{CACHE}\\WebServer2")
    key.sz("DisplayName", "Web Server 2").dword("msPKI-Template-Schema-Version", 2)
    key.multi_sz("msPKI-Cert-Template-OID", ["1.3.6.1.4.1.311.21.8.1.2.3"])
    key.binary("ValidityPeriod", ticks(730 * DAY)).binary("RenewalOverlap", ticks(42 * DAY))
    key.dword("msPKI-Private-Key-Flag", 0x10).dword("msPKI-Enrollment-Flag", 0x29)
    key.dword("msPKI-Certificate-Name-Flag", 0x98000000).dword("msPKI-Minimal-Key-Size", 2048)
    key.multi_sz("ExtKeyUsageSyntax", ["1.3.6.1.5.5.7.3.1", "1.2.3.4"])
    default.key(f"Software\\{CACHE}\\Machine").sz("msPKI-Cert-Template-OID", "1.2.3")
    user.key(f"Software\\{CACHE}\\User")
    examined = installation({}, {"SOFTWARE": software, "DEFAULT": default, "Users/alice/NTUSER.DAT": user})
    rows = list(collect_templates(examined, collect_profiles(examined)))
    assert [(r.name, r.owner_sid, r.oid) for r in rows] == [
        ("WebServer2", "S-1-5-18", "1.3.6.1.4.1.311.21.8.1.2.3"),
        ("Machine", "S-1-5-18", "1.2.3"),
        ("User", USER_SID, None),
    ]
    first = rows[0]
    assert (first.display_name, first.schema_version) == ("Web Server 2", 2)
    assert (first.validity_seconds, first.renewal_overlap_seconds) == (63_072_000, 3_628_800)
    assert (first.private_key_flags, first.enrollment_flags, first.name_flags) == (0x10, 0x29, 0x98000000)
    assert (first.minimal_key_bits, first.eku) == (2048, ["serverAuth", "1.2.3.4"])
    assert (first.source_path, first.source_time) == (f"{CONFIG}/SOFTWARE\\{CACHE}\\WebServer2", HIVE_TIME)
    assert problems(examined) == []


@pytest.mark.parametrize(
    ("data", "kind"), [(b"\x01" * 4, "bad_length"), (struct.pack("<q", 1), "bad_period")], ids=["short", "positive"]
)
def test_a_period_that_is_none_is_a_problem(data: bytes, kind: str) -> None:
    software = software_hive()
    software.key(f"{CACHE}\\T").binary("RenewalOverlap", data)
    examined = installation({}, {"SOFTWARE": software})
    (row,) = collect_templates(examined, [])
    assert row.renewal_overlap_seconds is None
    assert problems(examined) == [(f"{CONFIG}/SOFTWARE\\{CACHE}\\T!RenewalOverlap", kind)]


def test_policies_by_group_policy_and_local() -> None:
    software, system, user = software_hive(), system_hive(), HiveWriter("NTUSER.DAT")
    add_profile(software, USER_SID, "C:\\Users\\alice")
    auto = "Policies\\Microsoft\\Cryptography\\AutoEnrollment"
    software.key(auto).dword("AEPolicy", 7).dword("OfflineExpirationPercent", 10)
    user.key(f"Software\\{auto}").dword("AEPolicy", 0x8000)
    rdp = software.key("Policies\\Microsoft\\Windows NT\\Terminal Services")
    rdp.sz("CertTemplateName", "RemoteDesktopComputer").dword("fDenyTSConnections", 0).dword("Unrelated", 1)
    system.key(f"{CONTROL}\\Terminal Server").dword("fDenyTSConnections", 1)
    system.key(f"{CONTROL}\\Terminal Server\\WinStations").sz("SelfSignedCertStore", "Remote Desktop")
    listener = system.key(f"{CONTROL}\\Terminal Server\\WinStations\\RDP-Tcp")
    listener.dword("PortNumber", 3390).dword("SecurityLayer", 2).binary("SSLCertificateSHA1Hash", b"\xab" * 20)
    system.key(f"{CONTROL}\\Terminal Server\\WinStations\\Console").dword("SecurityLayer", 0)
    examined = installation({}, {"SOFTWARE": software, "SYSTEM": system, "Users/alice/NTUSER.DAT": user})
    rows = list(collect_policies(examined, collect_profiles(examined)))
    assert [(r.area, r.name, r.value, r.owner_sid, r.listener) for r in rows] == [
        ("autoenrollment", "AEPolicy", "7", "S-1-5-18", None),
        ("autoenrollment", "OfflineExpirationPercent", "10", "S-1-5-18", None),
        ("autoenrollment", "AEPolicy", "32768", USER_SID, None),
        ("rdp_policy", "CertTemplateName", "RemoteDesktopComputer", "S-1-5-18", None),
        ("rdp_policy", "fDenyTSConnections", "0", "S-1-5-18", None),
        ("rdp", "fDenyTSConnections", "1", "S-1-5-18", None),
        ("rdp", "SelfSignedCertStore", "Remote Desktop", "S-1-5-18", None),
        ("rdp_listener", "SSLCertificateSHA1Hash", "AB" * 20, "S-1-5-18", "RDP-Tcp"),
        ("rdp_listener", "SecurityLayer", "2", "S-1-5-18", "RDP-Tcp"),
        ("rdp_listener", "PortNumber", "3390", "S-1-5-18", "RDP-Tcp"),
    ]
    assert rows[0].source_path == f"{CONFIG}/SOFTWARE\\{auto}!AEPolicy"


def test_a_setting_of_absurd_size_is_a_problem() -> None:
    software = software_hive()
    path = "Policies\\Microsoft\\Windows NT\\Terminal Services"
    software.key(path).sz("CertTemplateName", "x" * 3000)
    examined = installation({}, {"SOFTWARE": software})
    assert list(collect_policies(examined, [])) == []
    assert problems(examined) == [(f"{CONFIG}/SOFTWARE\\{path}!CertTemplateName", "too_large")]


EVERYONE, USERS, ADMINISTRATORS, SYSTEM = "S-1-1-0", "S-1-5-32-545", "S-1-5-32-544", "S-1-5-18"
FULL, READ_WRITE, READ = 0x1F01FF, 0x12019F, 0x120089


def one_folder(
    *aces: Ace, folder: str = MACHINE_KEYS, null_dacl: bool = False
) -> tuple[bool | None, bool | None, bool | None]:
    descriptor = security_descriptor(list(aces), owner=ADMINISTRATORS, null_dacl=null_dacl)
    examined = installation({f"{folder}/x": b""}, descriptors={folder: descriptor})
    folders = [KeyFolder("capi", "machine", SYSTEM, folder, PRESENT)]
    (row,) = collect_folder_acls(examined, folders)
    assert (row.path, row.kind, row.scope, row.owner) == (folder, "capi", "machine", ADMINISTRATORS)
    return row.everyone_can_create, row.system_can_read, row.system_can_create


def test_default_access_of_machine_keys() -> None:
    # KB278381: Administrators full control, Everyone special with create files and folders.
    assert one_folder(Ace(EVERYONE, READ_WRITE), Ace(ADMINISTRATORS, FULL)) == (True, True, True)


@pytest.mark.parametrize(
    ("aces", "expected"),
    [
        ([Ace(ADMINISTRATORS, FULL)], (False, True, True)),
        ([Ace(SYSTEM, FULL), Ace(EVERYONE, READ)], (False, True, True)),
        ([Ace(USERS, 0x40000000)], (True, False, False)),
        ([Ace(EVERYONE, 0x10000000, flags=0x0B)], (False, False, False)),
        ([Ace(EVERYONE, 0x2, type=1), Ace(EVERYONE, FULL)], (False, True, False)),
        ([Ace(EVERYONE, FULL), Ace(EVERYONE, 0x2, type=1)], (True, True, True)),
        ([Ace(SYSTEM, 0x1, type=1), Ace(SYSTEM, FULL)], (False, False, True)),
        ([], (False, False, False)),
    ],
    ids=["hardened", "read only", "generic write", "inherit only", "denied first", "denied last", "no read", "empty"],
)
def test_access_is_decided_by_the_first_entry(aces: list[Ace], expected: tuple[bool, bool, bool]) -> None:
    assert one_folder(*aces) == expected


def test_null_dacl_shuts_nobody_out() -> None:
    assert one_folder(null_dacl=True) == (True, True, True)


def test_folders_without_descriptor_of_users_and_of_master_keys() -> None:
    examined = installation({f"{MACHINE_KEYS}/x": b"", f"{PROTECT}/User/y": b""}, complete=False)
    folders = [
        KeyFolder("capi", "machine", SYSTEM, MACHINE_KEYS, PRESENT),
        KeyFolder("capi", "user", USER_SID, "Users/alice/keys", PRESENT),
        KeyFolder("cng", "machine", SYSTEM, "ProgramData/Microsoft/Crypto/Keys", ABSENT),
    ]
    rows = list(collect_folder_acls(examined, folders))
    assert [(r.path, r.kind, r.acl, r.everyone_can_create) for r in rows] == [
        (MACHINE_KEYS, "capi", None, None),
        (PROTECT, "dpapi", None, None),
        (f"{PROTECT}/User", "dpapi", None, None),
    ]


def test_a_broken_descriptor_is_a_problem_and_the_row_stands() -> None:
    examined = installation({f"{MACHINE_KEYS}/x": b""}, descriptors={MACHINE_KEYS: b"\x01\x00"})
    (row,) = collect_folder_acls(examined, [KeyFolder("capi", "machine", SYSTEM, MACHINE_KEYS, PRESENT)])
    assert (row.acl, row.everyone_can_create) == (None, None)
    assert problems(examined) == [(MACHINE_KEYS, "truncated")]


def test_providers_with_their_images() -> None:
    system, software = system_hive(), software_hive()
    capi = "Microsoft\\Cryptography\\Defaults\\Provider\\Luna enhanced RSA and AES provider for Windows"
    software.key(capi).sz("Image Path", "C:\\Luna\\cryptoki.dll").dword("Type", 24)
    cng = f"{CONTROL}\\Cryptography\\Providers"
    system.key(f"{cng}\\SafeNet Key Storage Provider\\UM").sz("Image", "SafeNetKSP.dll")
    system.key(f"{cng}\\Half removed")
    rows = list(collect_provider_rows(installation({}, {"SYSTEM": system, "SOFTWARE": software})))
    assert [(r.name, r.kind, r.image, r.type) for r in rows] == [
        ("Luna enhanced RSA and AES provider for Windows", "capi", "C:\\Luna\\cryptoki.dll", 24),
        ("Half removed", "cng", None, None),
        ("SafeNet Key Storage Provider", "cng", "SafeNetKSP.dll", None),
    ]
    assert rows[0].source_path == f"{CONFIG}/SOFTWARE\\{capi}"
