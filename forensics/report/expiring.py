"""Which certificate dies next: those whose last day is near, and whether their key would even open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

from forensics.case_tables import CaseTables
from forensics.disk.evidence_files import EvidenceFiles
from forensics.language import _, _n, listed, told
from forensics.language.folding import columns, padded
from forensics.late_methods import dataclass
from forensics.report.accounted import head_lines
from forensics.report.ending import ending
from forensics.report.facts import Facts, day, days_left, label
from forensics.report.folded_lines import fold
from forensics.report.named_machines import named_machines
from forensics.report.result import Result
from forensics.report.stores import further_certificates, judges_nothing, no_certificate
from forensics.report.triage import triage
from forensics.report.words import word
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

    formats: ClassVar[tuple[str, ...]] = ("text", "csv", "json", "ics", "prom")

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
        if format == "text":
            return _text(self, width)
        from forensics.report.exports import calendar, expiring_rows, prometheus  # here: text needs none of them

        if format == "csv":
            return expiring_rows.render_rows_csv(self.case, self.chains)
        if format == "json":
            return expiring_rows.render_rows_json(self.case, self.chains, self.within.days)
        if format == "ics":
            return calendar.render_calendar(self.case, self.chains)
        return prometheus.render_certificates(self.case, self.chains)


def expiring(case: CaseTables, within: timedelta, *, machine: str | None = None) -> Expiring:
    """List certificates with a private key that have expired or soon will, without those that are made anew each day.

    Args:
        case: The case; its ``as_of`` is what "expired" refers to.
        within: How far ahead of that to look.
        machine: Of this machine alone: name of a computer, or of its disk.

    Raises:
        UnsuitableCaseError: No machine is called that.

    Examples:
        >>> from datetime import timedelta
        >>> import forensics
        >>> print(forensics.expiring(forensics.open_case("case.sqlite"), timedelta(days=30)))
        2026-12-05  in 13 days  CN=vpn.contoso.test, store MY, on WEB01, key usable, 4824ACA1...
    """
    machines = named_machines(case.present, machine)
    chains = (*reversed(triage(case).expired), *ending(case, within))
    return Expiring(case, within, tuple(c for c in chains if machines is None or c.machine_id in machines))


def _text(found: Expiring, width: int | None) -> str:
    """Write one line a certificate."""
    case = found.case
    head = [line for text in head_lines(case.sources) for line in fold(sanitise(told(text)), width)]
    if found.judges_nothing and not found.chains:
        return "\n".join([*head, *fold(told(no_certificate(case)), width)]) + "\n"
    further = further_certificates(case)
    last = fold(told(further), width) if further else []
    if not found.chains:
        none = _n(
            "No certificate with a private key expires within {count} day after {date}.",
            "No certificate with a private key expires within {count} days after {date}.",
            found.within.days,
            date=day(case.as_of),
        )
        return "\n".join([*head, none, *last]) + "\n"
    facts, lines = Facts(case), head
    for chain in found.chains:
        assert chain.ends is not None
        if chain.ends < case.as_of:
            when = _("expired")
        else:
            days = days_left(chain, case.as_of)
            when = _n("in {days} day", "in {days} days", days, days=f"{days:4}")
        parts = [label(chain), _("store {store}", store=chain.store), facts.on(chain.machine_id), *_state(chain)]
        indent = f"{day(chain.ends)}  {padded(when, _WHEN)}  "
        text = listed([sanitise(told(part)) for part in parts] + [str(chain.thumbprint)])
        lines += fold(text, width, indent, " " * columns(indent))
    return "\n".join([*lines, *last]) + "\n"


_WHEN = 12
"""Columns of the column that says in how many days a certificate ends."""


def _state(chain: KeyChainRow) -> Iterator[str]:
    verdict = word(chain.verdict)
    if chain.broken_at:
        yield _("key {verdict} (breaks at {link})", verdict=verdict, link=word(chain.broken_at))
    elif chain.verdict == "unknown":
        yield _("key unknown")
    else:
        yield _("key {verdict}", verdict=verdict)
    if chain.standing == "superseded":
        yield _("replaced already")
