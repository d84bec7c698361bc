"""Master keys outside of their folders and in shadow copies, searched for only when a key needs one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from forensics.collectors.evidence import Evidence, MasterKeyEvidence
from forensics.collectors.key_content import master_keys_named
from forensics.formats.master_key import MasterKeyFile
from forensics.language import sentence

if TYPE_CHECKING:
    from forensics.collectors.past_files import PastFiles

_MOST_SEARCHES = 4
"""Work: searches of all names of one disk for master keys; copies of key files may name some that no key file did."""


class MasterKeyCopies:
    """The master keys that key files of one installation need and that lie where Windows does not look.

    Args:
        evidence: What the collectors found on it.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._searched: set[str] = set()
        self._searches = 0
        self._files: dict[str, list[MasterKeyEvidence]] = {}
        self._not_searched: str | None = None

    def of(self, guid: str) -> tuple[Sequence[MasterKeyEvidence], str | None]:
        """Return the sound files of a master key, and why there may be more; None where there are none."""
        if guid not in self._searched and self._searches == _MOST_SEARCHES:
            return (), sentence("the disk is not searched for master keys again and again")
        if guid not in self._searched:
            self._search({guid, *master_keys_named(self._evidence.key_files)} - self._searched)
        return self._files.get(guid, ()), self._not_searched

    def in_past(self, guid: str, past: PastFiles) -> Iterator[MasterKeyEvidence]:
        """Yield the sound files of a master key in shadow copies, the newest first, that are not as one of today is.

        Args:
            guid: The master key, lower case.
            past: What the shadow copies have.
        """
        from forensics.collectors.guard import guard
        from forensics.collectors.master_key_copies import FoundMasterKeys, read_master_key

        installation = self._evidence.installation
        home = (file for file in self._evidence.master_keys if file.row.guid == guid)
        seen: list[MasterKeyFile | None] = [file.parsed for file in (*home, *self._files.get(guid, ()))]
        for volume in past.volumes:
            found = FoundMasterKeys()
            for file in past.master_keys(volume, [guid]):
                with guard(installation, file.label) as read:
                    read_master_key(installation, file, [guid], found)
                if read.failure is not None:
                    volume.fail(sentence("{path} could not be read: {why}", path=file.path, why=read.failure.why))
            for item in found.files.get(guid, ()):
                if item.parsed not in seen:
                    seen.append(item.parsed)
                    yield item

    def _search(self, guids: set[str]) -> None:
        from forensics.collectors.master_key_copies import find_master_key_copies

        installation = self._evidence.installation
        known = {installation.really(item.row.path).lower() for item in self._evidence.master_keys}
        found = find_master_key_copies(installation, guids, known.__contains__)
        self._files |= found.files
        self._not_searched = self._not_searched or found.not_searched
        self._searched |= guids
        self._searches += 1
