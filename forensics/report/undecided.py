"""Keys that are undecided because evidence was not read, is not whole or does not tell: no count speaks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from forensics.case_tables import CaseTables
from forensics.chain.undecided import REASONS
from forensics.late_methods import dataclass
from forensics.report.facts import Facts
from forensics.report.reason import reason_of
from forensics.report.stores import further_certificates
from forensics.tables.key_chain import KeyChainRow

_ELSEWHERE = frozenset({"needs_pin", "sealed_tpm", "sealed_vbs"})


@dataclass(frozen=True, slots=True)
class Lack:
    """What evidence leaves open that was not read, is not whole, or does not tell (as with a wrong password).

    Attributes:
        keys: How many keys it leaves undecided.
        alike: How many of them the commonest reason.
        reason: That reason, one sentence; empty where there are no such keys.
        further: The sentence that there may be more certificates, and why; empty where all were read.
    """

    keys: int = 0
    alike: int = 0
    reason: str = ""
    further: str = ""

    @property
    def broken(self) -> str:
        """What to call the keys that are broken, beside keys that may be."""
        return "proved broken" if self.keys or self.further else "broken"

    def undecided(self, count: int) -> str:
        """Count the undecided keys in words, those among them of which a disk tells no more by their nature."""
        if not self.keys:
            return f"{count} undecided"
        some = "" if self.keys == count else f", {self.keys} of them"
        return f"{count} undecided{some} because evidence was not read, is not whole or does not tell"

    @property
    def why(self) -> list[str]:
        """The commonest reason, with the number of keys, and whether there may be more; nothing where nothing lacks."""
        commonest = f"The commonest reason ({self.alike}): {self.reason}" if self.keys else ""
        return [sentence for sentence in (commonest, self.further) if sentence]


def lack_of_evidence(case: CaseTables, undecided: Iterable[KeyChainRow], facts: Facts) -> Lack:
    """Say how many undecided keys more or other evidence would judge.

    Args:
        case: The case.
        undecided: Chains of it with verdict unknown.
        facts: The rows they rest on.
    """
    further = further_certificates(case)
    reasons = Counter(reason_of(chain, facts) for chain in undecided if _lacks_evidence(chain, facts))
    if not reasons:
        return Lack(further=further)
    reason, alike = reasons.most_common(1)[0]
    return Lack(reasons.total(), alike, reason, further)


def _lacks_evidence(chain: KeyChainRow, facts: Facts) -> bool:
    if chain.private_key == "not_examined" and chain.unlocked_by not in ("nothing", "not_tried"):
        # It was opened, and is of a kind whose arithmetic is not known.
        return not chain.reason or chain.reason in REASONS
    if chain.reason and chain.reason not in REASONS:
        return True
    if chain.private_key in _ELSEWHERE or chain.provider_kind in ("other", "smart_card"):
        return False
    if chain.key_file == "not_examined" or (chain.master_key == "not_examined" and chain.master_key_guid):
        return True
    file = facts.key_file(chain)
    # A user's password is on no disk; DPAPI_SYSTEM is.
    return chain.unlocked_by == "not_tried" and chain.master_key == "present" and (not file or file.scope != "user")
