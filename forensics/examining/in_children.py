"""Examines sources in contained children, several at a time, so that what comes is what one process would have come to.

Most sources have nothing to do with each other. Some have: a disk and its parent, two names of one file, a folder and
a disk in it, two copies. Those that are known to belong together are examined by one child, in their order; and each
child tells what its sources met. Where sources of two children met the same, both are examined once more, together.

What the first children had to compile is compiled here before others are forked, in this examination or the next of
this process, each of which would else do so anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from forensics.contained.bounds import Bounds
from forensics.contained.child import is_forked_here
from forensics.contained.failure import ContainedFailure
from forensics.contained.pool import answers
from forensics.contained.task import Task
from forensics.examining.cores import memory_of_machine
from forensics.examining.examined import ExaminedSource
from forensics.examining.group import (
    GROUP_CLASSES,
    KEYS_CLASSES,
    Group,
    GroupAnswer,
    Hashes,
    KeysAnswer,
    examine_group,
    find_keys,
)
from forensics.examining.imported import be_ready
from forensics.examining.settings import Settings
from forensics.language import sentence
from forensics.late_methods import compile_classes, compiled_classes
from forensics.tables.record import ProblemRow
from forensics.tables.source import SourceEntry

if TYPE_CHECKING:
    from forensics.chain.domain_controllers import DomainController
    from forensics.disk.disk import Progress
    from forensics.disk.evidence_files import Identity
    from forensics.examining.tally import Tally

MAX_MEMORY = 4 << 30
"""Work: bytes that the examination of one source may take; less where children share less memory."""
LEAST_MEMORY = 1 << 30
"""Work: bytes that it may take on any machine."""
MAX_SECONDS = 12 * 3600
"""Work: seconds by the clock that the examination of one source may take."""
MAX_PROCESSOR = 4 * 3600
"""Work: seconds of processor time that it may take."""
MAX_ANSWER = 512 << 20
"""Evidence: bytes of all rows of the sources that one child examines."""
_LARGEST_FILE = 64 << 40
"""Format: bytes of the largest virtual disk that may be unpacked, of VHDX."""


class InChildren:
    """The sources of one examination.

    Args:
        jobs: Children at a time.
        progress: Called with one line whenever a new step begins.
        tally: Called with the numbers of sources that are done, and of those that failed among them.

    Attributes:
        has_disk: A disk was among them.
        read: The files that children read.
        failures: Why files of servers were not obtained, by URL.
    """

    def __init__(self, jobs: int, progress: Progress, tally: Tally) -> None:
        self._jobs = jobs
        self._progress = progress
        self._tally = tally
        self._found: dict[Group, GroupAnswer] = {}
        self._failed: dict[int, ContainedFailure] = {}
        self.has_disk = False
        self.read: set[Identity] = set()
        self.failures: dict[str, str] = {}

    def examine(self, settings: Settings, groups: Sequence[Group], known: Hashes) -> dict[int, ExaminedSource]:
        """Examine sources; returns each by its number, in the order of ``settings``, machines numbered through."""
        waiting = list(groups)
        while waiting:
            again = self._examine(settings, waiting, known)
            waiting = again or self._bound_up(settings.order)
        examined = {number: source for answer in self._found.values() for number, source in answer.sources.items()}
        examined |= {number: _failed(settings.sources[number], why) for number, why in self._failed.items()}
        self.has_disk = any(answer.has_disk for answer in self._found.values())
        for _, answer in sorted(self._found.items(), key=lambda item: settings.order.index(item[0][0])):
            self._take(answer)
        return numbered_through({number: examined[number] for number in settings.order})

    def examine_again(self, settings: Settings, known: Hashes) -> dict[int, ExaminedSource]:
        """Examine the same sources once more, but for those that ended their child."""
        groups = list(self._found)
        self._found.clear()
        return self.examine(settings, groups, known)

    def _take(self, answer: GroupAnswer | KeysAnswer) -> None:
        self.read |= answer.read
        self.failures = {**answer.failures, **self.failures}

    def _examine(self, settings: Settings, groups: Sequence[Group], known: Hashes) -> list[Group]:
        """Have each group examined; returns what is left of those of which a source ended the child."""
        again: list[Group] = []
        if len(groups) > 1:
            be_ready(())
        tasks = [
            Task(
                examine_group,
                (settings, group, known),
                _bounds(min(self._jobs, len(groups)), len(group)),
                GROUP_CLASSES,
                partial(be_ready, compiled_classes()),
            )
            for group in groups
        ]
        for done, (number, records, outcome) in enumerate(
            answers(tasks, self._jobs, self._line, self._tick), self._jobs
        ):
            group = groups[number]
            if isinstance(outcome, ContainedFailure):
                guilty = _last(records, group)
                self._failed[guilty] = outcome
                again += [rest] if (rest := tuple(each for each in group if each != guilty)) else []
            else:
                self._found[group] = outcome
                if done < len(groups) or not is_forked_here():
                    compile_classes(outcome.made)
            self._tick()
        return again

    def _line(self, number: int, line: str) -> None:
        self._progress(line)

    def _tick(self) -> None:
        self._tally(sum(map(len, self._found)) + len(self._failed), len(self._failed))

    def _bound_up(self, order: Sequence[int]) -> list[Group]:
        """Take out the groups that met the same, and return each such set of them as one group."""
        noted: dict[object, list[Group]] = {}
        for group, answer in self._found.items():
            for each in answer.met.noted:
                noted.setdefault(each, []).append(group)
        parent = {group: group for group in self._found}

        def top(group: Group) -> Group:
            while parent[group] != group:
                group = parent[group] = parent[parent[group]]
            return group

        for group, answer in self._found.items():
            for each in answer.met.asked & noted.keys():
                for other in noted[each]:
                    parent[top(other)] = top(group)
        together: dict[Group, list[Group]] = {}
        for group in self._found:
            together.setdefault(top(group), []).append(group)
        place = {number: at for at, number in enumerate(order)}
        merged: list[Group] = []
        for groups in together.values():
            if len(groups) > 1:
                for group in groups:
                    del self._found[group]
                merged.append(tuple(sorted((n for group in groups for n in group), key=place.__getitem__)))
        return merged

    def find_keys(
        self, settings: Settings, controllers: Sequence[DomainController], wanted: Iterable[str]
    ) -> KeysAnswer:
        """Look for backup keys of domains on the disks of their controllers."""
        children = {identity: child for answer in self._found.values() for identity, child in answer.children.items()}
        arguments = (settings, tuple(controllers), tuple(sorted(wanted)), children)
        task = Task(find_keys, arguments, _bounds(1, len(controllers)), KEYS_CLASSES)
        [(_, _, outcome)] = answers([task], 1, self._line, self._tick)
        if isinstance(outcome, ContainedFailure):
            message = sentence("looking for backup keys of domains was ended: {message}", message=outcome.message)
            return KeysAnswer([], [ProblemRow(machine_id=0, source_path="", kind=outcome.kind, message=message)])
        answer: KeysAnswer = outcome
        self._take(answer)
        return answer


def numbered_through(examined: Mapping[int, ExaminedSource]) -> dict[int, ExaminedSource]:
    """Return sources with their machines numbered through, each of which has them numbered from 1.

    Args:
        examined: They, in the order in which they were opened.
    """
    before = 0
    numbered = {}
    for number, source in examined.items():
        numbered[number] = source.shifted(before)
        before += source.machines
    return numbered


def _bounds(jobs: int, sources: int) -> Bounds:
    share = (memory_of_machine() or jobs * MAX_MEMORY) // jobs
    return Bounds(
        memory=max(LEAST_MEMORY, min(MAX_MEMORY, share)),
        processor=MAX_PROCESSOR * sources,
        seconds=MAX_SECONDS * sources,
        answer=MAX_ANSWER,
        file=_LARGEST_FILE,
    )


def _last(records: Sequence[bytes], group: Group) -> int:
    """Return the source that was being examined when a child ended."""
    told = [int(record) for record in records if record.isdigit() and len(record) < 10]
    return told[-1] if told and told[-1] in group else group[0]


def _failed(path: str, why: ContainedFailure) -> ExaminedSource:
    source = ExaminedSource([SourceEntry(path, "unknown")])
    source.failed(why.kind, sentence("its examination was ended: {message}", message=why.message))
    return source
