"""``keymortem tables``: what every table and column means."""

from __future__ import annotations

import click

import forensics
from forensics.cli.options import debug_option
from forensics.cli.output import emit


@click.command(short_help="What every table and column means.")
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@debug_option
def tables(markdown: bool) -> None:
    """Describe every table and column of the JSON document and the case file.

    \b
    Example:
      keymortem tables --markdown > tables.md
    """
    emit(forensics.describe_tables(), "markdown" if markdown else "text")
