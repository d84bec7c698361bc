"""Renders what the public API returns, and writes it to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forensics.case_tables import CaseTables
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


def write(result: CaseTables | Result, format: str, target: str | Path, *, language: str = "en") -> None:
    """Write a case, or the answer of another function of the API, to a file.

    Args:
        result: What to write.
        format: As in :func:`render`; for a case ``csv`` and ``parquet`` (one file a table) and ``records``
            (flow.record, for rdump) too.
        target: The file, which is replaced; a folder for ``csv`` and ``parquet``, which is made if need be.
        language: Of the HTML report of a case.

    Raises:
        ValueError: There is no such format of this, or not in that language.
        OSError: The target cannot be written.
        ModuleNotFoundError: ``parquet`` needs ``keymortem[fleet]``.
    """
    from forensics.case_tables import CaseTables

    if isinstance(result, CaseTables) and format in _FILES:
        _FILES[format](result, Path(target))
    else:
        Path(target).write_text(render(result, format, language=language), encoding="utf-8")


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
