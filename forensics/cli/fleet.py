"""The commands of ``keymortem fleet``: thousands of disks, examined once each, in a dataset that grows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.fleet_options import fleet_options, given_options
from forensics.cli.fleet_report import report
from forensics.cli.messages import FOUND, NOT_WRITTEN, NOTHING_EXAMINED, invalid_pack_told, say
from forensics.cli.options import SOURCE, debug_option, utc_time
from forensics.cli.output import emit
from forensics.language import _, said_by, told

_DATASET = click.argument("dataset", metavar="DATASET", type=click.Path(path_type=Path))
_MOST_LISTED = 1_000_000
"""Evidence: lines of a list of sources."""
_SCHEDULER = click.option(
    "--scheduler", metavar="ADDRESS", help="A dask cluster, by the address of its scheduler or its scheduler file."
)
_JOBS = click.option("--jobs", type=click.IntRange(1, 1024), metavar="N", help="Processes; else one a processor.")


@click.group("fleet")
@debug_option
def fleet_group() -> None:
    """Examine thousands of disks, each once, and what spans them; needs keymortem[fleet].

    \b
    Example:
      keymortem fleet run /mnt/datastore -o datastore.fleet
      keymortem fleet status datastore.fleet
    """


fleet_group.add_command(report)


@fleet_group.command(short_help="Examine what a dataset does not know yet.")
@click.argument("sources", nargs=-1, metavar="SOURCE...", type=SOURCE)
@click.option("--from", "listed", type=click.File("rb"), metavar="LIST", help="Sources, one a line; - reads stdin.")
@click.option(
    "-o", "--output", "dataset", required=True, type=click.Path(path_type=Path), metavar="DATASET", help="Its folder."
)
@_SCHEDULER
@_JOBS
@click.option("--as-of", callback=utc_time, metavar="DATE", help="What 'expired' refers to; else that of the dataset.")
@fleet_options
@debug_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    listed: Any,
    dataset: Path,
    scheduler: str | None,
    jobs: int | None,
    as_of: datetime | None,
    **options: Any,
) -> None:
    """Examine every disk, folder, archive or virtual machine that the sources mean, one task each, into DATASET.

    A SOURCE is a disk, a folder, a URL, or a pattern (in a path * stands for any characters, ** for any folders). What
    belongs together is one task: the disks of a virtual machine's configuration, a disk and its parents, the parts of
    an image. Each file that was listed is counted: examined, failed, no evidence, or read with another one.

    Running it again examines only what is new, has changed, was not finished, or was examined by another version or
    with other options; fleet retry has the failed ones examined again. A dataset has one date for "expired": another
    --as-of examines all anew. However a run ends, it costs no more than the disks that were in work.

    Workers are processes of this computer, or with --scheduler those of a dask cluster. Those need keymortem[fleet],
    and must reach sources, DATASET and the files that options name by the same paths. Only paths are sent to them:
    whoever shares the scheduler sees these, and no secret. Options are kept in DATASET for the next run, as paths too.

    Exit codes: 0 all examined and nothing found, 1 findings, or not all could be examined, 2 wrong usage, 3 nothing
    could be examined, a rule was not asked to its end, or the scheduler was lost, 4 rule pack invalid, 5 the dataset
    cannot be written.

    \b
    Example:
      keymortem fleet run '/vmfs/volumes/*/*/*.vmx' -o esx.fleet
      keymortem fleet run --from disks.txt -o azure.fleet --signed-urls sas.txt
      keymortem fleet run /mnt/triage -o triage.fleet --scheduler tls://head.contoso.test:8786
    """
    named = (*sources, *(_lines(listed) if listed is not None else ()))
    if not named:
        raise click.UsageError(_("name a SOURCE, or a LIST of them with --from"))
    with _told() as progress:
        status = forensics.fleet_run(
            *named,
            dataset=dataset,
            options=given_options(options),
            as_of=as_of,
            scheduler=scheduler,
            jobs=jobs,
            progress=progress,
        )
    _end(ctx, status)


@fleet_group.command(short_help="Examine again what failed.")
@_DATASET
@_SCHEDULER
@_JOBS
@fleet_options
@debug_option
@click.pass_context
def retry(ctx: click.Context, /, dataset: Path, scheduler: str | None, jobs: int | None, **options: Any) -> None:
    """Examine again whatever failed, with the options of the last run, and those that are given here.

    Exit codes are those of fleet run.

    \b
    Example:
      keymortem fleet retry datastore.fleet --bek 8F3C1A20.BEK
    """
    with _told() as progress:
        status = forensics.fleet_retry(
            dataset, options=given_options(options), scheduler=scheduler, jobs=jobs, progress=progress
        )
    _end(ctx, status)


@fleet_group.command(short_help="What a dataset holds, and what it lacks.")
@_DATASET
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="What is written.")
@debug_option
@click.pass_context
def status(ctx: click.Context, /, dataset: Path, form: str) -> None:
    """Tell how many inputs were examined, why others failed, which rules were not asked, and what is out of date.

    It may be asked while a run is going on. Exit codes: 0 all was examined, 1 something was not, or is out of date,
    2 no dataset, 3 a rule was not asked to its end.

    \b
    Example:
      keymortem fleet status datastore.fleet
    """
    with _told(quiet=True):
        found = forensics.fleet_status(dataset)
    emit(found, form)
    ctx.exit(NOTHING_EXAMINED if found.stopped else FOUND if found.is_incomplete else 0)


def _end(ctx: click.Context, status: forensics.FleetStatus) -> None:
    emit(status)
    if status.stopped or not status.states["examined"]:
        ctx.exit(NOTHING_EXAMINED)
    ctx.exit(FOUND if status.alarms or status.is_incomplete else 0)


def _lines(file: Any) -> Iterator[str]:
    """Yield the sources that a list names: one a line, without empty lines and those that begin with #."""
    for number, line in enumerate(file):
        if number >= _MOST_LISTED:
            raise click.UsageError(_("--from: a list has at most {most} lines", most=_MOST_LISTED))
        text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").strip("\r\n")
        if text.strip() and not text.lstrip().startswith("#"):
            yield text


@contextmanager
def _told(quiet: bool = False) -> Iterator[Callable[[forensics.FleetProgress], None] | None]:
    """Let what is wrong end the command with a sentence, and show how far it is on a terminal."""
    try:
        with invalid_pack_told():
            if quiet or not sys.stderr.isatty():
                yield None
                return
            from rich.console import Console
            from rich.text import Text

            with Console(stderr=True).status("starting") as shown:
                yield lambda state: shown.update(Text(forensics.sanitise(state.line)))
    except ModuleNotFoundError as error:
        raise click.UsageError(
            _("fleets need the Python package {package}: pip install 'keymortem[fleet]'", package=error.name)
        ) from error
    except (forensics.DatasetError, forensics.EvidenceTargetError, forensics.SourceError) as error:
        raise click.UsageError(told(said_by(error))) from error
    except forensics.SchedulerLostError as error:
        say(_("{error}; what was done is kept, run again for the others", error=told(said_by(error))))
        raise click.exceptions.Exit(NOTHING_EXAMINED) from error
    except OSError as error:
        say(_("the dataset cannot be written: {error}; what was done is kept", error=error.strerror or error))
        raise click.exceptions.Exit(NOT_WRITTEN) from error
