"""Options that several commands share, and what their values may look like."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import click

import forensics
from forensics.cli.completion import completed_machines
from forensics.language import _, said_by, told

SOURCE = click.Path()
"""A source on the command line. That it exists is not asked here: one that is missing does not stop the others."""

_OFFSET = re.compile(r"(0x[0-9a-f]{1,16}|\d{1,19})(s?)")
_SECTOR = 512
_LONGEST_SECRET = 4 << 10
"""Format: bytes of a first line with a user's password, of which Windows takes 256 characters."""
_STANDARD_INPUT = "/dev/stdin"
_LONGEST_INPUT = 1 << 20
"""Format: bytes of standard input, of which a file with signed URLs is the longest."""
_SPAN = re.compile(r"(\d{1,5})([dwy]?)")
_DAYS = {"": 1, "d": 1, "w": 7, "y": 365}


def utc_time(ctx: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Read a date or an ISO time, UTC where it names no zone."""
    try:
        return forensics.parse_utc(value) if value is not None else None
    except (ValueError, OverflowError):
        raise click.BadParameter(
            _("{value!r} is no date; write 2026-11-22 or 2026-11-22T08:00:00Z", value=value)
        ) from None


def span(ctx: click.Context, parameter: click.Parameter, value: str) -> timedelta:
    """Read a span of time in days, weeks or years."""
    match = _SPAN.fullmatch(value.strip().lower())
    if match is None:
        raise click.BadParameter(_("{value!r} is no span of time; write 180d, 26w or 1y", value=value))
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


def disk_offset(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | Literal["search"] | None:
    """Read a number of bytes, decimal or hexadecimal, or of sectors with an ``s`` behind it; or ``search``."""
    if value is None or value == "search":
        return "search" if value else None
    match = _OFFSET.fullmatch(value.strip().lower())
    if match is None:
        raise click.BadParameter(
            _("{value!r} is no offset; write bytes (1048576, 0x100000), sectors (2048s) or search", value=value)
        )
    return int(match[1], 0 if match[1].startswith("0x") else 10) * (_SECTOR if match[2] else 1)


def user_secrets(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read ``USER:FILE`` arguments: the secret of a user name or SID is the first line of a file.

    It is never on the command line itself, where other users of the computer could read it.
    """
    found: dict[str, tuple[str, str]] = {}
    for user, secret in map(_user_secret, values):
        if user.lower() in found:
            raise click.BadParameter(
                _(
                    "{user} is named twice, and only one secret of a user is tried: examine once with each; two "
                    "accounts of one name are told apart by their SIDs",
                    user=user,
                )
            )
        found[user.lower()] = user, secret
    return dict(found.values())


def _user_secret(value: str) -> tuple[str, str]:
    user, colon, file = value.partition(":")
    user = user.rsplit("\\", 1)[-1]  # DOMAIN\user: profiles and SAM know the user alone
    if not colon or not user or not file:
        raise click.BadParameter(_("write USER:FILE, where the first line of FILE holds the secret"))
    file = _standard_input(file)
    named_files().append(Path(file))
    return user, _first_line(file)


def _first_line(file: str | Path) -> str:
    """Return the secret in the first line of a file; what nobody could have typed is wrong usage."""
    try:
        with open(file, "rb") as opened:
            raw = opened.readline(_LONGEST_SECRET)
        line = raw.decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise click.BadParameter(
            _("{file} cannot be read ({reason}); the secret is its first line", file=file, reason=error.strerror)
        ) from None
    except UnicodeDecodeError:
        # From None: the exception would carry the secret's bytes.
        raise click.BadParameter(_("{file} is not UTF-8 text; save it as UTF-8", file=file)) from None
    if len(raw) >= _LONGEST_SECRET:
        raise click.BadParameter(_("the first line of {file} is too long for a password", file=file))
    if any(unicodedata.category(c) == "Cc" for c in line):
        raise click.BadParameter(
            _("the first line of {file} holds characters that nobody can type; save it as UTF-8 text", file=file)
        )
    return line


class _GivenFile(click.Path):
    """A file with something that is known to the user alone; ``-`` is standard input."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(_standard_input(value), param, ctx)


GIVEN_FILE = _GivenFile(exists=True, dir_okay=False, path_type=Path)


def _standard_input(file: str) -> str:
    """Return a name of standard input for ``-``, once a command: what was read lies in memory, to be read again.

    Several volumes, or sources, may ask for one password, and a pipe can be read but once.
    """
    if file != "-":
        return file
    meta = click.get_current_context().meta
    if meta.setdefault("forensics.cli.standard_input", False):
        raise click.BadParameter(_("standard input can be read once: name files for the others"))
    meta["forensics.cli.standard_input"] = True
    if not hasattr(os, "memfd_create"):
        if not Path(_STANDARD_INPUT).exists():
            raise click.BadParameter(_("standard input has no name on this system; name a file"))
        return _STANDARD_INPUT
    content = sys.stdin.buffer.read(_LONGEST_INPUT + 1)
    if len(content) > _LONGEST_INPUT:
        raise click.BadParameter(_("standard input is too long for what is asked for"))
    held = os.memfd_create("standard input")
    os.write(held, content)
    return f"/proc/self/fd/{held}"


def _recovery_key(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    warning = _(
        "a recovery key on the command line is seen by everybody who lists the processes of this computer, and stays "
        "in the shell's history; give it with --recovery-key-file FILE, or - for standard input"
    )
    click.echo(f"keymortem: {warning}", err=True)
    return _checked_key(value)


def _recovery_key_file(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> str | None:
    return _checked_key(_first_line(_named(ctx, parameter, value))) if value is not None else None


def _checked_key(text: str) -> str:
    """Check what would be tried in vain, before anything is opened."""
    try:
        return forensics.recovery_password(text)
    except ValueError as error:
        raise click.BadParameter(told(said_by(error))) from None


def recovery_key(options: dict[str, Any]) -> str | None:
    """Return the recovery key of the options, by whichever of them it was given."""
    if options["recovery_key"] and options["recovery_key_file"]:
        raise click.UsageError(_("--recovery-key and --recovery-key-file are the same: give one of them"))
    key: str | None = options["recovery_key_file"] or options["recovery_key"]
    return key


def named_files() -> list[Path]:
    """Return the files that options of this command name, to which more may be added: none is ever written over."""
    files: list[Path] = click.get_current_context().meta.setdefault("forensics.cli.named_files", [])
    return files


def _named(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    named_files().extend(value if isinstance(value, tuple) else [value] if value is not None else [])
    return value


def _password(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Check the file of a password that would be tried as it is, and be called wrong; a pipe can be read but once."""
    if value is not None and value.is_file():
        _first_line(value)
    return _named(ctx, parameter, value)  # type: ignore[no-any-return]


def _debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        import logging

        logging.basicConfig(format="%(name)s: %(message)s", stream=sys.stderr)
        logging.getLogger("forensics").setLevel(logging.DEBUG)
        ctx.meta["debug"] = True


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_debug,
    help="Show the details of failures on stderr.",
)


rules_option = click.option(
    "--rules",
    "rules",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, path_type=Path),
    help="Take the rules of DIR too; repeatable.",
)


def _zone(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            with forensics.times_in(value):
                pass
        except ValueError as error:
            raise click.BadParameter(told(said_by(error))) from None
    return value


zone_option = click.option(
    "--tz",
    "zone",
    callback=_zone,
    metavar="ZONE",
    help="Time zone of texts and pages, such as Asia/Tokyo; UTC if not given.",
)


machine_option = click.option(
    "--machine",
    metavar="NAME",
    shell_complete=completed_machines,
    help="Of this machine alone: the name of a computer, or of its disk.",
)


overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace files that exist. Evidence is never written, even so."
)


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how a source is opened and judged."""
    return _source_options(command, ("--bitlocker-password-file", "--password-file"))


def source_options_beside_a_password(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options as :func:`source_options`, for a command whose own ``--password-file`` is another one."""
    return _source_options(command, ("--bitlocker-password-file",))


def _source_options(command: Callable[..., Any], of_bitlocker: tuple[str, ...]) -> Callable[..., Any]:
    options = [
        click.option("--as-of", callback=utc_time, metavar="DATE", help="What 'expired' refers to; now if not given."),
        click.option(
            "--signed-urls",
            type=GIVEN_FILE,
            callback=_named,
            metavar="FILE",
            help="Signed URLs (SAS, presigned) of sources on servers, one a line of FILE.",
        ),
        click.option(
            "--recovery-key-file",
            type=GIVEN_FILE,
            callback=_recovery_key_file,
            metavar="FILE",
            help="BitLocker recovery password, 48 digits, first line of FILE.",
        ),
        click.option(
            "--recovery-key",
            callback=_recovery_key,
            metavar="KEY",
            help="The digits themselves, which others can see here.",
        ),
        click.option(
            *of_bitlocker,
            "bitlocker_password_file",
            type=GIVEN_FILE,
            callback=_password,
            metavar="FILE",
            help="BitLocker password, first line of FILE.",
        ),
        click.option("--bek", type=GIVEN_FILE, callback=_named, metavar="FILE", help="BitLocker external key (.BEK)."),
        click.option(
            "--archive-password-file",
            type=GIVEN_FILE,
            callback=_named,
            metavar="FILE",
            help="Password of zip and 7z archives, first line of FILE.",
        ),
        click.option("--regback", is_flag=True, help="Take RegBack's backup hives for the machine: an older state."),
        click.option(
            "--image", type=click.IntRange(min=1), metavar="N", help="Examine image N of a WIM alone; all if not given."
        ),
        click.option(
            "--password",
            "passwords",
            callback=user_secrets,
            multiple=True,
            metavar="USER:FILE",
            help="Password of a user, first line of FILE.",
        ),
        click.option(
            "--nt-hash",
            "nt_hashes",
            callback=user_secrets,
            multiple=True,
            metavar="USER:FILE",
            help="NT hash of a user, first line of FILE.",
        ),
        click.option(
            "--domain-backup-key",
            type=GIVEN_FILE,
            callback=_named,
            multiple=True,
            metavar="FILE.pvk",
            help="DPAPI backup key of the users' domain.",
        ),
        click.option(
            "--offset",
            callback=disk_offset,
            metavar="BYTES",
            help="Where the disk begins in its image (sectors: 2048s); search: look for it.",
        ),
        click.option(
            "--partition", type=click.IntRange(1), metavar="N", help="Examine this partition of each disk alone."
        ),
        click.option(
            "--second-opinion", is_flag=True, help="Have impacket repeat every proof; needs keymortem[second-opinion]."
        ),
        debug_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command
