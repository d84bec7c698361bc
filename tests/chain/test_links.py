"""From judged links to the verdict: order of breaks, and what "usable" needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forensics.chain.links import Links
from forensics.chain.proof import Proof
from forensics.chain.recovery import LockedCopy, Recoverable
from forensics.chain.rows import certificate_row
from forensics.collectors.evidence import CertificateEvidence
from forensics.tables.certificate import CertificateRow
from forensics.tables.windows_path import WindowsPaths

PROVED = Proof(
    private_key="proved",
    master_key="present",
    master_key_guid="g",
    unlocked_by="current",
    exportable="no",
    recovered=True,
)


def links(proof: Proof = PROVED, **given: Any) -> Links:
    return Links(**{"kind": "cng", "key_file": "present", "public_key": "match", "proof": proof, **given})


def judged(chain: Links, key_iso_fault: str | None = None) -> tuple[str, str | None, str]:
    chain.judge_steps(key_iso_fault)
    return chain.verdict, chain.broken_at, chain.known_by


def test_a_proved_key_is_usable_by_decryption() -> None:
    assert judged(links()) == ("usable", None, "decryption")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"is_the_right_key": False, "public_key": "not_examined"},
            "the certificate's own key is of a kind not modelled",
        ),
        ({"guid_known": False}, "the suffix of the file could not be judged"),
        ({"key_file": "other_machine_guid", "scope": "user"}, "a user's key may open under another suffix"),
    ],
)
def test_a_proved_key_stays_undecided(given: dict[str, Any], why: str) -> None:
    verdict, broken_at, _ = judged(links(**given))
    assert (verdict, broken_at) == ("unknown", None), why


@pytest.mark.parametrize(
    ("proof", "scope", "expected"),
    [
        (replace(PROVED, unlocked_by="previous"), "machine", ("unusable", "secret", "decryption")),
        (replace(PROVED, unlocked_by="nothing", private_key="locked"), "machine", ("unusable", "secret", "decryption")),
        (replace(PROVED, unlocked_by="nothing", private_key="locked"), "user", ("unknown", None, "public_key")),
        (replace(PROVED, unlocked_by="password"), "user", ("usable", None, "decryption")),
        (replace(PROVED, private_key="damaged"), "machine", ("unusable", "private_key", "decryption")),
        (replace(PROVED, private_key="sealed_vbs"), "machine", ("unknown", None, "decryption")),
        (
            replace(PROVED, private_key="sealed_vbs", per_boot=True),
            "machine",
            ("unusable", "private_key", "decryption"),
        ),
        (replace(PROVED, private_key="needs_pin"), "machine", ("unknown", None, "decryption")),
        (
            Proof(private_key="locked", master_key="absent", master_key_guid="g"),
            "machine",
            ("unusable", "master_key", "inference"),
        ),
        (
            Proof(private_key="not_examined", master_key="not_examined", master_key_guid="g"),
            "machine",
            ("unknown", None, "public_key"),
        ),
    ],
)
def test_each_state_of_the_proof(proof: Proof, scope: str, expected: tuple[str, str | None, str]) -> None:
    assert judged(links(proof, scope=scope)) == expected


def test_the_first_broken_link_is_named() -> None:
    chain = links(replace(PROVED, unlocked_by="previous"), access="denied")
    chain.break_at("key_file", "other suffix")
    assert judged(chain, key_iso_fault="it is disabled") == ("unusable", "key_file", "inference")
    assert list(chain.broken) == ["key_file", "access", "secret", "service"]


def test_key_isolation_stops_cng_keys_only() -> None:
    assert judged(links(), key_iso_fault="it is disabled") == ("unusable", "service", "inference")
    assert judged(links(kind="capi"), key_iso_fault="it is disabled") == ("usable", None, "decryption")
    assert judged(links(kind="tpm"), key_iso_fault="it is disabled") == ("usable", None, "decryption")


def test_a_mismatch_that_only_the_opened_key_shows_is_known_by_decryption() -> None:
    chain = links(public_key="mismatch", only_opening_showed=True, is_the_right_key=False)
    chain.break_at("public_key", "another key")
    assert judged(chain) == ("unusable", "public_key", "decryption")


def test_the_reason_names_the_account_that_is_shut_out() -> None:
    chain = links(access="denied", shut_out="S-1-5-20")
    chain.judge_steps(None)
    assert chain.broken["access"] == (
        "the access list of the key file shuts out NETWORK SERVICE (S-1-5-20), which must read it"
    )


def test_a_key_that_lies_elsewhere_on_the_disk_is_not_said_to_be_missing() -> None:
    row = CertificateRow(machine_id=1, source_path="x", thumbprint="AA", store="MY", store_scope="machine")
    chain = Links(kind="cng", key_file="absent")
    chain.break_at("key_file", "the key file is not on this disk")
    elsewhere = certificate_row(CertificateEvidence(row), chain, Recoverable(True, "Crypto/Keys/f"), WindowsPaths())
    assert elsewhere.reason == (
        "there is no key file where the certificate's link leads; the key lies in C:\\Crypto\\Keys\\f"
    )
    gone = certificate_row(CertificateEvidence(row), chain, Recoverable(False), WindowsPaths())
    assert gone.reason == "the key file is not on this disk"
    unsearched = certificate_row(CertificateEvidence(row), chain, Recoverable(None, doubt="x"), WindowsPaths())
    assert unsearched.reason == "there is no key file where the certificate's link leads"
    locked = Recoverable(False, locked=LockedCopy("Backup/f", "g"))
    copy = certificate_row(CertificateEvidence(row), chain, locked, WindowsPaths())
    assert copy.reason == (
        "there is no key file where the certificate's link leads; C:\\Backup\\f has its public key, and does not open "
        "with what this disk holds"
    )
