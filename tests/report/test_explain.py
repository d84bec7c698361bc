"""One chain link by link, and the list of what expires."""

from __future__ import annotations

from datetime import timedelta

import pytest

from forensics.report.expiring import expiring
from forensics.report.explain import chains_that_name, find_chains, render_explain
from tests.hand_made import ALIVE, DEAD, MASTER, NOW_GUID, OLD_FILE, OLD_GUID, OLD_PATH, PAST, case, dead_chain

STORE = "SOFTWARE\\Microsoft\\SystemCertificates\\MY\\Certificates\\"


def test_links_with_values_and_where_they_were_read() -> None:
    whole = case()
    lines = render_explain(whole, find_chains(whole, DEAD)).splitlines()
    written = f"                read in {OLD_FILE}, written 2024-02-03 04:05:06 UTC"
    assert lines[:5] == [
        "CN=dead.contoso.test",
        f"  on WEB01, store MY, thumbprint {DEAD}",
        "  verdict: unusable, broken at key_file; known by decryption; recoverable: yes",
        f"  The key file is named for MachineGuid {OLD_GUID}; this machine's is {NOW_GUID}.",
        "",
    ]
    assert lines[5:] == [
        "  claim         names a key, container TSSecKeySet1, flags 0x20, key spec 1",
        f"                read in {STORE}{DEAD}, written 2025-01-02 00:00:00 UTC",
        "  provider      capi, Microsoft Enhanced Cryptographic Provider v1.0",
        f"                read in {STORE}{DEAD}, written 2025-01-02 00:00:00 UTC",
        f"X key_file      other_machine_guid, {OLD_PATH}",
        written,
        f"  public_key    match, key file SHA-256 {'f' * 64}, certificate SHA-256 {'c' * 64}",
        written,
        "  access        ok, S-1-5-18:full,S-1-5-32-544:full",
        written,
        f"  master_key    present, {MASTER}",
        f"                read in Protect/S-1-5-18/User/{MASTER}",
        "  secret        unlocked by current, DPAPI_SYSTEM current, set 2026-03-01 00:00:00 UTC",
        "                read in SECURITY\\Policy\\Secrets\\DPAPI_SYSTEM",
        "  private_key   proved, exportable no",
        written,
        "  service       KeyIso manual, only CNG keys need it",
        "                read in SYSTEM\\ControlSet001\\Services\\KeyIso",
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        DEAD,
        DEAD.lower(),
        "AAAAAA",
        "\u200e" + " ".join(DEAD[i : i + 2] for i in range(0, 40, 2)),
        ":".join(DEAD[i : i + 2] for i in range(0, 40, 2)),
        OLD_FILE,
        OLD_FILE.replace("/", "\\"),
        OLD_PATH,
        f"f686aace6942fb7f7ceb231212eef4a4_{OLD_GUID}".upper(),
    ],
)
def test_ways_to_name_a_chain(wanted: str) -> None:
    assert [c.thumbprint for c in find_chains(case(), wanted)] == [DEAD]


@pytest.mark.parametrize("wanted", ["", "AAAAA", "EEEEEE", "alive", "/", "TSSecKeySet1"])
def test_what_names_no_chain(wanted: str) -> None:
    assert find_chains(case(), wanted) == []


def test_hostile_values_do_not_reach_the_terminal() -> None:
    whole = case(dead_chain(thumbprint="F" * 40, subject="\x1b[2Jx\u202e", provider="\x07p\n", store="\x9bs"))
    text = render_explain(whole, find_chains(whole, "F" * 40))
    assert not set("\x1b\u202e\x07\x9b") & set(text)
    assert text.startswith("[2Jx\n  on WEB01, store s, ")


def test_expiring_soonest_first_with_the_state_of_the_key() -> None:
    tail = "store MY, on WEB01, key"
    assert expiring(case(), timedelta(days=180)).render().splitlines() == [
        f"2026-11-21  expired       CN=past.contoso.test, {tail} usable, {PAST}",
        f"2026-12-02  in   10 days  CN=alive.contoso.test, {tail} usable, {ALIVE}",
        f"2027-05-06  in  165 days  CN=dead.contoso.test, {tail} unusable (breaks at key_file), {DEAD}",
    ]


def test_expiring_within_a_span() -> None:
    assert [chain.thumbprint for chain in expiring(case(), timedelta(days=10)).chains] == [PAST, ALIVE]
    assert [chain.thumbprint for chain in expiring(case(), timedelta(days=9)).chains] == [PAST]


@pytest.mark.parametrize("wanted", [MASTER.upper(), "tsseckeyset1"])
def test_a_container_and_a_master_key_that_is_not_there_lead_to_their_keys(wanted: str) -> None:
    assert DEAD in {chain.thumbprint for chain in chains_that_name(case(), wanted)}
    assert chains_that_name(case(), "") == []
