"""What else is the matter: causes that no service on the screen names, and keys and certificates without a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from forensics.case_tables import CaseTables
from forensics.language import _, joined, sentence
from forensics.report.facts import Facts, day, label
from forensics.report.findings import FindingIndex, mark
from forensics.report.first_screen.entries import Entry
from forensics.report.first_screen.steps import first_step
from forensics.report.named import named
from forensics.report.outages.keys import LOST, NOT_KNOWN, SAVABLE, SOUND, fate
from forensics.report.outages.services import Down
from forensics.report.reason import reason_alone
from forensics.report.triage import Triage
from forensics.tables.finding import Finding
from forensics.tables.key_chain import KeyChainRow

Where = Callable[[int], str]
MOST_NAMED = 2
"""Display: things that a line about a finding names."""


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
    names = list(dict.fromkeys(subject.label for subject in finding.subjects))
    about = "" if finding.subject_table == "machine" else named(names, MOST_NAMED)
    subject = finding.subjects[0].id if len(finding.subjects) == 1 else None
    return Entry(
        what=f"{finding.title} [{finding.rule}]",
        mark=mark(finding),
        why=joined(filter(None, (_fates(index.chains(finding)), about)), ": "),
        step=first_step([finding], subject),
        severity=finding.severity,
        machine_id=finding.machine_id,
        findings=(finding.id,),
        where=where(finding.machine_id),
    )


def _fates(chains: Sequence[KeyChainRow]) -> str:
    """Say of how many keys what can be had; nothing where all of them are sound."""
    if len(chains) == 1:
        return "" if fate(chains[0]) == SOUND else fate(chains[0])
    fates = [fate(chain) for chain in chains]
    savable, lost, not_known = (fates.count(one) for one in (SAVABLE, LOST, NOT_KNOWN))
    parts = [sentence("{count} can be saved", count=savable)] if savable else []
    parts += [sentence("{count} cannot be saved", count=lost)] if lost else []
    parts += [sentence("{count} not known", count=not_known)] if not_known else []
    return sentence("of {count} keys {fates}", count=len(fates), fates=joined(parts, ", ")) if parts else ""


def _without_rule(
    facts: Facts, sorted_keys: Triage, index: FindingIndex, stopped: set[tuple[int, str]], where: Where
) -> Iterator[Entry]:
    """Yield keys and certificates that are out of order and of which no rule speaks."""
    kept = sorted_keys.kept
    for section, called, chains in (
        ("broken", _("BROKEN"), sorted_keys.broken),
        ("too_open", _("TOO OPEN"), sorted_keys.too_open),
        ("expired", _("EXPIRED"), [c for c in sorted_keys.expired if (c.machine_id, c.thumbprint) not in kept]),
    ):
        for chain in chains:
            is_told = (chain.machine_id, chain.thumbprint or "") in stopped or index.covers(section, chain)
            if is_told or not chain.is_missed:
                continue
            ended = sentence("ended on {date}", date=day(chain.not_after))
            yield Entry(
                what=label(chain),
                mark=called,
                why=ended if section == "expired" else reason_alone(chain, facts),
                key=fate(chain) if section == "broken" else "",
                machine_id=chain.machine_id,
                where=where(chain.machine_id),
            )
