"""Tables key_file and key_folder: every private-key file, readable or not, and the folders they lie in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, MutableSequence, Sequence
from dataclasses import field, replace
from hashlib import sha256

from forensics.collectors.access_lists import read_access_list
from forensics.collectors.acl_summary import summarize_acl
from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence, KeyFolder
from forensics.collectors.guard import guard
from forensics.collectors.key_census import Census, look_at_sample
from forensics.collectors.key_content import MAX_FILE_SIZE, parse_key_file
from forensics.collectors.key_file_facts import add_facts
from forensics.collectors.key_search import KeySearch
from forensics.disk.tree import Entry
from forensics.formats.errors import FormatError
from forensics.formats.key_file_name import capi_name_hashes, cng_name_hashes, split_key_file_name, tpm_name_hash
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.tables.certificate import KeyFileRow
from forensics.tables.key_folder import KeyFolderRow
from forensics.tables.outcome import Outcome

MAX_IN_FOLDER = 2_000
"""Evidence: key files of one folder that are all read. A fuller one holds keys that a program makes and forgets: of it
those that certificates lead to are read, and those that Windows itself makes. Names are all seen.
"""
MAX_FILES = 10_000
"""Evidence: key files of one installation: those that certificates name first."""
MAX_TOTAL_SIZE = 128 << 20
"""Evidence: bytes of all key files together, since their content is kept until every chain is judged."""

_WINDOWS_OWN = frozenset(
    name_hash
    for container in (
        "TSSecKeySet1",
        "iisConfigurationKey",
        "iisCngConfigurationKey",
        "iisWasKey",
        "iisCngWasKey",
        "NetFrameworkConfigurationKey",
        "Microsoft Internet Information Server",
        "MS IIS DCOM Server",
        "WMSvc Certificate Key Container",
    )
    for name_hash in (*capi_name_hashes(container), *cng_name_hashes(container))
)
"""File name hashes of containers that parts of Windows make and no certificate need name."""
_TPM_NAME = re.compile(r"([0-9a-f]{40})\.pcpkey", re.IGNORECASE)


@dataclass(slots=True)
class KeyFiles:
    """Key files that were read, and a row of table key_folder for each folder that is there."""

    found: list[KeyFileEvidence] = field(default_factory=list)
    rows: list[KeyFolderRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Names:
    """What names of key files are made with on one machine; None where it is not known.

    Attributes:
        machine_guid: The suffix.
        code_page: That of containers' names.
    """

    machine_guid: str | None
    code_page: int | None


@dataclass(slots=True)
class _Place:
    """A folder that is looked into: its row, the files of it that are to be read, and those that were."""

    number: int
    folder: KeyFolder
    names: _Names
    census: Census
    chosen: list[Entry] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    is_crowded: bool = False
    left_out: bool = False


def collect_key_files(
    installation: Installation,
    folders: MutableSequence[KeyFolder],
    machine_guid: str | None,
    certificates: Sequence[CertificateEvidence] = (),
    code_page: int | None = None,
) -> KeyFiles:
    """Read the key files of the folders: all, or where there are too many those that certificates lead to.

    Args:
        installation: What is examined.
        folders: Where keys lie; of one whose files were not all read, ``contents`` becomes ``partial``.
        machine_guid: MachineGuid of the machine, as file names end in it; None when it is not known.
        certificates: Those of the installation: files that they name, or whose public key they have, are read first.
        code_page: ANSI code page of the machine, None when it is not known.
    """
    names = _Names(machine_guid, code_page)
    named = _WINDOWS_OWN | named_hashes(certificates, code_page)
    found: list[KeyFileEvidence] = []
    places = [
        _survey(installation, number, folder, names, named)
        for number, folder in enumerate(folders)
        if folder.outcome.is_there
    ]
    for place, entry in _chosen(places, named):
        _add(installation, place, entry, found)
    search = KeySearch(certificates, found)
    for place in places:
        if place.is_crowded or place.left_out:
            _look_further(installation, place, search, found)
            _tell(installation, folders, place, search)
    return KeyFiles(found, [place.census.row for place in places])


def named_hashes(certificates: Sequence[CertificateEvidence], code_page: int | None) -> frozenset[str]:
    """Return the file name hashes of every container that a certificate names, whichever provider it is of."""
    found: set[str] = set()
    for certificate in certificates:
        if certificate.link is not None:
            container = certificate.link.container
            found |= {*capi_name_hashes(container, code_page), *cng_name_hashes(container), tpm_name_hash(container)}
            as_file_name = split_key_file_name(container)
            found |= {as_file_name[0]} if as_file_name else set()
    return frozenset(found)


def _survey(installation: Installation, number: int, folder: KeyFolder, names: _Names, named: Container[str]) -> _Place:
    """List a folder: count its files, and choose those to read."""
    row = KeyFolderRow(
        machine_id=installation.machine_id,
        path=folder.path,
        kind=folder.kind,
        scope=folder.scope,
        owner_sid=folder.owner_sid,
        outcome=folder.outcome.state,
        source_path=folder.path,
    )
    place = _Place(number, folder, names, Census(row, names.machine_guid))
    leading: list[Entry] = []
    for entry in _files(installation, folder):
        name = split_name(folder.kind, entry.name)
        is_named = name is not None and name[0] in named
        place.census.add(entry, name[1] if name else None, is_named)
        if is_named:
            leading.append(entry)
        if row.files <= MAX_IN_FOLDER:
            place.chosen.append(entry)
    place.census.finish()
    if row.files > MAX_IN_FOLDER:
        place.is_crowded, place.chosen = True, leading
    return place


def _chosen(places: Sequence[_Place], named: Container[str]) -> Iterator[tuple[_Place, Entry]]:
    """Yield the files to read, each with its folder; of too many those that certificates name first."""
    files = [(place, entry) for place in places for entry in place.chosen]
    total = sum(min(entry.size, MAX_FILE_SIZE) for _, entry in files)
    if len(files) <= MAX_FILES and total <= MAX_TOTAL_SIZE:
        yield from files
        return
    # Each folder gets its turn, so that one which is full leaves room for the others.
    turn: Counter[int] = Counter()
    ranked: list[tuple[bool, int, _Place, Entry]] = []
    for place, entry in files:
        turn[place.number] += 1
        ranked.append((not _is_named(place.folder, entry, named), turn[place.number], place, entry))
    ranked.sort(key=lambda file: file[:2])
    count, left = 0, MAX_TOTAL_SIZE
    for is_other, _, place, entry in ranked:
        left -= min(entry.size, MAX_FILE_SIZE)
        if count < MAX_FILES and left >= 0:
            count += 1
            yield place, entry
            continue
        place.left_out = True
        if not is_other:
            # A name that leads somewhere was not followed: that no other does is not known either.
            place.folder = replace(place.folder, outcome=Outcome("partial", _too_many_named(place)))


def _too_many_named(place: _Place) -> str:
    return sentence(
        "{named} files lie where certificates have their keys, and not all are read", named=place.census.row.named
    )


def _look_further(installation: Installation, place: _Place, search: KeySearch, found: list[KeyFileEvidence]) -> None:
    """Look in what was not read for the keys of certificates that no name leads to, and for what fills the folder."""
    row = place.census.row
    with guard(installation, place.folder.path):
        if not search.is_over:
            others = (entry for entry in _files(installation, place.folder) if entry.path not in place.read)
            for entry in search.among(installation, row, others):
                _add(installation, place, entry, found)
        if place.is_crowded:
            look_at_sample(installation, place.census)


def _tell(installation: Installation, folders: MutableSequence[KeyFolder], place: _Place, search: KeySearch) -> None:
    row = place.census.row
    message: str = sentence(
        "{read} of its {files} key files are read, those that certificates name first", read=row.read, files=row.files
    )
    if row.searched:
        searched = sentence("of {count} more only the public key", count=row.searched)
        message = joined([message, searched], "; ")
    installation.cut("folder", row.path, row.path, message)
    lacks = search.not_found if len(place.read) + row.searched == row.files else frozenset()
    folders[place.number] = replace(place.folder, contents=Outcome("partial", message), lacks=lacks)
    row.outcome = place.folder.outcome.state


def _add(installation: Installation, place: _Place, entry: Entry, found: list[KeyFileEvidence]) -> None:
    place.read.add(entry.path)
    with guard(installation, entry.path):
        key_file = _read(installation, place.folder, entry, place.names)
        if key_file is not None:
            found.append(key_file)
            place.census.row.read += 1


def _is_named(folder: KeyFolder, entry: Entry, named: Container[str]) -> bool:
    name = split_name(folder.kind, entry.name)
    return name is not None and name[0] in named


def _files(installation: Installation, folder: KeyFolder) -> Iterator[Entry]:
    for entry in installation.listing(folder.path).entries:
        if not entry.is_dir:
            yield entry
        elif folder.kind == "tpm":
            yield from (e for e in installation.listing(entry.path).entries if not e.is_dir)


def split_name(kind: str, name: str) -> tuple[str, str | None] | None:
    """Return container hash and MachineGuid (None for TPM keys) of a key file's name; None for other names."""
    if kind == "tpm":
        match = _TPM_NAME.fullmatch(name)
        return (match[1].lower(), None) if match else None
    return split_key_file_name(name)


def _read(installation: Installation, folder: KeyFolder, entry: Entry, names: _Names) -> KeyFileEvidence | None:
    name = split_name(folder.kind, entry.name)
    row = KeyFileRow(
        machine_id=installation.machine_id,
        path=entry.path,
        file_name=entry.name,
        kind=folder.kind,
        folder_kind=folder.kind,
        scope=folder.scope,
        owner_sid=folder.owner_sid,
        size=entry.size,
        created=entry.created,
        modified=entry.modified,
        source_path=entry.path,
        source_time=entry.modified,
    )
    if name is not None:
        row.name_hash, row.name_guid = name
        if names.machine_guid and row.name_guid:
            row.guid_is_current = row.name_guid == names.machine_guid
    key_file = KeyFileEvidence(row)
    if name is None:
        if not _parse_if_key(installation, key_file, entry, names.code_page):
            return None
    else:
        _parse(installation, key_file, entry, names.code_page)
    _add_security(installation, key_file, entry)
    return key_file


def _parse(installation: Installation, key_file: KeyFileEvidence, entry: Entry, code_page: int | None) -> None:
    """Fill ``parsed``; a file that is named like a key but is none is unreadable and a problem."""
    row = key_file.row
    content = installation.read(entry, MAX_FILE_SIZE)
    if not content.outcome.is_there:
        # The folder lists it, so it is there: what was not got is never absent.
        row.outcome = "unreadable" if content.outcome.state == "unreadable" else "not_examined"
        key_file.unread_because = content.outcome.why or sentence("it was not read")
        return
    row.outcome, row.sha256 = "unreadable", sha256(content.data).hexdigest()
    with guard(installation, entry.path):
        if not content.data:
            raise FormatError("empty", 0, sentence("the key file has no content"))
        row.kind, key_file.parsed = parse_key_file(row.kind, content.data)
        row.outcome = "present"
    if key_file.parsed is not None:
        with guard(installation, entry.path):
            add_facts(installation, row, key_file.parsed, code_page)


def _parse_if_key(installation: Installation, key_file: KeyFileEvidence, entry: Entry, code_page: int | None) -> bool:
    """Parse a file whose name says nothing: ``desktop.ini`` is no key file and no problem either."""
    content = installation.read(entry, MAX_FILE_SIZE)
    row = key_file.row
    try:
        row.kind, key_file.parsed = parse_key_file(row.kind, content.data)
    except FormatError:
        return False
    key_file.row.sha256 = sha256(content.data).hexdigest()
    with guard(installation, entry.path):
        add_facts(installation, row, key_file.parsed, code_page)
    return True


def _add_security(installation: Installation, key_file: KeyFileEvidence, entry: Entry) -> None:
    key_file.security, key_file.access_unread = read_access_list(installation, entry)
    if key_file.security is not None:
        key_file.row.file_owner = key_file.security.owner
        key_file.row.acl = summarize_acl(key_file.security)
