"""Master key files where Windows does not look: in a folder copied by hand, an earlier Windows, on another volume.

They are looked for only when a key needs one that is not at home, or is of no use there, by the GUID in their names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import field
from itertools import chain

from forensics.collectors.evidence import MasterKeyEvidence
from forensics.collectors.guard import guard
from forensics.collectors.master_keys import MAX_FILE_SIZE, add_master_key_facts
from forensics.collectors.name_search import FoundFile, Unsearched, on_other_volumes, on_own_volume
from forensics.disk.tree import NameMark, WantedNames
from forensics.formats.errors import FormatError
from forensics.formats.master_key import parse_master_key_file
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.tables.secrets import MasterKeyRow

MAX_COPIES = 1_000
"""Evidence: files named for master keys outside of their folders that are looked at in one search."""

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_HEX = rb"(?:[0-9a-fA-F]\0)"
_MARK = NameMark(re.compile(rb"-\0(?<=%b{8}-\0)(?=(?:%b{4}-\0){3}%b{12})" % ((_HEX,) * 3)), before=16, length=72)


@dataclass(slots=True)
class FoundMasterKeys:
    """What a search for master keys found.

    Attributes:
        files: Sound files by GUID, whoever's they are: their rows name no owner.
        not_searched: Why there may be more; None where all names were searched.
    """

    files: dict[str, list[MasterKeyEvidence]] = field(default_factory=lambda: defaultdict(list))
    not_searched: str | None = None


def master_key_names(guids: Collection[str]) -> WantedNames:
    """Return the names that hold one of some GUIDs, lower case."""
    return WantedNames(_GUID, (_MARK,), frozenset(guids))


def find_master_key_copies(
    installation: Installation, guids: Collection[str], is_known: Callable[[str], bool]
) -> FoundMasterKeys:
    """Search all volumes of an installation's disk, or its collection, for master key files.

    Args:
        installation: Whose keys need them.
        guids: Lower-case GUIDs of the master keys.
        is_known: Tells of a path, lower case, whether the file was read already.
    """
    found = FoundMasterKeys()
    wanted = master_key_names(guids)
    seen = 0
    with guard(installation, installation.source_path) as guarded:
        for item in chain(on_own_volume(installation, wanted), on_other_volumes(installation, wanted)):
            if isinstance(item, Unsearched):
                found.not_searched = found.not_searched or item.why
                continue
            if is_known(item.label.lower()):
                continue
            seen += 1
            if seen > MAX_COPIES:
                found.not_searched = sentence(
                    "only {max_copies} files named for master keys are looked at", max_copies=MAX_COPIES
                )
                installation.problem(installation.source_path, "too_many", found.not_searched)
                break
            with guard(installation, item.label) as read:
                read_master_key(installation, item, guids, found)
            if read.failure is not None:
                found.not_searched = found.not_searched or sentence(
                    "{label} could not be read: {why}", label=item.label, why=read.failure.why
                )
    if guarded.failure is not None:
        found.not_searched = found.not_searched or sentence("the search for copies of master keys failed")
    return found


def read_master_key(
    installation: Installation, item: FoundFile, guids: Collection[str], found: FoundMasterKeys
) -> None:
    """Parse a file; one that is no master key, or a damaged one, is passed over in silence.

    Args:
        installation: Whose keys need it.
        item: The file.
        guids: Lower-case GUIDs of the master keys that are needed.
        found: Takes it.
    """
    entry = item.tree.entry(item.path)
    if entry.size > MAX_FILE_SIZE:
        return
    with item.tree.open(entry) as stream:
        data = stream.read(MAX_FILE_SIZE)
    try:
        parsed = parse_master_key_file(data)
    except FormatError:
        return
    if parsed.guid not in guids or parsed.master is None:
        return
    row = MasterKeyRow(
        machine_id=installation.machine_id,
        guid=parsed.guid,
        path=item.label,
        created=entry.created,
        modified=entry.modified,
        source_path=item.label,
        source_time=entry.modified,
    )
    add_master_key_facts(row, parsed)
    found.files[parsed.guid].append(MasterKeyEvidence(row, parsed, raw=data, where=item))
