"""Where and in which format ``keymortem examine`` writes a case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forensics.cli.run import bold, width, write

if TYPE_CHECKING:
    from forensics.case_tables import CaseTables

FORMATS = ("text", "html", "json", "csv", "parquet", "records", "ics", "prom")
LANGUAGES = ("en", "ja")
_FOLDERS, _FILE_ONLY = ("csv", "parquet"), ("records", "html")


def check_targets(form: str, output: Path | None, case_file: Path | None, sources: tuple[str, ...]) -> None:
    """Refuse, before a long examination and not after it, what must not or cannot be written.

    Raises:
        click.UsageError: It says what to do instead.
    """
    from forensics.tables.database import is_case_file

    if form in (*_FOLDERS, *_FILE_ONLY) and output is None:
        raise click.UsageError(f"--format {form} needs -o {'FOLDER' if form in _FOLDERS else 'FILE'}")
    for target in (output, case_file):
        if target is not None:
            _refuse_evidence(target, sources)
            if not target.resolve().parent.is_dir():
                raise click.UsageError(f"the folder of {target} does not exist; make it first or choose another place")
    if output is not None:
        _check_kind(form, output)
    if output is not None and case_file is not None and output.resolve() == case_file.resolve():
        raise click.UsageError("-o and --case name the same file; choose two")
    if case_file is not None and case_file.exists() and not is_case_file(case_file):
        raise click.UsageError(f"{case_file} exists and is no keymortem case file; choose another name")


def _check_kind(form: str, output: Path) -> None:
    if form in _FOLDERS and output.exists() and not output.is_dir():
        raise click.UsageError(f"{output} is a file; --format {form} writes one file a table: name a folder")
    if form not in _FOLDERS and output.is_dir():
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


def save_case(case: CaseTables, path: Path) -> None:
    """Write the case file; what cannot be written is wrong usage."""
    from forensics.tables.database import CaseFileError

    try:
        case.save(path)
    except CaseFileError as error:
        raise click.UsageError(str(error)) from error


def emit(case: CaseTables, form: str, output: Path | None, language: str = "en") -> None:
    """Write a case in one of :data:`FORMATS`, to stdout where no output is named."""
    if form == "html":
        from forensics.report.html.page import render_html

        write(render_html(case, language), output)
        return
    if form in _TEXTS:
        write(_TEXTS[form](case, output), output)
        return
    assert output is not None
    try:
        _FILES[form](case, output)
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"--format {form} needs the Python package {error.name}: pip install 'keymortem[fleet]'"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.UsageError(f"{output} cannot be written: {reason}; choose another place") from error


def _text(case: CaseTables, output: Path | None) -> str:
    from forensics.report.text import render_text

    return render_text(case, width(output), bold=bold(output))


def _json(case: CaseTables, output: Path | None) -> str:
    from forensics.report.json import render_json

    return render_json(case)


def _ics(case: CaseTables, output: Path | None) -> str:
    from forensics.report.exports.calendar import render_calendar

    return render_calendar(case)


def _prom(case: CaseTables, output: Path | None) -> str:
    from forensics.report.exports.prometheus import render_prometheus

    return render_prometheus(case)


def _csv(case: CaseTables, output: Path) -> None:
    from forensics.report.exports.csv_files import write_csv

    write_csv(case, output)


def _parquet(case: CaseTables, output: Path) -> None:
    from forensics.report.exports.parquet_files import write_parquet

    write_parquet(case, output)


def _records(case: CaseTables, output: Path) -> None:
    from forensics.report.exports.flow_records import write_records

    write_records(case, output)


_TEXTS: dict[str, Callable[[CaseTables, Path | None], str]] = {"text": _text, "json": _json, "ics": _ics, "prom": _prom}
_FILES: dict[str, Callable[[CaseTables, Path], None]] = {"csv": _csv, "parquet": _parquet, "records": _records}
