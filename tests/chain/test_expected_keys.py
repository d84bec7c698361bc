"""Certificates without link in a personal store: whose key should be on this machine, and whose not."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.chain.judge import judge
from forensics.collectors.evidence import CertificateEvidence
from forensics.tables.authority import CaRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow
from testdata.builder.keys import rsa_key
from tests.chain.evidence import Windows

KEY, OTHER = rsa_key("2048-01"), rsa_key("2048-02")


def machine(store: str = "MY", **columns: Any) -> Windows:
    """WEB01 of contoso.test, with one certificate that has no link, whose key is not there."""
    windows = Windows()
    windows.evidence.machine.computer_name = "WEB01"
    windows.evidence.machine.domain_name = "contoso.test"
    windows.certificate("AA", KEY, None, store=store)
    for name, value in columns.items():
        setattr(certificate(windows).row, name, value)
    return windows


def certificate(windows: Windows) -> CertificateEvidence:
    return windows.evidence.certificates[0]


def chains(windows: Windows) -> list[KeyChainRow]:
    return [row for row in judge(windows.evidence).key_chains if row.thumbprint]


@pytest.mark.parametrize(
    "columns",
    [
        {"subject": "CN=sts.partner.example", "san": ["DNS:sts.partner.example"]},
        {"subject": "CN=Contoso Issuing CA 1,DC=contoso,DC=test", "is_ca": True},
        {"subject": "CN=notcontoso.test"},
        {"subject": "CN=Partner Signing,O=Partner", "store": "WebHosting"},
        {"subject": "CN=web01.partner.example"},
    ],
)
def test_those_of_others_are_not_broken(columns: dict[str, Any]) -> None:
    assert chains(machine(**columns)) == []


@pytest.mark.parametrize(
    "columns",
    [
        {"subject": "CN=WEB01"},
        {"subject": "CN=web01.contoso.test"},
        {"subject": "O=Contoso", "san": ["DNS:*.contoso.test"]},
        {"subject": "CN=shop.example", "san": ["DNS:shop.example", "DNS:contoso.test"]},
        {"subject": "CN=shop.example", "request_originator": "WEB01.contoso.test"},
        {"subject": "CN=shop.example", "renewal_of": "BB"},
        {"subject": "CN=shop.example", "store": "Remote Desktop"},
        # Nobody knows whose it is.
        {"subject": None},
    ],
)
def test_those_of_this_machine_are(columns: dict[str, Any]) -> None:
    [row] = chains(machine(**columns))
    assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "claim", "absent")


def test_one_that_a_service_uses_or_that_is_the_own_authority_is_broken() -> None:
    windows = machine(subject="CN=shop.example")
    use = CertificateUseRow(machine_id=1, source_path="x", thumbprint="AA", consumer="http.sys", certainty="candidate")
    windows.evidence.certificate_uses.append(use)
    assert chains(windows) == []
    use.certainty = "proved"
    assert [row.verdict for row in chains(windows)] == ["unusable"]
    windows = machine(subject="CN=Contoso Issuing CA 1,DC=contoso,DC=test", is_ca=True)
    windows.evidence.authorities.append(
        CaRow(machine_id=1, source_path="x", name="Contoso Issuing CA 1", common_name="Contoso Issuing CA 1")
    )
    assert [row.broken_at for row in chains(windows)] == ["claim"]


def test_one_that_was_requested_here_is_broken_and_one_whose_key_is_here_too() -> None:
    windows = machine(subject="CN=shop.example")
    windows.certificate("RR", KEY, "request", store="REQUEST")
    assert [(row.thumbprint, row.broken_at) for row in chains(windows)] == [("AA", "claim"), ("RR", "key_file")]
    windows = machine(subject="CN=shop.example")
    windows.capi("shop", KEY)
    assert [(row.broken_at, row.key_file) for row in chains(windows)] == [("claim", "present")]


@pytest.mark.parametrize("scope", ["policy", "enterprise"])
@pytest.mark.parametrize("store", ["EFS", "MY", "Root", "FVE"])
def test_what_a_domain_hands_out_is_not_judged(scope: str, store: str) -> None:
    windows = Windows()
    windows.capi("other", OTHER)
    windows.certificate("AA", KEY, "fe87e47e-c17f-4b4d-a81c-1fc8d24bcb44", store=store, scope=scope)  # type: ignore[arg-type]
    windows.certificate("BB", KEY, None, store=store, scope=scope)  # type: ignore[arg-type]
    assert chains(windows) == []
