"""Situations that administrators reported, as triage folders: what their README says must be said of each is said."""

from __future__ import annotations

from functools import cache

import forensics
from tests.oracles import needs_shared
from tests.paths import CASES

pytestmark = needs_shared(CASES)


@cache
def case(name: str) -> forensics.Case:
    return forensics.examine(CASES / f"{name}.zip")


def test_a_master_key_in_the_folder_of_the_other_half() -> None:
    (row,) = case("W6-misplaced-master-key").rows("key_chain")
    assert (row.verdict, row.broken_at, row.master_key, row.private_key) == ("unknown", None, "present", "proved")
    path = r"Windows\System32\Microsoft\Protect\S-1-5-18\User\ee9be2fd-d177-4b06-9fb9-4116c069b7f5"
    assert path in row.reason
    assert "is not published" in row.reason
    rules = {f.rule: f for f in case("W6-misplaced-master-key").finding_list}
    assert rules["master-key-in-the-other-folder"].confidence == "possible"


def test_a_key_isolation_service_that_is_gone() -> None:
    found = case("W7-keyiso-gone")
    assert {(r.provider_kind, r.verdict, r.broken_at) for r in found.rows("key_chain")} == {
        ("cng", "unusable", "service")
    }
    assert {f.rule: f.confidence for f in found.finding_list}["keyiso-not-registered"] == "likely"
    assert "keyiso-disabled-keys-unusable" not in {f.rule for f in found.finding_list}


def test_the_store_of_a_service_that_runs_as_network_service() -> None:
    found = case("W8-service-store")
    (row,) = found.rows("key_chain")
    assert (row.verdict, row.broken_at, row.private_key) == ("usable", None, "proved")
    assert not [f for f in found.finding_list if f.severity != "info"]
