"""Copies of key files where Windows does not look: in a backup made by hand, an earlier Windows, a profile moved away.

They are looked for only when a key is broken, by the form of their names: the hash of a container and a MachineGuid.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from forensics.collectors.evidence import KeyFileEvidence, KeyFolder
from forensics.collectors.guard import guard
from forensics.collectors.key_content import peek
from forensics.collectors.key_file_facts import add_facts
from forensics.disk.tree import Entry, FindsNames
from forensics.formats.key_file_name import split_key_file_name
from forensics.sources.installation import Installation
from forensics.tables.certificate import KeyFileKind, KeyFileRow

MAX_COPIES = 1_000
"""Evidence: copies of key files outside the folders of keys that are looked at."""
_MAX_FOLDERS = 20_000
"""Work: folders of a collection that are searched for copies of key files."""
_MAX_DEPTH = 64
"""Work: folders within folders that are searched for copies of key files."""

_NAME = re.compile(r"[0-9a-f]{32}_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_IN_UTF16 = re.compile(
    rb"(?:[0-9a-f]\0){32}_\0(?:[0-9a-f]\0){8}(?:-\0(?:[0-9a-f]\0){4}){3}-\0(?:[0-9a-f]\0){12}", re.IGNORECASE
)
_DRIVE = re.compile(r"[a-z](?::|%3A|_)?", re.IGNORECASE | re.ASCII)
"""A folder that stands for a drive, as collectors name it."""
_KINDS: tuple[KeyFileKind, ...] = ("capi", "cng")


@dataclass(slots=True)
class FoundCopies:
    """What a search for copies found.

    Attributes:
        files: Key files outside the folders of keys; whose they are is not known, so they count as SYSTEM's.
        is_whole: All names of the tree were searched.
    """

    files: list[KeyFileEvidence] = field(default_factory=list)
    is_whole: bool = True


def find_key_copies(
    installation: Installation, folders: Sequence[KeyFolder], code_page: int | None = None
) -> FoundCopies:
    """Search the volume or collection of an installation for key files outside the folders of keys.

    Args:
        installation: Whose keys are broken.
        folders: The folders of keys, which were read already.
        code_page: ANSI code page of the machine, None when it is not known.
    """
    found = FoundCopies()
    known = {folder.path.lower() for folder in folders if folder.kind != "any"}
    with guard(installation, installation.source_path) as guarded:
        copies = _paths(installation, known, found)
        for path in islice(copies, MAX_COPIES):
            with guard(installation, path):
                file = _read(installation, installation.tree.entry(path), code_page)
                if file is not None:
                    found.files.append(file)
        if next(copies, None) is not None:
            found.is_whole = False
            message = f"only {MAX_COPIES} copies of key files are looked at"
            installation.problem(installation.source_path, "too_many", message)
    if guarded.failure is not None:
        found.is_whole = False
    return found


def _paths(installation: Installation, known: set[str], found: FoundCopies) -> Iterator[str]:
    """Yield the paths of files that are named as key files are, and lie in no known folder."""
    tree = installation.tree
    named = tree.paths_named(_NAME, _IN_UTF16, known) if isinstance(tree, FindsNames) else _walk(installation)
    for path in named:
        if path is None:
            found.is_whole = False
        elif path.rpartition("/")[0].lower() not in known:
            yield path


def _walk(installation: Installation) -> Iterator[str | None]:
    """Go from folder to folder of the machine's drives, the nearest first."""
    waiting = deque((drive, 0) for drive in _drives(installation))
    for _ in range(_MAX_FOLDERS):
        if not waiting:
            return
        folder, depth = waiting.popleft()
        listing = installation.listing(folder)
        if not listing.outcome.is_whole and listing.entries == ():
            yield None
        for entry in listing.entries:
            if entry.is_dir and depth < _MAX_DEPTH:
                waiting.append((entry.path, depth + 1))
            elif not entry.is_dir and _NAME.fullmatch(entry.name):
                yield entry.path
    yield None


def _drives(installation: Installation) -> list[str]:
    """Return the system drive and the drives beside it: a collection may hold those of several machines."""
    own = installation.drive
    above, _, name = own.rpartition("/")
    if not _DRIVE.fullmatch(name):
        return [own]
    others = (entry for entry in installation.listing(above).entries if entry.is_dir and _DRIVE.fullmatch(entry.name))
    return [own, *(entry.path for entry in others if entry.path.lower() != own.lower())]


def _read(installation: Installation, entry: Entry, code_page: int | None) -> KeyFileEvidence | None:
    """Parse a copy; one that is no key file, or a torn one, is passed over in silence."""
    name = split_key_file_name(entry.name)
    for kind in _KINDS:
        parsed = peek(installation, kind, entry)
        if parsed is None or name is None:
            continue
        row = KeyFileRow(
            machine_id=installation.machine_id,
            path=entry.path,
            file_name=entry.name,
            kind=kind,
            scope="machine",
            owner_sid="S-1-5-18",
            size=entry.size,
            created=entry.created,
            modified=entry.modified,
            name_hash=name[0],
            name_guid=name[1],
            source_path=entry.path,
            source_time=entry.modified,
        )
        add_facts(installation, row, parsed, code_page)
        return KeyFileEvidence(row, parsed)
    return None
