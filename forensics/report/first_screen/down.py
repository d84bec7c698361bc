"""What is down, as the first screen tells it."""

from __future__ import annotations

from forensics.language import _, joined, listed, told
from forensics.report.first_screen.entries import Entry
from forensics.report.first_screen.steps import first_step
from forensics.report.named import named
from forensics.report.outages.services import Down
from forensics.report.words import word


def down_entry(down: Down, where: str = "") -> Entry:
    """Return services that one fault stops as an entry.

    Args:
        down: The services.
        where: What is written before their names.
    """
    sure = [] if down.confidence == "proved" else [told(word(down.confidence))]
    return Entry(
        what=named(down.names, 1),
        mark=listed([_(down.severity).upper(), *sure]),
        since=down.since,
        why=down.why,
        key=down.key,
        step=first_step([*down.causes, *down.findings], down.thumbprints[0] if down.thumbprints else None),
        severity=down.severity,
        machine_id=down.machine_id,
        weight=len(down.names),
        all_names=joined(down.names, ", "),
        findings=tuple(dict.fromkeys(finding.id for finding in (*down.causes, *down.findings))),
        where=where,
    )
