"""No printed command names what is not on the disk, takes away what works, or is for another shell than it says."""

from __future__ import annotations

from typing import Any

import pytest

import forensics
from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.examples import AS_OF, example_rows
from forensics.engine.findings import make_findings
from forensics.engine.rule import Rule
from forensics.tables.registry import column_specs
from forensics.tables.timestamps import parse_utc
from tests.engine.example_case import examples
from tests.examined import examined
from tests.ordinary import ROLES, Role, of_role
from tests.paths import IMAGES
from tests.printed_commands import Evidence, deletions, faults, thumbprints

NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))
RULES = [rule for rule in examples().packs.rules if rule.examples]


def _tables(case: forensics.Case) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{spec.name: getattr(row, spec.name) for spec in column_specs(name)} for row in rows]
        for name, rows in case.tables.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_commands_for_a_disk_name_what_is_on_it(name: str) -> None:
    case = examined(name)
    evidence = Evidence(_tables(case))
    assert [f"{f.rule}: {fault}" for f in case.finding_list for fault in faults(f.remedy, evidence)] == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_works_is_taken_away(name: str) -> None:
    case = examined(name)
    certificates = {c.thumbprint: c for c in case.rows("certificate")}
    chains = {c.thumbprint: c for c in case.rows("key_chain") if c.thumbprint}
    for finding in case.finding_list:
        for line in deletions(finding.remedy):
            for thumbprint in thumbprints(line):
                certificate, chain = certificates[thumbprint], chains[thumbprint]
                assert (finding.rule, chain.verdict) == (finding.rule, "unusable"), line
                assert (certificate.used_by, certificate.kept, certificate.standing) == ([], False, "superseded"), line


@pytest.mark.parametrize("is_faulty", [False, True])
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_commands_for_an_ordinary_machine_name_what_is_on_it(role: Role, is_faulty: bool) -> None:
    _, case = of_role(role, is_faulty)
    evidence = Evidence(_tables(case))
    assert [f"{f.rule}: {fault}" for f in case.finding_list for fault in faults(f.remedy, evidence)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_commands_of_examples_name_what_is_in_their_rows(rule: Rule) -> None:
    query = Query(rule)
    for rows in example_rows(rule):
        evidence = Evidence(rows)
        with RuleDatabase({}, parse_utc(AS_OF), values=rows) as database:
            findings = make_findings(query, database.query(query.matches()), AS_OF)
        assert [fault for f in findings for fault in faults(f.remedy, evidence)] == []
