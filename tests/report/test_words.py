"""Every way a chain can break has a sentence of its own, with this disk's values."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.case_tables import CaseTables
from forensics.report.facts import Facts
from forensics.report.words import Words, words_for
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.row import Row
from tests.hand_made import AS_OF, NOW_GUID, OLD_GUID, case, chain, dead_chain, rows

SAVED = "The private key is still on this disk and can be recovered."
LOST = (
    "The private key cannot be had from this disk: restore it from a backup or a PFX file, or issue a new certificate."
)


def say(row: KeyChainRow, evidence: list[Row] | None = None) -> Words:
    return words_for(row, Facts(CaseTables(rows() if evidence is None else evidence, as_of=AS_OF)))


@pytest.mark.parametrize(
    ("values", "why", "do"),
    [
        ({"broken_at": "key_file", "key_file": "absent", "recoverable": False}, "The key file is gone", LOST),
        (
            {"broken_at": "key_file", "key_file": "absent", "provider_kind": "tpm"},
            "The TPM key file (.PCPKEY) is gone",
            SAVED,
        ),
        (
            {"broken_at": "key_file", "key_file": "unreadable", "recoverable": False},
            "it is empty, cut off, or its",
            LOST,
        ),
        ({"broken_at": "key_file"}, f"MachineGuid {NOW_GUID}", "named with the current MachineGuid likely opens"),
        ({"broken_at": "key_file"}, f"the file carries {OLD_GUID}", SAVED),
        (
            {"broken_at": "provider", "provider": "Acme HSM"},
            '"Acme HSM", is not installed',
            "Install the provider's software",
        ),
        ({"broken_at": "public_key", "public_key": "mismatch"}, "The right key lies in another file", SAVED),
        ({"broken_at": "public_key", "recoverable": False}, "holds another key than the certificate's", LOST),
        (
            {"broken_at": "access", "access": "denied"},
            "It reads: S-1-5-18:full,S-1-5-32-544:full.",
            "/grant *S-1-5-18:F",
        ),
        ({"broken_at": "master_key", "master_key": "absent", "recoverable": False}, "that encrypts the key", LOST),
        (
            {"broken_at": "master_key", "master_key": "absent", "recoverable": False},
            "is gone",
            "The master key's file from a backup",
        ),
        (
            {"broken_at": "master_key", "master_key": "unreadable", "recoverable": False},
            "names another GUID inside",
            LOST,
        ),
        (
            {"broken_at": "secret", "unlocked_by": "previous"},
            "only with the previous DPAPI_SYSTEM secret (OldVal)",
            SAVED,
        ),
        ({"broken_at": "secret", "unlocked_by": "previous"}, "the current one (set 2026-03-01)", SAVED),
        (
            {"broken_at": "secret", "unlocked_by": "nothing", "recoverable": False},
            "No DPAPI_SYSTEM secret on this disk",
            LOST,
        ),
        (
            {"broken_at": "private_key", "private_key": "damaged"},
            "its checksum is wrong, but its numbers are sound",
            SAVED,
        ),
        (
            {"broken_at": "private_key", "private_key": "damaged", "recoverable": False},
            "in the key file is damaged.",
            LOST,
        ),
        (
            {"broken_at": "private_key", "private_key": "sealed_vbs", "recoverable": False},
            "lived for one boot only",
            LOST,
        ),
        ({"broken_at": "private_key", "reason": "the key container is empty"}, "The key container is empty.", SAVED),
        ({"broken_at": "service"}, "KeyIso) is disabled", "sc config KeyIso start= demand"),
        ({"broken_at": "service", "recoverable": None}, "KeyIso) is disabled", "could not be told"),
        (
            {
                "broken_at": "claim",
                "reason": "KEY_PROV_INFO names the signature slot",
                "key_file": "present",
                "unlocked_by": "current",
            },
            "names the signature slot.",
            "-repairstore",
        ),
    ],
)
def test_broken_chain(values: dict[str, Any], why: str, do: str) -> None:
    words = say(dead_chain(**values))
    assert why in words.why
    assert do in words.do


@pytest.mark.parametrize(
    ("values", "repair"),
    [
        ({}, " A copy of the file named with the current MachineGuid likely opens again."),
        (
            {"unlocked_by": "previous"},
            " Renaming the file does not help: its DPAPI master key too opens only with the previous DPAPI_SYSTEM "
            "secret (OldVal).",
        ),
        ({"unlocked_by": "nothing", "private_key": "locked"}, ""),
        ({"private_key": "damaged"}, ""),
        ({"unlocked_by": "not_tried", "private_key": "not_examined"}, ""),
    ],
)
def test_renaming_a_key_file_is_proposed_only_where_the_current_secret_opens_it(
    values: dict[str, Any], repair: str
) -> None:
    assert say(dead_chain(**values)).do == SAVED + repair


def test_certificate_without_link_to_its_key() -> None:
    evidence = rows()
    evidence[1].has_key_link, evidence[1].container = False, None  # type: ignore[attr-defined]
    words = say(dead_chain(broken_at="claim"), evidence)
    assert words.why == (
        "The certificate has no link to a private key (no KEY_PROV_INFO). Its key lies on this disk all the same."
    )


def test_certificate_whose_link_cannot_be_read() -> None:
    evidence = rows()
    evidence[1].container = None  # type: ignore[attr-defined]
    words = say(dead_chain(broken_at="claim", recoverable=False), evidence)
    assert words == Words("The certificate's link to its private key (KEY_PROV_INFO) cannot be read.", LOST)


def test_no_repairstore_for_a_key_that_windows_could_not_open_either() -> None:
    words = say(dead_chain(broken_at="claim", key_file="present", unlocked_by="previous", recoverable=True))
    assert "repairstore" not in words.do


def test_sound_backup_half_of_a_master_key_is_told() -> None:
    evidence = rows()
    evidence[3].intact = "yes"  # type: ignore[attr-defined]
    words = say(dead_chain(broken_at="secret", unlocked_by="nothing", recoverable=False), evidence)
    assert "opens the DPAPI master key that encrypts the key although its backup half is sound" in words.why


@pytest.mark.parametrize(("outcome", "what"), [("absent", "is not on"), ("unreadable", "cannot be read on")])
def test_missing_secret_is_told_from_a_wrong_one(outcome: str, what: str) -> None:
    evidence = rows()
    evidence[4].outcome = outcome  # type: ignore[attr-defined]
    words = say(dead_chain(broken_at="secret", unlocked_by="nothing", recoverable=False), evidence)
    assert words.why.startswith(f"The DPAPI_SYSTEM secret (in the SECURITY hive) {what} this disk")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (
            {"private_key": "needs_pin", "provider_kind": "smart_card"},
            "The key is on a smart card, which no disk can show.",
        ),
        ({"private_key": "needs_pin", "provider_kind": "cng"}, "The key asks for a PIN or password of its own"),
        ({"private_key": "sealed_tpm"}, "The key is sealed by the TPM of its machine"),
        ({"private_key": "sealed_vbs"}, "The key is sealed by VBS to its machine"),
        ({"private_key": "not_examined", "provider_kind": "other", "provider": "Acme"}, 'The key is kept by "Acme"'),
        (
            {"private_key": "not_examined", "key_file": "not_examined"},
            "The folder of the key file is not in this source",
        ),
        (
            {"private_key": "not_examined", "master_key": "not_examined"},
            "the DPAPI master key that encrypts it is not in",
        ),
        (
            {"private_key": "not_examined", "unlocked_by": "not_tried"},
            "the secret that opens them is not in this source",
        ),
        ({"private_key": "locked", "unlocked_by": "nothing"}, "no password given opens it"),
    ],
)
def test_undecided_chain(values: dict[str, Any], why: str) -> None:
    assert why in say(chain(verdict="unknown", **values)).why


def test_usable_chain() -> None:
    assert say(chain()) == Words("Opened and proved: Windows on this disk would open this key.")


def test_no_sentence_repeats_a_key_files_own_path() -> None:
    facts = Facts(case())
    for broken_at in (
        "claim",
        "provider",
        "key_file",
        "public_key",
        "access",
        "master_key",
        "secret",
        "private_key",
        "service",
    ):
        first = words_for(dead_chain(broken_at=broken_at), facts)
        other = dead_chain(broken_at=broken_at, subject="CN=other", container="other", master_key_guid=OLD_GUID)
        assert first == words_for(other, facts)
        assert first.why.endswith(".")
        assert first.do.endswith(".")
