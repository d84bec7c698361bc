"""``keymortem attest``: whether a certification authority would accept the keys of devices' TPMs."""

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
    "--ca",
    "authority",
    type=SOURCE,
    required=True,
    metavar="CADISK",
    help="Disk, collection or case file of the authority.",
)
@click.option(
    "--device", "devices", type=SOURCE, multiple=True, metavar="DEVICEDISK", help="The same of a device; repeatable."
)
@click.option("--format", "form", type=click.Choice(["text", "html", "json"]), default="text", help="What is printed.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE, not stdout."
)
@overwrite_option
@click.argument("more", nargs=-1, metavar="[DEVICEDISK]...", type=SOURCE)
@source_options
@click.pass_context
def attest(
    ctx: click.Context,
    /,
    authority: str,
    devices: tuple[str, ...],
    form: str,
    output: Path | None,
    overwrite: bool,
    more: tuple[str, ...],
    **options: Any,
) -> None:
    """Tell whether a certification authority would accept a TPM's key, by which way of trust, and what is missing.

    What Confirm-CAEndorsementKeyInfo answers on the running authority, here from disks: its list of endorsement keys,
    the manufacturers it trusts (EKROOT, EKCA), and what templates permit. Exit codes: 0 every device is accepted, 1
    one is not or it cannot be told, 2 wrong usage, 3 nothing could be examined, 5 the result could not be written.

    \b
    Example:
      keymortem attest --ca ca01.vhdx --device laptop7.vhdx laptop8.vhdx
    """
    sources = (*devices, *more)
    if not sources:
        raise click.UsageError(_("name the disk of at least one device with --device"))
    check_targets(form, output, None, (authority, *sources), overwrite)
    ca = examined((authority,), options)
    cases = [examined((source,), options) for source in sources]
    try:
        answer = forensics.attest(ca, cases)
    except forensics.UnsuitableCaseError as error:
        say(error.named({"ca": "--ca"}))
        ctx.exit(NOTHING_EXAMINED)
    if not answer.devices:
        say(_("no Windows was found in what --device names"))
        ctx.exit(NOTHING_EXAMINED)
    emit(answer, form, output, overwrite=overwrite)
    # A device that could not be examined is none that is accepted.
    ctx.exit(0 if answer.accepts_all and not any(case.is_empty for case in cases) else FOUND)
