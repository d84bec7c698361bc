"""What is said of a former Windows (Windows.old): that it is counted nowhere, and which keys lie only there."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.case_tables import CaseTables
from forensics.language import sentence
from forensics.report.facts import day
from forensics.tables.former_windows import FormerWindowsRow

NOTHING_OF_TODAY = sentence(
    "No Windows of today is here, only a former one that Setup put aside: no key of today can be judged."
)


def is_former_only(case: CaseTables) -> bool:
    """Tell whether a case holds former installations and no other."""
    return bool(case.whole.rows("machine")) and not case.present.rows("machine")


def former_lines(case: CaseTables) -> Iterator[str]:
    """Yield a sentence for each former Windows: where it lies, which it is, and what is only there."""
    rows: list[FormerWindowsRow] = case.rows("former_windows")
    for row in rows:
        name = row.computer_name or sentence("computer name not read")
        if row.last_seen_alive:
            yield sentence(
                "{folder}: a former Windows ({name}, last ran {date}), not counted; {keys}.",
                folder=row.folder,
                name=name,
                date=day(row.last_seen_alive),
                keys=_keys(row),
            )
        else:
            yield sentence(
                "{folder}: a former Windows ({name}), not counted; {keys}.",
                folder=row.folder,
                name=name,
                keys=_keys(row),
            )


def _keys(row: FormerWindowsRow) -> str:
    count, waiting = (row.keys, row.locked) if row.machine_id == 0 else (row.keys_only_there, row.locked_only_there)
    if row.machine_id == 0 and waiting:
        return sentence(
            "keys that can be had: {count}, of users who have to give a password: {waiting}",
            count=count,
            waiting=waiting,
        )
    if row.machine_id == 0:
        return sentence("keys that can be had: {count}", count=count)
    if waiting:
        return sentence(
            "keys only there that can be had: {count}, of users who have to give a password: {waiting}",
            count=count,
            waiting=waiting,
        )
    return sentence("keys only there that can be had: {count}", count=count)


def only_former(case: CaseTables) -> Iterator[tuple[int, str]]:
    """Yield the keys that only a former Windows has and of which no chain says so: the machine, and what to call it."""
    told = {
        (chain.recoverable_on, chain.subject) for chain in case.rows("key_chain") if chain.recoverable_on is not None
    }
    rows: list[FormerWindowsRow] = case.rows("former_windows")
    for row in rows:
        for name in row.only_there:
            if (row.former, name) not in told:
                yield (
                    row.machine_id,
                    sentence("{name}, only in the former Windows in {folder}", name=name, folder=row.folder),
                )
