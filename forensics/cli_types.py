"""What arguments of the command line may look like."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import click

from forensics.tables.timestamps import parse_utc

_SPAN = re.compile(r"(\d{1,5})([dwy]?)")
_DAYS = {"": 1, "d": 1, "w": 7, "y": 365}


class UtcTimeType(click.ParamType):
    """A date or ISO time, UTC."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse, or fail with what would have been right."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_utc(str(value))
        except ValueError:
            self.fail(f"{value!r} is no date; write 2026-11-22 or 2026-11-22T08:00:00Z", param, ctx)


class SpanType(click.ParamType):
    """A span of time in days, weeks or years."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse, or fail with what would have been right."""
        if isinstance(value, timedelta):
            return value
        match = _SPAN.fullmatch(str(value).strip().lower())
        if match is None:
            self.fail(f"{value!r} is no span of time; write 180d, 26w or 1y", param, ctx)
        return timedelta(days=int(match[1]) * _DAYS[match[2]])


class UserFileType(click.ParamType):
    """``USER:FILE``: a user name or SID, and the file that holds the secret (never on the command line itself)."""

    name = "user:file"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        """Split at the first colon; a domain before the user name is dropped."""
        if isinstance(value, tuple):
            return value
        user, colon, file = str(value).partition(":")
        user = user.rsplit("\\", 1)[-1]
        if not colon or not user or not file:
            self.fail("write USER:FILE, where the first line of FILE holds the secret", param, ctx)
        if not Path(file).is_file():
            self.fail(f"there is no file {file!r}; the secret is its first line", param, ctx)
        return user, Path(file)


UTC_TIME, SPAN, USER_FILE = UtcTimeType(), SpanType(), UserFileType()


def first_line(path: Path) -> str:
    """Return the first line of a file that holds a secret.

    Raises:
        click.UsageError: The file cannot be read or is not UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    return text.split("\n", 1)[0].rstrip("\r")
