"""Which rules look at other machines than that of their row: a fleet asks those of all disks together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.engine.rule import Presence, Problem, Rule, named_conditions
from forensics.engine.sql_text import without_strings
from forensics.tables.registry import ROW_CLASSES
from forensics.tables.row import NAMES_MACHINE, columns

_SPANNING = frozenset(name for name, row_class in ROW_CLASSES.items() if row_class.spans_machines)
_WORD = re.compile(r"(?<![\w.])[a-z_]+\b")
_COMPARED = re.compile(
    r"\b(?P<left>[a-z_]+)\.machine_id\s*(?P<how><>|!=|<=|>=|<|>|=|(?:NOT\s+)?IN\b|IS\b)\s*(?P<right>[^\s)]*)", re.I
)
_SUBQUERY = re.compile(r"\bFROM\s+([a-z_]+)\b(.*)", re.I | re.S)


def _machine_columns() -> str:
    names = {f.name for row_class in ROW_CLASSES.values() for f in columns(row_class) if f.metadata[NAMES_MACHINE]}
    return "|".join(sorted(names))


# A number of the same machine, or of another Windows of its disk, as a column of a row names it.
_SAME = re.compile(rf"[a-z_]+\.(?:{_machine_columns()})\b|coalesce\(this\.(?:{_machine_columns()}),", re.I)


def looks_at_others(rule: Rule) -> Iterator[Problem]:
    """Yield, with its line, each piece of a rule that looks at other machines.

    Args:
        rule: The rule.
    """
    if rule.table in _SPANNING:
        yield Problem(rule.path, rule.line("for"), f"rows of {rule.table} are made over all machines")
    for condition in (*named_conditions(rule.when), *rule.corroboration):
        if isinstance(condition, Presence):
            yield from _searched(rule, condition)
        elif not condition.shorthand:
            yield from _read(rule, condition.line, condition.sql)
    for name, sql in rule.joins.items():
        if name in _SPANNING or "machine_id" not in sql.text:
            yield Problem(rule.path, sql.line, f"'{name}' is joined for every machine")
        yield from _read(rule, sql.line, sql.text)
    for sql in (*rule.values.values(), *rule.group, rule.subject_id, rule.subject_label):
        yield from _read(rule, sql.line, sql.text)
    for level in (*rule.severity, *rule.confidence):
        if level.when is not None:
            yield from _read(rule, level.line, level.when)


def tables_of_all(rule: Rule) -> set[str]:
    """Return the tables of which a rule looks at rows of any machine; of all others at those of its row's machine."""
    found = set(_SPANNING.intersection((rule.table,)))
    for text, searched in _pieces(rule):
        words = without_strings(text)
        found |= _SPANNING.intersection(_WORD.findall(words))
        names = {name: name for name in ROW_CLASSES} | {called: table for table, called in _named(words)}
        if searched is not None and (searched in _SPANNING or "machine_id" not in words):
            found.add(searched)
        for part in re.split(r"(?=\bSELECT\b)", words, flags=re.I)[1:]:
            source = _SUBQUERY.search(part)
            if source and source[1] in ROW_CLASSES and "machine_id" not in source[2]:
                found.add(source[1])
        others = {c["left"] for c in _COMPARED.finditer(words) if not _is_same_machine(c)}
        tied = [(c["left"], c["right"].partition(".")[0]) for c in _COMPARED.finditer(words) if c["how"] == "="]
        own = {one for pair in tied if "this" in pair for one in pair}
        # What is tied to a row of another machine, and not to this one, is of that machine too.
        for _ in tied:
            others |= {one for pair in tied if not others.isdisjoint(pair) for one in pair if one not in own}
        found |= {names[one] for one in others if one in names}
    return found


def _pieces(rule: Rule) -> Iterator[tuple[str, str | None]]:
    """Yield each piece of SQL that the author wrote, and the table whose rows it finds, if it does."""
    for condition in (*named_conditions(rule.when), *rule.corroboration):
        if isinstance(condition, Presence):
            yield condition.where, condition.table
        elif not condition.shorthand:
            yield condition.sql, None
    yield from ((sql.text, name) for name, sql in rule.joins.items())
    yield from ((sql.text, None) for sql in (*rule.values.values(), *rule.group, rule.subject_id, rule.subject_label))
    yield from ((level.when, None) for level in (*rule.severity, *rule.confidence) if level.when is not None)


def _named(words: str) -> Iterator[tuple[str, str]]:
    """Yield the tables of a piece of SQL that have another name there, with that name."""
    for table, called in re.findall(r"\b(?:FROM|JOIN|,)\s+([a-z_]+)\s+(?:AS\s+)?([a-z_]+)\b", words, flags=re.I):
        if table in ROW_CLASSES:
            yield table, called


def _searched(rule: Rule, presence: Presence) -> Iterator[Problem]:
    if presence.table in _SPANNING or "machine_id" not in presence.where:
        yield Problem(rule.path, presence.where_line, f"'{presence.name}' looks at the rows of every machine")
    yield from _read(rule, presence.where_line, presence.where)


def _read(rule: Rule, line: int, text: str) -> Iterator[Problem]:
    words = without_strings(text)
    for part in re.split(r"(?=\bSELECT\b)", words, flags=re.I)[1:]:
        source = _SUBQUERY.search(part)
        if source and source[1] != "examination" and "machine_id" not in source[2]:
            yield Problem(rule.path, line, f"the subquery over {source[1]} looks at the rows of every machine")
    for name in sorted(_SPANNING.intersection(_WORD.findall(words))):
        yield Problem(rule.path, line, f"rows of {name} are made over all machines")
    for compared in _COMPARED.finditer(words):
        if not _is_same_machine(compared):
            yield Problem(rule.path, line, f"'{compared[0].strip()}' looks at the rows of other machines")


def _is_same_machine(compared: re.Match[str]) -> bool:
    how, right = compared["how"].upper(), compared["right"]
    if how == "IS" or (how == "=" and _SAME.match(right)):
        return True
    # Of its own machine a row may ask whether it is one of many, or any at all.
    return compared["left"].lower() == "this" and (how.endswith("IN") or right.isdecimal() or right == "''")
