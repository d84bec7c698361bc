"""``keymortem explain``: everything about one key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.messages import FOUND, NOTHING_EXAMINED, invalid_pack_told
from forensics.cli.options import SOURCE, rules_option, source_options
from forensics.cli.output import emit
from forensics.cli.run import examined_or_exit


@click.command(short_help="One key's chain, link by link, and every rule about it.")
@click.argument("source", metavar="SOURCE", type=SOURCE)
@click.argument("wanted", metavar="SUBJECT")
@rules_option
@source_options
@click.pass_context
def explain(ctx: click.Context, /, source: str, wanted: str, rules: tuple[Path, ...], **options: Any) -> None:
    """Show one key's chain link by link, and then what each rule says of it, condition by condition.

    SUBJECT is a certificate's thumbprint (six digits are enough), a key file's name or path, or the name of anything
    that findings speak of, or a part of that name: a certificate's subject, a computer, a service.

    \b
    Example:
      keymortem explain disk.vhdx 3F2A9C
      keymortem explain disk.vhdx web.contoso
    """
    case = examined_or_exit((source,), options | {"rules": rules})
    try:
        with invalid_pack_told():
            told = forensics.explain(case, wanted, rules)
    except forensics.UnknownSubjectError:
        raise click.UsageError(
            f"nothing here is called {wanted!r}; keymortem examine {source} lists what there is"
        ) from None
    emit(told)
    if told.candidates:
        raise click.UsageError(f"{wanted!r} is the name of several; write more of one of those above")
    if told.has_findings:
        ctx.exit(FOUND)
    ctx.exit(NOTHING_EXAMINED if case.judges_nothing else 0)
