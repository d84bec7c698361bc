"""What the help of all commands says, as it is translated."""

from __future__ import annotations

from collections.abc import Iterator

import click

from forensics.cli.language import messages_of
from forensics.cli.main import cli


def help_messages() -> Iterator[str]:
    """Yield every paragraph, remark and option's help of every command."""
    for command in commands(cli):
        yield from messages_of(command.help or "")
        yield from [command.short_help] if command.short_help else []
        yield from (option.help for option in command.params if isinstance(option, click.Option) and option.help)


def commands(command: click.Command) -> Iterator[click.Command]:
    """Yield a command and those below it."""
    yield command
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from commands(each)
