"""The conditions of the built-in rules, whose translations are in ``ja/rules.po``."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.engine.loader import load_packs
from forensics.engine.rule import Condition, Either, Every, Negated
from forensics.report.rule_words import SHORTHAND


def conditions() -> set[str]:
    """Return those that are words, not columns and values."""
    rules = load_packs([]).rules
    trees = [tree for rule in rules for tree in (rule.when, *rule.corroboration)]
    return {name for tree in trees for name in _names(tree) if not SHORTHAND.fullmatch(name)}


def _names(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Every | Either):
        for child in condition.children:
            yield from _names(child)
    elif isinstance(condition, Negated):
        yield from _names(condition.child)
    else:
        yield str(condition.name)
