"""``keymortem attest``: whether a certification authority would accept the keys of devices' TPMs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.options import SOURCE, source_options
from forensics.cli.run import NOTHING_EXAMINED, examined, say, width, write

if TYPE_CHECKING:
    from forensics.case_tables import CaseTables
    from forensics.tables.row import Row

FINDINGS = 1


@click.command(short_help="Would a CA accept the keys of a TPM?")
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
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="What is printed.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE, not stdout."
)
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
    more: tuple[str, ...],
    **options: Any,
) -> None:
    """Tell whether a certification authority would accept a TPM's key, by which way of trust, and what is missing.

    What Confirm-CAEndorsementKeyInfo answers on the running authority, here from disks: its list of endorsement keys,
    the manufacturers it trusts (EKROOT, EKCA), and what templates permit. Exit codes: 0 every device is accepted, 1
    one is not or it cannot be told, 2 wrong usage, 3 nothing could be examined.

    \b
    Example:
      keymortem attest --ca ca01.vhdx --device laptop7.vhdx laptop8.vhdx
    """
    sources = (*devices, *more)
    if not sources:
        raise click.UsageError("name the disk of at least one device with --device")
    from forensics.attestation.answer import attest as answer_for
    from forensics.attestation.render import attestation_document, render_attestation

    ca = examined((authority,), options)
    examinations = [_rows(examined((source,), options)) for source in sources]
    try:
        answer = answer_for(_rows(ca), examinations, ca.as_of)
    except ValueError as error:
        say(str(error))
        ctx.exit(NOTHING_EXAMINED)
    if not answer.devices:
        say("no Windows was found in what --device names")
        ctx.exit(NOTHING_EXAMINED)
    if form == "json":
        import json

        text = json.dumps(attestation_document(answer), indent=2, ensure_ascii=False) + "\n"
        # File names on NTFS may hold lone surrogates, which no encoding of text takes.
        write(text.encode("utf-8", "backslashreplace").decode("utf-8"), output)
    else:
        write(render_attestation(answer, width(output)), output)
    ctx.exit(0 if answer.accepts_all and all(examinations) else FINDINGS)


def _rows(case: CaseTables) -> list[Row]:
    return [row for table in case.tables.values() for row in table]
