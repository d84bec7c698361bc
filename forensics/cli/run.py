"""What commands do alike: examine sources or read a case file, and print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forensics.cli.rules import INVALID_PACK, load, tell

if TYPE_CHECKING:
    from forensics.case_tables import CaseTables

NOTHING_EXAMINED = 3


def examined(sources: tuple[str, ...], options: dict[str, Any]) -> CaseTables:
    """Examine the sources, or read the one case file; tell on stderr what could not be examined."""
    from forensics.tables.database import is_case_file

    if len(sources) == 1 and is_case_file(Path(sources[0])):
        case = _opened(sources[0], options["as_of"], options.get("rules", ()))
    else:
        for source in sources:
            if is_case_file(Path(source)):
                raise click.UsageError(f"{source} is a case file, which stands alone: name either it or sources")
        case = _run(sources, options)
    for entry in case.sources:
        if entry.error:
            say(entry.error if entry.error.startswith(entry.path) else f"{entry.path}: {entry.error}")
    return case


def _opened(path: str, as_of: datetime | None, rules: tuple[Path, ...]) -> CaseTables:
    from forensics import open_case
    from forensics.tables.database import CaseFileError

    try:
        case = open_case(path)
    except CaseFileError as error:
        say(str(error))
        raise click.exceptions.Exit(NOTHING_EXAMINED) from error
    case.as_of = as_of or case.as_of
    if as_of or rules:
        from forensics.examination import apply_rules

        apply_rules(case, load(rules))
    return case


def _run(sources: tuple[str, ...], options: dict[str, Any]) -> CaseTables:
    from forensics import RulePackError
    from forensics import examine as examine_sources
    from forensics.disk.errors import SourceError

    if not click.get_current_context().meta.get("debug"):
        _quieten_libraries()
    try:
        with _progress() as progress:
            return examine_sources(
                *sources,
                recovery_key=options["recovery_key"],
                password_file=options["password_file"],
                bek_file=options["bek"],
                passwords=options["passwords"],
                nt_hashes=options["nt_hashes"],
                domain_backup_keys=options["domain_backup_key"],
                second_opinion=options["second_opinion"],
                hash_sources=options.get("hash_sources", False),
                as_of=options["as_of"],
                rules=options.get("rules", ()),
                progress=progress,
            )
    except RulePackError as error:
        tell(error.problems, err=True)
        raise click.exceptions.Exit(INVALID_PACK) from error
    except (SourceError, ValueError) as error:
        if isinstance(error, ValueError) and "NT hash" not in str(error):
            raise
        raise click.UsageError(str(error)) from error


def _quieten_libraries() -> None:
    """What libraries say of broken evidence is in table problem already; stderr is for the user."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    for library in ("dissect", "impacket"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)


@contextmanager
def _progress() -> Iterator[Callable[[str], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.text import Text

    from forensics.tables.sanitise import sanitise

    with Console(stderr=True).status("starting") as status:
        yield lambda line: status.update(Text(sanitise(line)))


def write(text: str, output: Path | None = None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}; choose another place") from error


def width(output: Path | None) -> int | None:
    if output is not None or not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def bold(output: Path | None) -> bool:
    return (
        output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def say(message: str) -> None:
    from forensics.tables.sanitise import sanitise

    click.echo(f"keymortem: {sanitise(message)}", err=True)
