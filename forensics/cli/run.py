"""Examines the sources that a command was given, reads case files, and joins what it has so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

import forensics
from forensics.cli.messages import NOTHING_EXAMINED, invalid_pack_told, say, say_what_was_not_had
from forensics.cli.options import recovery_key
from forensics.cli.progress import shown
from forensics.language import _, said_by, told

T = TypeVar("T")
_OF_SERVERS = (
    "adlfs",
    "aiobotocore",
    "asyncssh",
    "azure",
    "botocore",
    "fsspec",
    "gcsfs",
    "google",
    "s3fs",
    "smbprotocol",
)
"""Libraries that ask servers, and warn of each answer that is none."""


def examined(sources: tuple[str, ...], options: dict[str, Any]) -> forensics.Case:
    """Examine the sources, read case files among them, and join these; tell on stderr what could not be examined."""
    files = [source for source in sources if forensics.is_case_file(Path(source))]
    if not files:
        case = run_examination(partial(forensics.examine, *sources), options, len(sources))
    elif len(sources) == 1:
        case = _opened(sources[0], options["as_of"], options.get("rules", ()))
    else:
        case = _joined(sources, files, options)
    say_what_was_not_had(case)
    return case


def _joined(sources: tuple[str, ...], files: list[str], options: dict[str, Any]) -> forensics.Case:
    """Join case files, and one examination of all other sources, in the order in which they were named."""
    if (twice := next((file for file in files if files.count(file) > 1), None)) is not None:
        raise click.UsageError(_("{twice} is named twice", twice=twice))
    others = [source for source in sources if source not in files]
    cases: dict[str, forensics.Case] = {file: _read(file) for file in files}
    if others:
        cases[others[0]] = run_examination(partial(forensics.examine, *others), options, len(others))
    with invalid_pack_told():
        parts = [cases[source] for source in sources if source in cases]
        return forensics.join_cases(parts, as_of=options["as_of"], rules=options.get("rules", ()))


def examined_or_exit(sources: tuple[str, ...], options: dict[str, Any]) -> forensics.Case:
    """Examine as :func:`examined`; end the command where nothing could be."""
    case = examined(sources, options)
    if case.is_empty:
        raise click.exceptions.Exit(NOTHING_EXAMINED)
    return case


def _read(path: str) -> forensics.Case:
    try:
        return forensics.open_case(path)
    except forensics.CaseFileError as error:
        say(told(said_by(error)))
        raise click.exceptions.Exit(NOTHING_EXAMINED) from error


def _opened(path: str, as_of: datetime | None, rules: tuple[Path, ...]) -> forensics.Case:
    case = _read(path)
    case.as_of = as_of or case.as_of
    if as_of or rules:
        with invalid_pack_told():
            forensics.apply_rules(case, rules)
    return case


def run_examination(examination: Callable[..., T], options: dict[str, Any], sources: int = 1) -> T:
    """Call what examines sources with the options of :func:`source_options`; what is wrong with them is wrong usage.

    Args:
        examination: :func:`forensics.examine`, or what takes the same options.
        options: Of the command.
        sources: How many are examined at once.
    """
    key = recovery_key(options)
    if not click.get_current_context().meta.get("debug"):
        _quieten_libraries()
    try:
        with invalid_pack_told(), shown(sources) as progress:
            return examination(
                recovery_key=key,
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
                jobs=options.get("jobs"),
                progress=progress.line if progress else None,
                tally=progress.tally if progress else None,
                strict=False,
            )
    except (forensics.SourceError, ValueError) as error:
        if isinstance(error, ValueError) and "NT hash" not in str(error):
            raise
        raise click.UsageError(told(said_by(error))) from error


def _quieten_libraries() -> None:
    """What libraries say of broken evidence and of servers is told in our words already; stderr is for the user."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    for library in ("dissect", "impacket", *_OF_SERVERS):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
