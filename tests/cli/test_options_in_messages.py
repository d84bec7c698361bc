"""Whatever option a message names exists: each ``--word`` in a text of the package is an option of some command."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from forensics.cli.main import cli
from tests.paths import PROJECT

PACKAGE = PROJECT / "forensics"
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
OF_OTHER_TOOLS = frozenset({("offline.py", "--export")})
"""Options of tools that are not ours: dpapi.py of impacket."""
_CSS = re.compile(r"var\(--")


def options(command: click.Command) -> set[str]:
    """Return the long options of a command and those below it."""
    names = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    if isinstance(command, click.Group):
        names = names.union(*(options(each) for each in command.commands.values()))
    return names


def texts(path: Path) -> Iterator[str]:
    """Yield what a module can say: its strings but for docstrings; of other files every line."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from (line for line in content.splitlines() if not _CSS.search(line))
        return
    if "--" not in content:
        return
    tree = ast.parse(content)
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.value


def test_every_option_that_a_text_names_exists() -> None:
    known = options(cli) | {"--help", "--version"}
    assert {"--bek", "--format", "--second-opinion"} <= known
    files = [path for suffix in ("py", "j2", "json") for path in PACKAGE.rglob(f"*.{suffix}")]
    named = {(path.name, found) for path in files for text in texts(path) for found in _OPTION.findall(text)}
    assert len({option for _, option in named} & known) >= 12
    assert {(name, option) for name, option in named if option not in known} == OF_OTHER_TOOLS


def test_an_option_that_is_gone_would_be_found(tmp_path: Path) -> None:
    module = tmp_path / "old.py"
    module.write_text('"""--in-docstring"""\nHINT = f"give it with --bek-file, {1}"\n')
    assert [found for text in texts(module) for found in _OPTION.findall(text)] == ["--bek-file"]
