"""The command line: a group of commands, none of which ends in a traceback."""

from __future__ import annotations

import copy
import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from forensics import __version__
from forensics.cli.language import asked_language, in_language, spoken_by_click
from forensics.cli.messages import (
    FOUND,
    INTERRUPTED,
    NOT_WRITTEN,
    NOTHING_EXAMINED,
    TERMINATED,
    failed_to_print,
    say,
    say_not_printed,
)
from forensics.cli.options import debug_option
from forensics.language import _
from forensics.language.spoken import is_made


class Terminated(KeyboardInterrupt):
    """SIGTERM: ended as by Ctrl-C, so that nothing is left half and no temporary file behind."""


_COMMANDS = {
    "examine": ("examine", "Why keys are broken, what to do, what expires next."),
    "explain": ("explain", "One key's chain and every rule about it, or what produces one error."),
    "expiring": ("expiring", "Certificates with a key that end soon, soonest first."),
    "timeline": ("timeline", "What happened when, for Timesketch, plaso and mactime."),
    "compare": ("compare", "Which keys died between two disks, and of what."),
    "recover": ("recover", "Keys that are proved, in password-protected PFX files or as the disk has them."),
    "migrate": ("migrate", "What must go along to another Hyper-V host."),
    "attest": ("attest", "Would a CA accept the keys of a TPM?"),
    "fleet": ("fleet_group", "Thousands of disks: examine each once, and all together."),
    "rules": ("rules_group", "List, show, check and test the rules."),
    "tables": ("tables", "What every table and column means."),
}
"""By its name what each command is called in the module of that name, and what it is for, in a line."""


class Commands(Mapping[str, click.Command]):
    """The commands, each imported when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        attribute, purpose = _COMMANDS[name]
        command: click.Command = getattr(import_module(f"forensics.cli.{name}"), attribute)
        command.short_help = purpose
        return in_language(command)

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class GuardedGroup(click.Group):
    """A group whose commands never end in a traceback, in the language that its arguments ask for."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Run a command line."""
        given = sys.argv[1:] if args is None else args
        with spoken_by_click(_spoken(asked_language(given))):
            try:
                return click.Group.main(in_language(self), args, *more, **options)
            except OSError as error:
                # The help of all commands, and the version, are printed before one is invoked.
                if not failed_to_print(error):
                    raise
                say_not_printed(error)
                raise SystemExit(NOT_WRITTEN) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command is for; none is imported for that."""
        listed = copy.copy(self)
        listed.commands = {name: click.Command(name, short_help=_(said)) for name, (_home, said) in _COMMANDS.items()}
        click.Group.format_commands(listed, ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what nobody foresaw becomes one sentence on stderr."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException):
            raise
        except Terminated:
            say(_("terminated"))
            ctx.exit(TERMINATED)
        except (KeyboardInterrupt, click.Abort):
            say(_("interrupted"))
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # The reader (head, less) has seen enough; Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(FOUND)
        except MemoryError:
            say(_("keymortem needs more memory than this computer, or a limit (ulimit -v), leaves it"))
            ctx.exit(NOTHING_EXAMINED)
        except Exception as error:
            if failed_to_print(error):
                say_not_printed(error)
                ctx.exit(NOT_WRITTEN)
            if ctx.meta.get("debug"):
                import traceback

                traceback.print_exc()
            say(
                _(
                    "keymortem itself failed ({error}). This is a bug, not your disk: please report it with the "
                    "version ({version}), the kind of source and the output of the same command with --debug.",
                    error=type(error).__name__,
                    version=__version__,
                )
            )
            ctx.exit(NOTHING_EXAMINED)


def _spoken(language: str) -> str:
    """Return the language that was asked for, or English where its translations are not made, and say so."""
    if is_made(language):
        return language
    if "_KEYMORTEM_COMPLETE" not in os.environ:
        say(
            f"this is in English: there are no translations into {language!r} here, because keymortem runs from its "
            "source and was not installed; pip install . makes them"
        )
    return "en"


@click.group(
    cls=GuardedGroup,
    commands=Commands(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="keymortem", message="%(prog)s %(version)s")
@debug_option
def cli() -> None:
    """Tell why a Windows private key died, and which certificate dies next, from a disk that never boots again.

    Sources are opened read-only: disk images and snapshots, virtual machines, WIM images, triage folders and archives,
    profiles, hives.

    \b
    Example:
      keymortem examine disk.vhdx                  why keys are broken, and how to repair them
      keymortem explain disk.vhdx web.contoso      the whole chain of one of them
      keymortem compare before.vhdx after.vhdx     which keys died in between, and of what
    """


def main() -> None:
    """Run the command line."""
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A console of another encoding shows '?' rather than nothing at all.
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        cli(prog_name="keymortem")
    finally:
        # Else the interpreter, which is about to give all memory back, would look through all of it first.
        gc.freeze()


def _open_standard_streams() -> None:
    """Give the numbers of standard streams that were closed to nothing, lest a file that is opened get one of them.

    What would be written to standard output then fails, and is told; nobody reads standard error.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.fstat(number)
                continue
            # The lowest number that is free, which is this one: those below it are open by now.
            os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", closefd=False))


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated
