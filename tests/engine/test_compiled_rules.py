"""The built-in rules that a wheel holds ready made are those that their YAML says, or are not used."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from forensics.engine import loader
from forensics.engine.compiled_rules import FILE, CompiledRules, compile_rules
from forensics.engine.rule import Rule, RulePackError, named_conditions


@pytest.fixture
def packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one built-in pack, which stands for all of them."""
    home = tmp_path / "rules"
    shutil.copytree(loader.built_in_packs() / "chain", home / "chain")
    monkeypatch.setattr(loader, "built_in_packs", lambda: home)
    return home


def compile_packs(home: Path) -> tuple[Rule, ...]:
    rules = loader.load_packs().rules
    (home / FILE).write_bytes(compile_rules(home, rules))
    forget()
    return rules


def forget() -> None:
    loader._compiled.cache_clear()
    loader._built_in_rule.cache_clear()


def read_as_yaml(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from forensics.engine import yaml_source

    read: list[str] = []
    original = yaml_source.read_yaml

    def noted(text: str) -> Any:
        read.append(text)
        return original(text)

    monkeypatch.setattr(yaml_source, "read_yaml", noted)
    return read


def shown(rule: Rule) -> list[Any]:
    lines = [named.line for named in named_conditions(rule.when)]
    return [rule, rule.lines, rule.because.line, rule.id.plain, lines, type(rule.when)]


def test_they_are_the_same_and_no_yaml_is_read(packs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = compile_packs(packs)
    read = read_as_yaml(monkeypatch)
    again = loader.load_packs().rules
    assert list(map(shown, again)) == list(map(shown, rules))
    assert read == []


def test_a_file_that_was_changed_is_read(packs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = compile_packs(packs)
    changed = packs / "chain" / "orphan-key-file.yaml"
    changed.write_text(changed.read_text() + "# another one\n")
    read = read_as_yaml(monkeypatch)
    assert loader.load_packs().rules == rules
    assert read == [changed.read_text()]
    changed.write_text("format: 1\n")
    with pytest.raises(RulePackError):
        loader.load_packs()


def test_a_damaged_file_is_as_if_there_were_none(packs: Path) -> None:
    rules = compile_packs(packs)
    whole = (packs / FILE).read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"no pickle", pickle.dumps([1])):
        (packs / FILE).write_bytes(content)
        forget()
        assert loader.load_packs().rules == rules


def test_nothing_but_rules_is_made_of_it(tmp_path: Path) -> None:
    class Other:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "made"),)

    path = tmp_path / "pack" / "rule.yaml"
    for content in (Other(), {"pack/rule.yaml": ("text", pickle.dumps(Other()))}):
        (tmp_path / FILE).write_bytes(pickle.dumps(content))
        assert CompiledRules.of(tmp_path).rule("text", path) is None
    assert not (tmp_path / "made").exists()


def test_only_what_makes_a_rule_is_written(packs: Path) -> None:
    rule = loader.load_packs().rules[0]
    object.__setattr__(rule, "covers", (os.environ,))
    with pytest.raises(pickle.PicklingError, match=r"a rule holds a os\._Environ"):
        compile_rules(packs, [rule])
    forget()
