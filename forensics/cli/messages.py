"""What commands say on stderr, and the code they end with."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard

import click

import forensics
from forensics.language import _, _n, told

FOUND, NOTHING_EXAMINED, INVALID_PACK, NOT_WRITTEN = 1, 3, 4, 5  # click itself ends wrong usage with 2
INTERRUPTED, TERMINATED = 130, 143  # as a shell says it of what SIGINT and SIGTERM ended

MOST_RULES = 5
"""Display: rules without answer that are named."""


def say(message: str) -> None:
    """Print one message on stderr, whatever a disk put into it."""
    click.echo(f"keymortem: {forensics.sanitise(message)}", err=True)


def failed_to_print(error: BaseException) -> TypeGuard[OSError]:
    """Tell whether it was click that could not print."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return isinstance(error, OSError) and trace is not None and trace.tb_frame.f_code is click.echo.__code__


def say_not_printed(error: OSError) -> None:
    """Say that standard output takes no more; what is left for it is given up."""
    # Python would fail once more, when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    reason = _("no space left on the disk") if error.errno == errno.ENOSPC else error.strerror
    say(_("standard output cannot be written: {reason}", reason=reason))


def say_what_was_not_had(case: forensics.Case) -> None:
    """Say what was not examined, what was otherwise, and which secrets were given for users whom nothing here knows."""
    silent = case.rules_unanswered
    for sentence in (*silent[:MOST_RULES], *case.not_examined, *case.examined_otherwise):
        say(told(sentence))
    if len(silent) > MOST_RULES:
        say(
            _n(
                "{count} more rule could not be asked",
                "{count} more rules could not be asked",
                len(silent) - MOST_RULES,
            )
        )
    for row in case.rows("problem"):
        if row.kind == "unknown_user":
            say(told(row.message))


@contextmanager
def unsuitable_machine_told() -> Iterator[None]:
    """Let a name that no machine has end the command as wrong usage."""
    try:
        yield
    except forensics.UnsuitableCaseError as error:
        raise click.UsageError(error.named({"machine": "--machine"})) from error


@contextmanager
def invalid_pack_told() -> Iterator[None]:
    """Let an invalid rule pack end the command with everything that is wrong with it."""
    try:
        yield
    except forensics.RulePackError as error:
        click.echo(error.printable(), err=True, nl=False)
        raise click.exceptions.Exit(INVALID_PACK) from error
