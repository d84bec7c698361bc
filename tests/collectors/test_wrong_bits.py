"""Texts that one wrong bit keeps from being what another place holds, and values that every Windows has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import forensics
from forensics.chain.judge import judge
from forensics.collectors.evidence import Evidence
from forensics.collectors.registry_view import RegistryView
from forensics.collectors.services import collect_services
from forensics.sources.coverage import Place
from forensics.tables.key_chain import KeyChainRow
from testdata.builder import certs
from testdata.builder.capi import Slot
from testdata.builder.certs import make_certificate
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import capi_link, cng_link, machine
from tests.collectors.virtual import CONFIG, installation, problems, system_hive
from tests.forged_machine import evidence_of
from tests.test_damaged_hives import examined

Damage = Callable[[Path], None]
ENHANCED = "Microsoft Enhanced Cryptographic Provider v1.0"
STRONG = "Microsoft Strong Cryptographic Provider"
SERVICE = "ControlSet002\\Services\\KeyIso"


def flip_text(text: str, at: int = 2, bit: int = 0, times: int = -1) -> Damage:
    """Flip one bit wherever a text stands as a value or in one, or at the first of these places."""

    def damage(hive: Path) -> None:
        data = hive.read_bytes()
        whole = text.encode("utf-16-le")
        wrong = bytearray(whole)
        wrong[2 * at] ^= 1 << bit
        assert whole in data
        hive.write_bytes(data.replace(whole, bytes(wrong), times))

    return damage


def told(case: forensics.Case) -> set[tuple[str, str]]:
    """Return the values in which a wrong bit was told, and where it says they are."""
    return {(p.source_path.rpartition("!")[2], p.message) for p in case.rows("problem") if p.kind == "wrong_bit"}


def test_a_machine_guid_one_bit_from_what_key_files_are_named_for(tmp_path: Path) -> None:
    whole = examined("odd-server", tmp_path / "whole", "SOFTWARE", lambda hive: None)
    (machine,) = whole.rows("machine")
    assert told(whole) == set()
    case = examined("odd-server", tmp_path / "part", "SOFTWARE", flip_text(machine.machine_guid, at=9))
    ((value, message),) = told(case)
    assert value == "MachineGuid"
    assert message.endswith(f"is one bit away from {machine.machine_guid}, for which key files are named")
    # One certificate's container was made anew, which its key file shows whatever its name.
    assert {c.broken_at for c in case.rows("key_chain") if c.thumbprint} == {None, "public_key"}
    assert {c.verdict for c in case.rows("key_chain") if c.thumbprint and not c.broken_at} == {"unknown"}


@pytest.mark.parametrize(("text", "what"), [(ENHANCED, "provider"), ("TSSecKeySet1", "container")])
def test_a_link_one_bit_from_what_it_would_lead_to(tmp_path: Path, text: str, what: str) -> None:
    case = examined("odd-server", tmp_path, "SOFTWARE", flip_text(text, at=3, bit=1, times=1))
    found = told(case)
    assert {value for value, _ in found} == {"Blob"}
    assert all(message.startswith(f"the {what} ") for _, message in found)
    # The provider of one certificate is gone, whatever bit is wrong.
    assert {c.provider for c in case.rows("key_chain") if c.broken_at == "provider"} <= {STRONG}


def test_a_service_without_start_was_not_read_whole() -> None:
    hive = system_hive()
    hive.key(SERVICE).sz("ImagePath", "lsass.exe")
    windows = installation({}, {"SYSTEM": hive})
    (row,) = collect_services(windows)
    assert row.start is None
    assert problems(windows) == [(f"{CONFIG}/SYSTEM\\{SERVICE}!Start", "no_value")]
    assert windows.coverage.saw(Place.of_key("SYSTEM", SERVICE)).state == "partial"


@pytest.mark.parametrize(
    ("kind", "data", "problem"),
    [
        (4, b"\3\0\0\0", None),
        (5, b"\3\0\0\0", "bad_type"),
        (0x80000004, b"\3\0\0\0", "bad_type"),
        (1, b"3\0\0\0", None),
        (4, b"", "bad_length"),
        (11, bytes(8), None),
    ],
)
def test_a_number_of_another_type_or_size(kind: int, data: bytes, problem: str | None) -> None:
    hive = system_hive()
    hive.key(SERVICE).set("Start", kind, data)
    windows = installation({}, {"SYSTEM": hive})
    RegistryView.of_machine(windows, "SYSTEM").number(SERVICE, "Start")
    assert problems(windows) == ([(f"{CONFIG}/SYSTEM\\{SERVICE}!Start", problem)] if problem else [])
    whole = windows.coverage.saw(Place.of_key("SYSTEM", SERVICE)).is_whole
    assert whole is (problem is None)


@pytest.mark.parametrize(("kind", "is_told"), [(1, False), (2, False), (3, True), (0x101, True), (7, False)])
def test_a_text_of_another_type(kind: int, is_told: bool) -> None:
    hive = system_hive()
    hive.key(SERVICE).set("ImagePath", kind, "lsass.exe\0".encode("utf-16-le"))
    windows = installation({}, {"SYSTEM": hive})
    RegistryView.of_machine(windows, "SYSTEM").text(SERVICE, "ImagePath")
    assert [k for _, k in problems(windows)] == (["bad_type"] if is_told else [])


def test_a_control_set_that_is_not_named() -> None:
    hive = system_hive()
    hive.key("Select").values.clear()
    windows = installation({}, {"SYSTEM": hive})
    assert [windows.control_set() for _ in range(3)] == ["ControlSet001"] * 3
    assert problems(windows) == [(f"{CONFIG}/SYSTEM\\Select!Current", "no_value")]


def test_places_that_were_lost_stand_in_coverage() -> None:
    hive = system_hive()
    hive.key(f"{SERVICE}\\Parameters")
    windows = installation({}, {"SYSTEM": hive})
    opened = windows.hive("SYSTEM")
    assert opened is not None
    opened.lose_value(SERVICE)
    windows.tell_lost_places()
    rows = [(r.area, r.name, r.outcome, r.source_path) for r in windows.coverage if "\\" in r.source_path]
    assert rows == [("hive", SERVICE, "partial", f"{CONFIG}/SYSTEM\\{SERVICE}")]


SCHANNEL, AES = certs.CAPI_SCHANNEL, certs.CAPI_AES
KEY = rsa_key("2048-01")


def linked(link: bytes, container: str | None = "web", **facts: object) -> Evidence:
    """Collect a machine with one certificate and, where a container is named, its key."""
    forged = machine("wrong bits", **facts)  # type: ignore[arg-type]
    if container is not None:
        forged.put_capi(container, exchange=Slot(KEY))
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=link)
    return evidence_of(forged)


def chain_of(evidence: Evidence) -> KeyChainRow:
    (row,) = [row for row in judge(evidence).key_chains if row.thumbprint]
    return row


def doubts(evidence: Evidence) -> list[str]:
    return [problem.message for problem in evidence.installation.problems if problem.kind == "wrong_bit"]


@pytest.mark.parametrize("provider", [ENHANCED, STRONG, SCHANNEL, AES])
def test_type_0_goes_by_way_of_cng_and_is_no_wrong_bit(provider: str) -> None:
    """Its key gone, it is dead: not undecided."""
    evidence = linked(capi_link("web", provider, type_=0), container=None)
    row = chain_of(evidence)
    assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "key_file", "absent")
    evidence = linked(capi_link("web", provider, type_=0))
    assert (chain_of(evidence).verdict, doubts(evidence)) == ("usable", [])


@pytest.mark.parametrize(
    ("provider", "provider_type"),
    [(ENHANCED, 3), (ENHANCED, 5), (STRONG, 17), (SCHANNEL, 13), (SCHANNEL, 14), (SCHANNEL, 4), (AES, 16)],
)
def test_a_type_that_wincrypt_names_is_meant(provider: str, provider_type: int) -> None:
    evidence = linked(capi_link("web", provider, type_=provider_type))
    row = chain_of(evidence)
    assert (row.verdict, row.broken_at, row.recoverable, doubts(evidence)) == ("unusable", "provider", True, [])


def test_a_type_that_another_provider_here_has_is_meant() -> None:
    """Providers of GOST algorithms have types of their own: 80, 81."""
    forged = machine("wrong bits", third_party_capi=("GOST 2012-256", "GOST 2012-512"))
    for name, number in {"GOST 2012-256": 80, "GOST 2012-512": 81}.items():
        forged.hives.software.key(f"Microsoft\\Cryptography\\Defaults\\Provider\\{name}").dword("Type", number)
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", "GOST 2012-256", type_=81))
    evidence = evidence_of(forged)
    assert (chain_of(evidence).broken_at, doubts(evidence)) == ("provider", [])


@pytest.mark.parametrize(
    ("provider", "provider_type"), [(SCHANNEL, 8), (SCHANNEL, 28), (AES, 8), (ENHANCED, 0x80000001)]
)
def test_a_type_that_nobody_has_and_one_bit_made(provider: str, provider_type: int) -> None:
    evidence = linked(capi_link("web", provider, type_=provider_type))
    assert (chain_of(evidence).verdict, len(doubts(evidence))) == ("unknown", 1)


@pytest.mark.parametrize("provider_type", [9, 7, 11, 255])
def test_a_type_that_nobody_has_and_no_one_bit_made(provider_type: int) -> None:
    evidence = linked(capi_link("web", SCHANNEL, type_=provider_type))
    assert (chain_of(evidence).broken_at, doubts(evidence)) == ("provider", [])


@pytest.mark.parametrize(
    ("named", "registered"),
    [
        ("Acme KSP", "Acme CSP"),
        ("Acme Key Provider 2", "Acme Key Provider 3"),
        ("Acme Provider v1.1", "Acme Provider v1.0"),
        ("Acme Vault A", "Acme Vault C"),
        ("Acme node3", "Acme nodes"),
        ("Acme HSM 1", "Acme HSM01"),
    ],
)
@pytest.mark.parametrize("leaf", ["lh", "lf", "li"])
def test_a_provider_whose_neighbour_is_registered_is_gone(named: str, registered: str, leaf: str) -> None:
    forged = machine("wrong bits", third_party_capi=(registered,), third_party_cng=(registered,))
    for hive in forged.hives.all().values():
        hive.leaf = leaf
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=cng_link("web", named))
    evidence = evidence_of(forged)
    row = chain_of(evidence)
    assert (row.verdict, row.broken_at, doubts(evidence)) == ("unusable", "provider", [])


@pytest.mark.parametrize(("named", "registered"), [("Acme Prowider", "Acme Provider"), ("Acm\xe5 HSM", "Acme HSM")])
def test_a_provider_whose_name_nobody_gives(named: str, registered: str) -> None:
    evidence = linked(cng_link("web", named), container=None, third_party_cng=(registered,))
    # Names of registered providers are compared in lower case.
    assert len(doubts(evidence)) == 1
    assert chain_of(evidence).verdict == "unknown"


def test_a_provider_that_several_certificates_name_is_meant() -> None:
    forged = machine("wrong bits", third_party_cng=("Acme Provider",))
    for host in ("web", "mail"):
        certificate = make_certificate(f"{host}.contoso.test", ec_key("P-256", host))
        forged.put_certificate(certificate, link=cng_link(host, "Acme Prowider"))
    evidence = evidence_of(forged)
    assert {row.broken_at for row in judge(evidence).key_chains} == {"provider"}
    assert doubts(evidence) == []


GUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


@pytest.mark.parametrize(
    ("named", "made", "is_doubted"),
    [
        ("web1", "web3", False),
        ("key-a", "key-c", False),
        ("web-system", "web-systeo", True),
        (GUID[:-1] + "3", GUID, True),
        ("web\rserver", "web-server", True),
    ],
)
def test_a_container_beside_the_one_that_holds_the_key(named: str, made: str, is_doubted: bool) -> None:
    evidence = linked(capi_link(named, ENHANCED), made)
    row = chain_of(evidence)
    assert row.verdict == ("unknown" if is_doubted else "unusable")
    assert row.broken_at == (None if is_doubted else "key_file")
    assert len(doubts(evidence)) == is_doubted


@pytest.mark.parametrize("suffix", [None, "99999999-8888-7777-6666-555555555555"])
def test_a_container_that_is_there_is_meant(suffix: str | None) -> None:
    """Its key file holds another key, or was made under an earlier MachineGuid."""
    forged = machine("wrong bits")
    forged.put_capi("web-system", exchange=Slot(rsa_key("2048-02")), suffix=suffix)
    forged.put_capi("web-systeo", exchange=Slot(KEY))
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web-system", ENHANCED))
    evidence = evidence_of(forged)
    row = chain_of(evidence)
    assert (row.verdict, row.broken_at) == ("unusable", "key_file" if suffix else "public_key")
    assert doubts(evidence) == []


@pytest.mark.parametrize("by", ["setup log", "32-bit view", "key file"])
def test_a_machine_guid_that_another_place_confirms_is_meant(by: str) -> None:
    forged = machine("wrong bits")
    now = forged.facts.machine_guid
    then = f"{now[:-1]}{int(now[-1], 16) ^ 1:x}"
    forged.put_capi("web", exchange=Slot(KEY), suffix=then)
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", ENHANCED))
    assert chain_of(evidence_of(forged)).verdict == "unknown"
    if by == "setup log":
        line = (
            f"2024-03-04 08:00:00, Info  SYSPRP capisp.dll::CryptoSysPrep_Specialize: assigned CAPI machine guid {now}"
        )
        forged.write("Windows/Panther/setupact.log", line.encode())
    elif by == "32-bit view":
        forged.hives.software.key("WOW6432Node\\Microsoft\\Cryptography").sz("MachineGuid", now)
    else:
        forged.put_capi("other", exchange=Slot(rsa_key("2048-02")))
    evidence = evidence_of(forged)
    row = chain_of(evidence)
    assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "key_file", "other_machine_guid")
    assert doubts(evidence) == []


def test_what_a_key_file_proves_stands_whatever_bit_is_wrong_in_the_link() -> None:
    """A doubt about the type leaves a damaged blob damaged."""
    forged = machine("wrong bits")
    path = forged.put_capi("web", exchange=Slot(KEY))
    forged.change(path, lambda data: data[:-400] + bytes(b ^ 0x55 for b in data[-400:-300]) + data[-300:])
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", SCHANNEL, type_=28))
    row = chain_of(evidence_of(forged))
    assert (row.public_key, row.verdict, row.broken_at) == ("match", "unusable", "private_key")
