"""``keymortem timeline``: what happened when, for programs of time lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.messages import FOUND
from forensics.cli.options import SOURCE, overwrite_option, source_options
from forensics.cli.output import check_targets, emit
from forensics.cli.run import examined_or_exit


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=SOURCE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "bodyfile"]),
    default="csv",
    help="What is written; csv if not given.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE, not stdout."
)
@overwrite_option
@click.option("--history", is_flag=True, help="Ask what became of the files of all keys, not of broken ones alone.")
@source_options
@click.pass_context
def timeline(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    form: str,
    output: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Write what happened to machines and their keys, the earliest first, ends of certificates to come among it.

    Formats: csv and jsonl (events as Timesketch reads them, and psort of plaso writes them: datetime with its zone,
    timestamp in microseconds, timestamp_desc, message, tag, and where each time was read); bodyfile (for mactime of The
    Sleuth Kit, and the parser bodyfile of plaso's log2timeline).

    All times are UTC. Setup logs write the machine's own clock without a zone: such times stand there as if they were
    UTC, and message and tag (clock_of_the_machine) say so. The tag to_come marks what is after the examination.

    Exit codes: 0 all examined, 1 not all could be examined, 2 wrong usage, 3 nothing could be examined, 5 the time line
    could not be written.

    \b
    Example:
      keymortem timeline disk.vhdx -o disk.csv
      keymortem timeline web01.sqlite web02.sqlite --format jsonl -o web.jsonl
      keymortem timeline disk.sqlite --format bodyfile | mactime -d -z UTC
    """
    check_targets("text", output, None, sources, overwrite)  # each format is one file, csv too
    case = examined_or_exit(sources, options)
    emit(forensics.timeline(case), form, output, overwrite=overwrite)
    ctx.exit(FOUND if case.is_incomplete else 0)
