"""What is said of a chain that no rule speaks of: its own reason, or what is not known; never what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.case_tables import CaseTables
from forensics.report.facts import Facts
from forensics.report.reason import reason_of
from forensics.tables.certificate import KeyFileRow, KeyFileScope
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.secrets import DomainKeyFound, MasterKeyRow, UnlockedBy
from tests.hand_made import AS_OF, NOW_FILE, chain, dead_chain, rows


def say(row: KeyChainRow, scope: KeyFileScope = "machine") -> str:
    file = KeyFileRow(machine_id=1, source_path=NOW_FILE, path=NOW_FILE, file_name="f", kind="capi", scope=scope)
    return reason_of(row, Facts(CaseTables([*rows(), file], as_of=AS_OF)))


def test_a_chain_says_its_own_reason() -> None:
    assert say(dead_chain(reason="the key container is empty")) == "The key container is empty."
    assert say(chain(verdict="unknown", reason="SYSTEM is torn")) == "SYSTEM is torn."
    assert say(dead_chain(reason="")) == "The chain breaks at key_file."


def test_usable_chains_have_nothing_to_say() -> None:
    assert say(chain()) == ""
    assert say(chain(access="too_open")) == "The key opens, but every user of this Windows may read the key file."


@pytest.mark.parametrize(
    ("values", "scope", "sentence"),
    [
        (
            {"private_key": "needs_pin", "provider_kind": "smart_card", "key_file": "not_applicable"},
            "machine",
            "The key is on a smart card, which no disk shows.",
        ),
        (
            {"private_key": "needs_pin", "provider_kind": "cng"},
            "machine",
            "The key asks for a PIN or password of its own, which is not on the disk.",
        ),
        (
            {"private_key": "sealed_tpm", "provider_kind": "tpm", "master_key": "not_examined"},
            "machine",
            "The key is sealed by a TPM, real or virtual, and opens with that one only.",
        ),
        (
            {"private_key": "sealed_vbs"},
            "machine",
            "The key is sealed by VBS to its machine: it opens there and nowhere else.",
        ),
        (
            {"private_key": "not_examined", "provider_kind": "other", "key_file": "not_examined"},
            "machine",
            "The key is kept by a provider that this tool cannot look into.",
        ),
        (
            {"private_key": "not_examined", "key_file": "not_examined", "key_file_path": None},
            "machine",
            "The key file could not be looked for or read in this source.",
        ),
        (
            {"private_key": "not_examined", "master_key": "not_examined", "unlocked_by": "not_tried"},
            "machine",
            "The key file is there; the DPAPI master key that encrypts it could not be looked for or read in this "
            "source.",
        ),
        (
            {"private_key": "not_examined", "master_key": "not_examined", "master_key_guid": None},
            "machine",
            "The evidence in this source does not decide it.",
        ),
        (
            {"private_key": "not_examined", "unlocked_by": "not_tried"},
            "machine",
            "The key file and its DPAPI master key are there; the DPAPI_SYSTEM secret that opens them (hives SYSTEM "
            "and SECURITY) could not be had from this source.",
        ),
        (
            {"private_key": "not_examined", "unlocked_by": "not_tried"},
            "user",
            "The key file and its DPAPI master key are there; nothing that could open them was given: the user's "
            "password (--password) or the domain's backup key (--domain-backup-key).",
        ),
        (
            {"private_key": "locked", "unlocked_by": "nothing"},
            "user",
            "The user's DPAPI master key is there, but no password or domain backup key given opens it.",
        ),
        ({"unlocked_by": "current"}, "machine", "The evidence in this source does not decide it."),
    ],
)
def test_undecided_chains_without_a_reason(values: dict[str, Any], scope: KeyFileScope, sentence: str) -> None:
    assert say(chain(verdict="unknown", known_by="inference", **values), scope) == sentence


@pytest.mark.parametrize(
    ("unlocked_by", "has_domain", "domain_key", "sentence"),
    [
        ("nothing", True, "does_not_open", "neither a password nor the domain backup key given opens it"),
        ("nothing", True, "not_tried", "no password or domain backup key given opens it"),
        ("nothing", False, "not_tried", "no password given opens it. It has no copy for a domain."),
        ("not_tried", False, "not_tried", "(--password). The master key has no copy for a domain."),
        ("not_tried", True, "not_tried", "or the domain's backup key (--domain-backup-key)."),
    ],
)
def test_only_what_can_open_a_master_key_is_asked_for(
    unlocked_by: UnlockedBy, has_domain: bool, domain_key: DomainKeyFound, sentence: str
) -> None:
    locked = chain(verdict="unknown", known_by="inference", private_key="locked", unlocked_by=unlocked_by)
    file = KeyFileRow(machine_id=1, source_path=NOW_FILE, path=NOW_FILE, file_name="f", kind="capi", scope="user")
    assert locked.master_key_guid is not None
    master_key = MasterKeyRow(
        machine_id=1,
        source_path="m",
        path="m",
        guid=locked.master_key_guid,
        has_domain_backup=has_domain,
        domain_key=domain_key,
    )
    others = [row for row in rows() if row.table != "master_key"]
    assert sentence in reason_of(locked, Facts(CaseTables([*others, file, master_key], as_of=AS_OF)))
