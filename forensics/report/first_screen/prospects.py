"""What can still be saved, what ends next, what is not known and what was not examined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from forensics.case_tables import CaseTables
from forensics.disk.links import LINK_TO_NOTHING, NOT_FOLLOWED
from forensics.language import _, joined, listed, sentence, sentence_n, told
from forensics.late_methods import dataclass
from forensics.report.accounted import reasons
from forensics.report.ending import condition, ending, when
from forensics.report.facts import Facts, label
from forensics.report.first_screen.entries import Entry
from forensics.report.first_screen.steps import first_step
from forensics.report.former import only_former
from forensics.report.named import named
from forensics.report.outages.services import Doubt
from forensics.report.stores import hives_in_part
from forensics.report.triage import Triage
from forensics.report.undecided import lack_of_evidence
from forensics.tables.finding import Finding
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.record import RULE_PROBLEMS

WITHIN = timedelta(days=90)
"""How far ahead the first screen looks."""

Where = Callable[[int], str]


def savable(case: CaseTables, facts: Facts, where: Where) -> Iterator[Entry]:
    """Yield the keys of certificates that Windows would not open and that can be had, those that are missed first."""
    chains = [chain for chain in case.rows("key_chain") if chain.recoverable and chain.thumbprint]
    for chain in sorted(chains, key=lambda c: c.rank(case.as_of)):
        place = facts.found_in(chain) or facts.path(chain.machine_id, chain.key_file_path)
        what = sentence("{certificate}, in {place}", certificate=label(chain), place=place)
        if chain.store:
            what = sentence(
                "{certificate}, store {store}, in {place}", certificate=label(chain), store=chain.store, place=place
            )
        yield Entry(what, machine_id=chain.machine_id, where=where(chain.machine_id))
    for machine_id, name in only_former(case):
        yield Entry(name, machine_id=machine_id, where=where(machine_id))


_LINKS = (NOT_FOLLOWED, LINK_TO_NOTHING)
"""Kinds of problems of which one may take all keys out of sight: each is named."""


_MAY_HAVE_KEYS = sentence("Shadow copies may have missing keys: do not start this disk before they are searched")


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends soon.

    Attributes:
        entries: Every certificate with a key that ends soon and that somebody has to see to, the soonest first.
        cared_for: How many more end soon that renew themselves or were replaced, in the spoken language; or empty.
        told: Machine and thumbprint of all.
    """

    entries: list[Entry]
    cared_for: str
    told: set[tuple[int, str]]


def ends_soon(case: CaseTables, facts: Facts, where: Where) -> Ending:
    """Return what ends within :data:`WITHIN`."""
    chains = ending(case, WITHIN)
    findings = {(f.machine_id, s.id): f for f in reversed(case.finding_list) if _is_of_ends(f) for s in f.subjects}
    sorted_ones: dict[str, list[KeyChainRow]] = {"self-renewing": [], "replaced": [], "missed": []}
    for chain in chains:
        sorted_ones[care(chain, case, facts)].append(chain)
    missed = sorted_ones.pop("missed")
    entries = [
        _ending(chain, case, facts, findings.get((chain.machine_id, chain.thumbprint or "")), where) for chain in missed
    ]
    renewing, replaced = len(sorted_ones["self-renewing"]), len(sorted_ones["replaced"])
    cared_for = [_("{count} self-renewing", count=renewing)] if renewing else []
    cared_for += [_("{count} replaced", count=replaced)] if replaced else []
    return Ending(entries, listed(cared_for), {(chain.machine_id, chain.thumbprint or "") for chain in chains})


def _is_of_ends(finding: Finding) -> bool:
    return "expiring" in finding.covers and finding.verdict == "match" and finding.severity != "info"


def care(chain: KeyChainRow, case: CaseTables, facts: Facts) -> str:
    """Tell whether somebody has to see to a certificate: not if it was replaced, or what renews it is not late.

    Args:
        chain: Its chain.
        case: The case.
        facts: Its rows by what is looked for.

    Returns:
        ``missed``, ``replaced`` or ``self-renewing``.
    """
    if chain.standing == "superseded":
        return "replaced"
    row = facts.certificate(chain)
    is_late = row is None or row.renewer is None or (row.warn_from is not None and row.warn_from <= case.as_of)
    return "missed" if is_late else "self-renewing"


def _ending(chain: KeyChainRow, case: CaseTables, facts: Facts, finding: Finding | None, where: Where) -> Entry:
    what = f"{where(chain.machine_id)}{told(label(chain))}"
    if said := condition(chain):
        what = _("{certificate} ({condition})", certificate=what, condition=said)
    if used := facts.uses([chain]):
        what = _("{certificate}, used by {names}", certificate=what, names=named(used, 1))
    # A renewal is signed with the old key.
    renewal = [finding] if finding is not None and chain.verdict != "unusable" else []
    return Entry(
        what=f"{when(chain, case.as_of)}: {what}",
        mark=_(finding.severity).upper() if finding is not None else "",
        step=first_step(renewal, chain.thumbprint),
        machine_id=chain.machine_id,
    )


def not_known(doubtful: Sequence[Doubt], where: Where) -> Iterator[Entry]:
    """Yield the services of which the disk does not say whether they work, together where the reason is one."""
    groups: dict[tuple[int, str], dict[str, None]] = defaultdict(dict)
    for doubt in doubtful:
        groups[doubt.machine_id, doubt.reason][doubt.name] = None
    for (machine_id, reason), doubted in groups.items():
        names = list(doubted)
        yield Entry(
            what=named(names, 1),
            why=reason,
            machine_id=machine_id,
            weight=len(names),
            all_names=joined(names, ", "),
            where=where(machine_id),
        )


def not_examined(case: CaseTables, facts: Facts, sorted_keys: Triage, where: Where) -> Iterator[Entry]:
    """Yield what was not examined and could change what is said of keys; ``-v`` lists the rest."""
    for why in reasons(case.sources, most=len(case.sources)):
        yield Entry(why)
    undecided = sorted_keys.in_force(sorted_keys.unknown)
    for why in lack_of_evidence(case, undecided, facts).why:
        yield Entry(why)
    for machine_id, names in hives_in_part(case).items():
        in_part = sentence("{hives}: read in part, later changes are not seen", hives=joined(names, ", "))
        yield Entry(in_part, machine_id=machine_id, where=where(machine_id))
    doubtful = {chain.machine_id for chain in case.rows("key_chain") if chain.thumbprint and chain.recovery_doubt}
    for row in case.rows("coverage"):
        is_of_copies = (row.area, row.name) == ("volume", "shadow copies")
        if is_of_copies and row.outcome != "present" and row.machine_id in doubtful:
            yield Entry(_MAY_HAVE_KEYS, why=row.detail or "", machine_id=row.machine_id, where=where(row.machine_id))
    problems = [row for row in case.rows("problem") if row.kind not in (*RULE_PROBLEMS, *_LINKS)]
    for row in case.rows("problem"):
        if row.kind in RULE_PROBLEMS:
            yield Entry(row.message, machine_id=row.machine_id)
    links = (row for row in case.rows("problem") if row.kind in _LINKS)
    for machine_id, message in dict.fromkeys((row.machine_id, row.message) for row in links):
        yield Entry(message, machine_id=machine_id, where=where(machine_id))
    if others := len(problems):
        yield Entry(sentence_n("{count} problem while reading", "{count} problems while reading", others))
