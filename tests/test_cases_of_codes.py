"""Errors that administrators reported, asked of disks that show them."""

from __future__ import annotations

import pytest

import forensics
from forensics.report.symptoms.answer import CauseAnswer
from tests.oracles import needs_shared
from tests.paths import CASES
from tests.test_cases_of_uses import case

pytestmark = needs_shared(CASES)


def cause(name: str, symptom: str, wanted: str) -> CauseAnswer:
    (machine,) = forensics.explain_symptom(case(name), symptom).machines
    (found,) = (c for c in machine.causes if c.cause.name == wanted)
    return found


@pytest.mark.parametrize(
    ("name", "symptom", "wanted", "rule"),
    [
        ("05-system-own-keyset-sql", "0x80090016", "another-key-set", "consumer-looks-in-another-key-set"),
        ("19-sql-account-changed", "0x80090016", "access-list", "consumer-cannot-read-key"),
        ("21-wac-network-service", "36870", "access-list", "consumer-cannot-read-key"),
        ("W3-provider-type", "0x8009001B", "provider", "provider-of-another-type"),
        ("W7-keyiso-gone", "0x800706D9", "key-isolation", "keyiso-not-registered"),
    ],
)
def test_the_cause_is_found(name: str, symptom: str, wanted: str, rule: str) -> None:
    answer = cause(name, symptom, wanted)
    assert (answer.examined.state, [finding.rule for finding in answer.findings]) == ("found", [rule])


def test_records_name_the_process() -> None:
    (machine,) = forensics.explain_symptom(case("21-wac-network-service"), "0x8009030D").machines
    assert [(row.event_id, row.process) for row in machine.events] == [(36870, "WindowsAdminCenter")] * 3


def test_a_collection_rules_out_little() -> None:
    (machine,) = forensics.explain_symptom(case("05-system-own-keyset-sql"), "0x80090016").machines
    assert [c.cause.name for c in machine.causes if c.examined.state == "ruled_out"] == ["protected-storage"]
    assert "applicationHost.config, ias.xml: not in this source" in machine.unseen


@pytest.mark.parametrize("name", ["28-legacy-provider-type-0", "W4-ml-dsa", "W1-code-page-932", "acme-three-days-old"])
def test_nothing_is_found_on_a_sound_machine(name: str) -> None:
    for symptom in ("0x80090016", "0x8009000B", "36870"):
        assert not forensics.explain_symptom(case(name), symptom).has_findings
