"""``keymortem expiring``: which certificate dies next."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.messages import FOUND, NOTHING_EXAMINED, unsuitable_machine_told
from forensics.cli.options import SOURCE, machine_option, overwrite_option, source_options, span, zone_option
from forensics.cli.output import check_targets, check_zone, emit, times_shown
from forensics.cli.run import examined_or_exit


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=SOURCE)
@click.option(
    "--within", callback=span, default="180d", metavar="SPAN", help="How far ahead: 30d, 8w, 1y; 180d if not given."
)
@machine_option
@zone_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json", "ics", "prom"]),
    default="text",
    help="What is written; text if not given.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE, not stdout."
)
@overwrite_option
@source_options
@click.pass_context
def expiring(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    within: timedelta,
    machine: str | None,
    zone: str | None,
    form: str,
    output: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """List certificates with a private key that have expired or soon will, soonest first.

    Formats: text (a line a certificate); csv and json (a row a certificate); ics (a calendar of those to come, with
    reminders); prom (metrics for Prometheus' textfile collector: when each ends, days left, and whether its key opens).

    Exit codes: 0 all examined and none ends, 1 one ends or has ended, or not all could be examined, 2 wrong usage, 3
    nothing could be examined, 5 the list could not be written.

    \b
    Example:
      keymortem expiring disk.vhdx --within 180d
      keymortem expiring monday.sqlite tuesday.sqlite disk3.vhdx --machine WEB01
      keymortem expiring fleet.sqlite --within 2y --format ics -o expiry.ics
    """
    check_zone(zone, form)
    check_targets("text", output, None, sources, overwrite)  # each format is one file, csv too
    case = examined_or_exit(sources, options)
    with unsuitable_machine_told():
        found = forensics.expiring(case, within, machine=machine)
    with times_shown(zone, case):
        emit(found, form, output, overwrite=overwrite)
    if found.chains:
        ctx.exit(FOUND)
    if found.judges_nothing:
        ctx.exit(NOTHING_EXAMINED)
    ctx.exit(FOUND if case.is_incomplete else 0)
