"""Where the search for users of certificates ended early, coverage says so, and no certificate is called unused."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

import forensics
from forensics.collectors.uses.collect import collect_certificate_uses
from testdata.builder.regf import HiveWriter
from tests.collectors.uses.forged import CONTROL, ONE, SERVICES, TWO, certificate, context
from tests.collectors.virtual import CONFIG, software_hive, system_hive
from tests.examined import AS_OF, examined
from tests.paths import IMAGES

SOFTWARE, SYSTEM = f"{CONFIG}/SOFTWARE", f"{CONFIG}/SYSTEM"
IAS = "Windows/System32/ias/ias.xml"
IIS = "Windows/System32/inetsrv/config/applicationHost.config"
WLAN = "ProgramData/Microsoft/wlansvc/Profiles/Interfaces"
BOOK = "ProgramData/Microsoft/Network/Connections/Pbk/rasphone.pbk"
FIRST = "only the first 1 sub-keys were read"
BINDING = '<binding protocol="https" bindingInformation="*:443:" />'
EAP = '<p name="x"><Properties><msEAPConfiguration>00</msEAPConfiguration></Properties></p>'


@dataclass(frozen=True)
class Cut:
    """A bound, what it is set to, the problem, the place in coverage, whose search it was, and what is there."""

    bound: str
    value: int
    path: str
    message: str
    area: str
    name: str
    reader: str
    keys: tuple[str, ...] = ()
    files: dict[str, bytes | None] = field(default_factory=dict)
    kind: str = "too_many"


def _subkeys(bound: str, hive: str, parent: str, reader: str) -> Cut:
    keys = (f"{hive}\\{parent}\\A", f"{hive}\\{parent}\\B")
    return Cut(bound, 1, f"{CONFIG}/{hive}\\{parent}", FIRST, "hive", parent, reader, keys)


CASES = [
    _subkeys("http_sys.MAX_BINDINGS", "SYSTEM", f"{SERVICES}\\HTTP\\Parameters\\SslBindingInfo", "http.sys"),
    _subkeys("http_sys.MAX_BINDINGS", "SYSTEM", f"{SERVICES}\\HTTP\\Parameters\\SslCcsBindingInfo", "http.sys"),
    _subkeys("winrm.MAX_LISTENERS", "SOFTWARE", "Microsoft\\Windows\\CurrentVersion\\WSMAN\\Listener", "WinRM"),
    _subkeys("sql_server.MAX_INSTANCES", "SOFTWARE", "Microsoft\\Microsoft SQL Server", "SQL Server"),
    _subkeys("enrollment.MAX_ENROLLMENTS", "SYSTEM", f"{CONTROL}\\CloudDomainJoin\\JoinInfo", "Entra join"),
    _subkeys("enrollment.MAX_ENROLLMENTS", "SOFTWARE", "Microsoft\\Enrollments", "MDM"),
    _subkeys("references.MAX_SERVICES", "SYSTEM", SERVICES, "other references"),
    Cut(
        "iis.MAX_SITES",
        1,
        IIS,
        "only the first 1 https bindings were read",
        "file",
        "applicationHost.config",
        "IIS",
        files={IIS: f"<c><site><bindings>{BINDING * 2}</bindings></site></c>".encode()},
    ),
    Cut(
        "nps.MAX_POLICIES",
        1,
        IAS,
        "only the first 1 EAP configurations were read",
        "file",
        "ias.xml",
        "NPS",
        files={IAS: f"<r>{EAP * 2}</r>".encode()},
    ),
    Cut(
        "network_profiles.MAX_PROFILES",
        1,
        WLAN,
        "only the first 1 profiles were read",
        "folder",
        WLAN,
        "network profiles",
        files={f"{WLAN}/one/a.xml": b"<a/>", f"{WLAN}/two/b.xml": b"<b/>"},
    ),
    Cut(
        "network_profiles.MAX_PROFILES",
        1,
        BOOK,
        "only the first 1 connections were read",
        "file",
        "rasphone.pbk",
        "network profiles",
        files={BOOK: b"[a]\r\nCustomAuthKey=13\r\n[b]\r\nCustomAuthKey=13\r\n"},
    ),
]
KINDS = {"too_many", "too_large", "too_much_work"}


@pytest.mark.parametrize("cut", CASES, ids=lambda cut: f"{cut.bound} {cut.name}")
def test_what_was_cut_is_a_problem_and_seen_in_part(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    hives = {"SYSTEM": system_hive(), "SOFTWARE": software_hive()}
    for path in cut.keys:
        hive, _, key = path.partition("\\")
        hives[hive].key(key)
    whole = context(hives, cut.files, [certificate(ONE)])
    collect_certificate_uses(whole)
    assert [p.message for p in whole.installation.problems if p.kind in KINDS] == []
    assert [row.name for row in whole.installation.coverage if row.area == "uses"] == []

    monkeypatch.setattr(f"forensics.collectors.uses.{cut.bound}", cut.value)
    given = context(hives, cut.files, [certificate(ONE)])
    collect_certificate_uses(given)
    told = [(p.source_path, p.kind, p.message) for p in given.installation.problems]
    assert told == [(cut.path, cut.kind, cut.message)]
    covered = {(str(c.area), c.name): (c.outcome, c.source_path) for c in given.installation.coverage}
    assert covered[cut.area, cut.name] == ("partial", cut.path)
    assert covered["uses", cut.reader] == ("partial", cut.path)


def _in_settings(data: bytes) -> dict[str, HiveWriter]:
    software = software_hive()
    software.key("Vendor\\Product").binary("Blob", data)
    return {"SYSTEM": system_hive(), "SOFTWARE": software}


@pytest.mark.parametrize(
    ("bound", "value", "path", "kind", "message"),
    [
        (
            "MAX_VALUE_SIZE",
            30,
            f"{SOFTWARE}\\Vendor\\Product!Blob",
            "too_large",
            "only the first 30 of 70 bytes were searched for certificates",
        ),
        (
            "MAX_SEARCHED",
            69,
            f"{SOFTWARE}\\Vendor\\Product",
            "too_much_work",
            "only 69 bytes of settings were searched for certificates",
        ),
    ],
)
def test_bytes_that_were_not_searched(
    bound: str, value: int, path: str, kind: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hives = _in_settings(bytes(50) + bytes.fromhex(ONE))
    found = collect_certificate_uses(context(hives, certificates=[certificate(ONE)]))
    assert [(row.consumer, row.thumbprint) for row in found] == [("other", ONE)]
    monkeypatch.setattr(f"forensics.collectors.uses.references.{bound}", value)
    given = context(hives, certificates=[certificate(ONE)])
    assert collect_certificate_uses(given) == []
    assert [(p.source_path, p.kind, p.message) for p in given.installation.problems] == [(path, kind, message)]
    covered = {(c.area, c.name): (c.outcome, c.detail) for c in given.installation.coverage}
    assert covered["hive", "Vendor\\Product"] == ("partial", message)
    assert covered["uses", "other references"] == ("partial", message)


def test_the_hashes_of_thousands_of_certificates_are_found_in_one_pass() -> None:
    certificates = [certificate(f"{number:08X}" * 5) for number in range(5_000)]
    data = bytes(500_000) + bytes.fromhex(TWO) + bytes.fromhex("00001000" * 5)
    found = collect_certificate_uses(context(_in_settings(data), certificates=[certificate(TWO), *certificates]))
    assert {row.thumbprint for row in found if row.consumer == "other"} == {TWO, "00000000" * 5, "00001000" * 5}


def test_a_certificate_is_not_called_unused_where_users_may_have_been_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def verdicts(case: forensics.Case) -> set[str]:
        return {f.verdict for f in case.finding_list if f.rule == "certificate-used-by-nothing"}

    assert verdicts(examined("bound")) == {"match"}
    monkeypatch.setattr("forensics.collectors.uses.references.MAX_KEYS", 1)
    case = forensics.examine(IMAGES / "bound.vhdx.xz", as_of=AS_OF)
    message = "only the first 1 keys of products were searched"
    assert message in {row.message for row in case.rows("problem")}
    assert ("uses", "partial", message) in {(row.area, row.outcome, row.detail) for row in case.rows("coverage")}
    assert verdicts(case) <= {"unknown"}
