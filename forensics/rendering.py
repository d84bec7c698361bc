"""Renders what the public API returns, and writes it to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.sources.given_paths import Paths, given_paths

if TYPE_CHECKING:
    from forensics.case_tables import CaseTables
    from forensics.disk.evidence_files import EvidenceFiles
    from forensics.report.result import Result

FORMATS = ("text", "html", "json", "csv", "parquet", "records", "ics", "prom")
"""Formats of a case. Other results name theirs in ``formats``."""
FOLDER_FORMATS = ("csv", "parquet")
"""Formats that are a folder of files, one a table."""
LANGUAGES = ("en", "ja")
"""Languages of the HTML report, and of the findings in it."""


def render(
    result: CaseTables | Result,
    format: str = "text",
    *,
    language: str = "en",
    width: int | None = None,
    bold: bool = False,
) -> str:
    """Write a case, or the answer of another function of the API, as one text.

    Args:
        result: What to show.
        format: ``text``; for a case ``html``, ``json``, ``ics`` (a calendar of expiries) or ``prom`` (metrics for
            Prometheus' textfile collector) too; for other results one of its ``formats``.
        language: Of the HTML report of a case. Its findings are put into it by ``translate_findings``.
        width: Columns to fold text to; None leaves lines whole.
        bold: Set headings of a case's text in bold with terminal escapes.

    Returns:
        The text, ended by a newline; nothing from the disks can steer the terminal.

    Raises:
        ValueError: There is no such format of this, or not in that language.
    """
    from forensics.case_tables import CaseTables

    if language not in LANGUAGES or (language != "en" and format != "html"):
        raise ValueError(f"there is no {format} in language {language!r}; html is in {', '.join(LANGUAGES)}")
    if not isinstance(result, CaseTables):
        return result.render(format, width)
    if format == "text":
        return _text(result, width, bold)
    if format == "html":
        return _html(result, language)
    if format not in _TEXTS:
        raise ValueError(f"there is no text of a case as {format!r}; there are {', '.join(('text', 'html', *_TEXTS))}")
    return _TEXTS[format](result)


def write(
    result: CaseTables | Result,
    format: str,
    target: str | Path,
    *,
    language: str = "en",
    overwrite: bool = False,
) -> None:
    """Write a case, or the answer of another function of the API, to a file.

    What was read as evidence is never written, nor anything into a folder that was examined. The file is there whole or
    not at all: a failure leaves what was there before.

    Args:
        result: What to write.
        format: As in :func:`render`; for a case ``csv`` and ``parquet`` (one file a table) and ``records``
            (flow.record, for rdump) too.
        target: The file; a folder for ``csv`` and ``parquet``, which is made if need be.
        language: Of the HTML report of a case.
        overwrite: Replace files that are there.

    Raises:
        ValueError: There is no such format of this, or not in that language.
        EvidenceTargetError: The target is evidence; it is a ValueError.
        FileExistsError: The target is there, and ``overwrite`` was not asked for.
        OSError: The target cannot be written.
        ModuleNotFoundError: ``parquet`` needs ``keymortem[fleet]``.
    """
    from forensics.case_tables import CaseTables
    from forensics.outputs import new_file, new_files

    place, evidence = Path(target), result.evidence
    if isinstance(result, CaseTables) and format in FOLDER_FORMATS:
        _check(format, place, evidence, overwrite)
        with new_files(place, evidence, overwrite) as folder:
            _FILES[format](result, folder)
        return
    with new_file(place, evidence, overwrite) as file:
        if isinstance(result, CaseTables) and format in _FILES:
            _FILES[format](result, file)
        else:
            file.write_text(render(result, format, language=language), encoding="utf-8")


def check_target(format: str, target: str | Path, *, evidence: Paths = (), overwrite: bool = False) -> None:
    """Raise what :func:`write` would of a target, before a long examination instead of after it.

    Args:
        format: Its format.
        target: The file; a folder for ``csv`` and ``parquet``.
        evidence: Files and folders that will be examined, and what else must not be written; one path, or several.
        overwrite: Whether files that are there may be replaced.

    Raises:
        EvidenceTargetError: The target is evidence, or lies in a folder of it.
        FileExistsError: The target is there, and is not to be replaced.
        OSError: What is there is no file.
    """
    from forensics.disk.evidence_files import EvidenceFiles

    _check(format, Path(target), EvidenceFiles(given_paths(evidence)), overwrite)


def _check(format: str, target: Path, evidence: EvidenceFiles, overwrite: bool) -> None:
    from forensics.outputs import check_file, check_files

    if format not in FOLDER_FORMATS:
        check_file(target, evidence, overwrite)
        return
    from forensics.report.exports.flat import TABLES

    check_files(target, [f"{table}.{format}" for table in TABLES], evidence, overwrite)


def _text(case: CaseTables, width: int | None, bold: bool) -> str:
    from forensics.report.text import render_text

    return render_text(case, width, bold=bold)


def _html(case: CaseTables, language: str) -> str:
    from forensics.report.html.page import render_html

    return render_html(case, language)


def _json(case: CaseTables) -> str:
    from forensics.report.json import render_json

    return render_json(case)


def _ics(case: CaseTables) -> str:
    from forensics.report.exports.calendar import render_calendar

    return render_calendar(case)


def _prom(case: CaseTables) -> str:
    from forensics.report.exports.prometheus import render_prometheus

    return render_prometheus(case)


def _csv(case: CaseTables, folder: Path) -> None:
    from forensics.report.exports.csv_files import write_csv

    write_csv(case, folder)


def _parquet(case: CaseTables, folder: Path) -> None:
    from forensics.report.exports.parquet_files import write_parquet

    write_parquet(case, folder)


def _records(case: CaseTables, file: Path) -> None:
    from forensics.report.exports.flow_records import write_records

    write_records(case, file)


_TEXTS: dict[str, Callable[[CaseTables], str]] = {"json": _json, "ics": _ics, "prom": _prom}
_FILES: dict[str, Callable[[CaseTables, Path], None]] = {"csv": _csv, "parquet": _parquet, "records": _records}
