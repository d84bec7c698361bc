"""Examines sources in this process, one after the other: unbounded, with what it opens at hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from forensics.examining.settings import Settings

if TYPE_CHECKING:
    from forensics.chain.domain_controllers import DomainController
    from forensics.disk.disk import Progress
    from forensics.disk.evidence_files import Identity
    from forensics.examining.examined import ExaminedSource
    from forensics.examining.group import Group, Hashes, KeysAnswer
    from forensics.examining.tally import Tally


class InThisProcess:
    """The sources of one examination; what they read, and what servers did not give, this process knows itself.

    Args:
        progress: Called with one line whenever a new step begins.
        tally: Called with the numbers of sources that are done, and of those that failed among them.
    """

    read: frozenset[Identity] = frozenset()

    def __init__(self, progress: Progress, tally: Tally) -> None:
        self._progress = progress
        self._tally = tally
        self._children: dict[object, str] = {}
        self.has_disk = False
        self.failures: dict[str, str] = {}

    def examine(self, settings: Settings, groups: Sequence[Group], known: Hashes) -> dict[int, ExaminedSource]:
        """Examine sources; returns each by its number, in the order of ``settings``, machines numbered through."""
        return self.examine_again(settings, known)

    def examine_again(self, settings: Settings, known: Hashes) -> dict[int, ExaminedSource]:
        """Examine all sources of the settings."""
        run = settings.run(self._progress)
        found: dict[int, ExaminedSource] = {}
        machines = 0
        for number in settings.order:
            found[number] = source = run.source(settings.sources[number], machines + 1)
            machines += source.machines
            settings.identify(source, known)
            self._tally(len(found), 0)
        self._children, self.has_disk = run.seen.children, run.seen.has_disk
        return found

    def find_keys(
        self, settings: Settings, controllers: Sequence[DomainController], wanted: Iterable[str]
    ) -> KeysAnswer:
        """Look for backup keys of domains on the disks of their controllers."""
        from forensics.examining.group import KeysAnswer, keys_on_controllers

        return KeysAnswer(*keys_on_controllers(settings, controllers, wanted, self._children, self._progress))
