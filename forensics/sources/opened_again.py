"""Opens sources that are not examined now, because a Windows may have a volume on one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from forensics.lack_of_memory import suppressed

if TYPE_CHECKING:
    from forensics.disk.disk import Progress
    from forensics.disk.unlock import Unlock
    from forensics.sources.choices import Choices
    from forensics.sources.same_evidence import SeenEvidence
    from forensics.sources.source import Source


def opened_again(
    seen: SeenEvidence, keys: Unlock, choices: Choices, progress: Progress, paths: Sequence[str]
) -> list[Source]:
    """Open sources, of which only the disks are of interest; whoever asks for them closes them.

    Args:
        seen: What the examination knows of parents, and its disks.
        keys: For BitLocker volumes.
        choices: What of each source is examined.
        progress: Called with one line for each.
        paths: The sources, those that others build on last.
    """
    from forensics.sources.open import open_source

    found: list[Source] = []
    known = seen.once_more()
    for path in paths:
        progress(f"looking for a volume on {path}")
        seen.disks.opening(path)
        with suppressed():  # what is wrong with it is told when it is examined itself
            found.append(open_source(path, keys, choices=choices, progress=progress, seen=known))
    return found
