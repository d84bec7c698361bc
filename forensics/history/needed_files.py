"""Which files are looked for in witnesses of the past, by the beginnings of their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace

from forensics.collectors.evidence import Evidence
from forensics.collectors.key_copies import KEY_NAMES
from forensics.collectors.key_files import named_hashes
from forensics.collectors.master_key_copies import master_key_names
from forensics.disk.tree import WantedNames
from forensics.formats.key_file_name import split_key_file_name
from forensics.late_methods import dataclass
from forensics.tables.history import HistoryOf
from forensics.tables.key_chain import KeyChainRow

MAX_NEEDED = 500
"""Work: files that are looked for in witnesses of the past."""
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HASH_LENGTH = 32


@dataclass(slots=True)
class NeededFile:
    """A file that is looked for.

    Attributes:
        begins: How its name begins, lower case: the hash of the container's name, or the GUID of a master key.
        what: What kind of file it is.
        thumbprints: Of the certificates whose keys need it, upper hex, each once.
    """

    begins: str
    what: HistoryOf
    thumbprints: list[str] = field(default_factory=list)

    def is_named(self, name: str | None) -> bool:
        """Tell whether Windows looks for it under a name: a copy that somebody put beside it has another."""
        if name is None or not name.lower().startswith(self.begins):
            return False
        return is_name_of_windows(self.what, name)


def is_name_of_windows(what: HistoryOf, name: str | None) -> bool:
    """Tell whether a name is of the form that Windows gives to such files."""
    if name is None:
        return False
    return split_key_file_name(name) is not None if what == "key_file" else _GUID.fullmatch(name) is not None


class NeededFiles:
    """The files that are looked for.

    Args:
        files: The files.
        is_cut: There are more than are looked for.

    Attributes:
        files: The same.
        is_cut: The same.
    """

    def __init__(self, files: Sequence[NeededFile], is_cut: bool = False) -> None:
        self.files = files
        self.is_cut = is_cut
        self._by_beginning = {file.begins: file for file in files}

    def __bool__(self) -> bool:
        return bool(self.files)

    def of_name(self, name: str) -> NeededFile | None:
        """Return the file that Windows would look for under a name."""
        file = self._by_beginning.get(name.lower().partition("_")[0])
        return file if file is not None and file.is_named(name) else None

    def names(self) -> Iterator[tuple[HistoryOf, WantedNames]]:
        """Yield the names under which they are looked for on a volume, by the kind of file."""
        hashes = frozenset(file.begins for file in self.files if file.what == "key_file")
        if hashes:
            yield "key_file", replace(KEY_NAMES, among=_OfHashes(hashes))
        guids = frozenset(file.begins for file in self.files if file.what == "master_key")
        if guids:
            yield "master_key", master_key_names(guids)


@dataclass(frozen=True, slots=True)
class _OfHashes:
    """The names of key files with one of some hashes, whatever MachineGuid they end in."""

    hashes: frozenset[str]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name[:_HASH_LENGTH] in self.hashes


def needed_files(evidence: Evidence, chains: Iterable[KeyChainRow], everything: bool = False) -> NeededFiles:
    """Return the files that broken keys need and do not find, at most :data:`MAX_NEEDED`.

    Args:
        evidence: What was found on the installation.
        chains: Its chains.
        everything: Those of all keys and all master keys, broken or not.
    """
    code_page = evidence.machine.ansi_code_page
    by_thumbprint = {certificate.row.thumbprint: certificate for certificate in evidence.certificates}
    needed: dict[str, NeededFile] = {}
    for chain in chains:
        if chain.verdict != "unusable" and not everything:
            continue
        certificate = by_thumbprint.get(chain.thumbprint or "")
        if everything or chain.key_file in ("absent", "other_machine_guid") or chain.public_key == "mismatch":
            hashes = named_hashes([certificate], code_page) if certificate is not None else frozenset()
            for begins in sorted({*hashes, *_hash_of(chain.key_file_path)}):
                _add(needed, begins, "key_file", chain.thumbprint)
        if chain.master_key_guid is not None and (everything or chain.master_key in ("absent", "unreadable")):
            _add(needed, chain.master_key_guid.lower(), "master_key", chain.thumbprint)
    if everything:
        for key in evidence.master_keys:
            _add(needed, key.row.guid.lower(), "master_key", None)
    files = list(needed.values())
    return NeededFiles(files[:MAX_NEEDED], len(files) > MAX_NEEDED)


def _hash_of(path: str | None) -> Iterator[str]:
    """Yield the hash in the name of a key file, unless the path is of a file that is none of the present."""
    split = split_key_file_name((path or "").rpartition("/")[2])
    if split is not None:
        yield split[0].lower()


def _add(needed: dict[str, NeededFile], begins: str, what: HistoryOf, thumbprint: str | None) -> None:
    file = needed.setdefault(begins, NeededFile(begins, what))
    if thumbprint is not None and thumbprint not in file.thumbprints:
        file.thumbprints.append(thumbprint)
