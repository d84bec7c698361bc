"""Fills the texts of rules: names from an allow-list, nothing evaluated, values from the disk stay text.

Lines that belong together are one paragraph, as in Markdown; an empty line ends it. A line that is indented is a
command: the name of one in :mod:`forensics.commands` after ``@``, and values for it. A line that begins with ``- `` is
an item. A line that names ``{{ each.NAME }}`` is repeated for every row of a
finding. A command is left out for rows in which one of its values is the empty text: there is nothing to do then.
Where that leaves none of the commands that follow a line, the line goes too. So does an item, for rows in which
all its values are the empty text.

    @verify-certificate scope={{ each.store_scope }} store={{ each.store }} thumbprint={{ each.thumbprint }}

    {{ name }}          a column of the row, ``table.column`` of a joined table, or a value of the rule
    {{ name | form }}   the value in a form of :mod:`forensics.engine.forms`
    {{ count: # key is, # keys are }}   the first words where the number is 1, else the second; it stands at ``#``
    {{ count }}         how many subjects; {{ subjects }} names them; {{ as_of }} is the date of the examination

Rows that are one finding but differ in a name give all its values, one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

from forensics.commands.blocks import labelled
from forensics.engine.calls import MARK, Call, parse_call, problem_of, written
from forensics.engine.forms import ENGLISH, Wording, formed, missing
from forensics.tables.finding import Block, BlockKind, Shell
from forensics.tables.sanitise import sanitise
from forensics.tables.timestamps import told_times
from forensics.tables.windows_path import UNKNOWN_DRIVE

MOST = 5
"""Display: values of one name in a sentence; the rest is counted."""
MOST_LINES = 20
"""Display: repetitions of a line with ``each``."""
LONGEST_NUMBER = 40
"""Display: characters of what stands at the mark of words that count, such as ``at least 500000``."""
BUILT_IN = frozenset({"count", "subjects", "as_of"})

_INDENT = "    "
_FIELD = re.compile(
    r"\{\{\s*(?P<each>each\.)?(?P<name>[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?)\s*"
    r"(?:\|\s*(?P<form>date|local|path|list|words)\s*|:\s*(?P<one>[^,{}]*[^,{}\s])\s*,\s*(?P<many>[^,{}]*[^,{}\s])\s*)?\}\}"
)
_NUMBER = "#"
"""Where the number stands in the words of a field that counts."""
# What cmd or PowerShell would act on, even between double quotes: such a value is not put into a command.
# PowerShell takes typographic double quotes for quotes.
_ACTIVE = re.compile(r'["\u201c-\u201e`&|<>^%;$]')


class TemplateProblem(NamedTuple):
    """What is wrong on a line of a template, counted from 0."""

    line: int
    message: str


def names_in(template: str) -> set[str]:
    """Return the names a template uses."""
    return {field["name"] for field in _FIELD.finditer(template)}


def columns_in(template: str) -> set[str]:
    """Return what a row holds for a template: its names, those of paths as :func:`path_column` has them."""
    return {_column(field["name"], field["form"]) for field in _FIELD.finditer(template)}


def path_column(name: str) -> str:
    """Return under which name a row holds the path of the source that is its value ``name``, as Windows writes it."""
    return f"{name}|path"


def _column(name: str, form: str | None) -> str:
    return path_column(name) if form == "path" else name


def commands_in(template: str) -> list[str]:
    """Return the lines of a template that are commands, without their indents; remarks (``#``) are none."""
    lines = (line.strip() for line in template.split("\n") if line[:1].isspace())
    return [line for line in lines if line and not line.startswith("#")]


def check_template(template: str, allowed: Iterable[str]) -> list[TemplateProblem]:
    """Return everything that a template names and may not."""
    known = set(allowed) | BUILT_IN
    problems = []
    for number, line in enumerate(template.split("\n")):
        if line[:1].isspace() and line.strip().startswith(MARK):
            problem = problem_of(line.strip())
            if problem:
                problems.append(TemplateProblem(number, problem))
        rest = _FIELD.sub("", line)
        if "{{" in rest or "}}" in rest:
            problems.append(
                TemplateProblem(
                    number,
                    "braces hold a name: {{ name }}, {{ each.name }}, {{ name | date }} or {{ count: # key, # keys }}",
                )
            )
        for field in _FIELD.finditer(line):
            name = field["name"]
            if name not in known:
                problems.append(TemplateProblem(number, f"'{name}' is no column of the row and no value of the rule"))
            elif field["one"] and name in BUILT_IN - {"count"}:
                problems.append(TemplateProblem(number, f"'{name}' is no number, so no words can hang on it"))
            elif field["each"] and name in BUILT_IN:
                problems.append(
                    TemplateProblem(number, f"'{name}' is the same for every row; write it without 'each.'")
                )
    return problems


def fill(
    template: str,
    rows: Sequence[Mapping[str, Any]],
    common: Mapping[str, Any],
    wording: Wording = ENGLISH,
    ranks: Sequence[int] = (),
) -> tuple[Block, ...]:
    """Return the text for the rows of one finding.

    Args:
        template: A checked template.
        rows: Values by name, one mapping a row.
        common: Values of ``count``, ``subjects`` (a list) and ``as_of``.
        wording: The words between and instead of values.
        ranks: How much each row matters, where lists shall be in parts by that.
    """
    blocks: list[Block] = []
    # Whether the last line that is no command leads to some, whether they follow, and whether one of them was written.
    leads = follow = written = False
    for line in _lines(template):
        if line.kind != "command":
            if follow and not written:
                blocks.pop()
            leads, follow, written = not line.each, False, False
        filled = _written(line, rows, common, wording, ranks)
        if line.kind == "command" and leads:
            follow, written = True, written or bool(filled)
        blocks += filled
    if follow and not written:
        blocks.pop()
    if blocks and blocks[0].is_apart:
        blocks[0] = replace(blocks[0], is_apart=False)
    return tuple(labelled(blocks, wording.language))


def _written(
    line: _Line,
    rows: Sequence[Mapping[str, Any]],
    common: Mapping[str, Any],
    wording: Wording,
    ranks: Sequence[int],
) -> list[Block]:
    if line.calls:
        values = [partial(_value, row) for row in (rows if line.each else rows[:1])]
        blocks = written(line.calls, values, wording.language, wording.and_so_on)
        return [replace(blocks[0], is_apart=True), *blocks[1:]] if blocks and line.is_apart else blocks
    if line.each:
        return _repeated(line, rows, common, wording, ranks)
    if _is_left_out(line, rows[0]):
        return []
    return [Block(line.kind, _filled(line, rows, common, wording), line.is_apart, _shell(line))]


def _value(row: Mapping[str, Any], text: str) -> str | None:
    """Return what a value of a call is in a row."""
    column = _column_of(text)
    if column is None:
        return text
    value = row[column]
    return None if value is None else str(value)


@lru_cache(maxsize=1024)
def _column_of(text: str) -> str | None:
    field = _FIELD.fullmatch(text)
    return None if field is None else _column(field["name"], field["form"])


def _shell(line: _Line) -> Shell | None:
    return "unchecked" if line.kind == "command" else None


class _Field(NamedTuple):
    name: str
    form: str | None
    one: str | None
    many: str | None
    column: str


class _Line(NamedTuple):
    """A block to fill: a literal, a field, a literal, and so on, with a literal at both ends."""

    kind: BlockKind
    is_apart: bool
    literals: tuple[str, ...]
    fields: tuple[_Field, ...]
    each: bool
    calls: tuple[Call, ...]


@lru_cache(maxsize=1024)
def _lines(template: str) -> tuple[_Line, ...]:
    joined = _joined(template.strip("\n"))
    lines: list[_Line] = []
    for line in (_line(text, bool(n) and not joined[n - 1]) for n, text in enumerate(joined) if text):
        if line.calls and line.each and lines and lines[-1].calls and lines[-1].each and not line.is_apart:
            before = lines.pop()
            line = before._replace(calls=before.calls + line.calls, fields=before.fields + line.fields)
        lines.append(line)
    return tuple(lines)


def _line(text: str, is_apart: bool) -> _Line:
    kind: BlockKind = "command" if text[0].isspace() else "item" if text.startswith("- ") else "paragraph"
    if kind == "command":
        text = text[len(_INDENT) :] if text.startswith(_INDENT) else text.lstrip()
    elif kind == "item":
        text = text.removeprefix("- ")
    found = list(_FIELD.finditer(text))
    begins, ends = [0, *(f.end() for f in found)], [*(f.start() for f in found), len(text)]
    return _Line(
        kind,
        is_apart,
        literals=tuple(text[begin:end] for begin, end in zip(begins, ends, strict=True)),
        fields=tuple(_Field(f["name"], f["form"], f["one"], f["many"], _column(f["name"], f["form"])) for f in found),
        each=any(f["each"] for f in found),
        calls=(call,) if kind == "command" and (call := parse_call(text)) else (),
    )


def _joined(template: str) -> list[str]:
    """Put the lines of each paragraph together; lines without words are empty."""
    lines: list[str] = []
    open_paragraph = False
    for line in template.rstrip().split("\n"):
        alone = not line.strip() or line[0].isspace()
        if open_paragraph and not alone and not line.startswith("- "):
            # Japanese has no blanks between words, and one between its letters and Latin ones.
            lines[-1] += (" " if _takes_blank(lines[-1][-1:], line.strip()[:1]) else "") + line.strip()
        else:
            lines.append(line.rstrip())
        open_paragraph = not alone
    return lines


def _takes_blank(before: str, after: str) -> bool:
    return not (_is_wide(before) and _is_wide(after)) and not (_is_wide_sign(before) or _is_wide_sign(after))


def _is_wide(character: str) -> bool:
    return "\u3000" <= character <= "\u9fff" or "\uff00" <= character <= "\uffef"


def _is_wide_sign(character: str) -> bool:
    """Tell whether a character is a sign such as 。 or 「, which brings its own room."""
    return "\u3000" <= character <= "\u303f" or "\uff00" <= character <= "\uffef"


def _repeated(
    line: _Line,
    rows: Sequence[Mapping[str, Any]],
    common: Mapping[str, Any],
    wording: Wording,
    ranks: Sequence[int],
) -> list[Block]:
    names = [field.column for field in line.fields if field.column not in common]
    in_parts = line.kind == "item" and len(set(ranks)) > 1
    seen: set[tuple[Any, ...]] = set()
    filled: dict[str, int] = {}
    left_out = 0
    for number, row in enumerate(rows):
        values = tuple([row[name] for name in names])
        if values not in seen:
            seen.add(values)
            if _is_left_out(line, row):
                continue
            if len(filled) < MOST_LINES:
                filled.setdefault(_filled(line, [row], common, wording), ranks[number] if in_parts else 0)
            else:
                left_out += 1
    shell = _shell(line)
    blocks: list[Block] = []
    part: int | None = None if in_parts else 0
    for text, rank in filled.items():
        if rank != part:
            blocks.append(Block("paragraph", wording.parts[rank], line.is_apart and not blocks))
            part = rank
        blocks.append(Block(line.kind, text, line.is_apart and not blocks, shell))
    if left_out:
        blocks.append(Block("paragraph", wording.and_so_on.format(count=left_out)))
    return blocks


def _is_left_out(line: _Line, row: Mapping[str, Any]) -> bool:
    if line.kind == "paragraph" or not line.fields:
        return False
    empty = (row.get(field.column) == "" for field in line.fields)
    return any(empty) if line.kind == "command" else all(empty)


def _filled(line: _Line, rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any], wording: Wording) -> str:
    texts, command = [line.literals[0]], line.kind == "command"
    for field, literal in zip(line.fields, line.literals[1:], strict=True):
        if len(rows) == 1 and field.column not in common:
            text = _text(rows[0][field.column], field, command, wording)
        else:
            text = _listed(_values(field.column, rows, common), field, command, wording)
        texts += (text, literal)
    return "".join(texts)


def _values(name: str, rows: Sequence[Mapping[str, Any]], common: Mapping[str, Any]) -> list[Any]:
    if name in common:
        value = common[name]
        return value if isinstance(value, list) else [value]
    known = [value for value in dict.fromkeys(row[name] for row in rows) if value is not None]
    return known or [None]


def _listed(values: Sequence[Any], field: _Field, command: bool, wording: Wording) -> str:
    """Write the values of one field; of ten thousand only those that are shown are made safe to show."""
    if len(values) == 1:
        return _text(values[0], field, command, wording)
    if field.form == "date":
        # Times of one day are one value.
        values = list(dict.fromkeys(value and told_times(str(value))[:10] for value in values))
    if len(values) > MOST * MOST:
        shown = [_text(value, field, command, wording) for value in values[:MOST]]
        return wording.comma.join(shown) + wording.more.format(count=len(values) - MOST)
    return listed(list(dict.fromkeys(_text(value, field, command, wording) for value in values)), wording)


def _text(value: Any, field: _Field, command: bool, wording: Wording) -> str:
    if field.one is not None and field.many is not None:
        return _counted(value, field.one, field.many, command, wording)
    if value is None or value == "":
        return missing(field.form, field.name, wording)
    text = sanitise(formed(str(value), field.form, field.name, wording))
    if command:
        # The drive that is not known is meant to be acted on: cmd puts its letter in.
        return wording.withheld if _ACTIVE.search(text.removeprefix(UNKNOWN_DRIVE)) else text
    return text if field.form == "local" else told_times(text)


def _counted(value: Any, one: str, many: str, command: bool, wording: Wording) -> str:
    number = sanitise(value, LONGEST_NUMBER) if value not in (None, "") else wording.unknown
    if command and _ACTIVE.search(number):
        return wording.withheld
    return (one if number == "1" else many).replace(_NUMBER, number)


def listed(texts: Sequence[str], wording: Wording = ENGLISH) -> str:
    """Write a list in a sentence, the first few of it."""
    if len(texts) > MOST:
        return wording.comma.join(texts[:MOST]) + wording.more.format(count=len(texts) - MOST)
    return wording.comma.join(texts[:-1]) + wording.last + texts[-1] if len(texts) > 1 else "".join(texts)
