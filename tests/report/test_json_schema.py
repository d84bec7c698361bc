"""The schema that the types make: it describes every document, refuses words no column has, and keeps the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from forensics.cli.main import cli
from forensics.report.json import document
from forensics.report.json_schema import json_schema
from tests.examined import examined
from tests.hand_made import case, chain, dead_chain
from tests.oracles import shared
from tests.paths import CONTRACT


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", ["sample", "healthy", "broken-claim", "broken-files", "two-windows", "bound"])
def test_describes_the_document_of_a_whole_disk(validator: jsonschema.Draft202012Validator, name: str) -> None:
    whole = json.loads(json.dumps(document(examined(name))))
    assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(whole)] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"access": "shut"}, "'shut' is not one of ['ok', 'denied', 'too_open', 'not_examined']"),
        ({"provider_kind": "usb"}, "'usb' is not one of ['capi', 'cng', 'tpm', 'smart_card', 'other', None]"),
        ({"access": None}, "None is not one of ['ok', 'denied', 'too_open', 'not_examined']"),
        ({"recoverable": "yes"}, "'yes' is not of type 'boolean', 'null'"),
    ],
)
def test_refuses_what_no_column_holds(
    validator: jsonschema.Draft202012Validator, change: dict[str, Any], message: str
) -> None:
    errors = [error.message for error in validator.iter_errors(document(case(dead_chain(), chain(**change))))]
    assert errors == [message]


def test_is_printed_by_the_program() -> None:
    result = CliRunner().invoke(cli, ["tables", "--json-schema"], prog_name="keymortem")
    assert (result.exit_code, json.loads(result.stdout)) == (0, json_schema())
    assert json.loads(result.stdout)["title"] == "keymortem examine --format json, format 1"


def enums(schema: Any, whole: dict[str, Any], path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Yield where each list of words stands, through arrays and references."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        yield path, schema["enum"]
    if "items" in schema:
        yield from enums(schema["items"], whole, path)
    for name, inner in schema.get("properties", {}).items():
        yield from enums(inner, whole, f"{path}/{name}")


def test_words_of_the_contract_are_those_of_the_types() -> None:
    contract = json.loads(shared(CONTRACT).read_text())
    promised, ours = dict(enums(contract, contract)), dict(enums(json_schema(), json_schema()))
    assert {"/tables/key_chain/verdict", "/tables/vm/starts_here", "/findings/severity"} <= promised.keys()
    assert len(promised) > 15
    # A document that holds another word would break the contract; null is a matter of the column.
    assert {path: words for path, words in promised.items() if set(ours[path]) - {None} != set(words) - {None}} == {}
    assert {path for path, words in promised.items() if None in ours[path] and None not in words} == set()
