"""``keymortem explain``: everything about one key, or about one error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.completion import completed_subjects
from forensics.cli.messages import FOUND, NOTHING_EXAMINED, invalid_pack_told, unsuitable_machine_told
from forensics.cli.options import SOURCE, machine_option, rules_option, source_options, zone_option
from forensics.cli.output import check_zone, emit, tell_in_language, times_shown
from forensics.cli.run import examined_or_exit
from forensics.language import _

_BELOW_ZERO = re.compile(r"-(\d{10})")


class _WithCodes(click.Command):
    """A command whose arguments may be error codes as signed numbers, which look like options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [_unsigned(argument) for argument in args])


def _unsigned(argument: str) -> str:
    found = _BELOW_ZERO.fullmatch(argument)
    return f"0x{(1 << 32) - int(found[1]):08X}" if found and int(found[1]) <= 1 << 31 else argument


@click.command(cls=_WithCodes)
@click.argument("sources", nargs=-1, metavar="SOURCE...", type=SOURCE, shell_complete=completed_subjects)
@click.argument("wanted", metavar="SUBJECT")
@machine_option
@zone_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="json: of an error only.")
@rules_option
@source_options
@click.pass_context
def explain(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    wanted: str,
    machine: str | None,
    zone: str | None,
    form: str,
    rules: tuple[Path, ...],
    **options: Any,
) -> None:
    """Show one key's chain link by link, and then what each rule says of it, condition by condition.

    SUBJECT is a certificate's thumbprint (six digits are enough), a key file's name or path, or the name of anything
    that findings speak of, or a part of that name: a certificate's subject, a computer, a service.

    Or it is what Windows showed: an error code, its name, an event or a message. Then: where this disk recorded it,
    which findings here produce it, and which other causes were ruled out by what.

    Of several machines, --machine chooses one: what is said of others of the same key is left out.

    Exit codes: 0 nothing is wrong with it, 1 something is, or for an error not all could be examined, 2 wrong usage, or
    nothing here is called so, 3 nothing could be examined, or not one key judged, 4 rule pack invalid.

    \b
    Example:
      keymortem explain disk.vhdx 3F2A9C
      keymortem explain disk.vhdx web.contoso
      keymortem explain fleet.sqlite web.contoso --machine WEB01
      keymortem explain disk.vhdx 0x80090016
      keymortem explain disk.vhdx "Schannel 36870"
      keymortem explain disk.vhdx "Keyset does not exist"
    """
    if not sources:
        raise click.UsageError(_("Missing argument 'SUBJECT': what to explain stands behind the sources"))
    check_zone(zone, form)
    case = examined_or_exit(sources, options | {"rules": rules})
    tell_in_language(case, rules)
    try:
        with unsuitable_machine_told():
            symptom = forensics.explain_symptom(case, wanted, machine=machine)
    except forensics.UnknownSubjectError:
        _explain_key(ctx, case, sources, wanted, machine, zone, form, rules)
        return
    with times_shown(zone, case, rules=rules):
        emit(symptom, form)
    if not symptom.is_known:
        raise click.UsageError(
            _("{wanted!r} is no code or event of which a cause is known; see above for what has it", wanted=wanted)
        )
    if symptom.has_findings:
        ctx.exit(FOUND)
    if case.judges_nothing:
        ctx.exit(NOTHING_EXAMINED)
    ctx.exit(FOUND if case.is_incomplete else 0)


def _explain_key(
    ctx: click.Context,
    case: forensics.Case,
    sources: tuple[str, ...],
    wanted: str,
    machine: str | None,
    zone: str | None,
    form: str,
    rules: tuple[Path, ...],
) -> None:
    source = " ".join(sources)
    if form not in forensics.Explanation.formats:
        raise click.UsageError(
            _("a key is explained as text; keymortem examine {source} --format json has every value", source=source)
        )
    try:
        with invalid_pack_told(), unsuitable_machine_told():
            told = forensics.explain(case, wanted, rules, machine=machine)
    except forensics.UnknownSubjectError:
        raise click.UsageError(_nothing_called(wanted, machine, source)) from None
    with times_shown(zone, case, rules=rules):
        emit(told)
    if told.candidates:
        raise click.UsageError(_("{wanted!r} is the name of several; write more of one of those above", wanted=wanted))
    if told.has_findings:
        ctx.exit(FOUND)
    ctx.exit(NOTHING_EXAMINED if case.judges_nothing else 0)


def _nothing_called(wanted: str, machine: str | None, source: str) -> str:
    if machine is None:
        return _(
            "nothing here is called {wanted!r}; keymortem examine {source} lists what there is",
            wanted=wanted,
            source=source,
        )
    return _(
        "nothing on {machine} is called {wanted!r}; keymortem examine {source} lists what there is",
        machine=machine,
        wanted=wanted,
        source=source,
    )
