"""Options of a fleet: as those of examine, but that a secret is always named by its file, which each worker reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.options import disk_offset, rules_option
from forensics.language import _

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _user_file(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found: dict[str, tuple[str, str]] = {}
    for value in values:
        user, colon, file = value.partition(":")
        user = user.rsplit("\\", 1)[-1]
        if not colon or not user or not file:
            raise click.BadParameter(_("write USER:FILE, where the first line of FILE holds the secret"))
        if user.lower() in found:
            raise click.BadParameter(_("{user} is named twice, and only one secret of a user is tried", user=user))
        found[user.lower()] = user, str(Path(file).absolute())
    return tuple(found.values())


def fleet_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how inputs are opened and judged."""
    options = [
        click.option(
            "--signed-urls", type=_FILE, metavar="FILE", help="Signed URLs (SAS, presigned), one a line of FILE."
        ),
        click.option(
            "--recovery-key-file", type=_FILE, metavar="FILE", help="BitLocker recovery password, first line of FILE."
        ),
        click.option(
            "--bitlocker-password-file",
            "password_file",
            type=_FILE,
            metavar="FILE",
            help="BitLocker password, first line of FILE.",
        ),
        click.option("--bek", "bek_file", type=_FILE, metavar="FILE", help="BitLocker external key (.BEK)."),
        click.option(
            "--archive-password-file",
            type=_FILE,
            metavar="FILE",
            help="Password of zip and 7z archives, first line of FILE.",
        ),
        click.option(
            "--password",
            "passwords",
            callback=_user_file,
            multiple=True,
            metavar="USER:FILE",
            help="Password of a user, first line of FILE.",
        ),
        click.option(
            "--nt-hash",
            "nt_hashes",
            callback=_user_file,
            multiple=True,
            metavar="USER:FILE",
            help="NT hash of a user, first line of FILE.",
        ),
        click.option(
            "--domain-backup-key",
            "domain_backup_keys",
            type=_FILE,
            multiple=True,
            metavar="FILE.pvk",
            help="DPAPI backup key of the users' domain.",
        ),
        rules_option,
        click.option("--regback", is_flag=True, help="Take RegBack's backup hives for the machine: an older state."),
        click.option("--image", type=click.IntRange(min=1), metavar="N", help="Examine image N of each WIM alone."),
        click.option("--offset", callback=disk_offset, metavar="BYTES", help="Where the disk begins in each image."),
        click.option("--partition", type=click.IntRange(1), metavar="N", help="Examine this partition of each alone."),
        click.option(
            "--second-opinion", is_flag=True, help="Have impacket repeat every proof; needs keymortem[second-opinion]."
        ),
        click.option(
            "--deadline", "seconds", type=click.IntRange(1), metavar="SECONDS", help="Time for one input; else 3600."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def given_options(values: dict[str, Any]) -> forensics.FleetOptions:
    """Return what the options of a command say."""
    return forensics.FleetOptions(**{name: _told(value) for name, value in values.items()})


def _told(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.absolute())
    return tuple(_told(each) for each in value) if isinstance(value, tuple) else value
