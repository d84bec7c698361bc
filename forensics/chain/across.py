"""Keys that lie in another Windows of the same disk."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.chain.judge import Judge


def find_elsewhere(judges: Sequence[Judge]) -> None:
    """Look for the keys that one installation misses in the others of the same source, and correct its rows.

    Args:
        judges: Every installation of one source, judged.
    """
    for judge in judges:
        others = [other for other in judges if other is not judge]
        for row, public in judge.missed:
            found = [(other, *other.recovery.search(public)) for other in others]
            for other, path, _ in found:
                if path is not None:
                    row.recoverable = True
                    row.recoverable_from, row.recoverable_on = path, other.evidence.machine.machine_id
                    break
            else:
                if any(undecided for _, _, undecided in found):
                    row.recoverable = None
