"""The change journal of an installation: of its volume, or as somebody collected it, then with $MFT for its folders."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from forensics.disk.ntfs.index import DOS_NAME, parse_file_name
from forensics.disk.ntfs.journal import ChangeJournal
from forensics.disk.ntfs.names import NUMBER
from forensics.disk.ntfs.record import FILE_NAME, parse_file_record
from forensics.disk.ntfs.volume import ROOT
from forensics.disk.tree import KeepsJournal, NotFound
from forensics.formats.errors import FormatError
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation

JOURNAL = "$Extend/$UsnJrnl:$J"
_COLLECTED_AS = (JOURNAL, "$Extend/$UsnJrnl%3A$J", "$Extend/$J", "$J")
"""Names under which collectors put the journal, from the root of the drive."""
_MFT = "$MFT"
_MAX_DEPTH = 64
"""Evidence: folders within folders in a collected $MFT."""
_SIZES = (1024, 4096)
"""Format: bytes of a file record."""


@dataclass(frozen=True, slots=True)
class JournalSource:
    """A journal and how it was had.

    Attributes:
        journal: The journal.
        path: Where it lies, as rows name it.
        folder_of: Gives the path of a folder by its file reference; None where the journal stands alone.
    """

    journal: ChangeJournal
    path: str
    folder_of: Callable[[int], str | None] | None


def journal_source(installation: Installation, folder_of: Callable[[int], str | None]) -> JournalSource | None:
    """Open the journal of an installation; None where there is none.

    Args:
        installation: The installation.
        folder_of: Gives the path of a folder of its volume.

    Raises:
        Unreadable: It is there and cannot be opened.
    """
    tree = installation.own_tree
    if isinstance(tree, KeepsJournal) and not installation.drive:
        journal = tree.change_journal()
        return None if journal is None else JournalSource(journal, installation.on_drive(JOURNAL), folder_of)
    for name in _COLLECTED_AS:
        path = installation.on_drive(name)
        try:
            stream = tree.open(path)
        except NotFound:
            continue
        size = stream.seek(0, io.SEEK_END)
        return JournalSource(ChangeJournal(stream, [(0, size)], is_whole=False), path, _collected_folders(installation))
    return None


def _collected_folders(installation: Installation) -> Callable[[int], str | None] | None:
    try:
        stream = installation.own_tree.open(installation.on_drive(_MFT))
    except NotFound:
        return None
    mft = CollectedMft(stream)
    before = f"{installation.drive}/" if installation.drive else ""

    def folder_of(reference: int) -> str | None:
        path = mft.folder(reference)
        return None if path is None else f"{before}{path}"

    return folder_of if mft.is_sound else None


class CollectedMft:
    """The folders that a copy of $MFT names.

    Args:
        stream: The copy.

    Attributes:
        is_sound: It begins as $MFT does.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = next((size for size in _SIZES if self._record(ROOT, size) is not None), 0)
        self.is_sound = bool(self._size)
        self._known: dict[int, tuple[int, str, int] | None] = {}

    def folder(self, reference: int) -> str | None:
        """Return the path of a folder by its file reference; None where its record is another's by now."""
        names: list[str] = []
        at = reference
        for _ in range(_MAX_DEPTH):
            if at & NUMBER == ROOT:
                return "/".join(reversed(names))
            found = self._folder(at & NUMBER)
            if found is None or (at >> 48 and at >> 48 != found[0]):
                return None
            names.append(found[1])
            at = found[2]
        return None

    def _folder(self, number: int) -> tuple[int, str, int] | None:
        """Return sequence, name and folder of a folder."""
        if number not in self._known:
            self._known[number] = self._record(number, self._size)
        return self._known[number]

    def _record(self, number: int, size: int) -> tuple[int, str, int] | None:
        self._stream.seek(number * size)
        try:
            record = parse_file_record(self._stream.read(size), number)
            names = [a.value or b"" for a in record.attributes if a.type == FILE_NAME]
            keys = [(parse_file_name(value), int.from_bytes(value[:8], "little")) for value in names]
        except FormatError:
            return None
        long = [(key.name, parent) for key, parent in keys if key.namespace != DOS_NAME]
        return (record.sequence, *long[0]) if record.in_use and record.is_dir and long else None
