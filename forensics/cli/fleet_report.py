"""``keymortem fleet report``: one row a disk, every input accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

import forensics
from forensics.cli.messages import FOUND, NOTHING_EXAMINED, say
from forensics.cli.options import debug_option, overwrite_option, utc_time
from forensics.cli.output import check_targets, emit, refusals_told, tell_in_language
from forensics.language import _, said_by, told

_FLEET_FORMATS = ("text", "html", "csv", "json", "xlsx")
_REPORT_FORMATS = tuple(dict.fromkeys((*_FLEET_FORMATS, *forensics.FORMATS)))
_DATASET = click.Path(path_type=Path)


@click.command("report", short_help="One row a disk, every input accounted for.")
@click.argument("dataset", metavar="DATASET", type=_DATASET)
@click.option(
    "--format", "form", type=click.Choice(_REPORT_FORMATS), default="text", help="What is written; else text."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write there, not to stdout.")
@click.option("--down", is_flag=True, help="Only machines on which something is down.")
@click.option("--dead", is_flag=True, help="Only machines with a dead key.")
@click.option(
    "--ends-before", callback=utc_time, metavar="DATE", help="Only machines on which a certificate ends before it."
)
@click.option("--machine", metavar="NAME", help="Only machines of this name.")
@click.option("--disk", metavar="PATH", help="All of one disk, as examine tells it; its path or key.")
@click.option("--pages", is_flag=True, help="With html: a page for each machine too, in a folder beside FILE.")
@overwrite_option
@debug_option
@click.pass_context
def report(
    ctx: click.Context,
    /,
    dataset: Path,
    form: str,
    output: Path | None,
    down: bool,
    dead: bool,
    ends_before: datetime | None,
    machine: str | None,
    disk: str | None,
    pages: bool,
    overwrite: bool,
) -> None:
    """Report on the dataset that fleet run wrote: a row a disk, and what many machines have in common.

    Every input is accounted for: what was examined, what failed and why, what is no evidence, a parent or a copy.

    Formats: text; html (one page, to be sorted, filtered and sent on); csv (one file, a row a disk); json; xlsx (a
    sheet each for disks, findings, ends, clones and what failed). --disk tells all of one disk in each format that
    examine has; csv and parquet are folders then.

    Exit codes: 0 all examined and nothing found, 1 findings, or not all could be examined, 2 wrong usage, 3 nothing was
    examined, or a rule was not asked to its end, 5 the report could not be written.

    \b
    Example:
      keymortem fleet report fleet
      keymortem fleet report fleet --format html -o fleet.html
      keymortem fleet report fleet --down --format csv -o down.csv
      keymortem fleet report fleet --disk web01.vhdx --format html -o web01.html
    """
    chosen = [name for name, is_set in (("--down", down), ("--dead", dead)) if is_set]
    chosen += [name for name, value in (("--ends-before", ends_before), ("--machine", machine)) if value]
    if disk is not None:
        if chosen or pages or form == "xlsx":
            other = (*chosen, *(["--pages"] if pages else []), *(["--format xlsx"] if form == "xlsx" else []))
            raise click.UsageError(
                _("--disk tells all of one disk; {option} is for reports on the fleet", option=other[0])
            )
        _report_disk(ctx, _opened(dataset), disk, form, output, overwrite)
        return
    if form not in _FLEET_FORMATS:
        raise click.UsageError(_("a fleet has no {form}, one disk of it has: name it with --disk", form=form))
    if pages and (form != "html" or output is None):
        raise click.UsageError(_("--pages needs --format html and -o FILE"))
    if form == "xlsx" and output is None:
        raise click.UsageError(_("--format xlsx needs -o FILE"))
    # A file, whatever examine makes of that format.
    check_targets("html" if form == "html" else "text", output, None, (str(dataset),), overwrite)
    with _told():
        found = forensics.fleet_report(_opened(dataset), down=down, dead=dead, ends_before=ends_before, machine=machine)
    if pages and output is not None:
        with _told(), refusals_told(output):
            found.write_pages(output, overwrite=overwrite)
    else:
        with _told():
            emit(found, form, output, overwrite=overwrite)
    if found.judges_nothing or found.stopped:
        ctx.exit(NOTHING_EXAMINED)
    ctx.exit(FOUND if found.has_findings else 0)


def _opened(dataset: Path) -> forensics.Fleet:
    with _told():
        return forensics.open_fleet(dataset)


@contextmanager
def _told() -> Iterator[None]:
    """Let what is wrong with the dataset end the command, as wrong usage."""
    try:
        yield
    except (forensics.DatasetError, forensics.UnknownDiskError) as error:
        raise click.UsageError(told(said_by(error))) from error
    except ModuleNotFoundError as error:
        missing = _("fleets need the Python package {package}: pip install 'keymortem[fleet]'", package=error.name)
        raise click.UsageError(missing) from error


def _report_disk(
    ctx: click.Context, fleet: forensics.Fleet, disk: str, form: str, output: Path | None, overwrite: bool
) -> None:
    check_targets(form, output, None, (str(fleet.path),), overwrite)
    with _told():
        case = fleet.case(disk)
    for sentence in case.not_examined:
        say(told(sentence))
    tell_in_language(case, ())
    emit(case, form, output, overwrite=overwrite)
    if case.is_empty:
        ctx.exit(NOTHING_EXAMINED)
    ctx.exit(FOUND if case.has_findings or case.is_incomplete else NOTHING_EXAMINED if case.judges_nothing else 0)
