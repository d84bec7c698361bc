"""Where and in which format commands write."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

import forensics

_FILE_ONLY = ("records", "html")


def check_targets(form: str, output: Path | None, case_file: Path | None, sources: tuple[str, ...]) -> None:
    """Refuse, before a long examination and not after it, what must not or cannot be written.

    Raises:
        click.UsageError: It says what to do instead.
    """
    is_folder = form in forensics.FOLDER_FORMATS
    if output is None and (is_folder or form in _FILE_ONLY):
        raise click.UsageError(f"--format {form} needs -o {'FOLDER' if is_folder else 'FILE'}")
    for target in (output, case_file):
        if target is not None:
            _refuse_evidence(target, sources)
            if not target.resolve().parent.is_dir():
                raise click.UsageError(f"the folder of {target} does not exist; make it first or choose another place")
    if output is not None:
        _check_kind(form, output)
    if output is not None and case_file is not None and output.resolve() == case_file.resolve():
        raise click.UsageError("-o and --case name the same file; choose two")
    if case_file is not None and case_file.exists() and not forensics.is_case_file(case_file):
        raise click.UsageError(f"{case_file} exists and is no keymortem case file; choose another name")


def _check_kind(form: str, output: Path) -> None:
    if form in forensics.FOLDER_FORMATS and output.exists() and not output.is_dir():
        raise click.UsageError(f"{output} is a file; --format {form} writes one file a table: name a folder")
    if form not in forensics.FOLDER_FORMATS and output.is_dir():
        raise click.UsageError(f"{output} is a folder; --format {form} writes one file: name it")


def _refuse_evidence(target: Path, sources: tuple[str, ...]) -> None:
    """Evidence is never written: neither a source itself nor anything inside a source folder."""
    place = target.resolve()
    for source in sources:
        evidence = Path(source).resolve()
        is_same = place.exists() and evidence.exists() and place.samefile(evidence)
        if is_same or place == evidence or evidence in place.parents:
            raise click.UsageError(
                f"{target} is, or lies in, the source {source}; evidence is never written, choose another place"
            )


def save_case(case: forensics.Case, path: Path) -> None:
    """Write the case file; what cannot be written is wrong usage."""
    try:
        case.save(path)
    except forensics.CaseFileError as error:
        raise click.UsageError(str(error)) from error


def emit(
    result: forensics.Case | forensics.Result, form: str = "text", output: Path | None = None, language: str = "en"
) -> None:
    """Write a result in a format that it has, to stdout where no output is named."""
    if output is None:
        width = _width()
        text = forensics.render(result, form, language=language, width=width, bold=width is not None and _may_be_bold())
        click.echo(text, nl=False)
        return
    try:
        forensics.write(result, form, output, language=language)
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"--format {form} needs the Python package {error.name}: pip install 'keymortem[fleet]'"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.UsageError(f"{output} cannot be written: {reason}; choose another place") from error


def _width() -> int | None:
    """Return the columns of the terminal; None where there is none."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def _may_be_bold() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
