"""The command line: parses arguments and calls the public API, nothing more."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.attest import attest
from forensics.cli.compare import compare
from forensics.cli.migrate import migrate
from forensics.cli.options import SOURCE, debug_option, source_options, span
from forensics.cli.output import FORMATS, LANGUAGES, check_targets, emit, save_case
from forensics.cli.rules import load, rules_group, rules_option
from forensics.cli.run import NOTHING_EXAMINED, examined, say, width, write
from forensics.version import __version__

if TYPE_CHECKING:
    from forensics.case_tables import CaseTables

FINDINGS, INTERRUPTED = 1, 130  # click itself ends wrong usage with 2

_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
_TARGET = click.Path(path_type=Path)


class GuardedGroup(click.Group):
    """A group whose commands never end in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what nobody foresaw becomes one sentence on stderr."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException):
            raise
        except (KeyboardInterrupt, click.Abort):
            say("interrupted")
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # The reader (head, less) has seen enough; Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(FINDINGS)
        except Exception as error:
            if ctx.meta.get("debug"):
                import traceback

                traceback.print_exc()
            say(
                f"keymortem itself failed ({type(error).__name__}). This is a bug, not your disk: please report it "
                f"with the version ({__version__}), the kind of source and the output of the same command with --debug."
            )
            ctx.exit(NOTHING_EXAMINED)


@click.group(cls=GuardedGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="keymortem", message="%(prog)s %(version)s")
@debug_option
def cli() -> None:
    """Tell why a Windows private key died, and which certificate dies next, from a disk that never boots again.

    Sources are opened read-only: disk images (VHDX, VHD, VMDK, E01, raw), triage folders, zips and tars, hives.

    \b
    Example:
      keymortem examine disk.vhdx                  why keys are broken, and how to repair them
      keymortem explain disk.vhdx web.contoso      the whole chain of one of them
      keymortem compare before.vhdx after.vhdx     which keys died in between, and of what
    """


cli.add_command(rules_group)
cli.add_command(migrate)
cli.add_command(attest)
cli.add_command(compare)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A console of another encoding shows '?' rather than nothing at all.
            stream.reconfigure(errors="replace")
    cli(prog_name="keymortem")


@cli.command(short_help="Why keys are broken, what to do, what expires next.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=SOURCE)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="What is written; else text.")
@click.option("-o", "--output", type=_TARGET, metavar="FILE", help="Write there; a folder for csv, parquet.")
@click.option("--case", "case_file", type=_NEW_FILE, metavar="FILE.sqlite", help="Save every row in a case file too.")
@click.option("--lang", type=click.Choice(LANGUAGES), default="en", help="Language of the HTML report; else en.")
@click.option("--hash", "hash_sources", is_flag=True, help="SHA-256 of large sources too (of small ones always).")
@rules_option
@source_options
@click.pass_context
def examine(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    form: str,
    output: Path | None,
    case_file: Path | None,
    lang: str,
    **options: Any,
) -> None:
    """Examine sources: what the rules find, and every private key, usable, broken (and where), or undecided.

    A case file that --case wrote is a source too, alone: it is printed again without the disk.

    Formats: text; html (one page, to be read and sent on); json (one document); csv and parquet (one file a table);
    records (flow.record, for rdump); ics (a calendar of expiries); prom (metrics for Prometheus' textfile collector).

    Exit codes: 0 nothing found, 1 findings, 2 wrong usage, 3 nothing could be examined, 4 rule pack invalid.

    \b
    Example:
      keymortem examine disk.vhdx --case disk.sqlite
      keymortem examine disk.vhdx --format html -o report.html
      keymortem examine triage.zip --format json -o triage.json
      keymortem examine disk.sqlite --format csv -o tables
    """
    check_targets(form, output, case_file, sources)
    if lang != "en" and form != "html":
        raise click.UsageError(f"--lang {lang} is for --format html; the other formats are in English")
    case = examined(sources, options)
    if case_file is not None:
        save_case(case, case_file)
    if form != "text" or output is not None or not case.is_empty:
        if lang != "en":
            from forensics.examination import speak

            speak(case, load(options["rules"], language=lang), lang)
        emit(case, form, output, lang)
    ctx.exit(_exit_code(case))


@cli.command(short_help="One key's chain, link by link, and every rule about it.")
@click.argument("source", metavar="SOURCE", type=SOURCE)
@click.argument("wanted", metavar="SUBJECT")
@rules_option
@source_options
@click.pass_context
def explain(ctx: click.Context, /, source: str, wanted: str, **options: Any) -> None:
    """Show one key's chain link by link, and then what each rule says of it, condition by condition.

    SUBJECT is a certificate's thumbprint (six digits are enough), a key file's name or path, or the name of anything
    that findings speak of, or a part of that name: a certificate's subject, a computer, a service.

    \b
    Example:
      keymortem explain disk.vhdx 3F2A9C
      keymortem explain disk.vhdx web.contoso
    """
    packs = load(options["rules"])
    case = examined((source,), options)
    if case.is_empty:
        ctx.exit(NOTHING_EXAMINED)
    from forensics.report.explain_subject import explain_subject

    told = explain_subject(case, packs, wanted, width(None))
    if told.text is None:
        raise click.UsageError(f"nothing here is called {wanted!r}; keymortem examine {source} lists what there is")
    if told.several:
        write(told.text)
        raise click.UsageError(f"{wanted!r} is the name of several; write more of one of those above")
    write(told.text)
    ctx.exit(FINDINGS if told.is_wrong else 0)


@cli.command(short_help="Certificates with a key that end soon, soonest first.")
@click.argument("source", metavar="SOURCE", type=SOURCE)
@click.option(
    "--within", callback=span, default="180d", metavar="SPAN", help="How far ahead: 30d, 8w, 1y; 180d if not given."
)
@source_options
@click.pass_context
def expiring(ctx: click.Context, /, source: str, within: timedelta, **options: Any) -> None:
    """List certificates with a private key that have expired or soon will, soonest first.

    \b
    Example:
      keymortem expiring disk.vhdx --within 180d
    """
    case = examined((source,), options)
    if case.is_empty:
        ctx.exit(NOTHING_EXAMINED)
    from forensics.report.expiring import expiring as soon
    from forensics.report.expiring import render_expiring

    write(render_expiring(case, within, width(None)))
    ctx.exit(FINDINGS if soon(case, within) else 0)


@cli.command(short_help="What every table and column means.")
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@debug_option
def tables(markdown: bool) -> None:
    """Describe every table and column of the JSON document and the case file.

    \b
    Example:
      keymortem tables --markdown > tables.md
    """
    from forensics.report.table_docs import render_tables

    write(render_tables(markdown, width(None)))


def _exit_code(case: CaseTables) -> int:
    from forensics.report.findings import counts
    from forensics.report.stores import judges_nothing
    from forensics.report.triage import triage

    if case.is_empty:
        return NOTHING_EXAMINED
    if counts(case.finding_list) or triage(case).has_findings:
        return FINDINGS
    return NOTHING_EXAMINED if judges_nothing(case) else 0
