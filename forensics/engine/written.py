"""What of a rule its author wrote as SQL: not what a shorthand stands for."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.engine.rule import Leaf, Presence, Rule, named_conditions


def written_sql(rule: Rule) -> Iterator[tuple[int, str]]:
    """Yield line and text of every piece of SQL the author wrote."""
    for sql in (*rule.values.values(), *rule.joins.values(), *rule.group, rule.subject_id, rule.subject_label):
        yield sql.line, sql.text
    for level in (*rule.severity, *rule.confidence):
        if level.when is not None:
            yield level.line, level.when
    for condition in (*named_conditions(rule.when), *rule.corroboration):
        if isinstance(condition, Presence):
            yield condition.where_line, condition.where
        elif not condition.shorthand:
            yield condition.line, condition.sql


def written_leaves(rule: Rule) -> Iterator[Leaf]:
    """Yield the conditions whose SQL the author wrote."""
    for condition in (*named_conditions(rule.when), *rule.corroboration):
        if isinstance(condition, Leaf) and not condition.shorthand:
            yield condition
