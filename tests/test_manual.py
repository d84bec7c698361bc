"""Every command and Python snippet of the manual runs, every link leads somewhere, generated pages are current."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Command, Group
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.engine.beside import rule_of
from tests.paths import PROJECT

PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))]
MORE = [
    *("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"),
    *("rules/README.md", "notebooks/README.md", "testdata/README.md"),
    *sorted(f"docs/decisions/{path.name}" for path in (PROJECT / "docs" / "decisions").glob("*.md")),
]
# Where nothing is wrong, nothing to tell; what the manual shows is worth telling.
TOLD = {0, 1, 3}
GENERATED = {"docs/tables.md", "docs/rules.md"}


def _text(page: str) -> str:
    return (PROJECT / page).read_text(encoding="utf-8")


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", _text(page), re.S | re.M)


def _commands(page: str) -> list[str]:
    return [line.strip() for block in _blocks(page, "sh") for line in block.splitlines() if line.strip()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the manual's commands find the test disks and may write."""
    images = tmp_path / "testdata" / "images"
    images.mkdir(parents=True)
    for image in (PROJECT / "testdata" / "images").glob("*.xz"):
        (images / image.name).symlink_to(image)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_manual_has_commands_to_run() -> None:
    assert sum(len(_commands(page)) for page in PAGES) >= 18


@pytest.mark.parametrize("page", [page for page in PAGES if _commands(page)])
def test_commands_run_in_their_order(page: str, folder: Path) -> None:
    for command in _commands(page):
        words = shlex.split(command)
        if "_KEYMORTEM_COMPLETE" in command:
            continue  # tests/test_completion.py
        assert words[0] == "keymortem", f"{command}: nobody runs this"
        result = CliRunner().invoke(cli, words[1:], prog_name="keymortem")
        assert result.exit_code in TOLD, f"{command}: {result.output}"
        assert not result.stderr, command
        written = words[words.index("-o") + 1] if "-o" in words else None
        assert result.stdout or (written and (folder / written).exists()), f"{command} says nothing"


@pytest.mark.parametrize("page", [page for page in [*PAGES, *MORE] if _blocks(page, "python")])
def test_python_runs(page: str, folder: Path) -> None:
    shutil.copy(PROJECT / "testdata" / "images" / "sample.vhdx.xz", folder / "disk.vhdx.xz")
    for block in _blocks(page, "python"):
        assert "import forensics" in block
        exec(compile(block.replace('"disk.vhdx"', '"disk.vhdx.xz"'), page, "exec"), {})


@pytest.mark.parametrize("page", [*PAGES, *MORE])
def test_links_lead_somewhere(page: str) -> None:
    text = _text(page)
    anchors = {
        re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if path.startswith("https://"):
            continue
        if not path:
            assert anchor in anchors, target
        else:
            assert ((PROJECT / page).parent / path).exists(), target


def test_commands_and_options_named_in_the_text_exist() -> None:
    known = {*_options(cli), "--help"}
    for page in [*PAGES, *MORE]:
        if page in GENERATED:
            continue
        text = _text(page)
        named = set(re.findall(r"`keymortem ([a-z]+)", text)) | set(re.findall(r"^ *keymortem ([a-z]+)", text, re.M))
        assert named <= set(cli.commands), page
        given = {
            o for code in re.findall(r"`(keymortem [^`]*|--[a-z][^`]*)`", text) for o in re.findall(r"--[a-z-]+", code)
        }
        assert given <= known, page


def _options(command: Command) -> Iterator[str]:
    for parameter in command.params:
        yield from parameter.opts
    if isinstance(command, Group):
        for child in command.commands.values():
            yield from _options(child)


def test_every_command_and_each_exit_code_is_in_the_readme() -> None:
    readme = _text("README.md")
    assert {name for name in cli.commands if f"`keymortem {name}" not in readme} == set()
    assert re.findall(r"^\| (\d) \|", readme, re.M) == ["0", "1", "2", "3", "4", "5"]


def test_generated_pages_are_current() -> None:
    assert _text("docs/tables.md") == forensics.describe_tables().render("markdown"), "run: make docs"
    assert _text("docs/commands.md") == forensics.list_commands().render("markdown"), "run: make docs"
    assert _text("docs/rules.md") == forensics.list_rules().render("markdown"), "run: make docs"


def test_every_rule_is_in_the_reference_once() -> None:
    headings = re.findall(r"^### (.*)$", _text("docs/rules.md"), re.M)
    files = [path.stem for path in (PROJECT / "rules").glob("*/*.yaml") if rule_of(path) is None]
    assert sorted(headings) == sorted(files)


def test_every_command_shows_an_example_and_says_what_it_is_in_one_line() -> None:
    for name, command in _all_commands(cli, "keymortem"):
        help_text = CliRunner().invoke(cli, [*name.split()[1:], "--help"], prog_name="keymortem").output
        assert f"Example:\n    {name.split()[0]} " in help_text, name
        summary = command.get_short_help_str(limit=65)
        assert command is cli or not summary.endswith("..."), f"{name}: cut off in the list of commands"


def _all_commands(command: Command, name: str) -> Iterator[tuple[str, Command]]:
    yield name, command
    if isinstance(command, Group):
        for child in command.commands.values():
            yield from _all_commands(child, f"{name} {child.name}")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|^    )make (\w+)", "".join(map(_text, PAGES)), re.M))))
def test_make_targets_exist(target: str) -> None:
    assert re.search(rf"^{target}:", _text("Makefile"), re.M), target


def test_the_module_is_the_command() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "forensics", "--version"], capture_output=True, text=True, cwd=PROJECT, check=True
    )
    assert run.stdout.startswith("keymortem ")
