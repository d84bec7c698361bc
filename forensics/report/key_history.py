"""What became of a file that a broken key needs, in words."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.case_tables import CaseTables
from forensics.tables.history import HistoryOf, KeyHistoryRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import format_utc

_WHAT: dict[HistoryOf, str] = {"key_file": "key file", "master_key": "master key file"}


def told_history(row: KeyHistoryRow) -> str:
    """Say what happened to a file, without its time."""
    said = f"{_WHAT[row.what]} {row.file_name} was {row.happened}"
    if row.happened == "renamed":
        return f"{said} to {row.other_name}" if row.other_name else said
    if row.together:
        files = "1 other file" if row.together == 1 else f"{row.together} other files"
        return f"{said}, and within ten seconds {files} of its folder"
    return said


def history_lines(case: CaseTables, chain: KeyChainRow) -> Iterator[str]:
    """Yield what became of the files that a chain needs, with its time and witness."""
    for row in case.rows("key_history"):
        if row.machine_id == chain.machine_id and chain.thumbprint in row.thumbprints:
            when = format_utc(row.at) if row.at else "at a time that is not told"
            yield f"{when}: {told_history(row)} (change journal)"
