"""Examines the sources that a command was given, or reads the case file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

import forensics
from forensics.cli.messages import NOTHING_EXAMINED, invalid_pack_told, say, say_what_was_not_had

T = TypeVar("T")


def examined(sources: tuple[str, ...], options: dict[str, Any]) -> forensics.Case:
    """Examine the sources, or read the one case file; tell on stderr what could not be examined."""
    if len(sources) == 1 and forensics.is_case_file(Path(sources[0])):
        case = _opened(sources[0], options["as_of"], options.get("rules", ()))
    else:
        for source in sources:
            if forensics.is_case_file(Path(source)):
                raise click.UsageError(f"{source} is a case file, which stands alone: name either it or sources")
        case = run_examination(partial(forensics.examine, *sources), options)
    say_what_was_not_had(case)
    return case


def examined_or_exit(sources: tuple[str, ...], options: dict[str, Any]) -> forensics.Case:
    """Examine as :func:`examined`; end the command where nothing could be."""
    case = examined(sources, options)
    if case.is_empty:
        raise click.exceptions.Exit(NOTHING_EXAMINED)
    return case


def _opened(path: str, as_of: datetime | None, rules: tuple[Path, ...]) -> forensics.Case:
    try:
        case = forensics.open_case(path)
    except forensics.CaseFileError as error:
        say(str(error))
        raise click.exceptions.Exit(NOTHING_EXAMINED) from error
    case.as_of = as_of or case.as_of
    if as_of or rules:
        with invalid_pack_told():
            forensics.apply_rules(case, rules)
    return case


def run_examination(examination: Callable[..., T], options: dict[str, Any]) -> T:
    """Call what examines sources with the options of :func:`source_options`; what is wrong with them is wrong usage.

    Args:
        examination: :func:`forensics.examine`, or what takes the same options.
        options: Of the command.
    """
    if not click.get_current_context().meta.get("debug"):
        _quieten_libraries()
    try:
        with invalid_pack_told(), _progress() as progress:
            return examination(
                recovery_key=options["recovery_key"],
                signed_urls=options["signed_urls"],
                password_file=options["bitlocker_password_file"],
                bek_file=options["bek"],
                archive_password_file=options["archive_password_file"],
                image=options["image"],
                regback=options["regback"],
                history=options.get("history", False),
                passwords=options["passwords"],
                nt_hashes=options["nt_hashes"],
                domain_backup_keys=options["domain_backup_key"],
                offset=options["offset"],
                partition=options["partition"],
                second_opinion=options["second_opinion"],
                hash_sources=options.get("hash_sources", False),
                as_of=options["as_of"],
                rules=options.get("rules", ()),
                progress=progress,
                strict=False,
            )
    except (forensics.SourceError, ValueError) as error:
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

    with Console(stderr=True).status("starting") as status:
        yield lambda line: status.update(Text(forensics.sanitise(line)))
