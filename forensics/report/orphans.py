"""A key file that no certificate names, in one line."""

from __future__ import annotations

from forensics.report.facts import Facts
from forensics.tables.key_chain import KeyChainRow


def told_orphan(chain: KeyChainRow, facts: Facts) -> str:
    """Say which file it is, and whether its key opens."""
    state = {"usable": "opens", "unknown": "undecided"}.get(
        chain.verdict, f"does not open (breaks at {chain.broken_at})"
    )
    saved = ", recoverable" if chain.recoverable else ""
    too_open = ", everybody may read it" if chain.access == "too_open" else ""
    path = facts.path(chain.machine_id, chain.key_file_path)
    return f"{path}: container {chain.container or '?'}, {state}{saved}{too_open}"
