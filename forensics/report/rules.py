"""Rules as a reader sees them: a list, and one of them with its conditions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from forensics.engine.rule import (
    Condition,
    Covered,
    Either,
    Every,
    Level,
    Negated,
    Packs,
    Presence,
    Rule,
)
from forensics.tables.finding import SEVERITIES


def render_list(packs: Packs) -> str:
    """Write one line a rule, by pack."""
    lines = []
    longest = max((len(rule.id) for rule in packs.rules), default=0)
    for pack, rules in groupby(packs.rules, key=lambda rule: rule.pack):
        lines.append(f"{pack}:")
        lines += [f"  {_worst(rule):<8}  {rule.id:<{longest}}  {rule.title}" for rule in rules]
    return _shown(lines) if lines else "There are no rules.\n"


def render_markdown(packs: Packs) -> str:
    """Write the reference of the rules as Markdown: what each asks, in words, and where its facts can be read."""
    lines = [
        "# Rules",
        "",
        "Every diagnosis that `keymortem examine` knows, printed by `keymortem rules list --markdown`. A rule looks at",
        "each row of one table. It matches when its conditions are true, and stays *unknown* where the evidence that",
        "would decide was not in the source. `keymortem rules show ID` prints one with its SQL and its texts;",
        "`rules/README.md` tells how to write one.",
    ]
    for pack, grouped in groupby(packs.rules, key=lambda rule: rule.pack):
        rules = list(grouped)
        lines += ["", f"## {pack}", "", "| severity | confidence | rule | finding |", "| --- | --- | --- | --- |"]
        for rule in rules:
            confidence = " or ".join(dict.fromkeys(level.value for level in rule.confidence))
            lines.append(f"| {_worst(rule)} | {confidence} | [{rule.id}](#{rule.id}) | {rule.title} |")
        for rule in rules:
            lines += _rule_markdown(rule)
    return _shown(lines)


def _rule_markdown(rule: Rule) -> Iterator[str]:
    yield from ("", f"### {rule.id}", "", f"{rule.title}. For each row of `{rule.table}`{_across(rule)}, when", "")
    yield from _names(rule.when, "")
    if rule.explains:
        yield from ("", f"Explains: {', '.join(f'[{name}](#{name})' for name in rule.explains)}.")
    if rule.references:
        yield from ("", "References:", "", *(f"- {_link(name)}" for name in rule.references))


def _across(rule: Rule) -> str:
    return ", compared across machines" if rule.spans_machines else ""


def _link(reference: str) -> str:
    return f"<{reference}>" if reference.startswith("https://") else reference


def _names(condition: Condition, indent: str) -> Iterator[str]:
    """Yield a tree of conditions as a nested list of their names."""
    if isinstance(condition, Every | Either):
        word = "all of these hold:" if isinstance(condition, Every) else "one of these holds:"
        yield f"{indent}- {word}"
        for child in condition.children:
            yield from _names(child, indent + "  ")
    elif isinstance(condition, Negated):
        yield f"{indent}- this does not hold:"
        yield from _names(condition.child, indent + "  ")
    else:
        yield f"{indent}- {condition.name}"


def _worst(rule: Rule) -> str:
    return min((level.value for level in rule.severity), key=SEVERITIES.index)


def render_rule(rule: Rule) -> str:
    """Write what a rule asks and says."""
    lines = [
        rule.title,
        f"  id {rule.id}, pack {rule.pack}, for each row of {rule.table}{_across(rule)}, file {rule.path}",
        f"  severity {_levels(rule.severity)}; confidence {_levels(rule.confidence)}",
        "",
        "It matches when",
        *condition_lines(rule.when, "  "),
    ]
    if rule.corroboration:
        lines += ["", "It tells too, without deciding by it, whether"]
        lines += [line for condition in rule.corroboration for line in condition_lines(condition, "  ")]
    for heading, text in (("It says then", rule.because), ("and to do", rule.remedy)):
        if text:
            lines += ["", heading, *(f"  {line}".rstrip() for line in text.rstrip().split("\n"))]
    for heading, names in (("Its consequences", rule.explains), ("References", rule.references)):
        if names:
            lines += ["", heading, *(f"  {name}" for name in names)]
    return _shown(lines)


def _shown(lines: list[str]) -> str:
    """Put lines together; the text of a stranger's rule must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else " " for line in lines for c in f"{line}\n")


def _levels(levels: tuple[Level, ...]) -> str:
    return ", ".join(f"{level.value} when {level.when}" if level.when else level.value for level in levels)


def condition_lines(condition: Condition, indent: str) -> Iterator[str]:
    """Yield a tree of conditions, one a line with its SQL."""
    if isinstance(condition, Every | Either):
        yield f"{indent}{'all of' if isinstance(condition, Every) else 'any of'}"
        for child in condition.children:
            yield from condition_lines(child, indent + "  ")
    elif isinstance(condition, Negated):
        yield f"{indent}not"
        yield from condition_lines(condition.child, indent + "  ")
    elif isinstance(condition, Presence):
        word = "some row of" if condition.wanted else "no row of"
        yield f"{indent}{condition.name}: {word} {condition.table} where {' '.join(condition.where.split())}"
        if condition.covered:
            places = " and ".join(map(_place, condition.covered))
            yield f"{indent}  (unknown unless this was examined: {places})"
    elif condition.shorthand:
        yield f"{indent}{condition.name}"
    else:
        yield f"{indent}{condition.name}: {' '.join(condition.sql.split())}"


def _place(covered: Covered) -> str:
    return ", ".join(f"{column} {' or '.join(values)}" for column, values in covered.columns.items())
