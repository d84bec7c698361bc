"""Completion in a real bash, as the README sets it up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
