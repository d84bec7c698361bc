"""``keymortem examine``: what is broken on a disk and why, in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.messages import FOUND, NOTHING_EXAMINED, say
from forensics.cli.options import SOURCE, overwrite_option, rules_option, source_options, zone_option
from forensics.cli.output import (
    append_case,
    check_runbook,
    check_targets,
    check_zone,
    emit,
    save_case,
    save_runbook,
    tell_in_language,
    times_shown,
)
from forensics.cli.run import examined
from forensics.language import _

_TEXTS = ("screen", "text")
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
_TARGET = click.Path(path_type=Path)
_FORMATS = click.Choice(forensics.FORMATS)
_SECTIONS, _SEVERITIES = click.Choice(forensics.SECTIONS), click.Choice(forensics.SEVERITIES)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=SOURCE)
@click.option("--format", "form", type=_FORMATS, help="What is written; else screen, with -v or -o text.")
@click.option("-v", "--verbose", is_flag=True, help="All of the text, with the first screen repeated at its end.")
@click.option("--only", type=_SECTIONS, metavar="SECTION", help="One section of the text alone, and whole.")
@click.option("--min-severity", type=_SEVERITIES, metavar="SEVERITY", help="Leave out findings that are less severe.")
@click.option("-o", "--output", type=_TARGET, metavar="FILE", help="Write there; a folder for csv, parquet.")
@click.option("--case", "case_file", type=_NEW_FILE, metavar="FILE.sqlite", help="Save every row in a case file too.")
@click.option("--append", is_flag=True, help="Add to the case file that is there; one that is not there is made.")
@click.option("--runbook", type=_NEW_FILE, metavar="FILE.ps1", help="Write the repair of one computer as a script too.")
@overwrite_option
@zone_option
@click.option("--history", is_flag=True, help="Ask what became of the files of all keys, not of broken ones alone.")
@click.option("--hash", "hash_sources", is_flag=True, help="SHA-256 of large sources, or on servers, too.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Examine N sources at a time; else one a core.")
@rules_option
@source_options
@click.pass_context
def examine(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    form: str | None,
    verbose: bool,
    only: str | None,
    min_severity: str | None,
    output: Path | None,
    case_file: Path | None,
    append: bool,
    runbook: Path | None,
    overwrite: bool,
    zone: str | None,
    **options: Any,
) -> None:
    """Examine sources: what is down, why and what to do; what can still be saved; what ends next, on 25 lines.

    All that the rules find, and every private key, usable, broken (and where), or undecided, tells -v. A case file that
    --case wrote is a source too: it is printed again without the disk. Several, and disks with them, are joined to one
    case: machines are numbered anew; clones, hosts of virtual machines and the rules are judged anew, for the latest of
    their dates or --as-of. A disk in two of them counts once, as the newer examination has it.

    --case with --append adds what was examined now to the case file that is there, in the same way; printed is what was
    examined now.

    Formats: screen (the 25 lines); text (as -v); html (one page, to be read and sent on); json (one document); csv and
    parquet (one file a table); records (flow.record, for rdump); ics (a calendar of expiries); prom (metrics for
    Prometheus' textfile collector).

    --runbook writes the repair of one computer, service by service, as a PowerShell script. Each step checks before it
    acts, says what it would do, and does it only with -Apply; what needs a PFX file or another certificate stops and
    says so. Nothing is deleted, and no password is in it. Where nothing is to be repaired, none is written, and stderr
    says so; nor is one of several computers, or of a Windows before 7 and Server 2008 R2 (exit code 2).

    --history asks the witnesses of the past (change journal, deleted records, shadow copies) of every key, broken or
    not, and adds the section history; else they are asked of keys that lack their file.

    Sections for --only: services (that are down), savable (keys), not-known (services of which the disk does not say
    whether they work), findings, broken, too-open, expired, ending (soon), virtual-machines, well, undecided, orphans,
    history, information, not-examined, problems. Severities: critical, high, medium, low, info. Colours are for
    terminals; the variable NO_COLOR turns them off.

    Each source is examined in a process of its own, --jobs of them at a time; the report is the same as of one at a
    time. Such a process may take 12 hours, 4 of them of processor time, and 4 GiB of memory, or its share where the
    machine has less. What crashes, hangs or takes more is not examined, with the reason; the others are. On Windows all
    are examined in one process, without these bounds.

    A file that exists is replaced with --overwrite only. Evidence is never written: no source, nothing inside a source
    folder, and no other file that is read for it, such as a parent disk, the next part of a split image or a log.

    Exit codes: 0 all examined and nothing found, 1 findings, or not all could be examined, 2 wrong usage, 3 nothing (or
    only an older state) could be examined, or not one key judged, 4 rule pack invalid, 5 something could not be
    written.

    \b
    Example:
      keymortem examine disk.vhdx --case disk.sqlite
      keymortem examine disk.sqlite -v
      keymortem examine disk2.vhdx --case disk.sqlite --append
      keymortem examine disk.sqlite other.sqlite disk3.vhdx
      keymortem examine disk.sqlite --only findings --min-severity high
      keymortem examine disk.vhdx --format html -o report.html
      keymortem examine disk.sqlite --runbook fix.ps1
      keymortem examine triage.zip --format json -o triage.json
      keymortem examine disk.sqlite --format csv -o tables
    """
    if verbose and form not in (None, "text"):
        raise click.UsageError(_("-v is the whole text, and --format {form} is not: choose one", form=form))
    form = form or ("text" if verbose or output is not None else "screen")
    if form not in _TEXTS and (only or min_severity):
        raise click.UsageError(_("--only and --min-severity are for text, not for --format {form}", form=form))
    check_zone(zone, form)
    check_targets(form, output, case_file, sources, overwrite, append)
    if runbook is not None:
        check_runbook(runbook, (output, case_file), sources, overwrite)
    case = examined(sources, options)
    if case.is_empty and (
        kept := [path for path in (output, case_file, runbook) if path is not None and path.exists()]
    ):
        # A name mistyped must not cost the last good result.
        say(_("nothing was examined, and nothing replaced: {kept}", kept=", ".join(str(path) for path in kept)))
        ctx.exit(NOTHING_EXAMINED)
    if case_file is not None and append:
        append_case(case, case_file, options["rules"])
    elif case_file is not None:
        save_case(case, case_file, overwrite)
    if form not in _TEXTS or output is not None or not case.is_empty:
        tell_in_language(case, options["rules"])
        with times_shown(zone, case, rules=options["rules"]):
            emit(case, form, output, overwrite, only, min_severity)
    if runbook is not None and not case.is_empty:
        save_runbook(case, runbook, overwrite)
    if case.is_empty:
        ctx.exit(NOTHING_EXAMINED)
    if case.has_findings:
        ctx.exit(FOUND)
    # "Nothing is broken" would be said of a state that is gone.
    if case.judges_nothing:
        ctx.exit(NOTHING_EXAMINED)
    # An unopened disk, or snapshot, among machines of today: exit code 0 would say that all is well.
    ctx.exit(FOUND if case.is_incomplete else 0)
