"""One sentence for a chain that no rule speaks of: its own reason, or what is not known of it."""

from __future__ import annotations

from forensics.chain.undecided import why_undecided
from forensics.language import Sentence, sentence, standing
from forensics.language.sentences import Made
from forensics.report.facts import Facts
from forensics.report.words import word
from forensics.tables.key_chain import KeyChainRow

_OPEN = sentence("the key opens, but every user of this Windows may read the key file")


def reason_of(chain: KeyChainRow, facts: Facts) -> str:
    """Say why a key cannot, or might, be opened by Windows on this disk; nothing of one that is well."""
    return standing(reason_within(chain, facts))


def reason_within(chain: KeyChainRow, facts: Facts) -> str:
    """Return what :func:`reason_of` says as a part of another sentence."""
    if chain.reason:
        return chain.reason
    if chain.broken_at is not None:
        return sentence("the chain breaks at {link}", link=word(chain.broken_at))
    if chain.verdict == "usable":
        return _OPEN if chain.access == "too_open" else ""
    return why_undecided(chain, facts.key_file(chain), facts.master_key(chain))


def begun(text: str) -> str:
    """Return a text of a row with a capital, as what stands alone without being a sentence."""
    whole = f"{text[:1].upper()}{text[1:]}"
    return Sentence(whole, Made(" ", "", {"text": text})) if isinstance(text, Sentence) else whole


def reason_alone(chain: KeyChainRow, facts: Facts) -> str:
    """Return what :func:`reason_of` says, without full stop."""
    return begun(reason_within(chain, facts))
