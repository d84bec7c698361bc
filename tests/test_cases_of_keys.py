"""Disks of situations that administrators reported, and what must be said of their keys (``../shared/cases``)."""

from __future__ import annotations

from functools import cache
from typing import Any

import forensics
from tests.oracles import needs_shared
from tests.paths import CASES

pytestmark = needs_shared(CASES)


@cache
def examined(name: str) -> forensics.Case:
    return forensics.examine(CASES / f"{name}.zip")


def table(name: str, of: str) -> list[Any]:
    return list(examined(name).tables[of])


def chain_of(name: str) -> list[Any]:
    return [row for row in table(name, "key_chain") if row.thumbprint]


def rules_of(name: str) -> set[str]:
    return {finding.rule for finding in examined(name).finding_list}


def test_a_container_with_a_japanese_name() -> None:
    (row,) = chain_of("W1-code-page-932")
    assert (row.container, row.verdict, row.key_file, row.public_key) == ("証明書キー", "usable", "present", "match")
    assert "key-file-missing" not in rules_of("W1-code-page-932")
    (machine,) = table("W1-code-page-932", "machine")
    (file,) = table("W1-code-page-932", "key_file")
    assert (machine.ansi_code_page, file.container, file.name_matches) == (932, "証明書キー", True)


def test_a_provider_with_another_providers_type() -> None:
    (row,) = chain_of("W3-provider-type")
    assert (row.verdict, row.broken_at, row.recoverable) == ("unusable", "provider", True)
    assert "provider-of-another-type" in rules_of("W3-provider-type")


def test_a_kind_of_key_that_nobody_modelled() -> None:
    (row,) = chain_of("W4-ml-dsa")
    assert (row.verdict, row.broken_at, row.private_key, row.key_file) == ("unknown", None, "not_examined", "present")
    assert not {rule for rule in rules_of("W4-ml-dsa") if "damaged" in rule}
    assert "damage" not in row.reason


def test_a_legacy_provider_with_type_0() -> None:
    rows = chain_of("28-legacy-provider-type-0")
    assert [(row.provider_kind, row.verdict, row.key_file) for row in rows] == [("capi", "usable", "present")] * 2
    assert "key-in-third-party-provider" not in rules_of("28-legacy-provider-type-0")
