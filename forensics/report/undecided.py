"""Keys that are undecided because evidence was not read, is not whole or does not tell: no count speaks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from forensics.case_tables import CaseTables
from forensics.chain.undecided import REASONS
from forensics.language import _n, sentence
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

    def broken(self, count: int) -> str:
        """Count the broken keys in words: beside keys that may be broken, those that are proved to be."""
        if self.keys or self.further:
            return sentence("{count} proved broken", count=count)
        return sentence("{count} broken", count=count)

    def undecided(self, count: int) -> str:
        """Count the undecided keys in words, those among them of which a disk tells no more by their nature."""
        if not self.keys:
            return sentence("{count} undecided", count=count)
        if self.keys == count:
            return sentence(
                "{count} undecided because evidence was not read, is not whole or does not tell", count=count
            )
        return sentence(
            "{count} undecided, {some} of them because evidence was not read, is not whole or does not tell",
            count=count,
            some=self.keys,
        )

    def counted(self, broken: int, usable: int, undecided: int) -> str:
        """Count keys in a few words of the spoken language, for a notebook."""
        values = {"usable": usable, "undecided": self.undecided(undecided)}
        if self.keys or self.further:
            return _n(
                "{count} key proved broken, {usable} usable, {undecided}",
                "{count} keys proved broken, {usable} usable, {undecided}",
                broken,
                **values,
            )
        return _n(
            "{count} key broken, {usable} usable, {undecided}",
            "{count} keys broken, {usable} usable, {undecided}",
            broken,
            **values,
        )

    @property
    def why(self) -> list[str]:
        """The commonest reason, with the number of keys, and whether there may be more; nothing where nothing lacks."""
        told = [self.further] if self.further else []
        if not self.keys:
            return told
        return [sentence("The commonest reason ({count}): {reason}", count=self.alike, reason=self.reason), *told]


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
