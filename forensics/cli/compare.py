"""``keymortem compare``: the same machine before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.messages import FOUND, NOTHING_EXAMINED
from forensics.cli.options import SOURCE, overwrite_option, source_options, zone_option
from forensics.cli.output import check_targets, check_zone, emit, times_shown
from forensics.cli.run import examined


@click.command()
@click.argument("before", metavar="BEFORE", type=SOURCE)
@click.argument("after", metavar="AFTER", type=SOURCE)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "html"]), default="text", help="What is written; else text."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write there, not to stdout.")
@overwrite_option
@zone_option
@source_options
@click.pass_context
def compare(
    ctx: click.Context,
    /,
    before: str,
    after: str,
    form: str,
    output: Path | None,
    overwrite: bool,
    zone: str | None,
    **options: Any,
) -> None:
    """Tell what changed between two examinations of a machine, and which keys died of it.

    BEFORE and AFTER are sources or case files: an image before sysprep and after, a machine and its migrated copy, a
    snapshot and now. Exit codes: 0 nothing changed, 1 something did, or not all could be examined, 2 wrong usage, 3
    nothing could be examined, 5 the result could not be written.

    \b
    Example:
      keymortem compare golden.vhdx deployed.vhdx
      keymortem compare monday.sqlite friday.sqlite --format html -o week.html
    """
    check_zone(zone, form)
    check_targets(form, output, None, (before, after), overwrite)
    cases = [examined((source,), options) for source in (before, after)]
    if any(case.is_empty for case in cases):
        ctx.exit(NOTHING_EXAMINED)
    comparison = forensics.compare(*cases)
    with times_shown(zone, *cases):
        emit(comparison, form, output, overwrite=overwrite)
    if not comparison.is_empty:
        ctx.exit(FOUND)
    if any(case.judges_nothing for case in cases):
        ctx.exit(NOTHING_EXAMINED)
    ctx.exit(FOUND if any(case.is_incomplete for case in cases) else 0)
