"""Certification authorities and their lists of endorsement keys, from registries and folders made for the purpose."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from forensics.collectors.collect import collect
from forensics.collectors.ek_lists import MAX_ENTRIES
from forensics.collectors.evidence import Evidence
from testdata.builder import acl
from testdata.builder.certs import make_certificate, store_element
from testdata.builder.keys import rsa_key
from testdata.builder.regf import HiveWriter
from tests.collectors.virtual import CONFIG, installation, problems, software_hive, system_hive

SERVICE = "ControlSet002\\Services\\CertSvc"
CONFIGURATION = f"{SERVICE}\\Configuration"
HASH = "0123456789abcdef" * 4
LIST = "C:\\EKList"


def _system(*lists: str, ca_type: int | None = 1, account: str = "LocalSystem") -> HiveWriter:
    system = system_hive()
    system.key(SERVICE).dword("Start", 2).sz("ObjectName", account)
    system.key(CONFIGURATION).sz("Active", "Issuing CA")
    key = system.key(f"{CONFIGURATION}\\Issuing CA").sz("CommonName", "Issuing CA!")
    if ca_type is not None:
        key.dword("CAType", ca_type)
    if lists:
        key.multi_sz("EndorsementKeyListDirectories", lists)
    return system


def _collected(
    system: HiveWriter,
    files: Mapping[str, bytes | None] | None = None,
    descriptors: Mapping[str, bytes] | None = None,
    software: HiveWriter | None = None,
    complete: bool = True,
) -> Evidence:
    hives = {"SYSTEM": system, "SOFTWARE": software or software_hive()}
    return collect(installation(files or {}, hives, descriptors=descriptors, complete=complete))


def test_a_machine_without_certificate_services_has_no_authority() -> None:
    evidence = _collected(system_hive())
    assert (evidence.authorities, evidence.ek_lists, evidence.ek_list_entries) == ([], [], [])


@pytest.mark.parametrize(
    ("number", "kind", "enterprise"),
    [
        (0, "enterprise_root", True),
        (1, "enterprise_subordinate", True),
        (3, "standalone_root", False),
        (4, "standalone_subordinate", False),
        (5, "unknown", None),
        (None, "unknown", None),
    ],
)
def test_type_of_authority(number: int | None, kind: str, enterprise: bool | None) -> None:
    system = _system(ca_type=number)
    system.key(f"{CONFIGURATION}\\Former CA").dword("CAType", 3)
    rows = {r.name: r for r in _collected(system).authorities}
    row = rows["Issuing CA"]
    assert (row.type, row.enterprise, row.active, row.common_name) == (kind, enterprise, True, "Issuing CA!")
    assert (row.service_start, row.account, row.ek_list_directories) == (2, "LocalSystem", [])
    assert (rows["Former CA"].active, rows["Former CA"].enterprise) == (False, False)


@pytest.mark.parametrize(
    "stores",
    ["Microsoft\\SystemCertificates", "Microsoft\\EnterpriseCertificates", "Policies\\Microsoft\\SystemCertificates"],
)
def test_stores_of_manufacturers(stores: str) -> None:
    software = software_hive()
    root = make_certificate("Maker Root", rsa_key("ca"), self_signed=True, is_ca=True, eku=())
    good = make_certificate("Maker CA", rsa_key("2048-01"), issuer="Maker Root", is_ca=True, eku=())
    lost = make_certificate("Other CA", rsa_key("2048-02"), issuer="Other Root", is_ca=True, eku=())
    for store, certificate in (("EKROOT", root), ("EKCA", good), ("EKCA", lost)):
        path = f"{stores}\\{store}\\Certificates\\{certificate.thumbprint}"
        software.key(path).binary("Blob", store_element(certificate))
    (row,) = _collected(_system(), software=software).authorities
    assert (row.ekroot, row.ekroot_count, row.ekca, row.ekca_count) == ("present", 1, "present", 2)
    assert row.missing_issuers == ["CN=Other Root"]


def test_stores_that_are_empty_absent_or_not_there_to_read() -> None:
    software = software_hive()
    software.key("Microsoft\\SystemCertificates\\EKROOT\\Certificates")
    (row,) = _collected(_system(), software=software).authorities
    assert (row.ekroot, row.ekroot_count, row.ekca, row.ekca_count) == ("empty", 0, "absent", 0)
    (row,) = collect(installation({}, {"SYSTEM": _system()})).authorities
    assert (row.ekroot, row.ekroot_count, row.ekca, row.ekca_count) == ("not_examined", None, "not_examined", None)


@pytest.mark.parametrize(
    ("configured", "path", "outcome", "detail"),
    [
        (LIST, "EKList", "present", None),
        ("c:/EKList/", "EKList", "present", None),
        ("%SystemDrive%\\EKList", "EKList", "present", None),
        ("%SystemRoot%\\EKList", "Windows/EKList", "present", None),
        ("C:\\..\\EKList", "EKList", "present", None),
        ("C:\\Gone", "Gone", "absent", None),
        ("\\\\nas\\ek", None, "not_examined", "a share of the network is not on this disk"),
        ("E:\\EKList", None, "not_examined", "drive E: is not the drive of this Windows"),
        ("EKList", None, "not_examined", "no full path of a local folder"),
        ("", None, None, None),
    ],
)
def test_where_a_list_lies(configured: str, path: str | None, outcome: str | None, detail: str | None) -> None:
    files = {f"EKList/{HASH}": b"", f"Windows/EKList/{HASH}": b""}
    rows = _collected(_system(configured), files).ek_lists
    if outcome is None:
        assert rows == []
    else:
        assert [(r.path, r.outcome, r.detail, r.configured) for r in rows] == [(path, outcome, detail, configured)]


def test_a_list_on_a_share_is_told_as_not_examined() -> None:
    evidence = _collected(_system("\\\\nas\\ek"))
    assert [(c.name, c.outcome, c.detail) for c in evidence.installation.coverage if "endorsement keys" in c.name] == [
        ("list of endorsement keys \\\\nas\\ek", "not_examined", "a share of the network is not on this disk")
    ]


def test_a_folder_that_a_collection_does_not_hold_is_not_absent() -> None:
    (row,) = _collected(_system(LIST), complete=False).ek_lists
    assert (row.outcome, row.complete) == ("not_examined", None)


def test_entries_and_what_is_wrong_with_them() -> None:
    files: dict[str, bytes | None] = {
        f"EKList/{HASH}": b"",
        f"EKList/{HASH[:-1]}A": b"",
        f"EKList/{HASH[:-1]}B.txt": b"",
        f"EKList/{HASH[:40]}": b"",
        f"EKList/{HASH[:-1]}g": b"",
        f"EKList/{HASH[:-1]}c": b"x",
        f"EKList/{HASH[:-1]}d/": None,
        "EKList/control\x07\x1b[31m": b"",
    }
    evidence = _collected(_system(LIST), files)
    (folder,) = evidence.ek_lists
    assert (folder.entries, folder.well_formed, folder.complete) == (8, 2, True)
    assert [(e.name, e.ek_hash, e.fault) for e in evidence.ek_list_entries] == [
        (HASH, HASH, None),
        (f"{HASH[:-1]}A", f"{HASH[:-1]}a", None),
        (f"{HASH[:-1]}B.txt", f"{HASH[:-1]}b", "extension"),
        (HASH[:40], None, "wrong_length"),
        (f"{HASH[:-1]}g", None, "not_hex"),
        (f"{HASH[:-1]}c", f"{HASH[:-1]}c", "not_empty"),
        (f"{HASH[:-1]}d", f"{HASH[:-1]}d", "folder"),
        ("control\x07\x1b[31m", None, "not_hex"),
    ]
    assert problems(evidence.installation) == []


ADMIN, SYSTEM = acl.Ace(acl.ADMINISTRATORS), acl.Ace(acl.SYSTEM, 0x1200A9)
DOMAIN = "S-1-5-21-1-2-3"


@pytest.mark.parametrize(
    ("dacl", "owner", "writers", "can_read"),
    [
        ([ADMIN, SYSTEM], acl.ADMINISTRATORS, [], True),
        ([ADMIN], acl.ADMINISTRATORS, [], True),  # SYSTEM is an administrator
        ([acl.Ace(f"{DOMAIN}-512"), SYSTEM], acl.SYSTEM, [], True),
        ([acl.Ace(f"{DOMAIN}-1105", 0x2), ADMIN], acl.SYSTEM, [f"{DOMAIN}-1105"], True),
        ([acl.Ace(acl.USERS, 0x1200A9), ADMIN], acl.SYSTEM, [], True),
        ([acl.Ace(acl.USERS, flags=acl.INHERIT_ONLY), ADMIN], acl.SYSTEM, [], True),
        ([acl.Ace(acl.USERS, 0x40000), ADMIN], acl.SYSTEM, [acl.USERS], True),  # change permissions
        ([acl.Ace(acl.USERS, type=acl.DENY), acl.Ace(acl.USERS), ADMIN], acl.SYSTEM, [], True),
        ([acl.Ace(acl.USERS), acl.Ace(acl.USERS, type=acl.DENY), ADMIN], acl.SYSTEM, [acl.USERS], True),
        ([ADMIN, SYSTEM], f"{DOMAIN}-1105", [f"{DOMAIN}-1105"], True),  # an owner may always
        ([acl.Ace(acl.SYSTEM, type=acl.DENY), ADMIN], acl.SYSTEM, [], False),
        ([], acl.SYSTEM, [], False),
    ],
)
def test_who_may_change_a_list_and_whether_the_authority_reads_it(
    dacl: list[acl.Ace], owner: str, writers: list[str], can_read: bool
) -> None:
    descriptor = acl.security_descriptor(dacl, owner=owner)
    (row,) = _collected(_system(LIST), {f"EKList/{HASH}": b""}, {"EKList": descriptor}).ek_lists
    assert (row.owner, row.writers, row.ca_can_read) == (owner, writers, can_read)


def test_a_null_access_list_lets_everyone_write() -> None:
    descriptor = acl.security_descriptor(None, null_dacl=True)
    (row,) = _collected(_system(LIST), {f"EKList/{HASH}": b""}, {"EKList": descriptor}).ek_lists
    assert (row.acl, row.writers, row.ca_can_read) == ("NULL", ["S-1-1-0"], True)


def test_an_account_that_is_not_known_leaves_reading_open() -> None:
    descriptor = acl.security_descriptor([ADMIN])
    system = _system(LIST, account="CONTOSO\\svc-ca")
    (row,) = _collected(system, {f"EKList/{HASH}": b""}, {"EKList": descriptor}).ek_lists
    assert row.ca_can_read is None


def test_a_broken_descriptor_is_a_problem() -> None:
    evidence = _collected(_system(LIST), {f"EKList/{HASH}": b""}, {"EKList": b"\x01\0\x04\x80"})
    assert [(r.acl, r.writers, r.entries) for r in evidence.ek_lists] == [(None, [], 1)]
    assert ("EKList", "truncated") in problems(evidence.installation)


def test_a_hundred_thousand_entries_are_bounded() -> None:
    files: dict[str, bytes | None] = {f"EKList/{number:064x}": b"" for number in range(100_000)}
    evidence = _collected(_system(LIST, LIST), files)
    assert len(evidence.ek_list_entries) == MAX_ENTRIES == 50_000
    assert [(r.entries, r.complete) for r in evidence.ek_lists] == [(100_000, False), (100_000, False)]
    assert ("EKList", "too_many") in problems(evidence.installation)


def test_many_folders_are_bounded() -> None:
    evidence = _collected(_system(*(f"C:\\{number}" for number in range(300))))
    assert len(evidence.ek_lists) == 100
    where = f"{CONFIG}/SYSTEM\\{CONFIGURATION}\\Issuing CA!EndorsementKeyListDirectories"
    assert (where, "too_many") in problems(evidence.installation)


def test_templates_tell_providers_and_algorithm() -> None:
    software = software_hive()
    cache = "Microsoft\\Cryptography\\CertificateTemplateCache"
    key = software.key(f"{cache}\\A").dword("msPKI-Private-Key-Flag", 0x05052200)
    key.multi_sz("SupportedCSPs", ["1,Microsoft Platform Crypto Provider", "Acme, Inc. KSP"])
    policy = (
        "msPKI-Asymmetric-Algorithm`PZPWSTR`RSA`msPKI-Hash-Algorithm`PZPWSTR`SHA256`msPKI-Key-Usage`DWORD`16777215`"
    )
    key.multi_sz("msPKI-RA-Application-Policies", [policy])
    software.key(f"{cache}\\B").multi_sz("msPKI-RA-Application-Policies", ["1.2.3", "msPKI-Asymmetric-Algorithm`X"])
    rows = {r.name: r for r in _collected(system_hive(), software=software).templates}
    assert rows["A"].providers == ["Microsoft Platform Crypto Provider", "Acme, Inc. KSP"]
    assert (rows["A"].key_algorithm, rows["B"].key_algorithm, rows["B"].providers) == ("RSA", None, [])


def test_certificate_policies_are_a_column() -> None:
    software = software_hive()
    policies = ["1.3.6.1.4.1.311.21.30", "2.5.29.32.0"]
    certificate = make_certificate(
        "a.test", rsa_key("2048-01"), policies=policies, not_after=datetime(2030, 1, 1, tzinfo=UTC)
    )
    path = f"Microsoft\\SystemCertificates\\CA\\Certificates\\{certificate.thumbprint}"
    software.key(path).binary("Blob", store_element(certificate))
    (found,) = _collected(system_hive(), software=software).certificates
    assert found.row.policies == policies
