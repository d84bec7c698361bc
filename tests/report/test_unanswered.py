"""A rule that was stopped heads every output, and no exit code says that all is well."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.case import Case
from forensics.cli.main import cli
from forensics.tables.record import ProblemRow
from tests.hand_made import AS_OF, chain, machine

LINE = "2 rules were not asked to their end: what they would have found is not known (endless, wrong)."
ONE = "1 rule was not asked to its end: what it would have found is not known (endless)."


def stopped(*rules: str) -> Case:
    def problem(rule: str) -> ProblemRow:
        kind = "rule_failed" if rule == "wrong" else "rule_stopped"
        message = f"the rule {rule} could not be asked: stopped after 5 seconds"
        return ProblemRow(machine_id=0, source_path=f"/packs/{rule}.yaml", kind=kind, message=message)

    return Case([machine(), chain(), *map(problem, rules)], [], AS_OF)


@pytest.mark.parametrize(("rules", "line"), [(("endless", "wrong"), LINE), (("endless",), ONE)])
def test_every_output_begins_with_it(rules: tuple[str, ...], line: str) -> None:
    case = stopped(*rules)
    assert forensics.render(case, "screen").split("\n")[1] == line
    assert forensics.render(case, "text").split("\n")[1] == line
    assert line in case._repr_html_().partition("<table>")[0]
    page = forensics.render(case, "html")
    assert f"<b>{line}</b>" in page.partition('<ul class="figures">')[0]
    japanese = "個のルールは最後まで評価できなかったため"
    assert japanese in forensics.render(case, "html", language="ja").partition('<ul class="figures">')[0]


def test_where_all_were_asked_nothing_is_said() -> None:
    case = stopped()
    assert (case.rules_unanswered, case.is_incomplete) == ([], False)
    for form in ("screen", "text", "html"):
        assert "asked to" not in forensics.render(case, form).partition('<ul class="figures">')[0]


def test_of_many_the_first_are_named() -> None:
    case = stopped(*(f"r{number}" for number in range(1, 9)))
    assert forensics.render(case, "text").split("\n")[1].endswith("not known (r1, r2, r3, r4, r5 and 3 more).")
    assert len(case.rules_unanswered) == 8


def test_nothing_found_is_exit_code_1_and_told_on_stderr(tmp_path: Path) -> None:
    saved = tmp_path / "saved.sqlite"
    stopped().save(saved)
    assert CliRunner().invoke(cli, ["examine", str(saved)]).exit_code == 0
    stopped(*(f"r{number}" for number in range(1, 9))).save(saved, overwrite=True)
    told = CliRunner().invoke(cli, ["examine", str(saved)])
    assert told.exit_code == 1
    assert told.stderr.splitlines()[:1] == ["keymortem: the rule r1 could not be asked: stopped after 5 seconds"]
    assert "keymortem: 3 more rules could not be asked" in told.stderr.splitlines()
