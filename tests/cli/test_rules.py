"""keymortem rules, and --rules: exit codes, and where each message goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from forensics.cli.main import cli
from forensics.engine.loader import load_packs
from forensics.report.rules import render_list, render_rule
from tests.engine.rule_files import EXAMPLES, write_rule, write_rules
from tests.hand_made import DEAD, case


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="keymortem")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    case().save(tmp_path / "saved.sqlite")
    return tmp_path / "saved.sqlite"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    write_rule(folder / "mine.yaml", {"id": "mine", "when": {"broken_at": "key_file"}, "title": "Mine \x1b[2J"})
    return folder


def test_list_and_show() -> None:
    listed = run("rules", "list")
    assert listed.exit_code == 0
    assert "\n  critical  key-file-of-another-machine-guid " in listed.stdout
    shown = run("rules", "show", "key-file-missing")
    assert shown.exit_code == 0
    assert "\n    key_file is absent\n" in shown.stdout
    assert "\nReferences\n  https://" in shown.stdout


def test_show_of_a_rule_that_is_not_there() -> None:
    result = run("rules", "show", "nope")
    assert result.exit_code == 2
    assert "there is no rule 'nope'; keymortem rules list names them all" in result.stderr


def test_own_pack_is_listed_and_does_not_steer_the_terminal(pack: Path) -> None:
    assert "pack:\n  high      mine " in run("rules", "list", "--rules", pack).stdout
    assert run("rules", "show", "mine", "--rules", pack).stdout.startswith("Mine ")
    packs = load_packs([pack], built_in=False)
    [rule] = packs.rules
    assert "\x1b" in rule.title
    assert "\x1b" not in render_list(packs) + render_rule(rule)


def test_lint(pack: Path) -> None:
    result = run("rules", "lint", pack)
    assert result.exit_code == 1
    assert (
        f"{pack}/mine.examples.yaml:1: no example expects 'match' [example-missing]; give every rule" in result.stdout
    )
    assert result.stdout.endswith("1 rule is valid; 3 recommendations\n")


def test_examples(tmp_path: Path) -> None:
    wrong = [*EXAMPLES, {"expect": "match", "rows": {}}]
    result = run("rules", "test", write_rules(tmp_path, {"examples": wrong}))
    assert result.exit_code == 1
    assert result.stdout == (
        f"{tmp_path}/0-rule.examples.yaml:4: rule, example 4: expected match, the rule says miss: "
        "there is no row in table key_chain\n"
        "1 rule, 4 examples (2 match, 1 miss, 1 unknown); 1 problem\n"
    )
    result = run("rules", "test", write_rules(tmp_path, {"examples": EXAMPLES}))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "1 rule, 3 examples (1 match, 1 miss, 1 unknown); all come out as they say\n"


@pytest.mark.parametrize("command", [["rules", "lint"], ["rules", "test"], ["rules", "list", "--rules"]])
def test_an_invalid_pack_is_exit_code_4(command: list[str], tmp_path: Path) -> None:
    result = run(*command, write_rules(tmp_path, {"severity": "x"}))
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == f"{tmp_path}/0-rule.yaml:5: 'severity' is one of critical, high, medium, low, info\n"


@pytest.mark.parametrize("command", [["examine"], ["explain", DEAD]])
def test_an_invalid_pack_is_told_before_anything_is_examined(command: list[str], tmp_path: Path) -> None:
    bad = write_rules(tmp_path, {"when": {"x": "this.nothing_like_it"}})
    result = run(command[0], "no-such-disk.vhdx", *command[1:], "--rules", bad)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith(f"{tmp_path}/0-rule.yaml:7: there is no column 'this.nothing_like_it'")


def test_own_rules_are_run(saved: Path, pack: Path) -> None:
    document = json.loads(run("examine", saved, "--rules", pack, "--format", "json").stdout)
    [finding] = [f for f in document["findings"] if f["rule"] == "mine"]
    assert finding["subjects"] == [{"id": DEAD, "label": "CN=dead.contoso.test"}]
    assert "[mine]" in run("explain", saved, DEAD, "--rules", pack).stdout


def test_findings_are_kept_in_the_case_file(saved: Path, pack: Path, tmp_path: Path) -> None:
    run("examine", saved, "--rules", pack, "--case", tmp_path / "kept.sqlite")
    document = json.loads(run("examine", tmp_path / "kept.sqlite", "--format", "json").stdout)
    assert "mine" in {f["rule"] for f in document["findings"]}


def test_a_folder_that_is_not_there_is_wrong_usage() -> None:
    assert run("examine", "x", "--rules", "no-such-folder").exit_code == 2


def test_a_new_rule_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "pack" / "mine"
    result = run("rules", "new", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"{path}.yaml\n{path}.examples.yaml\n{path}.ja.yaml\n"
        f"what is to be filled in: keymortem rules lint {path}.yaml\n"
    )
    linted = run("rules", "lint", f"{path}.yaml")
    assert linted.exit_code == 1
    assert linted.stdout.endswith("\n1 rule is valid; 11 recommendations\n")
    assert linted.stdout.count(" [not-filled-in]; write it, or take it out\n") == 11


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Mine", "the id 'Mine' is not made of lower-case words with '-' between them"),
        ("there", "{folder}/there.yaml exists; choose another place"),
        ("there.yaml/mine", "{folder}/there.yaml/mine cannot be written: Not a directory; choose another place"),
    ],
)
def test_a_rule_that_cannot_be_begun(name: str, message: str, tmp_path: Path) -> None:
    write_rule(tmp_path / "there.yaml")
    result = run("rules", "new", tmp_path / name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message.format(folder=tmp_path) in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["there.yaml"]


def test_what_lint_and_test_say_is_said_in_japanese(tmp_path: Path) -> None:
    path = tmp_path / "pack" / "web-key"
    made = CliRunner().invoke(cli, ["--lang", "ja", "rules", "new", str(path)])
    assert made.output.splitlines()[-1] == f"記入が必要な箇所の確認: keymortem rules lint {path}.yaml"
    linted = CliRunner().invoke(cli, ["--lang", "ja", "rules", "lint", str(tmp_path / "pack")])
    assert linted.output.splitlines()[-1] == "ルール 1 個は有効です。推奨事項 11 件"
    refused = CliRunner().invoke(cli, ["--lang", "ja", "rules", "new", str(tmp_path / "Bad_Id")])
    assert refused.output.splitlines()[-1] == (
        "エラー: ID 'Bad_Id' は、小文字の単語を '-' でつないだものではありません"
    )
