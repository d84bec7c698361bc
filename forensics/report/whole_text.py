"""The whole text of a case with its first screen repeated at the end, and each section alone."""

from __future__ import annotations

from forensics.case_tables import CaseTables
from forensics.report.first_screen.entries import SECTIONS as OF_SCREEN
from forensics.report.first_screen.screen import FirstScreen
from forensics.report.text import PARTS, render_text
from forensics.tables.finding import Severity


def render_whole_text(
    case: CaseTables, width: int | None = None, styled: bool = False, min_severity: Severity | None = None
) -> str:
    """Write everything, and at the end, where a terminal stands then, what matters most.

    Args:
        case: The case.
        width: Columns to fold lines to; None for a pipe or a file, where lines stay whole.
        styled: Set headings in bold and severities in colour with terminal escapes.
        min_severity: Leave out findings that are less severe, and say how many.
    """
    text = render_text(case, width, styled, min_severity=min_severity)
    if case.is_empty:
        return text
    screen = FirstScreen(case, min_severity).lines(width, styled, ends_text=True)
    return f"{text}\n" + "".join(f"{line}\n" for line in screen)


def render_section(
    case: CaseTables,
    name: str,
    width: int | None = None,
    styled: bool = False,
    min_severity: Severity | None = None,
) -> str:
    """Write one section, whole: of the text where it has one of that name, else of the first screen.

    Args:
        case: The case.
        name: One of ``SECTIONS`` of the public API.
        width: As above.
        styled: As above.
        min_severity: As above.
    """
    if name in PARTS:
        return render_text(case, width, styled, name, min_severity)
    if name not in OF_SCREEN:
        raise ValueError(f"there is no section {name!r}")
    return "".join(f"{line}\n" for line in FirstScreen(case, min_severity).section(name, width, styled))
