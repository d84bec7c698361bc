"""One sentence for a chain that no rule speaks of: its own reason, or what is not known of it."""

from __future__ import annotations

from forensics.chain.undecided import why_undecided
from forensics.language import sentence, standing
from forensics.report.facts import Facts
from forensics.tables.key_chain import KeyChainRow

_OPEN = standing(sentence("the key opens, but every user of this Windows may read the key file"))


def reason_of(chain: KeyChainRow, facts: Facts) -> str:
    """Say why a key cannot, or might, be opened by Windows on this disk; nothing of one that is well."""
    if chain.reason:
        return standing(chain.reason)
    if chain.broken_at is not None:
        return standing(sentence("the chain breaks at {link}", link=chain.broken_at))
    if chain.verdict == "usable":
        return _OPEN if chain.access == "too_open" else ""
    return standing(why_undecided(chain, facts.key_file(chain), facts.master_key(chain)))
