"""Examines the sources of one examination, and once more where the domain's backup keys were on one of them.

Each is examined in a contained child, unless there is no ``fork``, or private keys are wanted (``recover``): these
leave the process that opened them for a file, and by no other way.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from forensics.chain.vault import open_vault
from forensics.contained.child import is_possible
from forensics.examining.across import Across
from forensics.examining.in_this_process import InThisProcess
from forensics.examining.own_failure import kind_of, where
from forensics.examining.settings import Settings
from forensics.tables.record import ProblemRow

if TYPE_CHECKING:
    from forensics.chain.domain_controllers import DomainController
    from forensics.disk.disk import Progress
    from forensics.disk.evidence_files import Identity
    from forensics.examining.examined import ExaminedSource
    from forensics.examining.group import Group, Hashes, KeysAnswer
    from forensics.examining.tally import Tally

_log = logging.getLogger(__name__)


class Examiner(Protocol):
    """Examines sources, wherever it does.

    Attributes:
        has_disk: A disk was among them.
        read: The files that other processes read.
        failures: Why other processes did not obtain files of servers, by URL.
    """

    @property
    def has_disk(self) -> bool: ...

    @property
    def read(self) -> Iterable[Identity]: ...

    @property
    def failures(self) -> Mapping[str, str]: ...

    def examine(self, settings: Settings, groups: Sequence[Group], known: Hashes) -> dict[int, ExaminedSource]:
        """Examine sources; returns each by its number, in the order of ``settings``, machines numbered through."""

    def examine_again(self, settings: Settings, known: Hashes) -> dict[int, ExaminedSource]:
        """Examine the same sources once more, but for those that ended their child."""

    def find_keys(
        self, settings: Settings, controllers: Sequence[DomainController], wanted: Iterable[str]
    ) -> KeysAnswer:
        """Look for backup keys of domains on the disks of their controllers."""


def examiner(jobs: int, progress: Progress, tally: Tally) -> Examiner:
    """Return what examines sources: in children, where that can be.

    Args:
        jobs: Children at a time.
        progress: Called with one line whenever a new step begins.
        tally: Called with the numbers of sources that are done, and of those that failed among them.
    """
    if is_possible() and open_vault() is None:
        from forensics.examining.in_children import InChildren

        return InChildren(jobs, progress, tally)
    return InThisProcess(progress, tally)


def examined(examiner: Examiner, settings: Settings, groups: Sequence[Group], progress: Progress) -> Across:
    """Examine all sources.

    Args:
        examiner: Examines them.
        settings: Of the examination.
        groups: Sources that are known to belong together.
        progress: Called with one line whenever a new step begins.
    """
    found = examiner.examine(settings, groups, {})
    whole = Across.of(found)
    answer, problems = _domain_keys(examiner, settings, found, whole)
    if answer is not None and answer.keys:
        progress("examining all again with the backup keys of the domain that its domain controller has")
        if (vault := open_vault()) is not None:
            vault.forget()
        given = settings.user_secrets
        secrets = replace(given, domain_keys=(*given.domain_keys, *answer.keys))
        found = examiner.examine_again(replace(settings, user_secrets=secrets), _hashes(found))
        whole = Across.of(found)
    whole.rows += problems
    return whole


def _domain_keys(
    examiner: Examiner, settings: Settings, found: Mapping[int, ExaminedSource], whole: Across
) -> tuple[KeysAnswer | None, list[ProblemRow]]:
    """Return the backup keys for which master keys wait, from controllers among the sources, and problems there."""
    given = {key.guid for key in settings.user_secrets.domain_keys if key.guid is not None}
    controllers = [each for source in found.values() for each in source.controllers]
    wanted = whole.wanted_domain_keys(given) if controllers else set()
    if not wanted:
        return None, []
    try:
        answer = examiner.find_keys(settings, [each for each in controllers if whole.has(each.machine_id)], wanted)
    except Exception as error:
        _log.debug("while looking for backup keys of domains", exc_info=True)
        return None, [ProblemRow(machine_id=0, source_path="", kind=kind_of(error), message=where(error))]
    return answer, answer.problems


def _hashes(found: Mapping[int, ExaminedSource]) -> Hashes:
    return {entry.path: (entry.size, entry.sha256) for source in found.values() for entry in source.entries}
