"""The documentation of the tables, printed from the row classes themselves."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.report.folded_lines import fold
from forensics.tables.registry import ROW_CLASSES, column_specs
from forensics.tables.row import Row


def render_tables(markdown: bool = False, width: int | None = None) -> str:
    """Describe every table and column.

    Args:
        markdown: Write Markdown.
        width: Columns to fold plain text to; None for a pipe.
    """
    blocks = [_markdown(c) if markdown else _plain(c, width) for c in ROW_CLASSES.values()]
    head = [_contents()] if markdown else []
    return "\n\n".join("\n".join(block) for block in [*head, *blocks]) + "\n"


def _contents() -> Iterator[str]:
    yield "# Tables\n"
    yield "Every table of JSON document, case file and Python API, printed by `keymortem tables --markdown`."
    yield "Times are UTC. Null means not known or not there to be read, never no.\n"
    yield "| table | rows |\n| --- | --- |"
    for row_class in ROW_CLASSES.values():
        yield f"| [{row_class.table}](#{row_class.table}) | {row_class.description} |"


def _markdown(row_class: type[Row]) -> Iterator[str]:
    yield f"## {row_class.table}\n\n{row_class.description}.\n"
    yield "| column | type | meaning |\n| --- | --- | --- |"
    for spec in column_specs(row_class.table):
        kind = f"{spec.kind} or null" if spec.nullable else spec.kind
        yield f"| `{spec.name}` | {kind} | {spec.doc.replace('|', chr(92) + '|')} |"


def _plain(row_class: type[Row], width: int | None) -> Iterator[str]:
    yield from fold(f"{row_class.table}: {row_class.description}", width)
    specs = column_specs(row_class.table)
    longest = max(len(spec.name) for spec in specs)
    for spec in specs:
        start = f"  {spec.name:<{longest}}  {spec.kind:<8}  "
        yield from fold(spec.doc, width, start, " " * len(start))
