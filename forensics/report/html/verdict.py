"""The verdict: two sentences and a few figures for who reads nothing else."""

from __future__ import annotations

from forensics.case_tables import CaseTables
from forensics.language import _, _n, listed, told
from forensics.late_methods import dataclass
from forensics.report.ending import SOON, ending, when
from forensics.report.facts import Facts, label
from forensics.report.former import NOTHING_OF_TODAY, is_former_only
from forensics.report.html.causes import Causes
from forensics.report.html.chains import ChainViews
from forensics.report.html.machines import name_of
from forensics.report.reason import reason_of
from forensics.report.stores import no_certificate
from forensics.report.triage import Triage
from forensics.report.undecided import Lack, lack_of_evidence
from forensics.tables.sanitise import sanitise

MOST_MACHINES = 3
"""Display: machines that the head of the page names; causes it names all."""
MOST_ENDING = 1_000
"""Display: certificates that the list of the next to end holds."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number worth a glance.

    Attributes:
        count: The number.
        text: What is counted.
        state: bad, warn, good or none: how it is coloured when it is not zero.
        target: Where the page tells more.
    """

    count: int
    text: str
    state: str
    target: str


def sentences(case: CaseTables, found: Triage, causes: Causes) -> tuple[str, str, str]:
    """Say how many keys are dead and why, what expires next, and why keys are undecided for want of evidence."""
    lack = lack_of_evidence(case, found.in_force(found.unknown), Facts(case))
    why = told(lack.further)
    if lack.keys:
        commonest = _("The commonest reason ({count}): {reason}", count=lack.alike, reason=told(lack.reason))
        why = f"{commonest} {why}".rstrip()
    return _keys(case, found, causes, lack), _expiry(case, found), why if found.judged else ""


def _keys(case: CaseTables, found: Triage, causes: Causes, lack: Lack) -> str:
    total = found.keys
    if case.is_empty:
        return _("Nothing could be examined.")
    if is_former_only(case):
        return told(NOTHING_OF_TODAY)
    if not case.rows("machine"):
        return _("No Windows installation here, so no key can be judged: exported virtual machines only.")
    if not found.judged:
        return told(no_certificate(case))
    names = [name_of(machine) for machine in case.rows("machine")]
    where = listed([sanitise(name) for name in names[:MOST_MACHINES]]) + (" …" if len(names) > MOST_MACHINES else "")
    if not total:
        return _("{where} has no certificate in force that has or should have a private key.", where=where)
    broken, unknown = found.in_force(found.broken), found.in_force(found.unknown)
    undecided = _("; {count} undecided", count=len(unknown)) if unknown else ""
    if lack.keys:
        undecided = _(
            "; {count} undecided, {lacking} of them because evidence was not read, is not whole or does not tell",
            count=len(unknown),
            lacking=lack.keys,
        )
    if not broken:
        return _n(
            "The private key of {where} is not known to be broken{undecided}.",
            "None of {count} private keys of {where} is known to be broken{undecided}.",
            total,
            where=where,
            undecided=undecided,
        )
    facts = Facts(case)
    reasons = (told(reason_of(chain, facts)).rstrip(".。") for chain in broken)
    titles = causes.deadly() or list(dict.fromkeys(reasons))
    quoted = listed([_("“{title}”", title=title) for title in titles])
    cause = _("causes: {causes}", causes=quoted) if len(titles) > 1 else _("cause: {causes}", causes=quoted)
    return _n(
        "The only private key of {where} cannot be opened by Windows{undecided}; {cause}.",
        "{broken} of {count} private keys of {where} cannot be opened by Windows{undecided}; {cause}.",
        total,
        broken=len(broken),
        where=where,
        undecided=undecided,
        cause=cause,
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate that ends soon.

    Attributes:
        when: Its last day, and in how many days that is.
        label: What to call it.
        where: Its store.
        thumbprint: Upper hex.
        condition: What else is to know of it; empty where its key works.
        anchor: Where its chain is drawn.
    """

    when: str
    label: str
    where: str
    thumbprint: str
    condition: str
    anchor: str | None


def next_to_end(case: CaseTables, chains: ChainViews) -> list[Ending]:
    """Return every certificate with a private key that ends within the time that a report looks ahead."""
    found = []
    for chain in ending(case, SOON)[:MOST_ENDING]:
        said = {"unusable": _("dead"), "unknown": _("undecided")}.get(chain.verdict, "")
        replaced = _("replaced already") if chain.standing == "superseded" else ""
        found.append(
            Ending(
                when(chain, case.as_of),
                label(chain),
                chains.store(chain),
                chain.thumbprint or "",
                listed([word for word in (said, replaced) if word]),
                chains.anchor(chain),
            )
        )
    return found


def _expiry(case: CaseTables, found: Triage) -> str:
    past = _("; {count} expired already", count=len(found.expired)) if found.expired else ""
    if found.expiring:
        first = found.expiring[0]
        return _(
            "Of those with a working or undecided key the next to expire is {name}, on {when}{past}.",
            name=sanitise(label(first)),
            when=when(first, case.as_of),
            past=past,
        )
    return _("Of those with a working or undecided key none has an expiry ahead{past}.", past=past)


def figures(case: CaseTables, found: Triage) -> list[Figure]:
    """Return the numbers under the sentences."""
    soon = len(ending(case, SOON))
    broken, recoverable = found.in_force(found.broken), _("of them recoverable from this disk")
    return [
        Figure(len(broken), _("dead"), "bad", "#dead"),
        Figure(sum(1 for c in broken if c.recoverable), recoverable, "good", "#dead"),
        Figure(len(found.in_force(found.unknown)), _("undecided"), "warn", "#undecided"),
        Figure(len(found.in_force(found.too_open)), _("usable, but open to everybody"), "warn", "#open"),
        Figure(len(found.in_force(found.well)), _("usable, proved"), "good", "#usable"),
        Figure(soon, _("expire within {days} days", days=SOON.days), "warn", "#next"),
        Figure(len(found.expired), _("expired"), "none", "#certificates"),
    ]
