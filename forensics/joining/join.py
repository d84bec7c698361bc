"""Joins cases to one, as if their sources had been examined together, as far as rows tell that."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.across_machines import COMPARISONS
from forensics.asked_rules import ask_rules
from forensics.case import Case
from forensics.disk.evidence_files import EvidenceFiles, recording
from forensics.joining.data_disks import count_data_disks
from forensics.joining.part import Part
from forensics.joining.same_sources import count_once, told_once
from forensics.joining.turn import turn
from forensics.lack_of_memory import KIND, is_lack_of_memory
from forensics.language import sentence
from forensics.sources.given_paths import Paths, given_paths
from forensics.tables.database import CaseFileError
from forensics.tables.former_windows import without_former
from forensics.tables.machine import MachineRow
from forensics.tables.record import ProblemRow
from forensics.tables.row import Row
from forensics.tables.timestamps import as_utc
from forensics.version import __version__

if TYPE_CHECKING:
    from forensics.engine.rule import Packs

_log = logging.getLogger(__name__)
_OF_COMMANDS = ("unknown_user", "unused_option")
"""Kinds of ``problem`` rows that speak of the options of one examination: what they say need not hold of all."""
_MADE = frozenset(comparison.table for comparison in COMPARISONS)


def join_cases(cases: Sequence[Case], *, as_of: datetime | None = None, rules: Paths = ()) -> Case:
    """Join cases of different disks to one: what was examined at different times, or on different computers.

    Machines are numbered anew, from 1, in the order of the cases. What spans several of them is judged anew: clones,
    recovery agents of EFS, which host has which virtual machine; and all that hangs on the date, and the rules. What
    only the disks tell stays as each case has it: no key is opened by what another case has, and no link is followed.

    A disk that several cases examined is counted once, the newer examination of it; its other entry in ``sources``
    says so (``same_as``). Rows that another version of keymortem made stand as they are: ``sources`` names that
    version (``examined_with``), and the date for which they were examined where that is another one
    (``examined_for``).

    Args:
        cases: They stay as they are.
        as_of: The moment "expired" refers to; a time without zone is UTC. The latest of the cases, if not given.
        rules: Folders of rule packs to run beside the built-in ones; one path, or several.

    Raises:
        ValueError: No case was given.
        RulePackError: A rule pack is invalid.

    Examples:
        >>> import forensics
        >>> case, other = forensics.open_case("case.sqlite"), forensics.examine("laptop.vhdx")
        >>> forensics.join_cases([case, other]).machine.computer_name.tolist()
        ['WEB01', 'LAP-77']
    """
    if not cases:
        raise ValueError("name at least one case")
    from forensics.engine.loader import load_packs

    with recording(evidence := EvidenceFiles.together(*(case.evidence for case in cases))):
        packs = load_packs(given_paths(rules)) if rules else None
    return _joined([Part.of(case) for case in cases], as_of, packs, evidence)


def append_to_case_file(case: Case, path: str | Path, *, rules: Paths = ()) -> Case:
    """Add a case to the case file that is there, as :func:`join_cases` joins them; one that is not there is made.

    Where another process adds to it, this one waits.

    Args:
        case: It stays as it is.
        path: The case file. It stays whole as it was, or holds both.
        rules: Folders of rule packs to run beside the built-in ones; one path, or several.

    Returns:
        What the file holds now.

    Raises:
        CaseFileError: What is there is no case file, is damaged, or of another format; it was changed meanwhile; or
            the file cannot be written.
        EvidenceTargetError: The file is evidence of the case, or lies in a folder of it; it is a ValueError.
        RulePackError: A rule pack is invalid.

    Examples:
        >>> import forensics
        >>> whole = forensics.append_to_case_file(forensics.open_case("case.sqlite"), "all.sqlite")
        >>> whole.machine.computer_name.tolist()
        ['WEB01']
    """
    target = Path(path)
    if not target.exists():
        try:
            case.save(target)
            return case
        except CaseFileError:
            if not target.exists():
                raise
            # Somebody was faster.
    case.evidence.refuse(target)
    with turn(target):
        return _appended(case, target, rules)


def _appended(case: Case, target: Path, rules: Paths) -> Case:
    from forensics.engine.loader import load_packs

    state = target.stat()
    there = Case.opened(target)
    # The file itself is no evidence here: it is what is written.
    evidence = EvidenceFiles.together(case.evidence, EvidenceFiles(e.path for e in there.sources if e.found_in is None))
    with recording(evidence):
        packs = load_packs(given_paths(rules)) if rules else None
    joined = _joined([Part.of(there), Part.of(case)], None, packs, evidence)
    joined.save(target, instead_of=state)
    return joined


def _joined(parts: Sequence[Part], as_of: datetime | None, packs: Packs | None, evidence: EvidenceFiles) -> Case:
    from forensics.engine.loader import load_packs
    from forensics.facts.facts import with_facts
    from forensics.hyperv.judged_rows import is_judged, judged_anew

    moment = as_utc(as_of) if as_of else max(part.as_of for part in parts)
    problems: list[Row] = []
    for part in parts:
        part.rows = [row for row in part.rows if row.table not in _MADE]
        if part.as_of != moment:
            with _told("computing facts", problems):
                part.rows = with_facts(part.rows, moment)
    count_once(parts)
    first = 1
    for part in parts:
        part.tell_when(__version__, moment)
        first = part.numbered(first)
    rows = [row for part in parts for row in part.rows if not is_judged(row)]
    entries = told_once([entry for part in parts for entry in part.entries])
    with _told("judging virtual machines", problems):
        rows += judged_anew([part.rows for part in parts])
    disks = {row.machine_id: row.source or row.source_path for row in rows if isinstance(row, MachineRow)}
    with _told("computing facts", problems):
        rows = with_facts(rows, moment)
    for comparison in COMPARISONS:
        with _told(comparison.doing, problems):
            rows += comparison.rows(without_former(rows), disks)
    count_data_disks(entries, rows)
    rows = [row for row in rows if not (isinstance(row, ProblemRow) and row.kind in _OF_COMMANDS)] + problems
    case = Case(rows, entries, moment, evidence=evidence)
    ask_rules(case, packs or load_packs(tables={name: kept for name, kept in case.tables.items() if kept}))
    return case


@contextmanager
def _told(step: str, problems: list[Row]) -> Iterator[None]:
    """Make a row of whatever fails in a step over all machines; a case file may come from a stranger."""
    try:
        yield
    except Exception as error:
        _log.debug("while %s", step, exc_info=True)
        kind = "internal_error"
        message = sentence(
            "keymortem failed while {step} ({error_type}); please report it, --debug shows details",
            step=step,
            error_type=type(error).__name__,
        )
        if is_lack_of_memory(error):
            kind, message = KIND, sentence("there is not memory enough for {step}", step=step)
        problems.append(ProblemRow(machine_id=0, source_path="", kind=kind, message=message))
