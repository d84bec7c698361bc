"""What the README shows is what the tool prints, and what it names is there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import forensics
from forensics.cli import cli
from forensics.report.text import render_text

PROJECT = Path(__file__).resolve().parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
SAMPLE = "testdata/images/sample.vhdx.xz"


def test_report_of_the_sample_disk_is_the_real_one() -> None:
    case = forensics.examine(PROJECT / SAMPLE, as_of=datetime(2026, 11, 22, tzinfo=UTC))
    report = render_text(case, width=100).replace(str(PROJECT / SAMPLE), SAMPLE)
    [shown] = re.findall(r"```text\n(keymortem .*?)\[\.\.\.\]\n```", README, re.S)
    assert "FINDINGS" in shown
    # The path is longer here than where a reader stands, so the lines may fold elsewhere.
    words = shown.split()
    assert words == report.split()[: len(words)]


def test_every_command_and_option_it_names_exists() -> None:
    commands = set(re.findall(r"keymortem ([a-z]+) ", README)) - {"examines"}
    assert {"examine", "explain", "expiring", "tables"} <= set(cli.commands)
    assert commands <= set(cli.commands)
    known = {option for command in cli.commands.values() for p in command.params for option in p.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known


def test_make_targets_it_names_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (PROJECT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"make (\w+)\s", README)) <= targets
