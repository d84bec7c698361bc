"""``keymortem tables``: what every table and column means."""

from __future__ import annotations

import click

import forensics
from forensics.cli.options import debug_option
from forensics.cli.output import emit


@click.command()
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@click.option("--json-schema", is_flag=True, help="Print the JSON Schema of what examine --format json prints.")
@debug_option
def tables(markdown: bool, json_schema: bool) -> None:
    """Describe every table and column of the JSON document and the case file.

    \b
    Example:
      keymortem tables --markdown > tables.md
      keymortem tables --json-schema > examine.schema.json
    """
    emit(forensics.describe_tables(), "json-schema" if json_schema else "markdown" if markdown else "text")
