"""``keymortem expiring``: which certificate dies next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

import forensics
from forensics.cli.messages import FOUND, NOTHING_EXAMINED
from forensics.cli.options import SOURCE, source_options, span
from forensics.cli.output import emit
from forensics.cli.run import examined_or_exit


@click.command(short_help="Certificates with a key that end soon, soonest first.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=SOURCE)
@click.option(
    "--within", callback=span, default="180d", metavar="SPAN", help="How far ahead: 30d, 8w, 1y; 180d if not given."
)
@source_options
@click.pass_context
def expiring(ctx: click.Context, /, sources: tuple[str, ...], within: timedelta, **options: Any) -> None:
    """List certificates with a private key that have expired or soon will, soonest first.

    \b
    Example:
      keymortem expiring disk.vhdx --within 180d
      keymortem expiring monday.sqlite tuesday.sqlite
    """
    case = examined_or_exit(sources, options)
    found = forensics.expiring(case, within)
    emit(found)
    if found.chains:
        ctx.exit(FOUND)
    if found.judges_nothing:
        ctx.exit(NOTHING_EXAMINED)
    ctx.exit(FOUND if case.is_incomplete else 0)
