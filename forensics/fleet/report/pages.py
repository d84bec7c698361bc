"""The page of a fleet with a folder beside it, in which each disk has its own report."""

from __future__ import annotations

from pathlib import Path

from forensics.fleet.report.page import render_page
from forensics.fleet.report.report import FleetReport
from forensics.language import spoken_language
from forensics.outputs import check_file, new_file
from forensics.rendering import render
from forensics.rule_packs import translate_findings

_WITH_PAGE = ("examined", "older_state", "not_examined")


def write_pages(report: FleetReport, target: Path, overwrite: bool) -> Path:
    """Write the page and the folder ``NAME-disks`` beside it, a file a disk that is named for its key.

    The page is written last: it leads nowhere that is not there.
    """
    evidence, folder = report.evidence, target.with_name(f"{target.stem}-disks")
    check_file(target, evidence, overwrite)
    evidence.refuse(folder)
    folder.mkdir(exist_ok=True)
    keys = [row["disk"] for row in report.rows() if row["state"] in _WITH_PAGE]
    for key in dict.fromkeys(keys):
        with report.fleet.reading():
            case = report.fleet.case(key)
        if (language := spoken_language()) != "en":
            translate_findings(case, language)
        told = render(case, "html")
        with new_file(folder / f"{key}.html", evidence, overwrite) as file:
            file.write_text(told, encoding="utf-8")
    known = set(keys)
    with report.telling():
        page = render_page(report, lambda disk: f"{folder.name}/{disk}.html" if disk in known else None)
    with new_file(target, evidence, overwrite) as file:
        file.write_text(page, encoding="utf-8")
    return folder
