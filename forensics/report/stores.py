"""Whether the computer's certificate stores were there to read: without them no certificate says nothing."""

from __future__ import annotations

from forensics.case_tables import CaseTables

_LOST = {"not_examined": "was not in the source", "absent": "is missing", "unreadable": "cannot be read"}


def lost_stores(case: CaseTables) -> dict[int, str]:
    """Return the installations whose SOFTWARE hive was not read, each with what became of the hive.

    The hive holds the certificate stores of the computer.
    """
    return {
        row.machine_id: _LOST[row.outcome]
        for row in case.rows("coverage")
        if (row.area, row.name) == ("hive", "SOFTWARE") and row.outcome in _LOST
    }


def no_certificate(case: CaseTables) -> str:
    """Return the sentence for a case without a single certificate that names a private key."""
    lost = lost_stores(case)
    if not lost:
        return "No certificate here names a private key or should have one."
    if "cannot be read" in lost.values():
        return (
            "No certificate could be judged: the SOFTWARE hive, which holds the computer's certificate stores, "
            "cannot be read."
        )
    return (
        "No certificate could be judged: the SOFTWARE hive, which holds the computer's certificate stores, was not "
        "there to read."
    )
