"""Table key_file: every private-key file, readable or not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, MutableSequence
from dataclasses import replace

from forensics.collectors.acl_summary import summarize_acl
from forensics.collectors.evidence import KeyFileEvidence, KeyFolder, ParsedKey
from forensics.collectors.guard import guard
from forensics.collectors.key_file_facts import add_facts
from forensics.disk.tree import Entry
from forensics.formats.acl import parse_security_descriptor
from forensics.formats.capi_key import parse_capi_key_file
from forensics.formats.cng_key import parse_cng_key_file
from forensics.formats.errors import FormatError
from forensics.formats.key_file_name import split_key_file_name
from forensics.formats.pcpkey import parse_pcpkey
from forensics.sources.installation import Installation
from forensics.tables.certificate import KeyFileRow
from forensics.tables.outcome import Outcome

MAX_FILES = 10_000
"""Evidence: key files of one installation: those that certificates name first."""
MAX_FILE_SIZE = 256 << 10
"""Format: bytes of one key file."""
MAX_TOTAL_SIZE = 128 << 20
"""Evidence: bytes of all key files together, since their content is kept until every chain is judged."""

_PARSERS: dict[str, Callable[[bytes], ParsedKey]] = {
    "capi": parse_capi_key_file,
    "cng": parse_cng_key_file,
    "tpm": parse_pcpkey,
}
_TPM_NAME = re.compile(r"([0-9a-f]{40})\.pcpkey", re.IGNORECASE)


def collect_key_files(
    installation: Installation,
    folders: MutableSequence[KeyFolder],
    machine_guid: str | None,
    named: Container[str] = frozenset(),
) -> list[KeyFileEvidence]:
    """Read every key file of the folders.

    Args:
        installation: What is examined.
        folders: Where keys lie; one that holds more files than are read becomes ``not_examined``.
        machine_guid: MachineGuid of the machine, None when it is not known.
        named: Hashes of the containers that certificates name: their files are read first.
    """
    found: list[KeyFileEvidence] = []
    for number, entry in _chosen(installation, folders, named):
        with guard(installation, entry.path):
            key_file = _read(installation, folders[number], entry, machine_guid)
            if key_file is not None:
                found.append(key_file)
    return found


def _chosen(
    installation: Installation, folders: MutableSequence[KeyFolder], named: Container[str]
) -> list[tuple[int, Entry]]:
    """Return the files to read, each with the number of its folder."""
    files = [(number, entry) for number, folder in enumerate(folders) for entry in _files(installation, folder)]
    total = sum(min(entry.size, MAX_FILE_SIZE) for _, entry in files)
    if len(files) <= MAX_FILES and total <= MAX_TOTAL_SIZE:
        return files
    # A folder that software filled with a hundred thousand forgotten keys still tells what certificates need, and
    # leaves room for the other folders.
    places: Counter[int] = Counter()
    ranked = []
    for number, entry in files:
        places[number] += 1
        ranked.append((not _is_named(folders[number], entry, named), places[number], number, entry))
    ranked.sort(key=lambda file: file[:2])
    chosen: list[tuple[int, Entry]] = []
    left = MAX_TOTAL_SIZE
    for _, _, number, entry in ranked:
        left -= min(entry.size, MAX_FILE_SIZE)
        if len(chosen) < MAX_FILES and left >= 0:
            chosen.append((number, entry))
        elif folders[number].outcome.state == "present":
            message = f"not all of its files are read: at most {MAX_FILES} key files, or {MAX_TOTAL_SIZE} bytes of them"
            installation.cut("folder", folders[number].path, folders[number].path, message)
            folders[number] = replace(folders[number], outcome=Outcome("partial", message))
    return chosen


def _is_named(folder: KeyFolder, entry: Entry, named: Container[str]) -> bool:
    name = split_name(folder.kind, entry.name)
    return name is not None and name[0] in named


def _files(installation: Installation, folder: KeyFolder) -> Iterator[Entry]:
    if not folder.outcome.is_there:
        return
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


def _read(
    installation: Installation, folder: KeyFolder, entry: Entry, machine_guid: str | None
) -> KeyFileEvidence | None:
    assert folder.kind != "any"
    assert folder.scope != "earlier"
    name = split_name(folder.kind, entry.name)
    row = KeyFileRow(
        machine_id=installation.machine_id,
        path=entry.path,
        file_name=entry.name,
        kind=folder.kind,
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
        if machine_guid and row.name_guid:
            row.guid_is_current = row.name_guid == machine_guid.lower()
    key_file = KeyFileEvidence(row)
    if name is None:
        if not _parse_if_key(installation, key_file, entry):
            return None
    else:
        _parse(installation, key_file, entry)
    with guard(installation, entry.path):
        _add_security(installation, key_file, entry)
    return key_file


def _parse(installation: Installation, key_file: KeyFileEvidence, entry: Entry) -> None:
    """Fill ``parsed``; a file that is named like a key but is none is unreadable and a problem."""
    row = key_file.row
    content = installation.read(entry, MAX_FILE_SIZE)
    if not content.outcome.is_there:
        # The folder lists it, so it is there: what was not got is never absent.
        row.outcome = "unreadable" if content.outcome.state == "unreadable" else "not_examined"
        key_file.unread_because = content.outcome.why or "it was not read"
        return
    row.outcome = "unreadable"
    with guard(installation, entry.path):
        if not content.data:
            raise FormatError("empty", 0, "the key file has no content")
        key_file.parsed = _PARSERS[row.kind](content.data)
        row.outcome = "present"
    if key_file.parsed is not None:
        with guard(installation, entry.path):
            add_facts(installation, row, key_file.parsed)


def _parse_if_key(installation: Installation, key_file: KeyFileEvidence, entry: Entry) -> bool:
    """Parse a file whose name says nothing: ``desktop.ini`` is no key file and no problem either."""
    content = installation.read(entry, MAX_FILE_SIZE)
    try:
        key_file.parsed = _PARSERS[key_file.row.kind](content.data)
    except FormatError:
        return False
    with guard(installation, entry.path):
        add_facts(installation, key_file.row, key_file.parsed)
    return True


def _add_security(installation: Installation, key_file: KeyFileEvidence, entry: Entry) -> None:
    descriptor = installation.tree.security_descriptor(entry)
    if descriptor is None:
        return
    key_file.security = parse_security_descriptor(descriptor)
    key_file.row.file_owner = key_file.security.owner
    key_file.row.acl = summarize_acl(key_file.security)
