"""Finds the rule files of packs and reads them all, telling everything that is wrong at once.

A stranger's file is read in a contained child first, and its SQL is prepared there and nowhere else: the parser of YAML
is written in C, and SQLite prepares a statement without looking at any clock. What the child came through alive is read
here once more, since rules are made of too many classes to be sent.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Container, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.disk.below import Below
from forensics.engine.beside import PARTS, named_beside, rule_of
from forensics.engine.compiled_rules import CompiledRules
from forensics.engine.rule import LANGUAGES, Packs, Problem, Rule, RulePackError
from forensics.engine.rule_source import LARGEST_FILE, RuleYamlError, read_text

if TYPE_CHECKING:
    from forensics.contained.steps import Do
    from forensics.engine.database import RuleDatabase

MOST_FILES = 2000 * (1 + len(PARTS))
"""Format: files of one rule pack."""
MOST_NAMES = 100_000
"""Format: files and folders in the folder of one rule pack, rules or not."""
LARGEST_PACK = 32 << 20
"""Format: bytes of the files of one rule pack."""
SECONDS_TO_CHECK_ONE = 2.0
"""Format: seconds that a rule may compute while nothing is in the tables."""
SECONDS_TO_CHECK = 60.0
"""Format: seconds that all rules of the packs together may compute so."""
_SECONDS_IN_CHILD = 20
"""Work: seconds of processor time after which the process that reads and checks one rule is ended."""
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
    paths: Sequence[Path] = (),
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
    refused = checked_contained(tuple(paths), examples, language) if paths else []
    for path in paths:
        # A folder of the built-in packs may be named too, to check only that.
        read = {rule.path.resolve() for rule in rules}
        rules += [
            r for r in read_rules(path, problems, examples=examples, language=language) if r.path.resolve() not in read
        ]
    problems += _twice(rules)
    if not problems:
        problems += refused
    if not problems and examples:
        problems += check_rules([rule for rule in rules if rule.built_in])
    if problems:
        raise RulePackError(problems)
    return Packs(tuple(rules))


def checked_contained(paths: Sequence[Path], examples: bool, language: str | None) -> list[Problem]:
    """Read the rules of strangers in a contained child and have SQLite prepare them there; return what it refuses.

    Args:
        paths: Folders of packs, or single rule files.
        examples: Read the examples as well.
        language: Read the texts in this language besides.

    Raises:
        RulePackError: A file ended the child; it is not read here.
    """
    from forensics.contained.failure import ContainedFailure
    from forensics.contained.steps import Steps, outcomes

    unread: list[Problem] = []
    files = tuple(file for path in paths for file in _rule_files(path, unread))
    refused: list[Problem] = []
    ended: list[Problem] = []
    for number, outcome in outcomes(Steps(_prepared, (files, examples, language), len(files), _SECONDS_IN_CHILD)):
        if isinstance(outcome, ContainedFailure):
            ended.append(Problem(files[number], 1, f"checking it was ended: {outcome.message}"))
        elif outcome is None:
            refused.append(Problem(files[number], 1, f"not checked: the others took {SECONDS_TO_CHECK:g} seconds"))
            break
        else:
            refused += [Problem(Path(path), line, message) for path, line, message in outcome]
    if ended:
        raise RulePackError(ended)
    return refused


def _prepared(files: Sequence[Path], examples: bool, language: str | None) -> Do:
    """Return what reads and checks the rule of a file, in a contained child."""
    from forensics.engine.database import RuleDatabase
    from forensics.engine.fence import now

    database = RuleDatabase({}, datetime(2000, 1, 1, tzinfo=UTC), SECONDS_TO_CHECK_ONE)
    end = now() + SECONDS_TO_CHECK

    def do(number: int) -> list[tuple[str, int, str]] | None:
        if now() > end:
            return None
        rules = read_rules(files[number], [], examples=examples, language=language)
        return [(str(path), line, message) for rule in rules for path, line, message in _checked(rule, database)]

    return do


def _checked(rule: Rule, database: RuleDatabase) -> Sequence[Problem]:
    from forensics.engine.compiler import check_rule
    from forensics.engine.fence import RuleStoppedError

    try:
        return check_rule(rule, database)
    except RuleStoppedError as error:
        return [Problem(rule.path, rule.line("when"), f"of empty tables it was {error}")]


def check_rules(rules: Sequence[Rule]) -> list[Problem]:
    """Have SQLite prepare every rule on an empty database; return what it refuses."""
    if not rules:
        return []
    from forensics.engine.database import RuleDatabase
    from forensics.engine.fence import now

    problems: list[Problem] = []
    end = now() + SECONDS_TO_CHECK
    with RuleDatabase({}, datetime(2000, 1, 1, tzinfo=UTC), SECONDS_TO_CHECK_ONE) as database:
        for rule in rules:
            if now() > end:
                problems.append(Problem(rule.path, 1, f"not checked: the others took {SECONDS_TO_CHECK:g} seconds"))
                break
            problems += _checked(rule, database)
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
    compiled = _compiled(path) if built_in and not examples else None
    languages = LANGUAGES if examples else tuple(known for known in LANGUAGES if known == language)
    rules = []
    for file in _rule_files(path, problems):
        rule = _read(file, problems, built_in, compiled, tables)
        if rule is not None:
            rules.append(_with_parts(rule, problems, languages, examples) if languages else rule)
    return rules


def _with_parts(rule: Rule, problems: list[Problem], languages: Sequence[str], examples: bool) -> Rule:
    from forensics.engine.part_reader import with_examples, with_translation

    for spoken in languages:
        rule = with_translation(rule, spoken, problems)
    return with_examples(rule, problems) if examples else rule


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
    sizes, is_cut = _yaml_files(path)
    if is_cut:
        problems.append(
            Problem(path, 1, f"more than {MOST_NAMES} files and folders: name the folder of the rules alone")
        )
        return []
    if len(sizes) > MOST_FILES:
        problems.append(Problem(path, 1, f"more than {MOST_FILES} rule files in one pack"))
        return []
    # Of a larger file nothing is read, and it is told by its name.
    if sum(min(size, LARGEST_FILE) for size in sizes.values()) > LARGEST_PACK:
        problems.append(Problem(path, 1, f"the rule files of one pack have more than {LARGEST_PACK >> 20} MiB"))
        return []
    if not sizes:
        problems.append(Problem(path, 1, "the folder holds no rules (*.yaml)"))
    beside = {file: named for file in sizes if (named := named_beside(file))}
    rules = sizes.keys() - beside.keys()
    for file, named in sorted((Path(file), named) for file, named in beside.items() if named not in rules):
        problems.append(Problem(file, 1, f"it stands beside no rule: there is no {os.path.basename(named)}"))
    return sorted(map(Path, rules))


def _yaml_files(folder: Path) -> tuple[dict[str, int], bool]:
    """Return the YAML files of a folder and those inside it, with their sizes in bytes, and whether there is more."""
    found: dict[str, int] = {}
    below = Below(folder, MOST_NAMES)
    for entry in below:
        if len(found) > MOST_FILES:
            break
        if os.path.splitext(entry.name)[1].lower() not in _SUFFIXES:
            continue
        with suppress(OSError):
            status = entry.stat()
            if stat.S_ISREG(status.st_mode):
                found[entry.path] = status.st_size
    return found, below.is_cut


def _read(
    path: Path,
    problems: list[Problem],
    built_in: bool,
    compiled: CompiledRules | None,
    tables: Container[str] | None,
) -> Rule | None:
    try:
        text = read_text(path)
        # Most disks leave a third of the tables empty, and reading YAML is what rules cost most.
        about = _TABLE.search(text) if tables is not None else None
        if tables is not None and about and about[1] not in tables:
            return None
        rule, told = (_built_in_rule if built_in else _rule)(path, text, built_in, compiled)
    except RuleYamlError as error:
        problems.append(Problem(path, error.line, error.message))
        return None
    problems += told
    return rule


def _rule(path: Path, text: str, built_in: bool, compiled: CompiledRules | None) -> tuple[Rule | None, list[Problem]]:
    if compiled is not None and (found := compiled.rule(text, path)) is not None:
        return found, []
    from forensics.engine.rule_reader import RuleReader
    from forensics.engine.yaml_source import read_yaml

    reader = RuleReader(path, read_yaml(text), built_in, trusted=compiled is not None)
    return reader.rule(), reader.problems


# Who examines one disk after the other asks the same rules of each.
_built_in_rule = lru_cache(_MOST_KEPT)(_rule)
_compiled = lru_cache(1)(CompiledRules.of)


def _twice(rules: Sequence[Rule]) -> list[Problem]:
    seen: dict[str, Rule] = {}
    problems = []
    for rule in rules:
        first = seen.setdefault(rule.id, rule)
        if first is not rule:
            where = f"{first.path}:{first.line('id')}"
            problems.append(Problem(rule.path, rule.line("id"), f"the id '{rule.id}' is taken by {where}"))
    return problems
