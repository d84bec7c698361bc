"""What arguments of the command line may look like; each function is the callback of an option."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import click

from forensics.tables.timestamps import parse_utc

_SPAN = re.compile(r"(\d{1,5})([dwy]?)")
_DAYS = {"": 1, "d": 1, "w": 7, "y": 365}


def utc_time(ctx: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Read a date or an ISO time, UTC where it names no zone."""
    try:
        return parse_utc(value) if value is not None else None
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{value!r} is no date; write 2026-11-22 or 2026-11-22T08:00:00Z") from None


def span(ctx: click.Context, parameter: click.Parameter, value: str) -> timedelta:
    """Read a span of time in days, weeks or years."""
    match = _SPAN.fullmatch(value.strip().lower())
    if match is None:
        raise click.BadParameter(f"{value!r} is no span of time; write 180d, 26w or 1y")
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


def user_secrets(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read ``USER:FILE`` arguments: the secret of a user name or SID is the first line of a file.

    It is never on the command line itself, where other users of the computer could read it.
    """
    return dict(_user_secret(value) for value in values)


def _user_secret(value: str) -> tuple[str, str]:
    user, colon, file = value.partition(":")
    user = user.rsplit("\\", 1)[-1]  # DOMAIN\user: profiles and SAM know the user alone
    if not colon or not user or not file:
        raise click.BadParameter("write USER:FILE, where the first line of FILE holds the secret")
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be read ({error.strerror}); the secret is its first line") from None
    except UnicodeDecodeError:
        # From None: the exception would carry the secret's bytes.
        raise click.BadParameter(f"{file} is not UTF-8 text; save it as UTF-8") from None
    return user, text.split("\n", 1)[0].rstrip("\r")
