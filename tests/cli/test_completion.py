"""Completion in a real bash, as the README sets it up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from forensics.cli import completion
from tests.hand_made import DEAD, case, dead_chain
from tests.paths import PROJECT


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``keymortem`` is this source tree."""
    command = tmp_path / "keymortem"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m forensics "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}


def _completed(line: str, shell: dict[str, str], folder: Path) -> list[str]:
    words = line.split(" ")
    script = f"""
        eval "$(_KEYMORTEM_COMPLETE=bash_source keymortem)"
        COMP_WORDS=({" ".join(words[:-1])} "{words[-1]}")
        COMP_CWORD={len(words) - 1}
        compopt() {{ :; }}  # which bash has within a completion alone
        _keymortem_completion keymortem
        printf '%s\\n' "${{COMPREPLY[@]}}"
        complete -p keymortem
    """
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    run = subprocess.run([bash, "-c", script], capture_output=True, text=True, env=shell, cwd=folder, check=True)
    assert run.stderr == ""
    *completed, registered = run.stdout.splitlines()
    assert registered.endswith("keymortem")
    return [word for word in completed if word]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("keymortem ex", ["examine", "expiring", "explain"]),
        ("keymortem examine --for", ["--format"]),
        ("keymortem examine disk --format p", ["parquet", "prom"]),
        ("keymortem rules show generalize", ["generalize-orphaned-keys", "generalized-image"]),
    ],
)
def test_words(line: str, words: list[str], shell: dict[str, str], tmp_path: Path) -> None:
    assert sorted(_completed(line, shell, tmp_path)) == words


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    case(dead_chain(thumbprint="F" * 40, subject="CN=two words")).save(tmp_path / "case.sqlite")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("keymortem explain case.sqlite al", ["alive.contoso.test"]),
        ("keymortem explain case.sqlite AAAA", [DEAD]),
        ("keymortem explain case.sqlite lost.vhdx FFFF", ["F" * 40]),
        ("keymortem explain case.sqlite two", []),
        ("keymortem explain case.sqlite x --machine w", ["WEB01"]),
        ("keymortem expiring case.sqlite --machine W", ["WEB01"]),
    ],
)
def test_names_in_a_case_file(line: str, words: list[str], shell: dict[str, str], saved: Path) -> None:
    assert _completed(line, shell, saved) == words


def test_no_image_is_examined_for_a_name(shell: dict[str, str], tmp_path: Path) -> None:
    """The image is a pipe, whose opening would never end."""
    os.mkfifo(tmp_path / "disk.vhdx")
    (tmp_path / "torn.sqlite").write_bytes(b"SQLite format 3\0" + bytes(2_000))
    assert _completed("keymortem explain disk.vhdx torn.sqlite w", shell, tmp_path) == []
    assert _completed("keymortem expiring disk.vhdx --machine w", shell, tmp_path) == []


def test_a_case_file_that_takes_long_is_not_read(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    context = click.Context(click.Command("explain"))
    context.params = {"sources": (str(saved / "case.sqlite"),)}
    parameter = click.Argument(["wanted"])
    assert [item.value for item in completion.completed_subjects(context, parameter, "al")] == [
        "al",
        "alive.contoso.test",
    ]
    monkeypatch.setattr(completion, "MOST_BYTES", 100)
    assert [item.value for item in completion.completed_subjects(context, parameter, "al")] == ["al"]


@pytest.mark.parametrize("command", ["examine", "explain", "expiring", "compare", "compare a", "migrate --to"])
def test_sources_are_files(command: str, shell: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "web01.vhdx").touch()
    # An empty answer and the option "default" leave files to bash itself.
    answer = {**shell, "COMP_WORDS": f"keymortem {command} web", "COMP_CWORD": str(len(command.split()) + 1)}
    answer["_KEYMORTEM_COMPLETE"] = "bash_complete"
    run = subprocess.run(["keymortem"], capture_output=True, text=True, env=answer, cwd=tmp_path, check=True)
    assert run.stdout == "file,web\n"


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_other_shells_get_their_script(name: str, shell: dict[str, str]) -> None:
    shell["_KEYMORTEM_COMPLETE"] = f"{name}_source"
    run = subprocess.run(["keymortem"], capture_output=True, text=True, env=shell, check=True)
    assert f"_KEYMORTEM_COMPLETE={name}_complete" in run.stdout
