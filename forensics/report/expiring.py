"""Which certificate dies next: those whose last day is near, and whether their key would even open."""

from __future__ import annotations

from datetime import timedelta

from forensics.case_tables import CaseTables
from forensics.disk.evidence_files import EvidenceFiles
from forensics.late_methods import dataclass
from forensics.report.accounted import head_lines
from forensics.report.ending import ending
from forensics.report.facts import Facts, day, days_left, label
from forensics.report.folded_lines import fold
from forensics.report.result import Result
from forensics.report.stores import further_certificates, judges_nothing, no_certificate
from forensics.report.triage import triage
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise


@dataclass(frozen=True, repr=False)
class Expiring(Result):
    """What :func:`expiring` returns.

    Attributes:
        case: The case.
        within: How far ahead was looked.
        chains: Chains of the certificates, the soonest to end first; expired ones are the first of all.
    """

    case: CaseTables
    within: timedelta
    chains: tuple[KeyChainRow, ...]

    @property
    def evidence(self) -> EvidenceFiles:
        return self.case.evidence

    @property
    def judges_nothing(self) -> bool:
        """Not one key was judged, and the certificates that may name some were not seen either."""
        return judges_nothing(self.case)

    def _render(self, format: str, width: int | None) -> str:
        return _text(self, width)


def expiring(case: CaseTables, within: timedelta) -> Expiring:
    """List certificates with a private key that have expired or soon will, without those that are made anew each day.

    Args:
        case: The case; its ``as_of`` is what "expired" refers to.
        within: How far ahead of that to look.

    Examples:
        >>> from datetime import timedelta
        >>> import forensics
        >>> print(forensics.expiring(forensics.open_case("case.sqlite"), timedelta(days=30)))
        2026-12-05  in 13 days  CN=vpn.contoso.test, store MY, on WEB01, key usable, 4824ACA1...
    """
    return Expiring(case, within, (*reversed(triage(case).expired), *ending(case, within)))


def _text(found: Expiring, width: int | None) -> str:
    """Write one line a certificate."""
    case = found.case
    head = [line for text in head_lines(case.sources) for line in fold(sanitise(text), width)]
    if found.judges_nothing and not found.chains:
        return "\n".join([*head, *fold(no_certificate(case), width)]) + "\n"
    further = further_certificates(case)
    told = fold(further, width) if further else []
    if not found.chains:
        none = f"No certificate with a private key expires within {found.within.days} days after {day(case.as_of)}."
        return "\n".join([*head, none, *told]) + "\n"
    facts, lines = Facts(case), head
    for chain in found.chains:
        assert chain.ends is not None
        when = "expired     " if chain.ends < case.as_of else f"in {days_left(chain, case.as_of):4} days"
        state = f"key {chain.verdict}" + (f" (breaks at {chain.broken_at})" if chain.broken_at else "")
        state += ", replaced already" if chain.standing == "superseded" else ""
        text = sanitise(f"{label(chain)}, store {chain.store}, {facts.on(chain.machine_id)}, {state}")
        indent = f"{day(chain.ends)}  {when}  "
        lines += fold(f"{text}, {chain.thumbprint}", width, indent, " " * len(indent))
    return "\n".join([*lines, *told]) + "\n"
