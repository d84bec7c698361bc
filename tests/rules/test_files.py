"""What holds for every rule file: it is read on one screen, and its commands work in PowerShell."""

from __future__ import annotations

import re
from statistics import median

import pytest

from forensics.engine.beside import rule_of
from forensics.engine.loader import built_in_packs
from tests.paths import PROJECT

FILES = sorted(built_in_packs().glob("*/*.yaml"))
RULES = [path for path in FILES if rule_of(path) is None]


def test_a_rule_is_read_on_one_screen() -> None:
    lengths = {path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in RULES}
    assert len(lengths) > 80
    assert {rule for rule, length in lengths.items() if length > 120} == set()
    assert median(lengths.values()) < 50


def test_every_rule_has_examples_and_speaks_japanese() -> None:
    beside = [path for path in FILES if rule_of(path) is not None]
    assert sorted(path.name for path in beside) == sorted(
        f"{path.stem}.{part}.yaml" for path in RULES for part in ("ja", "examples")
    )


@pytest.mark.parametrize("folder", ["rules", "forensics", "docs"])
def test_no_text_gives_an_alias_of_set_content_for_sc(folder: str) -> None:
    command = re.compile(r"\bsc (?:config|start|query|qc|stop|sdset|failure)\b", re.I)
    texts = [path for path in (PROJECT / folder).rglob("*") if path.suffix in (".yaml", ".py", ".json", ".md")]
    assert len(texts) > 4
    assert [path.name for path in texts if command.search(path.read_text(encoding="utf-8"))] == []


def test_what_is_not_to_be_found_is_named_so() -> None:
    names = [name for path in RULES for name in re.findall(r"none-of:\n +name: (.+)", path.read_text(encoding="utf-8"))]
    assert len(names) > 20
    # `explain` prints "yes" before the name where nothing was found.
    assert [name for name in names if not re.search(r"\b(no|not|neither|nothing|none)\b", name)] == []
