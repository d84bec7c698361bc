"""Copies of key files where Windows does not look: in a backup made by hand, an earlier Windows, on another volume.

They are looked for only when a key is broken, by what their names hold: the hash of a container and a MachineGuid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import field

from forensics.collectors.evidence import KeyFileEvidence, KeyFolder, ParsedKey
from forensics.collectors.guard import guard
from forensics.collectors.key_content import PARSERS, content_of
from forensics.collectors.key_file_facts import add_facts
from forensics.collectors.name_search import FoundFile, Unsearched, on_other_volumes, on_own_volume
from forensics.disk.tree import NameMark, WantedNames
from forensics.formats.errors import FormatError
from forensics.formats.key_file_name import find_key_file_name
from forensics.lack_of_memory import suppressed
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.tables.certificate import KeyFileKind, KeyFileRow

MAX_COPIES = 1_000
"""Evidence: copies of key files outside the folders of keys that are looked at, on the volume of Windows, and as many
on the others.
"""

_HEX = r"[0-9a-f]"
_NAME = re.compile(rf"{_HEX}{{32}}_{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}", re.IGNORECASE | re.ASCII)
_IN_UTF16 = rb"(?:[0-9a-fA-F]\0)"
_HASH, _LENGTH = 64, 138
"""Format: bytes of UTF-16 of the hash, and of the name."""
# Of a name across two sectors two bytes are lost: of the hash, of the GUID, or what stands between them.
_MARKS = (
    NameMark(
        re.compile(rb"_\0(?:(?<=%b{32}_\0)|(?=%b{8}(?:-\0%b{4}){3}-\0%b{12}))" % ((_IN_UTF16,) * 4)), _HASH, _LENGTH
    ),
    NameMark(re.compile(rb"-\0(?<=%b{32}[^_][\s\S]%b{8}-\0)" % ((_IN_UTF16,) * 2)), _HASH + 18, _LENGTH),
)
KEY_NAMES = WantedNames(_NAME, _MARKS)
"""Names that hold that of a key file."""
_KINDS: tuple[KeyFileKind, ...] = ("capi", "cng")


@dataclass(slots=True)
class FoundCopies:
    """What a search for copies found.

    Attributes:
        files: Key files outside the folders of keys; whose they are is not known, so they count as SYSTEM's.
        not_searched: Why there may be more; None where all names were searched.
    """

    files: list[KeyFileEvidence] = field(default_factory=list)
    not_searched: str | None = None


def find_key_copies(
    installation: Installation, folders: Sequence[KeyFolder], code_page: int | None = None
) -> FoundCopies:
    """Search the volume or collection of an installation for key files outside the folders of keys.

    Args:
        installation: Whose keys are broken.
        folders: The folders of keys, which were read already.
        code_page: ANSI code page of the machine, None when it is not known.
    """
    return read_key_files(
        installation, on_own_volume(installation, KEY_NAMES, _known(installation, folders)), code_page
    )


def find_key_copies_beside(
    installation: Installation, folders: Sequence[KeyFolder], code_page: int | None = None
) -> FoundCopies:
    """Search the other volumes of an installation's disk for key files; the arguments are those of find_key_copies."""
    return read_key_files(
        installation, on_other_volumes(installation, KEY_NAMES, _known(installation, folders)), code_page
    )


def _known(installation: Installation, folders: Sequence[KeyFolder]) -> set[str]:
    """Return where the folders lie that were read, over whatever links."""
    return {installation.really(folder.path).lower() for folder in folders}


def read_key_files(
    installation: Installation, named: Iterable[FoundFile | Unsearched], code_page: int | None
) -> FoundCopies:
    """Read files that are named for key files; those that are none are passed over.

    Args:
        installation: Whose keys are broken.
        named: The files.
        code_page: ANSI code page of the machine, None when it is not known.
    """
    found = FoundCopies()
    seen = 0
    with guard(installation, installation.source_path) as guarded:
        for item in named:
            if isinstance(item, Unsearched):
                found.not_searched = found.not_searched or item.why
                continue
            seen += 1
            if seen > MAX_COPIES:
                found.not_searched = sentence(
                    "only {max_copies} copies of key files are looked at", max_copies=MAX_COPIES
                )
                installation.problem(installation.source_path, "too_many", found.not_searched)
                break
            file = None
            with guard(installation, item.label) as read:
                file = _read(installation, item, code_page)
            if file is not None:
                found.files.append(file)
            elif read.failure is not None:
                found.not_searched = found.not_searched or sentence(
                    "{label} could not be read: {why}", label=item.label, why=read.failure.why
                )
    if guarded.failure is not None:
        found.not_searched = found.not_searched or sentence("the search for copies of key files failed")
    return found


def _read(installation: Installation, item: FoundFile, code_page: int | None) -> KeyFileEvidence | None:
    """Parse a copy; one that is no key file, or a torn one, is passed over in silence."""
    entry = item.tree.entry(item.path)
    name = find_key_file_name(entry.name)
    try:
        data = content_of(item.tree, entry)
    except FormatError:
        return None
    for kind in _KINDS:
        parsed: ParsedKey | None = None
        with suppressed():  # a parser may raise anything on hostile bytes
            parsed = PARSERS[kind](data)
        if parsed is None or name is None:
            continue
        row = KeyFileRow(
            machine_id=installation.machine_id,
            path=item.label,
            file_name=entry.name,
            kind=kind,
            scope="machine",
            owner_sid="S-1-5-18",
            size=entry.size,
            created=entry.created,
            modified=entry.modified,
            name_hash=name[0],
            name_guid=name[1],
            source_path=item.label,
            source_time=entry.modified,
        )
        add_facts(installation, row, parsed, code_page)
        return KeyFileEvidence(row, parsed, where=item)
    return None
