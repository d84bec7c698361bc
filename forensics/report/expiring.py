"""Which certificate dies next: those whose last day is near, and whether their key would even open."""

from __future__ import annotations

from datetime import timedelta

from forensics.case_tables import CaseTables
from forensics.report.facts import Facts, day, days_left, label
from forensics.report.folded_lines import fold
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise


def expiring(case: CaseTables, span: timedelta) -> list[KeyChainRow]:
    """Return chains of certificates that end within ``span`` after the case's date, or have ended, soonest first."""
    chains = [c for c in case.rows("key_chain") if c.thumbprint and c.not_after and c.not_after - case.as_of <= span]
    return sorted(chains, key=lambda c: (c.not_after, c.thumbprint))


def render_expiring(case: CaseTables, span: timedelta, width: int | None = None) -> str:
    """Write one line a certificate.

    Args:
        case: The case.
        span: How far ahead to look.
        width: Columns to fold to; None for a pipe.
    """
    chains = expiring(case, span)
    if not chains:
        return f"No certificate with a private key expires within {span.days} days after {day(case.as_of)}.\n"
    facts, lines = Facts(case), []
    for chain in chains:
        assert chain.not_after is not None
        when = "expired     " if chain.not_after < case.as_of else f"in {days_left(chain, case.as_of):4} days"
        state = f"key {chain.verdict}" + (f" (breaks at {chain.broken_at})" if chain.broken_at else "")
        text = sanitise(f"{label(chain)}, store {chain.store}, on {facts.machine_name(chain.machine_id)}, {state}")
        indent = f"{day(chain.not_after)}  {when}  "
        lines += fold(f"{text}, {chain.thumbprint}", width, indent, " " * len(indent))
    return "\n".join(lines) + "\n"
