"""Fills the texts of rules: names from an allow-list, nothing evaluated, values from the disk stay text.

Lines that belong together are one paragraph, as in Markdown; an empty line ends it. A line that is indented or begins
with ``- `` stands alone, as commands do. A line that names ``{{ each.NAME }}`` is repeated for every row of a finding.

    {{ name }}          a column of the row, ``table.column`` of a joined table, or a value of the rule
    {{ name | date }}   the day of a time
    {{ name | path }}   a path of the source as Windows writes it, on drive C:
    {{ count }}         how many subjects; {{ subjects }} names them; {{ as_of }} is the date of the examination

Rows that are one finding but differ in a name give all its values, one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from forensics.tables.plain import plain

MOST = 5
"""Values of one name in a sentence; the rest is counted."""
MOST_LINES = 20
"""Repetitions of a line with ``each``."""
BUILT_IN = frozenset({"count", "subjects", "as_of"})

_FIELD = re.compile(
    r"\{\{\s*(?P<each>each\.)?(?P<name>[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?)\s*(?:\|\s*(?P<form>date|path)\s*)?\}\}"
)
# What cmd or PowerShell would act on, even between double quotes: such a value is not put into a command.
_ACTIVE = re.compile(r'["`&|<>^%;]|\$\(')


class TemplateProblem(NamedTuple):
    """What is wrong on a line of a template, counted from 0."""

    line: int
    message: str


def names_in(template: str) -> set[str]:
    """Return the names a template uses."""
    return {field["name"] for field in _FIELD.finditer(template)}


def check_template(template: str, allowed: Iterable[str]) -> list[TemplateProblem]:
    """Return everything that a template names and may not."""
    known = set(allowed) | BUILT_IN
    problems = []
    for number, line in enumerate(template.split("\n")):
        rest = _FIELD.sub("", line)
        if "{{" in rest or "}}" in rest:
            problems.append(
                TemplateProblem(number, "braces hold a name: {{ name }}, {{ each.name }} or {{ name | date }}")
            )
        for field in _FIELD.finditer(line):
            name = field["name"]
            if name not in known:
                problems.append(TemplateProblem(number, f"'{name}' is no column of the row and no value of the rule"))
            elif field["each"] and name in BUILT_IN:
                problems.append(
                    TemplateProblem(number, f"'{name}' is the same for every row; write it without 'each.'")
                )
    return problems


def fill(template: str, rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any]) -> str:
    """Return the text for the rows of one finding.

    Args:
        template: A checked template.
        rows: Values by name, one mapping a row.
        common: Values of ``count``, ``subjects`` (a list) and ``as_of``.
    """
    lines: list[str] = []
    for line in _joined(template):
        if any(field["each"] for field in _FIELD.finditer(line)):
            lines += _repeated(line, rows, common)
        else:
            lines.append(_filled(line, lambda name: _values(name, rows, common)))
    return "\n".join(lines).strip("\n")


@lru_cache(maxsize=1024)
def _joined(template: str) -> list[str]:
    """Put the lines of each paragraph together."""
    lines: list[str] = []
    open_paragraph = False
    for line in template.rstrip().split("\n"):
        alone = not line.strip() or line[0].isspace()
        if open_paragraph and not alone and not line.startswith("- "):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.rstrip())
        open_paragraph = not alone
    return lines


def _repeated(line: str, rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any]) -> list[str]:
    filled: dict[str, None] = {}
    for row in rows:
        filled[_filled(line, lambda name, row=row: _values(name, [row], common))] = None  # type: ignore[misc]
        if len(filled) > MOST_LINES:
            break
    lines = list(filled)
    if len(lines) > MOST_LINES:
        indent = line[: len(line) - len(line.lstrip())]
        lines[MOST_LINES:] = [f"{indent}(and so on for the others)"]
    return lines


def _filled(line: str, values: Callable[[str], list[Any]]) -> str:
    is_command = line[:1].isspace()

    def replace(field: re.Match[str]) -> str:
        texts = [_text(value, field["form"]) for value in values(field["name"])]
        if is_command:
            texts = ["(not shown: a shell would act on it)" if _ACTIVE.search(text) else text for text in texts]
        return listed(list(dict.fromkeys(texts)))

    return _FIELD.sub(replace, line)


def _values(name: str, rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any]) -> list[Any]:
    if name in common:
        value = common[name]
        return value if isinstance(value, list) else [value]
    # A finding may have a hundred thousand rows; which values it names is clear long before.
    seen = dict.fromkeys(row[name] for row in rows)
    known = [value for value in seen if value is not None]
    return known or [None]


def _text(value: Any, form: str | None) -> str:
    if value is None or value == "":
        return "(not known)"
    text = plain(value)
    if form == "date":
        return text[:10]
    return "C:\\" + text.lstrip("/").replace("/", "\\") if form == "path" else text


def listed(texts: Sequence[str]) -> str:
    """Write a list in a sentence, the first few of it."""
    if len(texts) > MOST:
        return f"{', '.join(texts[:MOST])} and {len(texts) - MOST} more"
    return ", ".join(texts[:-1]) + " and " + texts[-1] if len(texts) > 1 else "".join(texts)
