"""A damaged list in a hive leaves open what stood in it: nothing becomes absent, dead or sound of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import forensics
from tests import damaged_volume as volumes
from tests.hive_surgery import lose_subkeys, lose_values
from tests.test_less_evidence import CONFIG, collect
from tests.torn_hive import tear

DPAPI_SYSTEM = "Policy\\Secrets\\DPAPI_SYSTEM"
SERVICES = "ControlSet001\\Services"
CNG = "ControlSet001\\Control\\Cryptography\\Providers"
CAPI = "Microsoft\\Cryptography\\Defaults\\Provider"
MY = "Microsoft\\SystemCertificates\\MY\\Certificates"

Verdicts = set[tuple[str | None, str, str | None]]


def verdicts(case: forensics.Case) -> Verdicts:
    """Return kind, verdict and broken link of the computer's certificates."""
    return {
        (c.provider_kind, c.verdict, c.broken_at)
        for c in case.rows("key_chain")
        if c.thumbprint and c.store_scope == "machine"
    }


def examined(name: str, folder: Path, hive: str, damage: Callable[[Path], None]) -> forensics.Case:
    """Examine a collection of which one hive is damaged."""
    damage(collect(name, folder) / CONFIG / hive)
    return forensics.examine(folder)


@pytest.mark.parametrize("key", [f"{DPAPI_SYSTEM}\\CurrVal", f"{DPAPI_SYSTEM}\\OldVal"])
def test_a_secret_that_cannot_be_read_is_not_absent(tmp_path: Path, key: str) -> None:
    case = examined("broken-secrets", tmp_path, "SECURITY", lambda hive: lose_values(hive, key))
    lost = key.rpartition("\\")[2]
    generation = {"CurrVal": "current", "OldVal": "previous"}[lost]
    assert {s.outcome for s in case.rows("secret") if s.generation == generation} == {"unreadable"}
    assert "secret" not in {c.broken_at for c in case.rows("key_chain")}
    assert {c.recoverable for c in case.rows("key_chain") if c.unlocked_by == "nothing"} <= {None}


def test_a_start_value_that_cannot_be_read_leaves_cng_open(tmp_path: Path) -> None:
    case = examined("keyiso-disabled", tmp_path, "SYSTEM", lambda hive: lose_values(hive, f"{SERVICES}\\KeyIso"))
    assert verdicts(case) == {("capi", "usable", None), ("cng", "unknown", None)}
    assert {c.reason for c in case.rows("key_chain") if c.provider_kind == "cng"} == {
        "SYSTEM: a value of it, or its list of values, cannot be read"
    }


@pytest.mark.parametrize(("hive", "listed"), [("SYSTEM", CNG), ("SOFTWARE", CAPI)])
def test_a_provider_below_a_damaged_list_may_be_registered(tmp_path: Path, hive: str, listed: str) -> None:
    case = examined("healthy", tmp_path, hive, lambda path: lose_subkeys(path, listed))
    assert "provider" not in {c.broken_at for c in case.rows("key_chain")}
    assert "provider-not-registered" not in {f.rule for f in case.finding_list if f.verdict == "match"}


def test_half_a_hive_holds_some_of_the_certificates(tmp_path: Path) -> None:
    def cut(hive: Path) -> None:
        data = hive.read_bytes()
        hive.write_bytes(data[: len(data) // 2])

    case = examined("odd-server", tmp_path, "SOFTWARE", cut)
    (row,) = [c for c in case.rows("coverage") if (c.area, c.name) == ("hive", "SOFTWARE")]
    assert row.outcome == "partial"
    text = str(forensics.render(case, "text"))
    assert "No certificate here names a private key" not in text


def test_a_certificate_that_cannot_be_read_is_not_gone(tmp_path: Path) -> None:
    whole = forensics.examine(collect("healthy", tmp_path / "whole"))
    lost = next(c.thumbprint for c in whole.rows("key_chain") if c.store == "MY" and c.thumbprint)
    case = examined("healthy", tmp_path / "part", "SOFTWARE", lambda hive: lose_values(hive, f"{MY}\\{lost}"))
    (machine,) = case.rows("machine")
    seen = case.coverage_of(machine)
    assert (seen.saw_store().state, seen.saw_certificates().why) == ("present", f"certificate {lost} cannot be read")


@pytest.mark.parametrize("store", ["EKROOT", "EKCA"])
def test_a_damaged_store_of_an_authority_is_not_empty(tmp_path: Path, store: str) -> None:
    key = f"Microsoft\\SystemCertificates\\{store}\\Certificates"
    case = examined("attest-ca", tmp_path, "SOFTWARE", lambda hive: lose_subkeys(hive, key))
    (authority,) = case.rows("ca")
    assert getattr(authority, store.lower()) == "not_examined"
    assert "ca-ek-store-empty" not in {f.rule for f in case.finding_list if f.verdict == "match"}


def test_what_a_damaged_list_hides_was_not_removed(tmp_path: Path) -> None:
    whole = forensics.examine(collect("healthy", tmp_path / "whole"))
    assert whole.rows("service")
    for damage, key in ((lose_subkeys, SERVICES), (lose_values, f"{SERVICES}\\KeyIso")):
        case = examined("healthy", tmp_path / damage.__name__, "SYSTEM", lambda hive, d=damage, k=key: d(hive, k))  # type: ignore[misc]
        (machine,) = forensics.compare(whole, case).machines
        assert [d for d in machine.differences if d.table == "service"] == []


def test_keys_that_torn_hives_call_well_are_told_with_that(tmp_path: Path) -> None:
    folder = collect("healthy", tmp_path)
    for hive in ("SYSTEM", "SECURITY"):
        tear(folder / CONFIG / hive)
    case = forensics.examine(folder)
    lines = str(forensics.render(case, "text")).splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("WELL: ")]
    assert lines[at + 1] == "  as SYSTEM, SECURITY had it: read in part, so that later changes are not seen"
    note = "As SYSTEM, SECURITY had it: read in part, so that later changes are not seen."
    assert f'<p class="note">{note}</p>' in str(forensics.render(case, "html"))


def test_keys_that_torn_hives_leave_open_are_told_beside_the_broken(tmp_path: Path) -> None:
    folder = collect("broken-secrets", tmp_path)
    tear(folder / CONFIG / "SECURITY")
    lines = str(forensics.render(forensics.examine(folder), "text")).splitlines()
    assert "proved broken" in lines[3]
    assert "6 undecided because evidence was not read, is not whole or does not tell" in lines[3]
    torn = "it was being written when it was copied, and its logs are not here: what it says may be old"
    assert lines[4].partition(": ")[2] == f"SECURITY: {torn}."


def test_a_wrong_bit_in_a_certificate_blames_no_key(tmp_path: Path) -> None:
    """Its public half is no longer that of its key: a damaged copy of a certificate says nothing of the key."""
    collect("healthy", tmp_path)
    (whole,) = [r for r in forensics.examine(tmp_path).rows("certificate") if r.subject.startswith("CN=capi-2048-aes")]
    software = tmp_path / CONFIG / "SOFTWARE"
    data = bytearray(software.read_bytes())
    at = data.index(b"capi-2048-aes.contoso.test")
    modulus = data.index(bytes.fromhex("0282010100"), at) + 40
    data[modulus] ^= 1
    software.write_bytes(data)
    case = forensics.examine(tmp_path)
    (damaged,) = [r for r in case.rows("certificate") if r.subject == whole.subject]
    assert damaged.thumbprint != whole.thumbprint
    (chain,) = [r for r in case.rows("key_chain") if r.thumbprint == damaged.thumbprint]
    assert (chain.verdict, chain.broken_at) == ("unknown", None)
    (problem,) = [p for p in case.rows("problem") if p.kind == "other_thumbprint"]
    assert problem.message == f"named {whole.thumbprint}, but the certificate inside has the SHA-1 {damaged.thumbprint}"
    assert f'certutil -delstore "MY" {damaged.thumbprint}' not in str(forensics.render(case, "text"))


def matched(case: forensics.Case) -> set[str]:
    return {finding.rule for finding in case.finding_list if finding.verdict == "match"}


def test_an_earlier_certificate_of_a_listener_does_not_stand_in_for_one_that_is_lost(tmp_path: Path) -> None:
    """Nothing names the listener's: it is the last of its store, which may be the one that cannot be read."""
    whole = forensics.examine(collect("laptop", tmp_path / "whole"))
    [last] = [row.thumbprint for row in whole.rows("certificate_use") if row.consumer == "RDP"]
    key = f"Microsoft\\SystemCertificates\\Remote Desktop\\Certificates\\{last}"
    case = examined("laptop", tmp_path / "part", "SOFTWARE", lambda hive: lose_values(hive, key))
    [use] = [row for row in case.rows("certificate_use") if row.consumer == "RDP"]
    assert (use.thumbprint != last, use.place) == (True, "partial")
    assert {rule for rule in matched(case) - matched(whole) if rule.startswith("rdp-")} == set()


def test_a_tpm_below_a_damaged_list_was_perhaps_seen(tmp_path: Path) -> None:
    enum = "ControlSet001\\Enum\\ACPI\\MSFT0101"
    case = examined("tpm-laptop", tmp_path, "SYSTEM", lambda hive: lose_subkeys(hive, enum))
    (tpm,) = case.rows("tpm")
    assert tpm.enumerated is None
    assert "tpm-key-without-tpm" not in matched(case)


def test_the_other_half_of_a_guardian_below_a_damaged_list_is_not_missing(tmp_path: Path) -> None:
    store = "Microsoft\\SystemCertificates\\Shielded VM Local Certificates\\Certificates"
    whole = forensics.examine(collect("hyperv-source", tmp_path / "whole"))
    lost = min(row.thumbprint for row in whole.rows("guardian") if row.origin == "store")
    for name, damage in (
        ("values", lambda hive: lose_values(hive, f"{store}\\{lost}")),
        ("list", lambda hive: lose_subkeys(hive, store)),
    ):
        case = examined("hyperv-source", tmp_path / name, "SOFTWARE", damage)
        assert "guardian-pair-incomplete" not in matched(case) - matched(whole)


def test_all_is_not_well_where_a_certificate_cannot_be_read(tmp_path: Path) -> None:
    whole = forensics.examine(collect("healthy", tmp_path / "whole"))
    assert not whole.is_incomplete
    lost = next(c.thumbprint for c in whole.rows("key_chain") if c.store == "MY" and c.thumbprint)
    case = examined("healthy", tmp_path / "part", "SOFTWARE", lambda hive: lose_values(hive, f"{MY}\\{lost}"))
    assert case.is_incomplete


def test_a_wrong_bit_in_a_users_certificate_blames_no_key(tmp_path: Path) -> None:
    """It lies in a file of its own, and its key opens all the same."""
    collect("healthy", tmp_path)
    [whole] = [r for r in forensics.examine(tmp_path).rows("certificate") if r.subject == "CN=alice"]
    file = tmp_path / whole.source_path
    data = bytearray(file.read_bytes())
    modulus = data.index(bytes.fromhex("0282010100")) + 5
    # So many bits that it could be another key.
    data[modulus + 1 : modulus + 250] = data[modulus + 1 : modulus + 250][::-1]
    file.write_bytes(data)
    case = forensics.examine(tmp_path)
    [damaged] = [row for row in case.rows("certificate") if row.source_path == whole.source_path]
    assert damaged.thumbprint != whole.thumbprint
    [chain] = [row for row in case.rows("key_chain") if row.thumbprint == damaged.thumbprint]
    assert (chain.verdict, chain.broken_at) == ("unknown", None)


@pytest.mark.parametrize(("letter", "told"), [("\uffff", True), ("\x03", True), ("あ", False)])
def test_a_name_of_a_provider_has_characters(tmp_path: Path, letter: str, told: bool) -> None:
    collect("healthy", tmp_path)
    [whole] = [r for r in forensics.examine(tmp_path).rows("certificate") if r.subject == "CN=alice signs"]
    file = tmp_path / whole.source_path
    name = "Microsoft Software Key".encode("utf-16-le")
    file.write_bytes(file.read_bytes().replace(name, name[:-4] + letter.encode("utf-16-le") * 2))
    case = forensics.examine(tmp_path)
    [chain] = [row for row in case.rows("key_chain") if row.thumbprint == whole.thumbprint]
    assert (chain.verdict, chain.broken_at) == (("unknown", None) if told else ("unusable", "provider"))
    assert ("bad_text" in {row.kind for row in case.rows("problem")}) == told


@pytest.mark.parametrize("damage", [lose_values, lose_subkeys, lambda hive, key: hive.write_bytes(bytes(8192))])
def test_who_must_read_a_key_is_not_told_by_a_registry_that_was_not_read(
    tmp_path: Path, damage: Callable[[Path, str], None]
) -> None:
    """NETWORK SERVICE opens the keys of listeners; which certificate is a listener's stands in SYSTEM."""
    disk = volumes.packed_volume("odd-server", tmp_path / "odd-server.ntfs")
    whole = {row.thumbprint: row for row in forensics.examine(disk).rows("key_chain") if row.access == "denied"}
    stations = "ControlSet001\\Control\\Terminal Server\\WinStations"
    system = volumes.content_of(disk, f"{CONFIG}/SYSTEM")
    data, hive = bytearray(disk.read_bytes()), tmp_path / "SYSTEM"
    at = data.index(system)
    hive.write_bytes(system)
    damage(hive, stations)
    data[at : at + len(system)] = hive.read_bytes().ljust(len(system), b"\0")[: len(system)]
    disk.write_bytes(data)
    denied = {row.thumbprint for row in forensics.examine(disk).rows("key_chain") if row.access == "denied"}
    assert denied <= whole.keys()
