"""Examines a disk in one process and prints the CPU seconds of each part as JSON: ``python parts.py DISK DATE``.

A part is the time in certain functions, without those of other parts that they call, or that of all children. It runs
alone, from the folder of the program that is measured.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

STARTED = time.process_time()
spent: dict[str, float] = {}
open_parts: list[str] = []
last = STARTED


def turn() -> None:
    """Give the time since the last turn to the part that is open."""
    global last
    now = time.process_time()
    if open_parts:
        spent[open_parts[-1]] = spent.get(open_parts[-1], 0.0) + now - last
    last = now


def part(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is the same, and a part."""

    def timed(*arguments: Any, **named: Any) -> Any:
        turn()
        open_parts.append(name)
        try:
            return function(*arguments, **named)
        finally:
            turn()
            open_parts.pop()

    return timed


MODULES = (
    "forensics.cli.main",
    "forensics.engine.loader",
    "forensics.engine.run",
    "forensics.examination",
    "forensics.examining.imported",
    "forensics.facts.facts",
    "forensics.hyperv.judge",
    "forensics.report.first_screen.screen",
)
"""What the command imports for a disk, with all that these import."""
WHERE = {
    "rules: reading them": ("forensics.engine.loader", "load_packs"),
    "rules: their tables": ("forensics.engine.database", "RuleDatabase.__init__"),
    "rules: asking them": ("forensics.engine.run", "run"),
    "PBKDF2 of master keys": ("forensics.dpapi.dpapi", "dpapi_pbkdf2"),
    "opening the disk": ("forensics.sources.open", "open_source"),
    "certificates": ("forensics.collectors.collect", "collect_certificates"),
    "key files": ("forensics.collectors.collect", "collect_key_files"),
    "key folders": ("forensics.collectors.collect", "collect_key_folders"),
    "uses of certificates": ("forensics.collectors.collect", "collect_certificate_uses"),
    "event logs": ("forensics.collectors.events", "EventLogs.rows"),
    "setup events": ("forensics.collectors.collect", "collect_setup_events"),
    "other collecting": ("forensics.collectors.collect", "collect"),
    "judging keys": ("forensics.chain.judge", "Judge.judged"),
    "facts": ("forensics.facts.facts", "with_facts"),
    "virtual machines": ("forensics.examining.across", "Across.virtual_machines"),
    "across machines": ("forensics.examining.across", "Across.across_machines"),
}
"""Module and function by part."""


def wrap() -> None:
    """Make the functions of :data:`WHERE` parts."""
    for name, (module, path) in WHERE.items():
        *classes, function = path.split(".")
        owner: Any = sys.modules[module]
        for cls in classes:
            owner = getattr(owner, cls)
        setattr(owner, function, part(name, getattr(owner, function)))


def main(disk: str, date: str) -> None:
    """Examine and print."""
    import json
    from datetime import UTC, datetime
    from importlib import import_module

    sys.path.insert(0, "")
    part("imports", lambda: list(map(import_module, MODULES)))()
    wrap()
    import forensics
    import forensics.examination as examination
    from forensics.examining.in_this_process import InThisProcess

    setattr(examination, "examiner", lambda jobs, progress, tally: InThisProcess(progress, tally))  # noqa: B010
    moment = datetime.fromisoformat(date).replace(tzinfo=UTC)
    case = part("the rest", lambda: forensics.examine(disk, as_of=moment))()
    part("the first screen", lambda: forensics.render(case, "screen"))()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent["contained children: the parser of event logs"] = children.ru_utime + children.ru_stime
    print(json.dumps(spent))


if __name__ == "__main__":
    main(*sys.argv[1:])
