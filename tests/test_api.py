"""The public API: every command has a function, each function one typed result, and commands call nothing else."""

from __future__ import annotations

import ast
import csv
import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

import forensics
from forensics.cli.main import cli
from tests.disk.ntfs_fixture import PACKED
from tests.each import each
from tests.engine.rule_files import EXAMPLES, write_rule, write_rules
from tests.examined import examined
from tests.hand_made import ALIVE, AS_OF, DEAD, PAST, case, dead_chain
from tests.paths import IMAGES, PROJECT

COMMANDS = {
    "attest": "attest",
    "compare": "compare",
    "examine": "examine",
    "expiring": "expiring",
    "explain": "explain",
    "fleet report": "fleet_report",
    "fleet retry": "fleet_retry",
    "fleet run": "fleet_run",
    "fleet status": "fleet_status",
    "migrate": "plan_migration",
    "recover": "recover",
    "rules commands": "list_commands",
    "rules lint": "lint_rules",
    "rules list": "list_rules",
    "rules new": "new_rule",
    "rules show": "show_rule",
    "rules test": "test_rules",
    "tables": "describe_tables",
    "timeline": "timeline",
}
"""Each command and the function that does what it does."""
DAY = datetime(2026, 11, 22, tzinfo=UTC)


def _commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield before + name, command


def test_every_command_has_a_function() -> None:
    assert sorted(name for name, _ in _commands(cli)) == sorted(COMMANDS)
    for name, command in _commands(cli):
        assert COMMANDS[name] in forensics.__all__
        assert command.callback is not None
        module = (PROJECT / (command.callback.__module__.replace(".", "/") + ".py")).read_text(encoding="utf-8")
        uses = "examined" if name == "examine" else f"forensics.{COMMANDS[name]}("
        assert uses in module, f"keymortem {name} does not call it"


@pytest.mark.parametrize("path", sorted((PROJECT / "forensics" / "cli").glob("*.py")), ids=lambda path: path.name)
def test_commands_use_public_names_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules, names = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
            names |= {alias.name for alias in node.names} if node.module == "forensics" else set()
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "forensics":
            names.add(node.attr)
    ours = {module for module in modules if module.split(".")[0] == "forensics"}
    shared = ("forensics.cli.", "forensics.language")
    assert {module for module in ours if module != "forensics" and not module.startswith(shared)} == set()
    assert names - set(forensics.__all__) == set()


@each("name", forensics.__all__)
def test_public_names_are_there_and_documented(name: str) -> None:
    public = getattr(forensics, name)
    if callable(public):
        assert public.__module__.startswith("forensics.")
        assert (public.__doc__ or "").split("\n")[0].endswith((".", ":")), name


def test_all_public_names_are_in_one_place_each() -> None:
    assert len(forensics.__all__) == len(set(forensics.__all__))
    assert set(forensics.__all__) <= set(dir(forensics))


def test_explain() -> None:
    told = forensics.explain(case(), "dead.contoso")
    assert [chain.thumbprint for chain in told.chains] == [DEAD]
    assert list(told.answers) == [DEAD]
    assert told.answers[DEAD][0].rule.id == "key-file-of-another-machine-guid"
    assert (told.has_findings, told.candidates) == (True, ())
    assert told.render().startswith(f"CN=dead.contoso.test\n  on WEB01, store MY, thumbprint {DEAD}\n")
    assert repr(told) == forensics.render(told)
    assert forensics.explain(case(), ALIVE).has_findings is False


def test_explain_of_an_ambiguous_name_and_of_none() -> None:
    told = forensics.explain(case(), ".contoso.test")
    assert {candidate.id for candidate in told.candidates} == {DEAD, ALIVE, PAST}
    assert (told.chains, told.answers, told.has_findings) == ((), {}, False)
    with pytest.raises(forensics.UnknownSubjectError, match="nothing in this case is called 'nobody'"):
        forensics.explain(case(), "nobody")


def test_explain_asks_packs_beside_the_built_in_ones(tmp_path: Path) -> None:
    mine = {"id": "mine", "when": {"broken_at": "key_file"}, "examples": []}
    told = forensics.explain(case(), DEAD, rules=[write_rules(tmp_path, mine)])
    assert [a.value for a in told.answers[DEAD] if a.rule.id == "mine"] == [True]


def test_a_single_path_stands_where_several_may(tmp_path: Path) -> None:
    mine = {"id": "mine", "when": {"broken_at": "key_file"}, "examples": []}
    folder = str(write_rules(tmp_path, mine))
    told = forensics.explain(case(), DEAD, rules=folder)
    assert [a.value for a in told.answers[DEAD] if a.rule.id == "mine"] == [True]
    assert [rule.id for rule in forensics.list_rules(folder).rules if rule.id == "mine"] == ["mine"]
    assert forensics.show_rule("mine", folder).rule.id == "mine"
    assert [rule.id for rule in forensics.lint_rules(folder).rules] == ["mine"]
    assert [rule.id for rule in forensics.test_rules(folder).rules] == ["mine"]
    asked = case()
    forensics.apply_rules(asked, folder)
    forensics.translate_findings(asked, "ja", folder)
    assert [f.rule for f in asked.finding_list if f.rule == "mine"] == ["mine"]


def test_a_path_that_is_not_there_is_named_whole(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    with pytest.raises(forensics.RulePackError, match="absent"):
        forensics.lint_rules(absent)
    with pytest.raises(forensics.RulePackError, match="absent"):
        forensics.examine("x", rules=absent)
    with pytest.raises(forensics.SourceError, match="absent cannot be read"):
        forensics.examine("x", domain_backup_keys=absent)


def test_what_cannot_be_opened_raises_unless_something_else_can(tmp_path: Path) -> None:
    lost, text = tmp_path / "lost.vhdx", tmp_path / "notes.txt"
    text.write_text("no disk")
    with pytest.raises(forensics.SourceError, match=r"lost\.vhdx does not exist: check its name") as raised:
        forensics.examine(lost)
    assert raised.value.kind == "not_found"
    with pytest.raises(forensics.SourceError, match=r"^none of the 2 sources can be opened: .*lost.*; .*notes\.txt"):
        forensics.examine(lost, text)
    empty = forensics.examine(lost, text, strict=False)
    assert [entry.path for entry in empty.sources if entry.error] == [str(lost), str(text)]
    partly = forensics.examine(lost, IMAGES / "mbr.vhdx.xz", as_of=DAY)
    assert [entry.error for entry in partly.sources] == [f"{lost} does not exist: check its name", None]
    assert f"<code>{lost}</code>: {lost} does not exist" in partly._repr_html_()


def test_a_disk_without_windows_was_opened_and_does_not_raise(tmp_path: Path) -> None:
    data = lzma.decompress(PACKED.read_bytes())
    for old, new in (("Windows", "Xindows"), ("config", "konfig")):
        data = data.replace(old.encode("utf-16-le"), new.encode("utf-16-le"))
    (tmp_path / "data.raw").write_bytes(data.replace(b"regf", b"none"))
    case = forensics.examine(tmp_path / "data.raw")
    assert case.rows("machine") == []
    assert "no Windows installation was found in it" in case._repr_html_()


def test_expiring() -> None:
    found = forensics.expiring(case(), timedelta(days=10))
    assert [chain.thumbprint for chain in found.chains] == [PAST, ALIVE]
    assert found.within == timedelta(days=10)
    assert found.render().splitlines()[1] == (
        f"2026-12-02  in   10 days  CN=alive.contoso.test, store MY, on WEB01, key usable, {ALIVE}"
    )


def test_describe_tables() -> None:
    reference = forensics.describe_tables()
    [chain] = [table for table in reference.tables if table.name == "key_chain"]
    [column] = [column for column in chain.columns if column.name == "recoverable"]
    assert (column.kind, column.nullable) == ("boolean", True)
    assert column.doc.startswith("The private key can be had from this disk although")
    assert "| `recoverable` | boolean or null | " in reference.render("markdown")
    assert re.search("\n  recoverable +boolean +The private key", reference.render())


def test_rules_are_listed_and_shown(tmp_path: Path) -> None:
    listed = forensics.list_rules()
    assert "key-file-missing" in [rule.id for rule in listed.rules]
    assert len(forensics.list_rules([write_rules(tmp_path, {"id": "mine"})]).rules) == len(listed.rules) + 1
    shown = forensics.show_rule("key-file-missing")
    assert shown.rule.table == "key_chain"
    assert "\n    key_file is absent\n" in shown.render()
    with pytest.raises(forensics.UnknownRuleError, match="there is no rule 'nope'"):
        forensics.show_rule("nope")


def test_rules_are_linted_and_tested(tmp_path: Path) -> None:
    write_rule(tmp_path / "mine.yaml", {"id": "mine", "examples": EXAMPLES, "references": []})
    lint = forensics.lint_rules([tmp_path])
    assert [rule.id for rule in lint.rules] == ["mine"]
    assert [problem.message.split("]")[0].split("[")[1] for problem in lint.problems] == ["reference-missing"]
    assert lint.render().splitlines()[-1] == "1 rule is valid; 1 recommendation"
    tested = forensics.test_rules([tmp_path])
    assert (dict(tested.run), tested.problems) == ({"match": 1, "miss": 1, "unknown": 1}, ())
    assert tested.render() == "1 rule, 3 examples (1 match, 1 miss, 1 unknown); all come out as they say\n"


@pytest.mark.parametrize(
    "function", [forensics.list_rules, forensics.lint_rules, forensics.test_rules], ids=lambda f: f.__name__
)
def test_an_invalid_pack_names_file_and_line(function: object, tmp_path: Path) -> None:
    assert callable(function)
    with pytest.raises(forensics.RulePackError) as raised:
        function([write_rules(tmp_path, {"severity": "x\x1b"})])
    place = f"{tmp_path}/0-rule.yaml:5"
    assert raised.value.printable() == f"{place}: 'severity' is one of critical, high, medium, low, info\n"


def test_rules_are_asked_again_after_another_date() -> None:
    whole = case()
    whole.as_of = datetime(2028, 1, 1, tzinfo=UTC)
    assert whole.findings.empty
    forensics.apply_rules(whole)
    findings = whole.findings.set_index("rule")
    assert list(findings.index) == ["key-file-of-another-machine-guid", "key-recoverable", "certificate-expired"]
    assert findings.loc["certificate-expired"].subjects == [DEAD]


def test_findings_are_translated_and_stay_what_they_are() -> None:
    whole = case()
    forensics.apply_rules(whole)
    before = whole.findings
    forensics.translate_findings(whole, "ja")
    after = whole.findings
    columns = ["rule", "severity", "id"]
    assert after[columns].equals(before[columns])
    assert (before.title.map(str.isascii).tolist(), after.title.map(str.isascii).tolist()) == ([True] * 2, [False] * 2)
    with pytest.raises(ValueError, match="there is no language 'fr'; there are en, ja"):
        forensics.translate_findings(whole, "fr")


def test_a_case_is_rendered_in_each_text_format() -> None:
    whole = case()
    assert forensics.render(whole).startswith("keymortem 9.9, as of 2026-11-22\nWEB01: Windows Server 2019 Standard ")
    assert forensics.render(whole, "screen").startswith("keymortem 9.9, as of 2026-11-22. Examined 1 of 1.\nWEB01: ")
    assert json.loads(forensics.render(whole, "json"))["tool"] == {"name": "keymortem", "version": "9.9"}
    assert forensics.render(whole, "html", language="ja").startswith('<!doctype html>\n<html lang="ja">')
    assert forensics.render(whole, "ics").startswith("BEGIN:VCALENDAR\r\n")
    assert f'thumbprint="{DEAD}"' in forensics.render(whole, "prom")


@pytest.mark.parametrize(
    ("format", "language", "message"),
    [
        ("csv", "en", "there is no text of a case as 'csv'; there are screen, text, html, json, ics, prom"),
        ("yaml", "en", "there is no text of a case as 'yaml'"),
        ("text", "fr", "there is no language 'fr'; there are en, ja"),
    ],
)
def test_formats_that_are_not_there(format: str, language: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forensics.render(case(), format, language=language)


def test_a_case_is_written_in_each_kind_of_format(tmp_path: Path) -> None:
    whole = case()
    forensics.write(whole, "csv", tmp_path / "tables")
    with (tmp_path / "tables" / "key_chain.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["thumbprint"] for row in csv.DictReader(file)] == [DEAD, ALIVE, PAST]
    forensics.write(whole, "json", tmp_path / "case.json")
    assert (tmp_path / "case.json").read_text(encoding="utf-8") == forensics.render(whole, "json")
    with pytest.raises(FileNotFoundError):
        forensics.write(whole, "text", tmp_path / "nowhere" / "case.txt")


def test_other_results_are_rendered_and_written_in_their_formats(tmp_path: Path) -> None:
    comparison = forensics.compare(case(), case())
    assert comparison.formats == ("text", "json", "html")
    assert json.loads(forensics.render(comparison, "json"))["machines"][0]["keys"] == []
    forensics.write(comparison, "html", tmp_path / "week.html")
    assert (tmp_path / "week.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(ValueError, match="there is no format 'csv' of this; there are text, json, html"):
        forensics.write(comparison, "csv", tmp_path / "week.csv")


def test_has_findings_is_what_the_exit_code_says() -> None:
    assert case().has_findings is True
    assert forensics.Case(case().rows("machine"), as_of=AS_OF).has_findings is False


@pytest.mark.parametrize(
    ("key_file", "access", "told"),
    [
        ("other_machine_guid", "ok", False),
        ("present", "ok", False),
        ("other_machine_guid", "too_open", True),
        ("unreadable", "ok", True),
    ],
)
def test_a_key_file_that_windows_does_not_look_for_is_no_finding(key_file: Any, access: Any, told: bool) -> None:
    orphan = dead_chain(thumbprint=None, subject=None, store=None, store_scope=None, not_after=None)
    rows = [*case().rows("machine"), replace(orphan, key_file=key_file, access=access)]
    assert forensics.Case(rows, as_of=AS_OF).has_findings is told


def test_attest() -> None:
    ca, laptop, replaced = map(examined, ("attest-ca", "tpm-laptop", "tpm-replaced"))
    answer = forensics.attest(ca, [laptop, replaced])
    assert [(device.name, device.accepted, device.by) for device in answer.devices] == [
        ("LAP-77", "yes", "endorsement_key"),
        ("VM-12", "no", None),
    ]
    assert answer.accepts_all is False
    assert forensics.attest(ca, laptop).accepts_all is True
    trusts = answer.trusts
    assert trusts[trusts.device == "LAP-77"].answer.tolist() == ["yes", "yes", "no"]
    assert trusts.model.tolist()[:3] == ["endorsement_key", "ek_certificate", "on_use"]
    assert repr(answer).startswith("Attestation of TPM keys by Contoso Issuing CA 1 on CA01, as of 2026-11-22\n")
    with pytest.raises(forensics.UnsuitableCaseError, match="is configured on what ca names") as raised:
        forensics.attest(laptop, [ca])
    assert raised.value.named({"ca": "--ca"}).startswith("no certification authority is configured on what --ca names")


def test_a_plan_needs_a_host() -> None:
    with pytest.raises(forensics.UnsuitableCaseError, match="no Windows was found in what target names"):
        forensics.plan_migration(None, forensics.Case())


def test_what_the_command_line_needs_of_texts_and_times() -> None:
    assert forensics.parse_utc("2026-11-22") == datetime(2026, 11, 22, tzinfo=UTC)
    assert forensics.sanitise("a\x1b[2J\nb") == "a[2J b"
    assert forensics.is_case_file(IMAGES / "sample.vhdx.xz") is False
