"""Table certificate: every store, every property, and what broken elements leave."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from forensics.collectors.certificates import collect_certificates
from forensics.collectors.evidence import CertificateEvidence
from forensics.collectors.profiles import collect_profiles
from forensics.collectors.rdp import collect_rdp_thumbprints
from forensics.sources.installation import Installation
from testdata.builder.certs import (
    CNG_SOFTWARE,
    MACHINE_KEYSET,
    Certificate,
    key_prov_info,
    make_certificate,
    name,
    store_element,
)
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.regf import HiveWriter
from tests.collectors.virtual import CONFIG, USER_SID, add_profile, installation, problems, software_hive, system_hive

RSA = make_certificate("web01.contoso.example", rsa_key("2048-01"), dns=["web01.contoso.example", "web01"])
EC = make_certificate("ec.contoso.example", ec_key("P-384", "collect"))
WRITTEN = datetime(2022, 3, 4, 5, 6, 7, tzinfo=UTC)
WIN_STATIONS = "ControlSet002\\Control\\Terminal Server\\WinStations"
KEYS_BY_YEAR = (("2048-01", 2026), ("2048-02", 2027))
MY = "Microsoft\\SystemCertificates\\MY\\Certificates"


def thumbprint(certificate: Certificate) -> str:
    return hashlib.sha1(certificate.der).hexdigest().upper()


def put(hive: HiveWriter, store: str, certificate: Certificate, element: bytes | None = None) -> None:
    key = hive.key(f"{store}\\Certificates\\{thumbprint(certificate)}", timestamp=WRITTEN)
    key.binary("Blob", store_element(certificate) if element is None else element)


def collect(examined: Installation) -> list[CertificateEvidence]:
    return collect_certificates(examined, collect_profiles(examined))


def test_all_columns_of_a_machine_certificate() -> None:
    link = key_prov_info("te-WebServer-1", CNG_SOFTWARE, type_=0, flags=MACHINE_KEYSET, key_spec=0)
    element = store_element(
        RSA,
        link=link,
        friendly_name="Web für alle",
        originator="WEB01.contoso.example",
        archived=True,
        renewal_of="AB" * 20,
        extra={87: struct.pack("<II", 1, 40) + "https://ces.contoso.example".encode("utf-16-le") + b"\0\0"},
    )
    software = software_hive()
    put(software, "Microsoft\\SystemCertificates\\MY", RSA, element)
    examined = installation({}, {"SOFTWARE": software})
    (found,) = collect(examined)
    row = found.row
    assert row.thumbprint == thumbprint(RSA)
    assert (row.store, row.store_scope, row.owner_sid, row.service) == ("MY", "machine", "S-1-5-18", None)
    assert (row.subject, row.issuer) == ("CN=web01.contoso.example", "CN=Contoso Test Issuing CA")
    assert row.serial == f"{RSA.x509.serial_number:032X}"
    assert row.not_before == datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
    assert row.not_after == datetime(2027, 3, 4, 9, 0, tzinfo=UTC)
    assert (row.eku, row.san) == (["serverAuth"], ["DNS:web01.contoso.example", "DNS:web01"])
    assert (row.key_algorithm, row.key_bits, row.signature_algorithm) == ("RSA", 2048, "sha256WithRSAEncryption")
    assert (row.self_signed, row.is_ca, row.archived) == (False, False, True)
    assert row.friendly_name == "Web für alle"
    assert row.request_originator == "WEB01.contoso.example"
    assert (row.renewal_of, row.enrollment_server) == ("AB" * 20, "https://ces.contoso.example")
    assert (row.has_key_link, row.container, row.provider) == (True, "te-WebServer-1", CNG_SOFTWARE)
    assert (row.provider_type, row.key_flags, row.key_spec) == (0, 0x20, 0)
    assert row.sha256 == hashlib.sha256(RSA.der).hexdigest()
    assert row.source_path == f"{CONFIG}/SOFTWARE\\{MY}\\{row.thumbprint}!Blob"
    assert row.source_time == WRITTEN
    assert found.public_key is not None
    assert row.public_key_sha256 == found.public_key.spki_sha256()
    assert found.link is not None
    assert found.link.machine_keyset
    assert problems(examined) == []


def test_ec_certificate() -> None:
    software = software_hive()
    put(software, "Microsoft\\SystemCertificates\\MY", EC)
    (found,) = collect(installation({}, {"SOFTWARE": software}))
    numbers = ec_key("P-384", "collect").public_key().public_numbers()
    assert (found.row.key_algorithm, found.row.key_bits) == ("EC", 384)
    assert found.row.has_key_link is False
    assert (getattr(found.public_key, "x", None), getattr(found.public_key, "y", None)) == (numbers.x, numbers.y)


def test_every_store_has_its_scope_and_owner() -> None:
    software = software_hive()
    add_profile(software, USER_SID, "C:\\Users\\alice")
    for store in (
        "Microsoft\\SystemCertificates\\Remote Desktop",
        "Microsoft\\EnterpriseCertificates\\NTAuth",
        "Policies\\Microsoft\\SystemCertificates\\EFS",
        "Microsoft\\Cryptography\\Services\\NTDS\\SystemCertificates\\MY",
    ):
        put(software, store, RSA)
    user, default, local = HiveWriter("NTUSER"), HiveWriter("DEFAULT"), HiveWriter("NTUSER")
    put(user, "Software\\Microsoft\\SystemCertificates\\TrustedPeople", RSA)
    put(user, "Software\\Policies\\Microsoft\\SystemCertificates\\Root", RSA)
    put(default, "Software\\Microsoft\\SystemCertificates\\ADDRESSBOOK", RSA)
    put(local, "Software\\Microsoft\\SystemCertificates\\CA", RSA)
    hives = {
        "SOFTWARE": software,
        "DEFAULT": default,
        "Users/alice/NTUSER.DAT": user,
        "Windows/ServiceProfiles/LocalService/NTUSER.DAT": local,
    }
    my = f"AppData/Roaming/Microsoft/SystemCertificates/My/Certificates/{thumbprint(RSA)}"
    files: dict[str, bytes | None] = {
        f"Users/alice/{my}": store_element(RSA),
        f"Users/nobody/{my}": store_element(RSA),
        f"Windows/System32/config/systemprofile/{my}": store_element(RSA),
        f"Windows/ServiceProfiles/NetworkService/{my}": store_element(RSA),
    }
    found = collect(installation(files, hives))
    assert {(c.row.store_scope, c.row.owner_sid, c.row.service, c.row.store) for c in found} == {
        ("machine", "S-1-5-18", None, "Remote Desktop"),
        ("enterprise", "S-1-5-18", None, "NTAuth"),
        ("policy", "S-1-5-18", None, "EFS"),
        ("service", "S-1-5-18", "NTDS", "MY"),
        ("user", USER_SID, None, "TrustedPeople"),
        ("policy", USER_SID, None, "Root"),
        ("user", "S-1-5-18", None, "ADDRESSBOOK"),
        ("user", "S-1-5-19", None, "CA"),
        ("user", USER_SID, None, "My"),
        ("user", None, None, "My"),
        ("user", "S-1-5-18", None, "My"),
        ("user", "S-1-5-20", None, "My"),
    }
    assert len(found) == 12
    assert {c.row.source_path for c in found if c.row.owner_sid == USER_SID and c.row.store == "My"} == {
        f"Users/alice/{my}"
    }


def test_of_two_certificates_in_the_listener_s_store_only_its_own_counts() -> None:
    """Without a record, the one that ends last is likely the one in use."""
    store = "Microsoft\\SystemCertificates\\Remote Desktop"
    old, new = (make_certificate("rdp", rsa_key(k), not_after=datetime(y, 1, 1, tzinfo=UTC)) for k, y in KEYS_BY_YEAR)
    software = software_hive()
    for certificate in (old, new):
        software.key(f"{store}\\Certificates\\{certificate.thumbprint}").binary("Blob", store_element(certificate))
    examined = installation({}, {"SOFTWARE": software})
    assert collect_rdp_thumbprints(examined, collect(examined)) == {new.thumbprint}
    system = system_hive()
    system.key(WIN_STATIONS).binary("SelfSignedCertificate", bytes.fromhex(old.thumbprint))
    examined = installation({}, {"SOFTWARE": software, "SYSTEM": system})
    assert collect_rdp_thumbprints(examined, collect(examined)) == {old.thumbprint}
    system.key(f"{WIN_STATIONS}\\RDP-Tcp").binary("SSLCertificateSHA1Hash", b"\x01" * 20)
    examined = installation({}, {"SOFTWARE": software, "SYSTEM": system})
    assert collect_rdp_thumbprints(examined, collect(examined)) == {"01" * 20}


def test_certificates_in_the_listener_s_store_count_as_rdp() -> None:
    software = software_hive()
    put(software, "Microsoft\\SystemCertificates\\Remote Desktop", RSA)
    put(software, "Microsoft\\SystemCertificates\\MY", EC)
    examined = installation({}, {"SOFTWARE": software})
    assert collect_rdp_thumbprints(examined, collect(examined)) == {thumbprint(RSA)}


def built(builder: x509.CertificateBuilder) -> Certificate:
    key = rsa_key("2048-01")
    builder = builder.subject_name(name("x")).issuer_name(name("x")).public_key(key.public_key()).serial_number(255)
    builder = builder.not_valid_before(datetime(2024, 1, 1)).not_valid_after(datetime(2025, 1, 1))
    return Certificate(builder.sign(key, hashes.SHA256()), key)


def only(certificate: Certificate) -> CertificateEvidence:
    software = software_hive()
    bare = struct.pack("<III", 32, 1, len(certificate.der)) + certificate.der
    put(software, "Microsoft\\SystemCertificates\\MY", certificate, bare)
    (found,) = collect(installation({}, {"SOFTWARE": software}))
    return found


def test_every_kind_of_alternative_name() -> None:
    names = [
        x509.IPAddress(ip_address("192.0.2.7")),
        x509.RFC822Name("a@contoso.example"),
        x509.UniformResourceIdentifier("spiffe://contoso/web"),
        x509.DirectoryName(name("dir")),
        x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x0fa@contoso.local"),
        x509.OtherName(ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
        x509.RegisteredID(ObjectIdentifier("1.2.3")),
    ]
    row = only(built(x509.CertificateBuilder().add_extension(x509.SubjectAlternativeName(names), False))).row
    assert row.san == [
        "IP:192.0.2.7",
        "email:a@contoso.example",
        "URI:spiffe://contoso/web",
        "DirName:CN=dir",
        "UPN:a@contoso.local",
        "otherName:1.2.3.4",
        "RID:1.2.3",
    ]
    assert (row.self_signed, row.serial) == (True, "FF")


# Template OIDs as a domain makes them: arcs beyond 127 take several octets.
@pytest.mark.parametrize(
    ("oid", "content", "template"),
    [
        ("1.3.6.1.4.1.311.20.2", b"\x1e\x12" + "WebServer".encode("utf-16-be"), "WebServer"),
        (
            "1.3.6.1.4.1.311.21.7",
            bytes.fromhex("300f06072b060104018237") + bytes.fromhex("020164020105"),
            "1.3.6.1.4.1.311",
        ),
    ],
    ids=["version 1 name", "version 2 OID"],
)
def test_templates(oid: str, content: bytes, template: str) -> None:
    extension = x509.UnrecognizedExtension(ObjectIdentifier(oid), content)
    assert only(built(x509.CertificateBuilder().add_extension(extension, False))).row.template == template


def test_extended_key_usages_are_named_where_known() -> None:
    usages = [
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ObjectIdentifier("1.3.6.1.4.1.311.54.1.2"),
        ObjectIdentifier("1.2.3.4.5"),
    ]
    extension = x509.ExtendedKeyUsage(usages)
    row = only(built(x509.CertificateBuilder().add_extension(extension, False))).row
    assert row.eku == ["clientAuth", "msRemoteDesktop", "1.2.3.4.5"]


def test_a_certificate_the_library_refuses_stays_with_its_thumbprint() -> None:
    der = b"\x30\x03\x02\x01\x00"
    element = struct.pack("<III", 32, 1, len(der)) + der
    software = software_hive()
    sha1 = hashlib.sha1(der).hexdigest().upper()
    software.key(f"{MY}\\{sha1}").binary("Blob", element)
    examined = installation({}, {"SOFTWARE": software})
    (found,) = collect(examined)
    assert (found.row.thumbprint, found.row.subject, found.row.not_after) == (sha1, None, None)
    assert problems(examined) == [(f"{CONFIG}/SOFTWARE\\{MY}\\{sha1}!Blob", "bad_certificate")]


def test_a_broken_extension_costs_only_the_extensions() -> None:
    extension = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.37"), b"\xff\xff")
    found = only(built(x509.CertificateBuilder().add_extension(extension, False)))
    assert (found.row.subject, found.row.eku, found.row.is_ca, found.row.key_bits) == ("CN=x", [], None, 2048)
    assert found.public_key is not None


def test_a_key_name_that_is_not_the_thumbprint_is_a_problem() -> None:
    software = software_hive()
    software.key(f"{MY}\\{'AA' * 20}").binary("Blob", store_element(RSA))
    examined = installation({}, {"SOFTWARE": software})
    (found,) = collect(examined)
    assert found.row.thumbprint == thumbprint(RSA)
    assert [kind for _, kind in problems(examined)] == ["other_thumbprint"]


def test_a_broken_key_prov_info_is_kept_as_such() -> None:
    software = software_hive()
    put(software, "Microsoft\\SystemCertificates\\MY", RSA, store_element(RSA, link=b"\x1c\0\0\0"))
    examined = installation({}, {"SOFTWARE": software})
    (found,) = collect(examined)
    assert found.row.has_key_link is True
    assert (found.link, found.row.container) == (None, None)
    assert found.link_error is not None
    assert found.link_error.kind == "truncated"
    assert [kind for _, kind in problems(examined)] == ["truncated"]


def test_garbage_elements_are_problems_and_the_next_one_is_read() -> None:
    software = software_hive()
    for number, blob in enumerate((b"", b"\xff" * 40, struct.pack("<III", 3, 1, 20) + bytes(20))):
        software.key(f"{MY}\\{number:040X}").binary("Blob", blob)
    software.key(f"{MY}\\{'F0' * 20}").sz("NotBlob", "x")
    software.key(f"{MY}\\{'F1' * 20}").binary("Blob", bytes((1 << 20) + 1))
    put(software, "Microsoft\\SystemCertificates\\MY", RSA)
    examined = installation({}, {"SOFTWARE": software})
    assert [c.row.thumbprint for c in collect(examined)] == [thumbprint(RSA)]
    assert sorted(kind for _, kind in problems(examined)) == [
        "no_blob",
        "no_blob",
        "no_certificate",
        "too_large",
        "truncated",
    ]


def test_a_store_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.collectors.certificate_stores.MAX_ELEMENTS", 3)
    software = software_hive()
    for number in range(5):
        software.key(f"{MY}\\{number:040X}").binary("Blob", store_element(RSA))
    examined = installation({}, {"SOFTWARE": software})
    assert len(collect(examined)) == 3
    assert (f"{CONFIG}/SOFTWARE\\{MY}", "too_many") in problems(examined)


def test_the_bound_counts_over_all_stores_of_a_hive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.collectors.certificate_stores.MAX_ELEMENTS", 2)
    software = software_hive()
    for store in ("CA", "MY", "Root"):
        put(software, f"Microsoft\\SystemCertificates\\{store}", RSA)
    examined = installation({}, {"SOFTWARE": software})
    assert [c.row.store for c in collect(examined)] == ["CA", "MY"]
    assert problems(examined) == [(f"{CONFIG}/SOFTWARE\\Microsoft\\SystemCertificates", "too_many")]


def test_a_hundred_thousand_values_in_an_element_are_survived() -> None:
    software = software_hive()
    key = software.key(f"{MY}\\{thumbprint(RSA)}")
    for number in range(100_000):
        key.dword(f"v{number}", number)
    put(software, "Microsoft\\SystemCertificates\\CA", EC)
    found = collect(installation({}, {"SOFTWARE": software}))
    assert thumbprint(EC) in [c.row.thumbprint for c in found]


def test_a_hive_that_does_not_hold_the_stores_is_not_examined_there() -> None:
    class Partial:
        """A .reg export of one key of SOFTWARE."""

        source_path = "export.reg"
        state = "clean"

        def key(self, path: str) -> None:
            return None

        def covers(self, path: str) -> bool:
            return path.lower().startswith("microsoft\\systemcertificates")

        def covers_values(self, path: str) -> bool:
            return True

        def lose_value(self, path: str) -> None: ...

        def lost_places(self) -> Iterator[tuple[str, str]]:
            return iter(())

    examined = installation({"Windows/x": b""}, complete=False)
    examined.open_hive = lambda tree, path, report: Partial()
    collect(examined)
    assert {(c.source_path, c.outcome) for c in examined.coverage if "\\" in c.name} >= {
        ("export.reg\\Microsoft\\EnterpriseCertificates", "not_examined"),
        ("export.reg\\Policies\\Microsoft\\SystemCertificates", "not_examined"),
    }
    assert "export.reg\\Microsoft\\SystemCertificates" not in [c.source_path for c in examined.coverage]


def test_thousands_of_alternative_names_are_cut_and_said_to_be() -> None:
    many = make_certificate("many", rsa_key("2048-01"), dns=[f"h{number}.example" for number in range(2_100)])
    software = software_hive()
    put(software, "Microsoft\\SystemCertificates\\MY", many)
    examined = installation({}, {"SOFTWARE": software})
    (found,) = collect(examined)
    assert (len(found.row.san or ()), (found.row.san or [""])[-1]) == (2_000, "DNS:h1999.example")
    assert [kind for _, kind in problems(examined)] == ["too_many"]
    covered = [(c.area, c.name, c.outcome, c.detail) for c in examined.coverage if c.area == "certificate"]
    message = "only the first 2000 alternative names are kept"
    assert covered == [("certificate", found.row.thumbprint, "partial", message)]


def test_as_many_alternative_names_as_the_bound_are_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.formats.certificate.MAX_ALTERNATIVE_NAMES", 2)
    software = software_hive()
    two = make_certificate("two", rsa_key("2048-01"), dns=["a.example", "b.example"])
    put(software, "Microsoft\\SystemCertificates\\MY", two)
    examined = installation({}, {"SOFTWARE": software})
    (found,) = collect(examined)
    assert (found.row.san, problems(examined)) == (["DNS:a.example", "DNS:b.example"], [])
