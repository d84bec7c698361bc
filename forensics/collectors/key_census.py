"""Table key_folder: what the names and dates of all files of a folder say, and the content of a few of them.

Programs that import a PFX file, or make a key, at every start and never delete it leave one file each time: folders of
hundreds of thousands are known. Names alone tell which of them certificates have their key in; reading the rest would
take minutes and all memory, and say the same thing of every file.

References:
    https://github.com/dotnet/aspnetcore/issues/6690
    https://github.com/OPCFoundation/UA-.NETStandard/issues/2136
    https://github.com/Redth/PushSharp/issues/929
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from forensics.collectors.key_content import peek, public_halves
from forensics.disk.tree import Entry
from forensics.formats.acl import parse_security_descriptor
from forensics.formats.cng_key import CngKeyFile
from forensics.formats.errors import FormatError
from forensics.formats.public_key import PublicKey
from forensics.lack_of_memory import suppressed
from forensics.sources.installation import Installation
from forensics.tables.key_folder import KeyFolderRow

SAMPLE = 200
"""Evidence: files of a folder of very many, or up to twice as many, whose content is looked at to tell which program
makes them.
"""

_Counted = TypeVar("_Counted")
_MONTH = 30
_MAX_PATTERN = 100
"""Display: characters of the pattern of containers' names."""
_VARYING = re.compile(r"\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?|[0-9a-f]{8,}|\d{2,}", re.IGNORECASE | re.ASCII)
_STARS = re.compile(r"\*([-_. ]?\*)+")


class Census:
    """Counts the files of one folder by name and date while they are listed.

    Args:
        row: The folder, whose columns are filled.
        machine_guid: MachineGuid, lower case; None when it is not known.

    Attributes:
        row: The folder.
        sample: Every so-many-th file: names are hashes, so it is as good as a random choice.
    """

    def __init__(self, row: KeyFolderRow, machine_guid: str | None) -> None:
        self.row = row
        self._machine_guid = machine_guid
        self._days: Counter[int] = Counter()
        self.sample: list[Entry] = []
        self._stride = 1

    def add(self, entry: Entry, name_guid: str | None, is_named: bool) -> None:
        """Count one file.

        Args:
            entry: As it is listed.
            name_guid: MachineGuid in its name.
            is_named: A certificate names its container, or Windows itself makes it.
        """
        row = self.row
        if row.files % self._stride == 0:
            self.sample.append(entry)
            if len(self.sample) == 2 * SAMPLE:
                self.sample, self._stride = self.sample[::2], 2 * self._stride
        row.files += 1
        row.named += is_named
        if name_guid is not None and self._machine_guid is not None:
            row.present_guid = (row.present_guid or 0) + (name_guid == self._machine_guid)
        made = made_at(entry)
        if made is not None:
            if row.oldest is None or made < row.oldest:
                row.oldest = made
            if row.newest is None or made > row.newest:
                row.newest = made
            self._days[made.toordinal()] += 1

    def finish(self) -> None:
        """Fill what takes all files."""
        row = self.row
        if row.newest is None:
            return
        row.days = max(self._days) - min(self._days) + 1
        first = row.newest.toordinal() - _MONTH + 1
        row.last_30_days = sum(count for day, count in self._days.items() if day >= first)
        row.per_day = -(-row.last_30_days // min(_MONTH, row.days))
        day, row.busiest_day_files = max(self._days.items(), key=lambda item: (item[1], -item[0]))
        row.busiest_day = datetime.fromordinal(day).replace(tzinfo=UTC)


def made_at(entry: Entry) -> datetime | None:
    """Return when a key file was made: nothing writes to it later, and a copy keeps the one time or the other."""
    if entry.created is None or entry.modified is None:
        return entry.created or entry.modified
    return min(entry.created, entry.modified)


def look_at_sample(installation: Installation, census: Census) -> None:
    """Look at the sample of a folder for what shows the program that fills it; what cannot be read is passed over."""
    row = census.row
    patterns: Counter[str] = Counter()
    processes: Counter[str] = Counter()
    owners: Counter[str] = Counter()
    publics: Counter[PublicKey] = Counter()
    for entry in census.sample:
        parsed = peek(installation, row.kind, entry)
        if parsed is None:
            continue
        row.sample += 1
        if parsed.container:
            patterns[pattern_of(parsed.container)] += 1
        if isinstance(parsed, CngKeyFile) and parsed.creator_process:
            processes[parsed.creator_process] += 1
        publics.update(set(public_halves(parsed)))
        owner = _owner(installation, entry)
        if owner is not None:
            owners[owner] += 1
    pattern, process, owner_of_most, key = _most(patterns), _most(processes), _most(owners), _most(publics)
    row.container_pattern, row.container_pattern_files = pattern
    row.creator_process, row.creator_process_files = process
    row.file_owner, row.file_owner_files = owner_of_most
    public, count = key
    if public is not None and count > 1:
        with suppress(FormatError):
            row.same_public_key_sha256, row.same_public_key_files = public.spki_sha256(), count


def pattern_of(container: str) -> str:
    """Return a container's name with * for its GUIDs, numbers and hexadecimal parts."""
    return _STARS.sub("*", _VARYING.sub("*", container))[:_MAX_PATTERN]


def _owner(installation: Installation, entry: Entry) -> str | None:
    with suppressed():  # whatever the libraries behind a tree raise: the sample goes on
        descriptor = installation.tree.security_descriptor(entry)
        return None if descriptor is None else parse_security_descriptor(descriptor).owner
    return None


def _most(counted: Counter[_Counted]) -> tuple[_Counted | None, int]:
    """Return what was counted most often; of equals the first."""
    return counted.most_common(1)[0] if counted else (None, 0)
