"""Finds the rule files of packs and reads them all, telling everything that is wrong at once."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from forensics.engine.beside import PARTS, rule_of
from forensics.engine.compiler import check_rule
from forensics.engine.database import RuleDatabase
from forensics.engine.fence import RuleStoppedError, now
from forensics.engine.part_reader import with_examples, with_translation
from forensics.engine.rule import LANGUAGES, Packs, Problem, Rule, RulePackError
from forensics.engine.rule_reader import RuleReader
from forensics.engine.yaml_source import LARGEST_FILE, RuleYamlError, read_text, read_yaml

MOST_FILES = 2000 * (1 + len(PARTS))
"""Format: files of one rule pack."""
LARGEST_PACK = 32 << 20
"""Format: bytes of the files of one rule pack."""
SECONDS_TO_CHECK_ONE = 2.0
"""Format: seconds that a rule may compute while nothing is in the tables."""
SECONDS_TO_CHECK = 60.0
"""Format: seconds that all rules of the packs together may compute so."""
_MOST_KEPT = 500
"""Work: built-in rules that are read once in a process, as long as their files stay the same."""
_TABLE = re.compile(r"^for: *([a-z_]+) *(?:#.*)?$", re.MULTILINE)
_SUFFIXES = frozenset({".yaml", ".yml"})


def built_in_packs() -> Path:
    """Return the folder of the packs that come with keymortem: in the wheel, or in its repository."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "rules"
    return inside if inside.is_dir() else package.parent / "rules"


def load_packs(
    paths: Iterable[Path] = (),
    *,
    built_in: bool = True,
    examples: bool = False,
    language: str | None = None,
    tables: Container[str] | None = None,
) -> Packs:
    """Read packs.

    Args:
        paths: Folders of more packs, or single rule files.
        built_in: Read the packs that come with keymortem too.
        examples: Read the examples as well, and have SQLite check the built-in rules too: only tests need that.
        language: Read the texts in this language besides (see :data:`forensics.engine.rule.LANGUAGES`).
        tables: Of the built-in rules, read only those about one of these tables.

    Raises:
        RulePackError: Something is wrong in any of them; it names everything that is.
    """
    problems: list[Problem] = []
    rules: list[Rule] = []
    if built_in:
        home = built_in_packs()
        rules += (
            read_rules(home, problems, built_in=True, examples=examples, language=language, tables=tables)
            if home.is_dir()
            else []
        )
    for path in paths:
        # A folder of the built-in packs may be named too, to check only that.
        read = {rule.path.resolve() for rule in rules}
        rules += [
            r for r in read_rules(path, problems, examples=examples, language=language) if r.path.resolve() not in read
        ]
    problems += _twice(rules)
    if not problems:
        problems += check_rules([rule for rule in rules if examples or not rule.built_in])
    if problems:
        raise RulePackError(problems)
    return Packs(tuple(rules))


def check_rules(rules: Sequence[Rule]) -> list[Problem]:
    """Have SQLite prepare every rule on an empty database; return what it refuses."""
    if not rules:
        return []
    problems: list[Problem] = []
    end = now() + SECONDS_TO_CHECK
    with RuleDatabase({}, datetime(2000, 1, 1, tzinfo=UTC), SECONDS_TO_CHECK_ONE) as database:
        for rule in rules:
            if now() > end:
                problems.append(Problem(rule.path, 1, f"not checked: the others took {SECONDS_TO_CHECK:g} seconds"))
                break
            try:
                problems += check_rule(rule, database)
            except RuleStoppedError as error:
                problems.append(Problem(rule.path, rule.line("when"), f"of empty tables it was {error}"))
    return problems


def read_rules(
    path: Path,
    problems: list[Problem],
    built_in: bool = False,
    examples: bool = True,
    language: str | None = None,
    tables: Container[str] | None = None,
) -> list[Rule]:
    """Read the rules of a folder and those inside it, or of one file; what is wrong goes to ``problems``."""
    languages = LANGUAGES if examples else tuple(known for known in LANGUAGES if known == language)
    rules = []
    for file in _rule_files(path, problems):
        rule = _read(file, problems, built_in, trusted=built_in and not examples, tables=tables)
        if rule is not None:
            for spoken in languages:
                rule = with_translation(rule, spoken, problems)
            rules.append(with_examples(rule, problems) if examples else rule)
    return rules


def _rule_files(path: Path, problems: list[Problem]) -> list[Path]:
    """Return the files that are to hold a rule each; one that stands beside no rule is a problem."""
    if path.is_file():
        if rule := rule_of(path):
            problems.append(Problem(path, 1, f"this is no rule but stands beside one: name {rule.name}"))
            return []
        return [path]
    if not path.is_dir():
        problems.append(Problem(path, 1, "there is no such folder of rules"))
        return []
    files = sorted(f for f in path.rglob("*") if f.suffix.lower() in _SUFFIXES and f.is_file())
    if len(files) > MOST_FILES:
        problems.append(Problem(path, 1, f"more than {MOST_FILES} rule files in one pack"))
        return []
    # Of a larger file nothing is read, and it is told by its name.
    if sum(min(file.stat().st_size, LARGEST_FILE) for file in files) > LARGEST_PACK:
        problems.append(Problem(path, 1, f"the rule files of one pack have more than {LARGEST_PACK >> 20} MiB"))
        return []
    beside = {file: rule for file in files if (rule := rule_of(file))}
    rules = [file for file in files if file not in beside]
    if not files:
        problems.append(Problem(path, 1, "the folder holds no rules (*.yaml)"))
    present = set(rules)
    for file, rule in beside.items():
        if rule not in present:
            problems.append(Problem(file, 1, f"it stands beside no rule: there is no {rule.name}"))
    return rules


def _read(
    path: Path, problems: list[Problem], built_in: bool, trusted: bool, tables: Container[str] | None
) -> Rule | None:
    try:
        text = read_text(path)
        # Most disks leave a third of the tables empty, and reading YAML is what rules cost most.
        about = _TABLE.search(text) if tables is not None else None
        if tables is not None and about and about[1] not in tables:
            return None
        rule, told = (_built_in_rule if built_in else _rule)(path, text, built_in, trusted)
    except RuleYamlError as error:
        problems.append(Problem(path, error.line, error.message))
        return None
    problems += told
    return rule


def _rule(path: Path, text: str, built_in: bool, trusted: bool) -> tuple[Rule | None, list[Problem]]:
    reader = RuleReader(path, read_yaml(text), built_in, trusted)
    return reader.rule(), reader.problems


# Who examines one disk after the other asks the same rules of each.
_built_in_rule = lru_cache(_MOST_KEPT)(_rule)


def _twice(rules: Sequence[Rule]) -> list[Problem]:
    seen: dict[str, Rule] = {}
    problems = []
    for rule in rules:
        first = seen.setdefault(rule.id, rule)
        if first is not rule:
            where = f"{first.path}:{first.line('id')}"
            problems.append(Problem(rule.path, rule.line("id"), f"the id '{rule.id}' is taken by {where}"))
    return problems
