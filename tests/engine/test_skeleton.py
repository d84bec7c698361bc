"""A new rule is valid and comes out as its examples say, and lint names each line that is still to be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.engine.examples import run_examples
from forensics.engine.lint import lint
from forensics.engine.loader import load_packs
from forensics.engine.skeleton import write_skeleton

LEFT = """\
my-rule.yaml:3: still to be filled in: what is the matter, as a short sentence
my-rule.yaml:12: still to be filled in: what is true of {{ count: # certificate, # certificates }}, and what users see:
my-rule.yaml:15: still to be filled in: what repairs it, and what does not:
my-rule.yaml:18: still to be filled in: where these facts can be read
my-rule.yaml:9: still to be filled in: what must be true, as a statement
my-rule.examples.yaml:2: still to be filled in: what is true of 1 certificate
my-rule.examples.yaml:7: still to be filled in: rows with which all is well
my-rule.examples.yaml:10: still to be filled in: rows that leave it open
my-rule.ja.yaml:1: still to be filled in: the title
my-rule.ja.yaml:3: still to be filled in: the same, with the same values: {{ count }}
my-rule.ja.yaml:6: still to be filled in: the same, with the same commands:
"""


def test_lint_says_what_is_left_to_write_and_nothing_else(tmp_path: Path) -> None:
    files = write_skeleton(tmp_path / "pack" / "my-rule")
    assert [file.name for file in files] == ["my-rule.yaml", "my-rule.examples.yaml", "my-rule.ja.yaml"]
    told = [str(problem) for problem in lint(load_packs([tmp_path], built_in=False, examples=True))]
    ending = " [not-filled-in]; write it, or take it out"
    assert told == [f"{tmp_path}/pack/{line}{ending}" for line in LEFT.splitlines()]


def test_its_examples_come_out(tmp_path: Path) -> None:
    write_skeleton(tmp_path / "my-rule")
    result = run_examples(load_packs([tmp_path], built_in=False, examples=True))
    assert (result.problems, dict(result.run)) == ([], {"match": 1, "miss": 1, "unknown": 1})


def test_filled_in_it_has_nothing_left(tmp_path: Path) -> None:
    for file in write_skeleton(tmp_path / "my-rule"):
        file.write_text(file.read_text().replace("FILL IN ", "x"))
    packs = load_packs([tmp_path], built_in=False, examples=True)
    assert (lint(packs), run_examples(packs).problems) == ([], [])


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "my-rule.ja.yaml").write_text("mine")
    with pytest.raises(FileExistsError, match=r"my-rule\.ja\.yaml'$"):
        write_skeleton(tmp_path / "my-rule")
    assert [file.name for file in tmp_path.iterdir()] == ["my-rule.ja.yaml"]
