"""The documentation of the tables, printed from the row classes themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from forensics.language import _
from forensics.late_methods import dataclass
from forensics.report.folded_lines import fold
from forensics.report.result import Result
from forensics.tables.registry import ROW_CLASSES, ColumnSpec, column_specs


@dataclass(frozen=True, slots=True)
class TableDescription:
    """What one table holds.

    Attributes:
        name: Its name.
        description: What one row is, one line.
        columns: Its columns, each with name, kind and one line of documentation.
    """

    name: str
    description: str
    columns: tuple[ColumnSpec, ...]


@dataclass(frozen=True, repr=False)
class TableReference(Result):
    """What :func:`describe_tables` returns; ``json-schema`` is that of the JSON document of a case.

    Attributes:
        tables: Every table, in the order of the JSON document.
    """

    formats = ("text", "markdown", "json-schema")

    tables: tuple[TableDescription, ...]

    def _render(self, format: str, width: int | None) -> str:
        if format == "json-schema":
            from forensics.report.json_schema import render_json_schema

            return render_json_schema()
        markdown = format == "markdown"
        blocks = [_markdown(table) if markdown else _plain(table, width) for table in self.tables]
        head = [_contents(self.tables)] if markdown else []
        return "\n\n".join("\n".join(block) for block in [*head, *blocks]) + "\n"


def describe_tables() -> TableReference:
    """Describe every table and column of the JSON document, the case file and the data frames of a case.

    Examples:
        >>> import forensics
        >>> print(forensics.describe_tables())
        machine: One Windows installation: who it is, how old, and what was done to its identity
        ...
    """
    classes = ROW_CLASSES.items()
    return TableReference(tuple(TableDescription(n, c.description, tuple(column_specs(n))) for n, c in classes))


def _contents(tables: Iterable[TableDescription]) -> Iterator[str]:
    yield f"# {_('Tables')}\n"
    yield _("Every table of JSON document, case file and Python API, printed by `keymortem tables --markdown`.")
    yield _("Times are UTC. Null means not known or not there to be read, never no.") + "\n"
    yield f"| {_('table')} | {_('rows')} |\n| --- | --- |"
    for table in tables:
        yield f"| [{table.name}](#{table.name}) | {table.description} |"


def _markdown(table: TableDescription) -> Iterator[str]:
    yield f"## {table.name}\n\n{table.description}.\n"
    yield f"| {_('column')} | {_('type')} | {_('meaning')} |\n| --- | --- | --- |"
    for spec in table.columns:
        kind = _("{kind} or null", kind=spec.kind) if spec.nullable else spec.kind
        yield f"| `{spec.name}` | {kind} | {spec.meaning.replace('|', chr(92) + '|')} |"


def _plain(table: TableDescription, width: int | None) -> Iterator[str]:
    yield from fold(f"{table.name}: {table.description}", width)
    longest = max(len(spec.name) for spec in table.columns)
    for spec in table.columns:
        start = f"  {spec.name:<{longest}}  {spec.kind:<8}  "
        yield from fold(spec.meaning, width, start, " " * len(start))
