"""Every command takes a language, and its help, its errors and what click says are in it."""

from __future__ import annotations

import re
from pathlib import Path
from unittest import mock

import click
import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.language import asked_language
from forensics.cli.main import cli
from forensics.language import spoken
from tests.cli.help_messages import commands, help_messages
from tests.language.translations import translated

ENGLISH = re.compile(r"\b[a-z]{3,} [a-z]{2,}\b")


def paths(command: click.Command = cli, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        return [before]
    return [before, *(path for name, each in command.commands.items() for path in paths(each, (*before, name)))]


def test_all_help_is_translated() -> None:
    said = translated()
    assert [text for text in dict.fromkeys(help_messages()) if text not in said] == []


@pytest.mark.parametrize("path", paths(), ids=" ".join)
def test_help_of_every_command_is_in_the_language_asked_for(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli, [*path, "--help", "--lang", "ja"]).output
    assert shown.startswith("使用法: ")
    assert "--lang [en|ja]" in shown
    names = r"^ +(keymortem|\w+ \| keymortem) .*|\[[^\]]*\]|.*使用法.*|fleet (run|retry)|--[a-z-]+|examine --format"
    prose = re.sub(names, "", shown, flags=re.MULTILINE)
    assert [line for line in prose.split("\n") if ENGLISH.search(line)] == []


def test_help_fits_a_terminal() -> None:
    from forensics.language.folding import columns

    shown = CliRunner().invoke(cli, ["examine", "--help", "--lang", "ja"]).output
    assert [line for line in shown.split("\n") if columns(line) > 80 and "--" not in line] == []


def test_english_help_is_what_the_commands_say() -> None:
    english = CliRunner().invoke(cli, ["expiring", "--help"]).output
    assert "List certificates with a private key that have expired or soon will, soonest" in english
    assert "Certificates with a key that end soon" in [
        each.short_help[:37] for each in commands(cli) if each.short_help
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope", "--lang", "ja"], "エラー: コマンド 'nope' はありません。"),
        (["--lang=ja", "compare", "a"], "エラー: 指定されていない引数: 'AFTER'."),
        (["--lang=ja", "exmine"], "エラー: コマンド 'exmine' はありません。 もしかすると: 'examine', 'explain'"),
        (
            ["examine", "x", "--format", "xml", "--lang=ja"],
            "'xml' は使えません。次のいずれかを指定してください: 'screen'",
        ),
        (["migrate", "--to", "x", "--lang", "ja"], "移すものを指定してください"),
        (["expiring", "x", "--within", "soon", "--lang", "ja"], "'soon' は期間ではありません。180d、26w、1y"),
        (["examine", "x", "--signed-urls", "/none", "--lang", "ja"], "ファイル '/none' がありません。"),
        (["examine", "x", "--signed-urls", "/none"], "File '/none' does not exist."),
        (["migrate", "--help", "--lang", "ja"], "[必須]"),
        (["migrate", "--to", "x"], "name what is moved"),
    ],
)
def test_errors_are_in_the_language(arguments: list[str], said: str) -> None:
    assert said in CliRunner().invoke(cli, arguments).output


@pytest.mark.parametrize(
    ("arguments", "language"),
    [
        (["examine", "--lang", "ja"], "ja"),
        (["--lang=ja", "examine"], "ja"),
        (["--lang", "ja", "examine", "--lang", "en"], "en"),
        (["examine", "--", "--lang", "ja"], "en"),
        (["examine", "--lang"], "en"),
        (["examine", "--lang", "fr"], "en"),
        ([], "en"),
    ],
)
def test_the_language_is_known_before_the_command_line_is_parsed(arguments: list[str], language: str) -> None:
    assert asked_language(arguments) == language


def test_the_environment_speaks_where_nothing_is_asked_for() -> None:
    with mock.patch.dict("os.environ", {"LC_ALL": "ja_JP.UTF-8"}):
        assert "エラー: " in CliRunner().invoke(cli, ["nope"]).output
        assert "Error: " in CliRunner().invoke(cli, ["nope", "--lang", "en"]).output


def test_an_unknown_language_is_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["examine", str(tmp_path), "--lang", "fr"])
    assert (result.exit_code, "'fr' is not one of 'en', 'ja'" in result.output) == (2, True)


def test_where_translations_are_not_made_commands_speak_english_and_say_so(tmp_path: Path) -> None:
    made = spoken.is_made.__wrapped__
    with mock.patch.object(spoken, "HOME", tmp_path), mock.patch("forensics.cli.main.is_made", made):
        asked = CliRunner().invoke(cli, ["rules", "--help", "--lang", "ja"])
        completed = CliRunner().invoke(cli, ["--help"], env={"LANG": "ja_JP.UTF-8", "_KEYMORTEM_COMPLETE": "x"})
    assert asked.stderr == (
        "keymortem: this is in English: there are no translations into 'ja' here, because keymortem runs from its "
        "source and was not installed; pip install . makes them\n"
    )
    assert asked.stdout.startswith("Usage: ")
    assert (completed.exit_code, completed.stderr) == (0, "")


@pytest.mark.parametrize(("name", "result"), [("timeline", "Timeline"), ("expiring", "Expiring")])
def test_formats_of_a_command_are_those_of_its_result(name: str, result: str) -> None:
    """Written out in the command, whose help would else import what examines disks."""
    [command] = [each for each in commands(cli) if each.name == name]
    [option] = [each for each in command.params if each.name == "form"]
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == getattr(forensics, result).formats
