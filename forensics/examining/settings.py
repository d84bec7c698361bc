"""What the sources of one examination have in common: how they are opened and judged, and which were named together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.examining.examined import ExaminedSource
from forensics.examining.source_run import SourceRun
from forensics.late_methods import dataclass
from forensics.sources.choices import Choices
from forensics.sources.identify import identify
from forensics.sources.opened_again import opened_again
from forensics.sources.same_evidence import SeenEvidence
from forensics.sources.servers import asked_servers

if TYPE_CHECKING:
    from forensics.disk.disk import Progress
    from forensics.disk.unlock import Unlock
    from forensics.dpapi.user_secrets import UserSecrets


@dataclass(frozen=True, slots=True)
class Settings:
    """How the sources of one examination are examined; all of it can be sent to another process of the same program.

    Attributes:
        sources: As rows name them.
        order: Numbers of the sources in the order in which they are opened.
        named: Files of all of them, in which a disk may find its parent or its child.
        unlock: For BitLocker volumes and encrypted archives.
        choices: What of each source is examined.
        user_secrets: What opens the master keys of users.
        second_opinion: Have impacket repeat every proof.
        hash_sources: Take the SHA-256 of every source that is a file, however large.
        signed: What stands behind the ``?`` of URLs; None where no source is on a server.
    """

    sources: Sequence[str]
    order: Sequence[int]
    named: Sequence[Path]
    unlock: Unlock
    choices: Choices
    user_secrets: UserSecrets
    second_opinion: bool
    hash_sources: bool
    signed: Mapping[str, str] | None

    def run(self, progress: Progress) -> SourceRun:
        """Return what examines sources of these in this process."""
        seen = SeenEvidence(tuple(self.named))
        seen.disks.named = [self.sources[number] for number in self.order]
        seen.disks.opener = partial(opened_again, seen, self.unlock, self.choices, progress)
        named = len(self.sources)
        return SourceRun(self.unlock, self.choices, self.user_secrets, self.second_opinion, progress, named, seen)

    def identify(self, source: ExaminedSource, known: Mapping[str, tuple[int | None, str | None]]) -> None:
        """Note size and hash of a source, and of what was found in it.

        Args:
            source: It.
            known: Those that were taken before, by path.
        """
        for entry in source.entries:
            if entry.path in known:
                size, entry.sha256 = known[entry.path]
                entry.size = size if size is not None else entry.size
            else:
                identify(entry, self.hash_sources)

    @contextmanager
    def servers(self) -> Iterator[Callable[[], dict[str, str]]]:
        """Know nothing of servers from before; yields what returns why each file was not obtained, by its URL."""
        with asked_servers(self.signed) as failures:
            yield failures
