"""``keymortem migrate``: what must go with virtual machines from one Hyper-V host to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.messages import FOUND, NOTHING_EXAMINED, say
from forensics.cli.options import SOURCE, overwrite_option, source_options
from forensics.cli.output import check_targets, emit
from forensics.cli.run import examined
from forensics.language import _


@click.command()
@click.option(
    "--from", "source", type=SOURCE, metavar="SOURCE_HOST", help="Disk, collection or case file of the old host."
)
@click.option("--to", "target", type=SOURCE, required=True, metavar="TARGET_HOST", help="The same of the new host.")
@click.option(
    "--vm", "exports", type=SOURCE, multiple=True, metavar="EXPORT", help="Exported virtual machines; repeatable."
)
@click.option("--format", "form", type=click.Choice(["text", "html", "json"]), default="text", help="What is printed.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE, not stdout."
)
@overwrite_option
@source_options
@click.pass_context
def migrate(
    ctx: click.Context,
    /,
    source: str | None,
    target: str,
    exports: tuple[str, ...],
    form: str,
    output: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Tell which virtual machines would start on another Hyper-V host, and what must be carried there first.

    Name the old host's disk with --from, or exported machines with --vm, or both. Exit codes: 0 everything works as it
    is, 1 something does not or is not known, 2 wrong usage, 3 nothing could be examined, or nothing is there to move,
    5 the result could not be written.

    \b
    Example:
      keymortem migrate --from hv01.vhdx --to hv02.vhdx
      keymortem migrate --vm D:\\Exports\\WEB01 --to hv02.vhdx
    """
    if source is None and not exports:
        raise click.UsageError(_("name what is moved: the old host's disk with --from, or exports with --vm"))
    check_targets(form, output, None, (*([source] if source else []), target, *exports), overwrite)
    to = examined((target,), options)
    leaving = examined((source,), options) if source else None
    exported = examined(exports, options) if exports else None
    if any(case is not None and case.is_empty for case in (leaving, exported)):
        # A wrong name must not read like a host without virtual machines. What is wrong was told already.
        ctx.exit(NOTHING_EXAMINED)
    try:
        plan = forensics.plan_migration(leaving, to, exported)
    except forensics.UnsuitableCaseError as error:
        say(error.named({"source": "--from", "target": "--to", "exports": "--vm"}))
        ctx.exit(NOTHING_EXAMINED)
    emit(plan, form, output, overwrite=overwrite)
    ctx.exit(FOUND if plan.has_obstacles else 0)
