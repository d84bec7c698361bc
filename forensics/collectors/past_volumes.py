"""The volumes of an installation's disk as their shadow copies keep them: each opened once, when a broken key needs it.

They are never the machine: nothing of them has a row of its own but in table ``shadow_copy``.

References:
    Microsoft Learn, Volume Shadow Copy Service, Frequently Asked Questions; Registry Keys and Values for Backup and
    Restore (MaxShadowCopies).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from functools import cached_property

from forensics.collectors.shadow_copies import FOLDER, known_copies
from forensics.disk.shadow_copy import ShadowCopy
from forensics.disk.tree import NotFound, Tree, Unreadable
from forensics.lack_of_memory import how, is_lack_of_memory, pass_on
from forensics.language import sentence, sentence_n
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation, outcome_of
from forensics.tables.outcome import PRESENT, Outcome, State
from forensics.tables.shadow_copy import ShadowCopyRow
from forensics.tables.shadow_path import shadow_path

MOST_COPIES = 64
"""Evidence: shadow copies of one volume that are searched, the newest first. Windows keeps as many of a shared folder
unless it is told otherwise, and 512 of a volume at most.
"""
_UNASKED = Outcome("not_examined")


@dataclass(slots=True)
class PastVolume:
    """A volume as it was when a shadow copy was made.

    Attributes:
        copy: The shadow copy.
        volume: Name of the volume, such as ``partition 3``; None for that of the installation.
        outcome: What came of searching it so far.
    """

    copy: ShadowCopy
    volume: str | None
    outcome: Outcome = _UNASKED
    _tree: Tree | None = field(default=None, repr=False)

    def tree(self) -> Tree | None:
        """Open the volume as it was then; None where that fails, which ``outcome`` tells."""
        if self._tree is None and self.outcome is _UNASKED:
            self.outcome = PRESENT
            try:
                self._tree = self.copy.open()
            except (NotFound, Unreadable) as error:
                self.outcome = outcome_of(error)
            except Exception as error:  # whatever the libraries behind a tree raise on damaged or hostile bytes
                state: State = "not_examined" if is_lack_of_memory(error) else "unreadable"
                self.outcome = Outcome(state, sentence("opening it failed {how}", how=how(error)))
        return self._tree

    def fail(self, why: str) -> None:
        """Note what of it could not be searched."""
        if self.outcome.is_whole:
            self.outcome = Outcome("partial", why)

    def label(self, path: str) -> str:
        """Return what rows call a path on it."""
        on_volume = path if self.volume is None else f"{self.volume}/{path}"
        return shadow_path(on_volume, self.copy.identifier, self.copy.created)


@dataclass(slots=True)
class _Kept:
    """The shadow copies of one volume, and why there may be more than are searched."""

    volume: str | None
    copies: list[PastVolume]
    more: Outcome | None = None

    def outcome(self) -> Outcome | None:
        """Say what came of searching them; None where there are none, or nothing needed them."""
        failed = [each.outcome for each in self.copies if each.outcome is not _UNASKED and not each.outcome.is_whole]
        failed += [self.more] if self.more is not None else []
        asked = sum(each.outcome is not _UNASKED for each in self.copies)
        if failed:
            was_read = any(each.outcome.is_there for each in self.copies)
            return Outcome("partial" if was_read else failed[0].state, self._told(failed, was_read))
        if not asked:
            return None
        if asked < len(self.copies):
            return Outcome(
                "present",
                sentence("{asked} of {count} were searched, which was enough", asked=asked, count=len(self.copies)),
            )
        return Outcome(
            "present", sentence("it was searched") if asked == 1 else sentence("all {asked} were searched", asked=asked)
        )

    def _told(self, failed: list[Outcome], was_read: bool) -> str:
        count = len(failed) - (self.more is not None)
        if not count:
            return failed[0].why or ""
        if was_read:
            return sentence_n(
                "a shadow copy was not searched whole: {why}",
                "{count} shadow copies were not searched whole: {why}",
                count,
                why=failed[0].why,
            )
        return sentence_n(
            "a shadow copy was not searched: {why}",
            "{count} shadow copies were not searched: {why}",
            count,
            why=failed[0].why,
        )


class PastVolumes:
    """The shadow copies of the disk of an installation.

    Args:
        installation: Whose broken keys they may hold.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._listed: list[_Kept] = []

    @cached_property
    def own(self) -> list[PastVolume]:
        """The volume of the installation as it was, the newest first."""
        return self._list(None, self._installation.own_tree)

    @cached_property
    def beside(self) -> list[PastVolume]:
        """The other volumes of its disk as they were, each the newest first."""
        found: list[PastVolume] = []
        for volume in self._installation.disk_volumes:
            if volume.name == self._installation.volume or volume.open is None:
                continue
            try:
                tree = volume.open()
            except Exception as error:  # a volume that does not open is told where its present files are looked for
                pass_on(error)
                continue
            found += self._list(volume.name, tree)
        return found

    def __iter__(self) -> Iterator[PastVolume]:
        yield from self.own
        yield from self.beside

    @property
    def not_searched(self) -> str | None:
        """Why what is missing may be in a shadow copy all the same, now that they were asked; None where it is not."""
        told = (kept.outcome() for kept in self._listed)
        on = (
            sentence("{named}: {why}", named=_named(kept.volume or self._installation.volume), why=outcome.why)
            for kept, outcome in zip(self._listed, told, strict=True)
            if outcome is not None and not outcome.is_whole
        )
        return next(on, None)

    def tell(self) -> None:
        """Say in coverage what came of searching them, in place of what their list alone told."""
        for kept in self._listed:
            outcome = kept.outcome()
            if outcome is not None:
                path = FOLDER if kept.volume is None else f"{kept.volume}/{FOLDER}"
                self._installation.coverage.forget(path)
                self._installation.coverage.tell("volume", "shadow copies", outcome, path)

    def judged(self, row: ShadowCopyRow) -> ShadowCopyRow:
        """Return the row of a shadow copy with what came of searching it."""
        asked = (each for kept in self._listed for each in kept.copies if each.copy.identifier == row.id)
        outcome = next((each.outcome for each in asked if each.outcome is not _UNASKED), None)
        return row if outcome is None else replace(row, examined=outcome.state, why=outcome.why)

    def _list(self, volume: str | None, tree: Tree) -> list[PastVolume]:
        kept = _Kept(volume, [])
        self._listed.append(kept)
        try:
            known = known_copies(tree)
        except Exception as error:  # as above
            state: State = "not_examined" if is_lack_of_memory(error) else "unreadable"
            kept.more = Outcome(state, sentence("listing them failed {how}", how=how(error)))
            return []
        kept.more = known.more
        if len(known.copies) > MOST_COPIES:
            why = sentence(
                "only the newest {most_copies} of {count} shadow copies are searched",
                most_copies=MOST_COPIES,
                count=len(known.copies),
            )
            kept.more = Outcome("not_examined", why)
        kept.copies = [PastVolume(copy, volume) for copy in known.copies[:MOST_COPIES]]
        return kept.copies


def _named(volume: str | None) -> str:
    return sentence("shadow copies of {volume}", volume=volume) if volume else sentence("shadow copies of the volume")
