"""What lies in a folder of this machine and in those inside it, up to a bound: nobody knows how much a user named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path


class Below:
    """Everything below a folder that is no folder, each folder's in the order of their names; no link is entered.

    Args:
        folder: It; what cannot be listed is passed over.
        most: Names that are looked at, those of folders among them.

    Attributes:
        is_cut: There are more names; known when all were yielded.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self.is_cut = False

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        left, pending = self._most, [str(self._folder)]
        while pending:
            try:
                with os.scandir(pending.pop()) as found:
                    entries = list(islice(found, left + 1))
            except OSError:
                continue
            if len(entries) > left:
                self.is_cut = True
                entries.pop()
            left -= len(entries)
            for entry in sorted(entries, key=lambda each: each.name):
                try:
                    is_folder = entry.is_dir(follow_symlinks=False)
                except OSError:
                    is_folder = False
                if is_folder:
                    pending.append(entry.path)
                else:
                    yield entry
            if self.is_cut:
                return
