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

_ALL = sorted(path.relative_to(PROJECT).as_posix() for path in (PROJECT / "docs").rglob("*.md"))
PAGES = ["README.md", "README.ja.md", *(page for page in _ALL if not page.startswith("docs/decisions/"))]
MORE = [
    *("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"),
    *("rules/README.md", "notebooks/README.md", "testdata/README.md"),
    *(page for page in _ALL if page.startswith("docs/decisions/")),
]
TRANSLATED = [page for page in PAGES if page.endswith(".ja.md") and page != "README.ja.md"]
# Where nothing is wrong, nothing to tell; what the manual shows is worth telling.
TOLD = {0, 1, 3}
GENERATED = {"docs/tables.md", "docs/rules.md"}
OF_PODMAN = {"--network", "--volume", "--read-only", "--tmpfs", "--memory", "--userns", "--user"}


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


@pytest.mark.parametrize("page", TRANSLATED)
def test_a_translated_page_has_the_commands_of_the_english_one(page: str) -> None:
    """So that they need not be run once more; what the language changes is tested with the formats."""
    translated = [command.replace(" --lang ja", "") for command in _commands(page)]
    assert translated == _commands(page.replace(".ja.md", ".md"))


@pytest.mark.parametrize("page", [page for page in PAGES if _commands(page) and page not in TRANSLATED])
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


def _anchors(page: str) -> set[str]:
    """What the headings of a page are called in links, by GitHub and by what builds the site."""
    text = re.sub(r"^( *)```.*?^\1```", "", _text(page), flags=re.S | re.M)
    return {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("page", [*PAGES, *MORE])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
        path, _, anchor = target.partition("#")
        if path.startswith("https://"):
            continue
        file = ((PROJECT / page).parent / path).resolve() if path else PROJECT / page
        assert file.is_file(), target
        assert not anchor or anchor in _anchors(file.relative_to(PROJECT).as_posix()), target


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
        assert given <= (known | OF_PODMAN if page == "docs/container.md" else known), page


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


def test_it_says_how_to_run_it_without_installing() -> None:
    for page in ("README.md", "docs/start.md"):
        for way in ("pip install keymortem", "pipx run keymortem", "uvx keymortem", "uvx --from . keymortem"):
            assert way in _text(page), page


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
