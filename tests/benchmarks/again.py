"""Examines a disk twice in one process and prints the CPU seconds of each as JSON: ``python again.py DISK DATE``.

The second one finds imports made and rules read, as in a notebook or on a worker of a fleet. It runs alone, from the
folder of the program that is measured.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime


def main(disk: str, date: str) -> None:
    """Examine twice, and print."""
    sys.path.insert(0, "")
    import forensics

    moment = datetime.fromisoformat(date).replace(tzinfo=UTC)
    spent = []
    for _ in range(2):
        before = os.times()
        forensics.render(forensics.examine(disk, as_of=moment), "screen")
        spent.append(sum(os.times()[:4]) - sum(before[:4]))
    print(json.dumps(spent))


if __name__ == "__main__":
    main(*sys.argv[1:])
