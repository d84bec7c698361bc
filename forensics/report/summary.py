"""What a report says first of all, in a few sentences: how many keys are broken, and what ends next."""

from __future__ import annotations

from forensics.case_tables import CaseTables
from forensics.engine.templates import listed
from forensics.report.facts import Facts, day, label
from forensics.report.former import NOTHING_OF_TODAY, is_former_only
from forensics.report.stores import further_certificates, judges_nothing, no_certificate
from forensics.report.triage import Triage
from forensics.report.undecided import Lack


def summary(case: CaseTables, sorted_keys: Triage, facts: Facts, lack: Lack) -> str:
    """Count what was judged, and name what is hit and what ends next.

    Args:
        case: The case.
        sorted_keys: Its chains.
        facts: The rows they rest on.
        lack: What evidence leaves open.
    """
    t = sorted_keys
    total = t.keys
    if case.is_empty:
        return "Nothing could be examined."
    if is_former_only(case):
        return NOTHING_OF_TODAY
    if not case.rows("machine"):
        return "No Windows installation here, so no key can be judged: exported virtual machines only."
    if not t.judged:
        return no_certificate(case)
    have = "certificate that has or should have" if total == 1 else "certificates that have or should have"
    counts = f"{len(t.in_force(t.broken))} {lack.broken}, {len(t.in_force((*t.well, *t.too_open)))} usable"
    parts = [f"Of {total} {have} a private key: {counts}"]
    expired = f"; {len(t.expired)} more expired." if t.expired else ", 0 expired."
    parts.append(f", {lack.undecided(len(t.in_force(t.unknown)))}{expired}")
    if hit := facts.uses(t.in_force(t.broken)):
        parts.append(f" {len(hit)} service{'' if len(hit) == 1 else 's'} use a broken one: {listed(hit)}.")
    if t.expiring:
        parts.append(f" The next to expire is {label(t.expiring[0])}, on {day(t.expiring[0].not_after)}.")
    if judges_nothing(case):
        parts.append(f" {further_certificates(case)}")
    return "".join(parts)
