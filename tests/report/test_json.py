"""The JSON document against the contract other programs read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forensics.case_tables import CaseTables
from forensics.report.json import render_json
from tests.examined import examined
from tests.hand_made import ALIVE, AS_OF, DEAD, PAST, case, chain, dead_chain
from tests.oracles import shared
from tests.paths import CONTRACT


@pytest.fixture(scope="module")
def validate() -> Any:
    import jsonschema

    schema = json.loads(shared(CONTRACT).read_text())
    return lambda text: jsonschema.Draft202012Validator(schema).validate(json.loads(text))


def test_document_keeps_the_contract(validate: Any) -> None:
    validate(
        render_json(case(dead_chain(thumbprint=None, subject=None), chain(verdict="unknown", thumbprint="D" * 40)))
    )


@pytest.mark.parametrize("name", ["sample", "healthy", "broken-claim", "broken-files", "two-windows", "bound"])
def test_document_of_a_whole_disk_keeps_the_contract(validate: Any, name: str) -> None:
    case = examined(name)
    assert case.rows("key_chain")
    validate(render_json(case))


def test_empty_document_keeps_the_contract(validate: Any) -> None:
    validate(render_json(CaseTables(as_of=AS_OF)))


def test_contract_is_not_toothless(validate: Any) -> None:
    import jsonschema

    with pytest.raises(jsonschema.ValidationError, match="'perhaps' is not one of"):
        validate(render_json(case(chain(verdict="perhaps"))))


def test_frame_of_the_document() -> None:
    document = json.loads(render_json(case()))
    assert document["format"] == 1
    assert document["tool"] == {"name": "keymortem", "version": "9.9"}
    assert document["as_of"] == "2026-11-22T01:02:03Z"
    assert document["sources"] == [
        {
            "path": "disk.vhdx",
            "kind": "disk",
            "machine_ids": [1],
            "error": None,
            "found_in": None,
            "older_state_of": None,
            "same_as": None,
            "mixed": None,
            "reader": None,
            "bundle": None,
            "backup_of": None,
            "examined_with": None,
            "examined_for": None,
        }
    ]
    assert document["findings"] == []


def test_every_table_of_the_contract_is_there_filled_or_not() -> None:
    tables = json.loads(render_json(case()))["tables"]
    assert {name: len(rows) for name, rows in tables.items()} == {
        "machine": 1,
        "certificate": 1,
        "key_file": 1,
        "key_folder": 0,
        "master_key": 1,
        "secret": 2,
        "key_chain": 3,
        "key_history": 0,
        "shadow_copy": 0,
        "service": 1,
        "event": 0,
        "setup_event": 0,
        "package": 0,
        "certificate_use": 0,
        "template": 0,
        "policy": 0,
        "folder_acl": 0,
        "provider": 0,
        "secure_boot": 0,
        "shared_identity": 0,
        "shared_key": 0,
        "former_windows": 0,
        "efs_agent": 0,
        "user": 1,
        "tpm": 0,
        "ca": 0,
        "ca_eklist": 0,
        "ca_eklist_entry": 0,
        "guardian": 0,
        "vm": 0,
        "vm_guardian": 0,
        "guardian_trace": 0,
        "bitlocker": 0,
        "problem": 1,
        "coverage": 1,
    }


def test_values_of_rows() -> None:
    tables = json.loads(render_json(case()))["tables"]
    assert [row["thumbprint"] for row in tables["key_chain"]] == [DEAD, ALIVE, PAST]
    assert tables["key_chain"][0]["not_after"] == "2027-05-06T00:00:00Z"
    assert tables["key_chain"][0]["recoverable"] is True
    assert tables["key_chain"][1]["recoverable"] is None
    assert tables["certificate"][0]["eku"] == ["serverAuth", "1.2.3"]
    # Microseconds are cut off: the contract's times have seconds.
    assert tables["key_file"][0]["source_time"] == "2024-02-03T04:05:06Z"
    assert tables["problem"][0]["offset"] == 12


def test_document_is_plain_ascii_whatever_the_disk_held() -> None:
    evil = "\x1b[2J\u202e\ud800ä"
    text = render_json(case(dead_chain(subject=evil)))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["tables"]["key_chain"][3]["subject"] == evil
