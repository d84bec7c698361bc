"""A key file that no certificate names, in one line."""

from __future__ import annotations

from forensics.language import _, listed
from forensics.report.facts import Facts
from forensics.report.words import word
from forensics.tables.key_chain import KeyChainRow


def told_orphan(chain: KeyChainRow, facts: Facts) -> str:
    """Say which file it is, and whether its key opens, in the spoken language."""
    state = [_state(chain)]
    state += [_("recoverable")] if chain.recoverable else []
    state += [_("everybody may read it")] if chain.access == "too_open" else []
    path = facts.path(chain.machine_id, chain.key_file_path)
    return _("{path}: container {container}, {state}", path=path, container=chain.container or "?", state=listed(state))


def _state(chain: KeyChainRow) -> str:
    if chain.verdict == "usable":
        return _("opens")
    if chain.verdict == "unknown":
        return _("undecided")
    return _("does not open (breaks at {link})", link=word(str(chain.broken_at)))
