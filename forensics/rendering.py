"""Renders what the public API returns, and writes it to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.language import speaking, spoken_language
from forensics.sources.given_paths import Paths, given_paths

if TYPE_CHECKING:
    from forensics.case_tables import CaseTables
    from forensics.disk.evidence_files import EvidenceFiles
    from forensics.report.result import Result
    from forensics.tables.finding import Severity

FORMATS = ("screen", "text", "html", "json", "csv", "parquet", "records", "ics", "prom")
"""Formats of every case; one of a single computer has ``runbook`` too. Other results name theirs in ``formats``."""
FOLDER_FORMATS = ("csv", "parquet")
"""Formats that are a folder of files, one a table."""
SECTIONS = (
    "services",
    "savable",
    "not-known",
    "findings",
    "broken",
    "too-open",
    "expired",
    "ending",
    "virtual-machines",
    "well",
    "undecided",
    "orphans",
    "history",
    "information",
    "not-examined",
    "problems",
)
"""Sections of the text of a case, each of which can be had alone."""


def render(
    result: CaseTables | Result,
    format: str = "text",
    *,
    language: str | None = None,
    width: int | None = None,
    styled: bool = False,
    only: str | None = None,
    min_severity: Severity | None = None,
) -> str:
    """Write a case, or the answer of another function of the API, as one text.

    Args:
        result: What to show.
        format: ``text``; for a case ``screen`` (the 25 lines that matter most), ``html``, ``json``, ``ics`` (a calendar
            of expiries), ``prom`` (metrics for Prometheus' textfile collector) or ``runbook`` (the repair of one
            computer's services as a PowerShell script, which begins with a byte order mark) too; for other results one
            of its ``formats``.
        language: One of :data:`LANGUAGES`; None is the one that is spoken (:func:`forensics.speaking`). The findings of
            a case are put into it by ``translate_findings``; what programs read (``json``) is English but for these.
        width: Columns to fold text to, and to which the lines of ``screen`` are cut; None leaves lines whole.
        styled: Set headings of a case's text in bold and severities in colour with terminal escapes.
        only: Of a case's text one of :data:`SECTIONS` alone, and whole.
        min_severity: Leave findings of a case's text out that are less severe, and say how many.

    Returns:
        The text, ended by a newline; nothing from the disks can steer the terminal.

    Raises:
        ValueError: There is no such format of this, no such language, or it is not had in part.
        NothingToRepairError: Nothing is down that a runbook would repair; it is an UnsuitableCaseError.
        UnsuitableCaseError: A runbook is not for several computers, nor for one without PowerShell 5.1.

    Examples:
        >>> import forensics
        >>> print(forensics.render(forensics.open_case("case.sqlite"), "screen", width=80))
        keymortem ..., as of 2026-11-22. Examined 1 of 1.
        WEB01: Windows Server 2019 Standard build 17763, domain co..., in sample.vhdx.xz
        Keys of 9 certificates: 5 broken, 3 usable, 1 undecided; 0 expired.
        ...
    """
    from forensics.report.result import Result

    if (only or min_severity) and (format not in _IN_PARTS or isinstance(result, Result)):
        raise ValueError(f"sections and severities are chosen of a case as {' or '.join(_IN_PARTS)}, not of this")
    if only is not None and only not in SECTIONS:
        raise ValueError(f"there is no section {only!r}; there are {', '.join(SECTIONS)}")
    sentences = None if isinstance(result, Result) else result.sentences_for(language or spoken_language())
    with speaking(language or spoken_language(), sentences):
        return _rendered(result, format, width, styled, only, min_severity)


def _rendered(
    result: CaseTables | Result,
    format: str,
    width: int | None,
    styled: bool,
    only: str | None,
    min_severity: Severity | None,
) -> str:
    from forensics.report.result import Result

    if isinstance(result, Result):
        return result.render(format, width)
    if format in _IN_PARTS:
        return _text(result, format, width, styled, only, min_severity)
    if format == "html":
        return _html(result)
    if format not in _TEXTS:
        raise ValueError(
            f"there is no text of a case as {format!r}; there are {', '.join((*_IN_PARTS, 'html', *_TEXTS))}"
        )
    return _TEXTS[format](result)


def write(
    result: CaseTables | Result,
    format: str,
    target: str | Path,
    *,
    language: str | None = None,
    overwrite: bool = False,
    only: str | None = None,
    min_severity: Severity | None = None,
) -> None:
    """Write a case, or the answer of another function of the API, to a file.

    What was read as evidence is never written, nor anything into a folder that was examined. The file is there whole or
    not at all: a failure leaves what was there before.

    Args:
        result: What to write.
        format: As in :func:`render`; for a case ``csv`` and ``parquet`` (one file a table) and ``records``
            (flow.record, for rdump) too.
        target: The file; a folder for ``csv`` and ``parquet``, which is made if need be.
        language: As in :func:`render`.
        overwrite: Replace files that are there.
        only: As in :func:`render`.
        min_severity: As in :func:`render`.

    Raises:
        ValueError: There is no such format of this, no such language, or it is not had in part.
        EvidenceTargetError: The target is evidence; it is a ValueError.
        FileExistsError: The target is there, and ``overwrite`` was not asked for.
        OSError: The target cannot be written.
        UnsuitableCaseError: As in :func:`render`, of a runbook.
        ModuleNotFoundError: ``parquet`` needs ``keymortem[fleet]``.

    Examples:
        >>> import forensics
        >>> forensics.write(forensics.open_case("case.sqlite"), "html", "report.html")
    """
    from forensics.case_tables import CaseTables
    from forensics.outputs import new_file, new_files

    place, evidence = Path(target), result.evidence
    if isinstance(result, CaseTables) and format in FOLDER_FORMATS:
        _check(format, place, evidence, overwrite)
        with new_files(place, evidence, overwrite) as file_of:
            _FOLDERS[format](result, file_of)
        return
    with new_file(place, evidence, overwrite) as file:
        if isinstance(result, CaseTables) and format == "records":
            _records(result, file, place.suffix)
        elif not isinstance(result, CaseTables) and format in result.file_formats:
            result.write_file(format, file)
        else:
            text = render(result, format, language=language, only=only, min_severity=min_severity)
            file.write_text(text, encoding="utf-8")


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
        OSError: What is there is no file, or none can be made there.

    Examples:
        >>> import forensics
        >>> forensics.check_target("json", "disk.vhdx", evidence="disk.vhdx")
        Traceback (most recent call last):
        ...
        forensics.disk.evidence_files.EvidenceTargetError: disk.vhdx is, or lies in, the source disk.vhdx; evidence is
        never written, choose another place
    """
    from forensics.disk.evidence_files import EvidenceFiles
    from forensics.outputs import check_room

    place = Path(target)
    _check(format, place, EvidenceFiles(given_paths(evidence)), overwrite)
    check_room(place if format in FOLDER_FORMATS else place.parent)


def _check(format: str, target: Path, evidence: EvidenceFiles, overwrite: bool) -> None:
    from forensics.outputs import check_file, check_files

    if format not in FOLDER_FORMATS:
        check_file(target, evidence, overwrite)
        return
    from forensics.report.exports.flat import TABLES

    check_files(target, [f"{table}.{format}" for table in TABLES], evidence, overwrite)


def _text(
    case: CaseTables, format: str, width: int | None, styled: bool, only: str | None, min_severity: Severity | None
) -> str:
    if only is not None:
        from forensics.report.whole_text import render_section

        return render_section(case, only, width, styled, min_severity)
    if format == "screen":
        from forensics.report.first_screen.screen import render_screen

        return render_screen(case, width, styled, min_severity)
    from forensics.report.whole_text import render_whole_text

    return render_whole_text(case, width, styled, min_severity)


def _html(case: CaseTables) -> str:
    from forensics.report.html.page import render_html

    return render_html(case)


def _json(case: CaseTables) -> str:
    from forensics.report.json import render_json

    return render_json(case)


def _ics(case: CaseTables) -> str:
    from forensics.report.exports.calendar import render_calendar

    return render_calendar(case)


def _prom(case: CaseTables) -> str:
    from forensics.report.exports.prometheus import render_prometheus

    return render_prometheus(case)


def _runbook(case: CaseTables) -> str:
    from forensics.report.runbook.runbook import render_runbook

    return render_runbook(case)


def _csv(case: CaseTables, file_of: Callable[[str], Path]) -> None:
    from forensics.report.exports.csv_files import write_csv

    write_csv(case, file_of)


def _parquet(case: CaseTables, file_of: Callable[[str], Path]) -> None:
    from forensics.report.exports.parquet_files import write_parquet

    write_parquet(case, file_of)


def _records(case: CaseTables, file: Path, suffix: str) -> None:
    from forensics.report.exports.flow_records import write_records

    write_records(case, file, suffix)


_IN_PARTS = ("screen", "text")
_TEXTS: dict[str, Callable[[CaseTables], str]] = {"json": _json, "ics": _ics, "prom": _prom, "runbook": _runbook}
_FOLDERS: dict[str, Callable[[CaseTables, Callable[[str], Path]], None]] = {"csv": _csv, "parquet": _parquet}
