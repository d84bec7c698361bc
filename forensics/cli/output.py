"""Where and in which format commands write."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

import forensics
from forensics.cli.messages import NOT_WRITTEN, invalid_pack_told, say, say_not_printed
from forensics.cli.options import named_files
from forensics.language import _, message, said_by, spoken_language, told

_FILE_ONLY = ("records", "html")
_IN_A_ZONE = ("screen", "text", "html")
_NO_PLACE = frozenset(
    (errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR)
)
"""What another name would cure; what remains, a full disk or a lacking permission, is no wrong usage."""


def check_targets(
    form: str,
    output: Path | None,
    case_file: Path | None,
    sources: tuple[str, ...],
    overwrite: bool,
    append: bool = False,
) -> None:
    """Refuse, before a long examination and not after it, what must not or cannot be written.

    Args:
        form: Format of what is written.
        output: Its place; None is stdout.
        case_file: Where the case is saved too.
        sources: What will be examined; the files that options name are evidence as well.
        overwrite: Whether files that are there may be replaced.
        append: Whether the case is added to the case file that is there.

    Raises:
        click.UsageError: It says what to do instead.
    """
    if append and case_file is None:
        raise click.UsageError(_("--append adds to a case file: name it with --case"))
    if append and overwrite:
        raise click.UsageError(_("--append adds to what is there, and --overwrite replaces it: choose one"))
    evidence: list[str | Path] = [*sources, *named_files()]
    is_folder = form in forensics.FOLDER_FORMATS
    if output is None and (is_folder or form in _FILE_ONLY):
        needs = message("--format {form} needs -o FOLDER") if is_folder else message("--format {form} needs -o FILE")
        raise click.UsageError(_(needs, form=form))
    for target in (output, case_file):
        if target is not None and not target.resolve().parent.is_dir():
            raise click.UsageError(
                _("the folder of {target} does not exist; make it first or choose another place", target=target)
            )
    if output is not None:
        _check_kind(form, output)
        with refusals_told(output):
            forensics.check_target(form, output, evidence=evidence, overwrite=overwrite)
    if case_file is not None:
        _check_case_file(case_file, evidence, overwrite, append)
    if output is not None and case_file is not None:
        place = case_file.resolve()
        if place == output.resolve() or (is_folder and place.parent == output.resolve() and place.suffix[1:] == form):
            raise click.UsageError(_("-o and --case name the same file; choose two"))


def check_runbook(path: Path, others: tuple[Path | None, ...], sources: tuple[str, ...], overwrite: bool) -> None:
    """Refuse, before a long examination, a place for the runbook as :func:`check_targets` does.

    Args:
        path: Its place.
        others: What else is written.
        sources: What will be examined.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        click.UsageError: It says what to do instead.
    """
    check_targets("runbook", path, None, sources, overwrite)
    if any(other is not None and path.resolve() in (other.resolve(), *other.resolve().parents) for other in others):
        raise click.UsageError(_("--runbook names a file that -o or --case names too; choose two"))


def _check_kind(form: str, output: Path) -> None:
    if form in forensics.FOLDER_FORMATS and output.exists() and not output.is_dir():
        raise click.UsageError(
            _("{output} is a file; --format {form} writes one file a table: name a folder", output=output, form=form)
        )
    if form not in forensics.FOLDER_FORMATS and output.is_dir():
        raise click.UsageError(
            _("{output} is a folder; --format {form} writes one file: name it", output=output, form=form)
        )


def _check_case_file(path: Path, evidence: list[str | Path], overwrite: bool, append: bool) -> None:
    # Of a file that is no case file only this is said: --overwrite does not help.
    is_other = path.exists() and not forensics.is_case_file(path)
    with refusals_told(path):
        forensics.check_target("case", path, evidence=evidence, overwrite=overwrite or append or is_other)
    if is_other:
        raise click.UsageError(_("{path} exists and is no keymortem case file; choose another name", path=path))
    if append and path.exists():
        try:
            forensics.open_case(path)  # what cannot be read now cannot be added to after hours either
        except forensics.CaseFileError as error:
            raise click.UsageError(told(said_by(error))) from error


@contextmanager
def refusals_told(target: Path) -> Iterator[None]:
    """Let what must not be written end the command as wrong usage, and what cannot with a code of its own."""
    try:
        yield
    except forensics.EvidenceTargetError as error:
        raise click.UsageError(told(said_by(error))) from error
    except forensics.CaseFileError as error:
        cause = error.__cause__
        if cause is None or (isinstance(cause, OSError) and cause.errno in _NO_PLACE):
            raise click.UsageError(told(said_by(error))) from error
        if isinstance(cause, OSError) and cause.errno == errno.EBUSY:
            say(told(said_by(error)))
            raise click.exceptions.Exit(NOT_WRITTEN) from error
        raise _not_written(told(said_by(error))) from error
    except FileExistsError as error:
        raise click.UsageError(_(_instead_of(target), target=error.filename or target)) from error
    except OSError as error:
        sentence = _("{target} cannot be written: {reason}", target=target, reason=error.strerror or error)
        if error.errno in _NO_PLACE:
            raise click.UsageError(_("{sentence}; choose another place", sentence=sentence)) from error
        raise _not_written(sentence) from error


def _instead_of(target: Path) -> str:
    """Return the message that says what can be done where a file exists."""
    context = click.get_current_context()
    options = {parameter.name for parameter in context.command.params}
    if "overwrite" not in options:
        return message("{target} exists; choose another place")
    if "append" in options and target == context.params.get("case_file"):
        return message(
            "{target} exists; choose another place, or add --overwrite to have it replaced, or --append to add to it"
        )
    return message("{target} exists; choose another place, or add --overwrite to have it replaced")


def _not_written(sentence: str) -> click.exceptions.Exit:
    say(_("{sentence}; what was there before is as it was", sentence=sentence))
    return click.exceptions.Exit(NOT_WRITTEN)


def save_case(case: forensics.Case, path: Path, overwrite: bool) -> None:
    """Write the case file, and say so where an older one is replaced; where it cannot be written, end the command."""
    is_there = path.exists()
    _check_again("case", path, overwrite)
    with refusals_told(path):
        case.save(path, overwrite=overwrite)
    if is_there:
        say(_("{path} was there, and is replaced", path=path))


def append_case(case: forensics.Case, path: Path, rules: tuple[Path, ...]) -> None:
    """Add to the case file, or say that it was not there and is made; where it cannot be written, end the command."""
    is_there = path.exists()
    _check_again("case", path, True)
    with refusals_told(path), invalid_pack_told():
        whole = forensics.append_to_case_file(case, path, rules=rules)
    if not is_there:
        say(_("{path} was not there, and is made", path=path))
    for sentence in whole.examined_otherwise:
        say(sentence)


def _check_again(form: str, target: Path, overwrite: bool) -> None:
    """Refuse the files that options name, of which the case does not know."""
    with refusals_told(target):
        forensics.check_target(form, target, evidence=named_files(), overwrite=overwrite)


def tell_in_language(case: forensics.Case, rules: tuple[Path, ...]) -> None:
    """Put the findings of a case into the language that is spoken.

    Args:
        case: The case.
        rules: Folders of the packs that were asked beside the built-in ones.
    """
    if (language := spoken_language()) != "en":
        with invalid_pack_told():
            forensics.translate_findings(case, language, rules)


def check_zone(zone: str | None, form: str) -> None:
    """Refuse, before a long examination, a time zone for what is no text and no page."""
    if zone is not None and form not in _IN_A_ZONE:
        raise click.UsageError(_("--tz is for texts and pages; times in --format {form} are UTC", form=form))


@contextmanager
def times_shown(zone: str | None, *cases: forensics.Case, rules: tuple[Path, ...] = ()) -> Iterator[None]:
    """Have texts and pages written with times in a zone while this lasts, those of findings too.

    Args:
        zone: Its name; None leaves UTC.
        cases: What is told of; their findings are worded anew.
        rules: Folders of the packs that were asked beside the built-in ones.
    """
    if zone is None:
        yield
        return
    with forensics.times_in(zone):
        for case in cases:
            with invalid_pack_told():
                forensics.translate_findings(case, spoken_language(), rules)
        yield


def emit(
    result: forensics.Case | forensics.Result,
    form: str = "text",
    output: Path | None = None,
    overwrite: bool = False,
    only: str | None = None,
    min_severity: Any = None,
) -> None:
    """Write a result in a format that it has, to stdout where no output is named."""
    if output is None:
        width = _width()
        text = forensics.render(
            result,
            form,
            width=width,
            styled=width is not None and _may_be_styled(),
            only=only,
            min_severity=min_severity,
        )
        _print(text)
        return
    _check_again(form, output, overwrite)
    try:
        with refusals_told(output):
            forensics.write(result, form, output, overwrite=overwrite, only=only, min_severity=min_severity)
    except ModuleNotFoundError as error:
        raise click.UsageError(
            _(
                "--format {form} needs the Python package {package}: pip install 'keymortem[fleet]'",
                form=form,
                package=error.name,
            )
        ) from error


def _print(text: str) -> None:
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        say_not_printed(error)
        raise click.exceptions.Exit(NOT_WRITTEN) from error


def save_runbook(case: forensics.Case, path: Path, overwrite: bool) -> None:
    """Write the runbook; where nothing is to be repaired, say so and write none."""
    try:
        emit(case, "runbook", path, overwrite=overwrite)
    except forensics.NothingToRepairError as error:
        if path.exists():
            say(_("no runbook: {error}; {path} is left as it was, and is not about this", error=error, path=path))
        else:
            say(_("no runbook: {error}", error=error))
    except forensics.UnsuitableCaseError as error:
        raise click.UsageError(_("no runbook: {error}", error=error)) from error


def _width() -> int | None:
    """Return the columns of the terminal; None where there is none."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def _may_be_styled() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
