"""Ordinary machines by role are quiet while healthy; with one fault they tell that one and nothing besides."""

from __future__ import annotations

import pytest

import forensics
from forensics.tables.finding import Finding
from tests.ordinary import ROLES, Role, of_role

QUIET = frozenset({"low", "info"})
TOLD_LOW = {
    # What somebody made for a test, or for mail, and let end.
    "developer": {"certificate-expired"},
    "home_laptop": {"certificate-expired"},
    # A bought certificate in the last quarter of its life.
    "vpn_server": {"certificate-expiring", "service-uses-expiring-certificate"},
}
"""What deserves a line on a healthy machine; the exit code is that of findings."""
COLUMNS, FIRST_SCREEN = 80, 25
"""Of a terminal."""


def loud(case: forensics.Case) -> list[Finding]:
    return [finding for finding in case.finding_list if finding.severity not in QUIET]


@pytest.fixture(params=ROLES, ids=lambda role: role.__name__)
def role(request: pytest.FixtureRequest) -> Role:
    found: Role = request.param
    return found


def first_screen(case: forensics.Case) -> str:
    """Return the first screen, which has room on a terminal."""
    text = forensics.render(case, "screen", width=COLUMNS)
    assert sum(max(1, -(-len(line) // COLUMNS)) for line in text.splitlines()) <= FIRST_SCREEN
    return text


def explained_by(found: Finding, case: forensics.Case) -> set[str]:
    """Return the ids of what hangs under a finding, directly or through others."""
    by_id = {finding.id: finding for finding in case.finding_list}
    waiting, hanging = [found.id], set[str]()
    while waiting:
        more = set(by_id[waiting.pop()].consequences) - hanging
        hanging |= more
        waiting += more
    return hanging


def test_a_healthy_one_is_quiet(role: Role) -> None:
    planted, case = of_role(role, False)
    assert planted is None
    assert [(f.rule, f.severity, f.subjects) for f in loud(case)] == []
    assert [problem.message for problem in case.rows("problem")] == []
    told_low = {finding.rule for finding in case.finding_list if finding.severity == "low"}
    assert told_low == TOLD_LOW.get(role.__name__, set())
    assert case.has_findings == bool(told_low)
    assert "SERVICES DOWN" not in first_screen(case)


def test_the_planted_fault_is_told_and_nothing_else(role: Role) -> None:
    planted, case = of_role(role, True)
    assert planted is not None
    told = loud(case)
    (found,) = [finding for finding in told if finding.rule == planted.rule]
    assert found.severity == planted.severity
    assert [subject.id for subject in found.subjects] == [planted.subject]
    beside = [finding for finding in told if finding is not found]
    assert {finding.rule for finding in beside} == planted.follows
    assert {finding.id for finding in beside} <= explained_by(found, case)
    assert [problem.message for problem in case.rows("problem")] == []
    assert case.has_findings
    screen = first_screen(case)
    named = [label.label[:18] for label in found.subjects]
    assert found.title[:40] in screen or any(name in screen for name in named), screen
