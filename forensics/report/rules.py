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
from forensics.language import _, listed, told
from forensics.language.folding import padded
from forensics.report.rule_words import texts_of, title_of, told_condition
from forensics.report.words import word
from forensics.tables.finding import SEVERITIES

_SEVERITY = 8
"""Columns of the severities of a list."""


def render_list(packs: Packs) -> str:
    """Write one line a rule, by pack."""
    lines = []
    longest = max((len(rule.id) for rule in packs.rules), default=0)
    for pack, rules in groupby(packs.rules, key=lambda rule: rule.pack):
        lines.append(f"{pack}:")
        lines += [
            f"  {padded(told(word(_worst(rule))), _SEVERITY)}  {rule.id:<{longest}}  {title_of(rule)}" for rule in rules
        ]
    return _shown(lines) if lines else f"{_('There are no rules.')}\n"


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
    because, remedy = texts_of(rule)
    lines = [
        title_of(rule),
        f"  {_about(rule)}",
        "  "
        + _(
            "severity {severity}; confidence {confidence}",
            severity=_levels(rule.severity),
            confidence=_levels(rule.confidence),
        ),
        "",
        _("It matches when"),
        *condition_lines(rule.when, "  "),
    ]
    if rule.corroboration:
        lines += ["", _("It tells too, without deciding by it, whether")]
        lines += [line for condition in rule.corroboration for line in condition_lines(condition, "  ")]
    for heading, text in ((_("It says then"), because), (_("and to do"), remedy)):
        if text:
            lines += ["", heading, *(f"  {line}".rstrip() for line in text.rstrip().split("\n"))]
    for heading, names in ((_("Its consequences"), rule.explains), (_("References"), rule.references)):
        if names:
            lines += ["", heading, *(f"  {name}" for name in names)]
    return _shown(lines)


def _about(rule: Rule) -> str:
    """Say where a rule stands and what it is asked of."""
    values = {"id": rule.id, "pack": rule.pack, "table": rule.table, "path": rule.path}
    if rule.spans_machines:
        return _("id {id}, pack {pack}, for each row of {table}, compared across machines, file {path}", **values)
    return _("id {id}, pack {pack}, for each row of {table}, file {path}", **values)


def _shown(lines: list[str]) -> str:
    """Put lines together; the text of a stranger's rule must not steer the terminal."""
    return "".join(f"{line if line.isprintable() else _printable(line)}\n" for line in lines)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _levels(levels: tuple[Level, ...]) -> str:
    return listed(map(_level, levels))


def _level(level: Level) -> str:
    if level.when:
        return _("{level} when {condition}", level=word(level.value), condition=level.when)
    return told(word(level.value))


def condition_lines(condition: Condition, indent: str) -> Iterator[str]:
    """Yield a tree of conditions, one a line with its SQL."""
    if isinstance(condition, Every | Either):
        yield f"{indent}{_('all of') if isinstance(condition, Every) else _('any of')}"
        for child in condition.children:
            yield from condition_lines(child, indent + "  ")
    elif isinstance(condition, Negated):
        yield f"{indent}{_('not')}"
        yield from condition_lines(condition.child, indent + "  ")
    elif isinstance(condition, Presence):
        yield indent + _presence(condition)
        if condition.covered:
            places = listed(map(_place, condition.covered), _(" and "))
            yield f"{indent}  {_('(unknown unless this was examined: {places})', places=places)}"
    elif condition.shorthand:
        yield f"{indent}{told_condition(condition.name)}"
    else:
        yield f"{indent}{told_condition(condition.name)}: {' '.join(condition.sql.split())}"


def _presence(condition: Presence) -> str:
    values = {
        "name": told_condition(condition.name),
        "table": condition.table,
        "sql": " ".join(condition.where.split()),
    }
    if condition.wanted:
        return _("{name}: some row of {table} where {sql}", **values)
    return _("{name}: no row of {table} where {sql}", **values)


def _place(covered: Covered) -> str:
    return ", ".join(f"{column} {_(' or ').join(values)}" for column, values in covered.columns.items())
