"""Where rows were really read, when links led there: the path of a row stays the one by which Windows finds it."""

from __future__ import annotations

from collections.abc import Iterable

from forensics.sources.installation import Installation
from forensics.tables.record import CoverageRow, ProblemRow
from forensics.tables.row import Row


def tell_where_read(installation: Installation, rows: Iterable[Row]) -> None:
    """Put into the rows of an installation where each was read.

    What coverage and problems say is of a place by the path of Windows, as the rows of files have it in ``path``;
    a hive of coverage is that of the keys that were read in it.

    Args:
        installation: Whose rows.
        rows: They, all judged.
    """
    if not installation.followed_links:
        return
    for row in rows:
        is_place = isinstance(row, CoverageRow) and row.area == "folder"
        if row.machine_id == installation.machine_id and not is_place and not isinstance(row, ProblemRow):
            row.source_path = installation.really(row.source_path)
