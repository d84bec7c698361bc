"""What else is the matter: causes that no service on the screen names, and keys and certificates without a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from forensics.case_tables import CaseTables
from forensics.report.facts import Facts, day, label
from forensics.report.findings import FindingIndex
from forensics.report.first_screen.entries import Entry
from forensics.report.first_screen.steps import first_step
from forensics.report.outages.keys import LOST, NOT_KNOWN, SAVABLE, SOUND, fate
from forensics.report.outages.services import Down
from forensics.report.reason import reason_of
from forensics.report.triage import Triage
from forensics.tables.finding import Finding
from forensics.tables.key_chain import KeyChainRow

Where = Callable[[int], str]


def also_found(
    case: CaseTables,
    facts: Facts,
    sorted_keys: Triage,
    down: Sequence[Down],
    ends: set[tuple[int, str]],
    where: Where,
) -> list[Entry]:
    """Return findings that are more than information, then what no finding speaks of.

    Args:
        case: The case.
        facts: Its rows by what is looked for.
        sorted_keys: Its chains.
        down: What is told as down.
        ends: Machine and thumbprint of what is told as ending soon.
        where: Writes the machine before what is told of it.
    """
    index = FindingIndex(case)
    stopped = {(one.machine_id, name) for one in down for name in one.thumbprints}
    told = {finding.id for one in down for finding in one.findings}
    told |= {f.id for f in case.finding_list if "expiring" in f.covers and _about(f) <= ends}
    told |= {f.id for f in case.finding_list if "savable" in f.covers}
    causes = [f for f in index.causes() if f.id not in told and not _says_no_more(f, stopped, told)]
    entries = [_finding(finding, index, where) for finding in causes]
    return [*entries, *_without_rule(facts, sorted_keys, index, stopped, where)]


def _says_no_more(finding: Finding, stopped: set[tuple[int, str]], told: set[str]) -> bool:
    """Tell whether a finding is about keys of stopped services only, and explains nothing else."""
    return _about(finding) <= stopped and set(finding.consequences) <= told


def _about(finding: Finding) -> set[tuple[int, str]]:
    return {(finding.machine_id, subject.id) for subject in finding.subjects}


def _finding(finding: Finding, index: FindingIndex, where: Where) -> Entry:
    sure = "" if finding.confidence == "proved" else f", {finding.confidence}"
    undecided = ", undecided" if finding.verdict == "unknown" else ""
    names = list(dict.fromkeys(subject.label for subject in finding.subjects))
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    about = "" if finding.subject_table == "machine" else f"{', '.join(names[:2])}{more}"
    subject = finding.subjects[0].id if len(finding.subjects) == 1 else None
    return Entry(
        what=f"{where(finding.machine_id)}{finding.title} [{finding.rule}]",
        mark=f"{finding.severity.upper()}{sure}{undecided}",
        why=": ".join(filter(None, (_fates(index.chains(finding)), about))),
        step=first_step([finding], subject),
        severity=finding.severity,
        machine_id=finding.machine_id,
        findings=(finding.id,),
    )


def _fates(chains: Sequence[KeyChainRow]) -> str:
    """Say of how many keys what can be had; nothing where all of them are sound."""
    if len(chains) == 1:
        return "" if fate(chains[0]) == SOUND else fate(chains[0])
    fates = [fate(chain) for chain in chains]
    parts = [f"{fates.count(one)} {words}" for one, words in _COUNTED.items() if one in fates]
    return f"of {len(fates)} keys {', '.join(parts)}" if parts else ""


_COUNTED = {SAVABLE: "can be saved", LOST: "cannot be saved", NOT_KNOWN: "not known"}


def _without_rule(
    facts: Facts, sorted_keys: Triage, index: FindingIndex, stopped: set[tuple[int, str]], where: Where
) -> Iterator[Entry]:
    """Yield keys and certificates that are out of order and of which no rule speaks."""
    kept = sorted_keys.kept
    for section, mark, chains in (
        ("broken", "BROKEN", sorted_keys.broken),
        ("too_open", "TOO OPEN", sorted_keys.too_open),
        ("expired", "EXPIRED", [c for c in sorted_keys.expired if (c.machine_id, c.thumbprint) not in kept]),
    ):
        for chain in chains:
            is_told = (chain.machine_id, chain.thumbprint or "") in stopped or index.covers(section, chain)
            if is_told or not chain.is_missed:
                continue
            yield Entry(
                what=f"{where(chain.machine_id)}{label(chain)}",
                mark=mark,
                why=f"ended on {day(chain.not_after)}" if section == "expired" else reason_of(chain, facts).rstrip("."),
                key=fate(chain) if section == "broken" else "",
                machine_id=chain.machine_id,
            )
