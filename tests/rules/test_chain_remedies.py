"""What the pack ``chain`` has a reader type: built commands, nothing deleted, imports where the certificate lies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.examples import AS_OF as OF_EXAMPLES
from forensics.engine.examples import example_rows
from forensics.engine.findings import make_findings
from forensics.engine.rule import Rule
from forensics.engine.run import run
from forensics.tables.finding import Block, Finding
from forensics.tables.registry import CONTRACT_TABLES
from forensics.tables.timestamps import parse_utc
from tests.engine.example_case import examples
from tests.examined import examined
from tests.paths import IMAGES

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
PACKS = examples().packs
CHAIN = [rule for rule in PACKS.rules if rule.path.parent.name == "chain"]
NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))


def of_examples(rule: Rule) -> Iterator[Finding]:
    query = Query(rule)
    for rows in example_rows(rule):
        with RuleDatabase({}, parse_utc(OF_EXAMPLES), values=rows) as database:
            yield from make_findings(query, database.query(query.matches()), OF_EXAMPLES)


def typed(finding: Finding) -> list[Block]:
    return [block for block in finding.remedy if block.kind == "command" and not block.text.startswith("# ")]


def assert_harmless(finding: Finding) -> None:
    for block in typed(finding):
        assert block.shell in ("administrator", "user", "analyst"), block.text
        assert not re.search(r"-delstore|Remove-|-pulse|\bdel\b|copy /b|THUMBPRINT", block.text), block.text
        if "-importPFX" in block.text:
            assert re.search(r'-f -importPFX "[^"]+" "(FILE|[0-9A-F]{40})\.pfx"$', block.text), block.text
    text = "\n".join(block.text for block in finding.remedy)
    assert not re.search(r"command prompt|elevated\)|delete the dead|auto-enrolment notices", text)


@pytest.mark.parametrize("rule", CHAIN, ids=lambda r: r.id)
def test_of_every_example(rule: Rule) -> None:
    found = list(of_examples(rule))
    assert found
    for finding in found:
        assert_harmless(finding)


@pytest.mark.parametrize("name", NAMES)
def test_of_every_image(name: str) -> None:
    case = examined(name)
    ids = {rule.id for rule in CHAIN}
    findings = run(PACKS, {table: case.rows(table) for table in CONTRACT_TABLES}, AS_OF).findings
    for finding in findings:
        if finding.rule not in ids:
            continue
        assert_harmless(finding)
        # What stands in a command is a certificate of the finding.
        subjects = {subject.id for subject in finding.subjects}
        for block in typed(finding):
            assert set(re.findall(r"\b[0-9A-F]{40}\b", block.text)) <= subjects


def test_a_key_that_can_be_had_is_no_information() -> None:
    by_id = {str(rule.id): rule for rule in CHAIN}
    for name in ("key-recoverable", "key-file-to-put-back", "key-copy-locked"):
        levels = [level.value for level in by_id[name].severity]
        assert levels.pop(0) == "info"  # of what a working successor has replaced
        assert "info" not in levels
