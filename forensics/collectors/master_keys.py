"""Table master_key: every DPAPI master key file, readable or not, and what can be said of its folder."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import field

from forensics.collectors.access_lists import read_access_list
from forensics.collectors.acl_summary import summarize_acl
from forensics.collectors.evidence import MasterKeyEvidence
from forensics.collectors.guard import guard
from forensics.collectors.profiles import SYSTEM_SID, Profile, folder_exists, sid_folders
from forensics.disk.tree import Entry
from forensics.formats.access_check import SYSTEM, Token, system_sids
from forensics.formats.alg_id import algorithm_name
from forensics.formats.errors import FormatError
from forensics.formats.master_key import MasterKeyFile, MasterKeySection, parse_master_key_file
from forensics.formats.preferred import Preferred, parse_preferred
from forensics.formats.shut_out import what_shuts_out
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.tables.outcome import NOT_COLLECTED, Outcome
from forensics.tables.secrets import Half, MasterKeyRow

MAX_FILES = 10_000
"""Evidence: master keys of one installation: those that key files name first."""
MAX_FILE_SIZE = 64 << 10
"""Format: bytes of one master key file."""

_GUID_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder of master keys.

    Attributes:
        canonical: Windows itself looks there.
        elsewhere: It lies on another drive.
        in_profile_of: SID of another account in whose profile it lies, where its own account has one; else None.
    """

    sid: str
    half: Half | None
    path: str
    canonical: bool
    elsewhere: bool = False
    in_profile_of: str | None = None


@dataclass(slots=True)
class MasterKeys:
    """Master keys, and the outcome of the folders keyed by (SID, half)."""

    found: list[MasterKeyEvidence] = field(default_factory=list)
    folders: dict[tuple[str, str | None], Outcome] = field(default_factory=dict)


def collect_master_keys(
    installation: Installation, profiles: Sequence[Profile], named: Container[str] = frozenset()
) -> MasterKeys:
    """Read every Protect folder: SYSTEM's two, and those of every profile for whichever SID they hold.

    Args:
        installation: What is examined.
        profiles: Its profiles.
        named: GUIDs, lower case, that key files name. As long as these are read, a folder of too many files still tells
            by names which of them are absent.
    """
    keys = MasterKeys()
    seen: set[str] = set()
    for folder in (*_system_folders(installation), *_profile_folders(installation, profiles)):
        outcome = _outcome(installation, folder)
        place = installation.really(folder.path).lower()
        if place in seen:
            continue
        seen.add(place)
        _note_folder(keys, folder, outcome)
        told = Outcome(outcome.state, joined(filter(None, (_half_text(folder.half), outcome.why)), "; ") or None)
        installation.coverage.tell("folder", f"Protect\\{folder.sid}", told, folder.path)
        if outcome.is_there:
            listed = _listed(installation, folder)
            left = MAX_FILES - len(keys.found)
            if len(listed) > left:
                message = sentence("only {left} of {count} master keys were read", left=left, count=len(listed))
                installation.cut("folder", f"Protect\\{folder.sid}", folder.path, message)
                listed.sort(key=lambda entry: entry.name.lower() not in named)
                if listed[left].name.lower() in named:
                    keys.folders[folder.sid, folder.half] = Outcome("partial", message)
            keys.found.extend(_files(installation, folder, listed[:left]))
    return keys


def _outcome(installation: Installation, folder: _Folder) -> Outcome:
    """In a collection a folder that holds only folders was not collected itself: it is the way to them."""
    if folder.elsewhere:
        return NOT_COLLECTED
    listing = installation.listing(folder.path)
    only_folders = bool(listing.entries) and all(entry.is_dir for entry in listing.entries)
    return NOT_COLLECTED if only_folders and not installation.tree.complete else listing.outcome


def _half_text(half: str | None) -> str | None:
    return sentence("{half} half of DPAPI_SYSTEM", half=half) if half else None


def _note_folder(keys: MasterKeys, folder: _Folder, outcome: Outcome) -> None:
    """A key that Windows' own folder does not hold may still lie in another one, which then speaks for both."""
    place = (folder.sid, folder.half)
    before = keys.folders.get(place)
    # Of the several profiles that one SID may have, each is a place where Windows put its keys once.
    less_is_seen = before is not None and before.is_whole and folder.canonical and not outcome.is_whole
    if before is None or before.state == "absent" or less_is_seen:
        keys.folders[place] = outcome


def _system_folders(installation: Installation) -> Iterator[_Folder]:
    protect = installation.in_windows("System32/Microsoft/Protect")
    root = f"{protect}/{SYSTEM_SID}"
    yield _Folder(SYSTEM_SID, "machine", root, True)
    yield _Folder(SYSTEM_SID, "user", f"{root}/User", True)


def _profile_folders(installation: Installation, profiles: Sequence[Profile]) -> Iterator[_Folder]:
    others: list[_Folder] = []
    bases: list[tuple[str, str | None]] = [(installation.in_windows("System32/Microsoft/Protect"), None)]
    homes = {profile.sid for profile in profiles if profile.scope != "system"}
    for profile in profiles:
        base = f"{profile.roaming}/Microsoft/Protect"
        if profile.sid is not None and profile.scope != "system":
            yield _Folder(profile.sid, None, f"{base}/{profile.sid}", True, profile.elsewhere)
        if not profile.elsewhere:
            bases.append((base, profile.sid))
    for base, whose in bases:
        if folder_exists(installation, base):
            for entry in sid_folders(installation, base):
                sid = entry.name.upper()
                astray = whose if whose is not None and sid != whose and sid in homes else None
                others.append(_Folder(sid, None, entry.path, False, in_profile_of=astray))
    yield from others


def _listed(installation: Installation, folder: _Folder) -> list[Entry]:
    entries = installation.listing(folder.path).entries
    return [e for e in entries if not e.is_dir and _GUID_NAME.fullmatch(e.name)]


def _files(installation: Installation, folder: _Folder, named: Sequence[Entry]) -> Iterator[MasterKeyEvidence]:
    preferred = _preferred(installation, installation.listing(folder.path).entries)
    for entry in named:
        row = MasterKeyRow(
            machine_id=installation.machine_id,
            guid=entry.name.lower(),
            path=entry.path,
            owner_sid=folder.sid,
            half=folder.half,
            created=entry.created,
            modified=entry.modified,
            source_path=entry.path,
            source_time=entry.modified,
        )
        if preferred is not None:
            row.preferred = preferred.guid == row.guid
            row.preferred_until = preferred.renew_after if row.preferred else None
        evidence = MasterKeyEvidence(row, in_profile_of=folder.in_profile_of)
        _parse(installation, evidence, entry)
        _add_security(installation, evidence, entry)
        yield evidence


def _preferred(installation: Installation, entries: Sequence[Entry]) -> Preferred | None:
    for entry in entries:
        if entry.name.lower() == "preferred" and not entry.is_dir:
            with guard(installation, entry.path):
                content = installation.read(entry)
                return parse_preferred(content.data) if content.outcome.is_there else None
    return None


def _parse(installation: Installation, evidence: MasterKeyEvidence, entry: Entry) -> None:
    row = evidence.row
    content = installation.read(entry, MAX_FILE_SIZE)
    if not content.outcome.is_there:
        # The folder lists it, so it is there: what was not got is never absent.
        row.outcome = "unreadable" if content.outcome.state == "unreadable" else "not_examined"
        evidence.unread_because = content.outcome.why or sentence("it was not read")
        return
    row.outcome = "unreadable"
    with guard(installation, entry.path):
        if not content.data:
            raise FormatError("empty", 0, sentence("the master key file has no content"))
        parsed = parse_master_key_file(content.data)
        add_master_key_facts(row, parsed)
        for error in parsed.problems:
            installation.problem(entry.path, error.kind, error.message, error.offset)
        if parsed.guid != row.guid:
            raise FormatError(
                "other_guid",
                12,
                sentence(
                    "the file is named {guid}, the master key inside is {guid2}", guid=row.guid, guid2=parsed.guid
                ),
            )
        evidence.parsed = parsed
        row.outcome = "present"


def _add_security(installation: Installation, evidence: MasterKeyEvidence, entry: Entry) -> None:
    evidence.security, evidence.access_unread = read_access_list(installation, entry)
    security = evidence.security
    if security is None:
        return
    evidence.row.file_owner, evidence.row.acl = security.owner, summarize_acl(security)
    shut_out = what_shuts_out(security, [(SYSTEM, [Token.of(system_sids())])])
    evidence.row.denied_by, evidence.row.denial_inherited = shut_out.denied_by, shut_out.denial_inherited


def add_master_key_facts(row: MasterKeyRow, parsed: MasterKeyFile) -> None:
    """Fill a row from its parsed file."""
    row.flags = parsed.flags
    row.has_backup = parsed.backup is not None
    row.has_credhist = parsed.has_credhist
    row.has_domain_backup = parsed.domain is not None
    row.domain_key_guid = parsed.domain.key_guid if parsed.domain else None
    row.domain_key_version = parsed.domain.version if parsed.domain else None
    section: MasterKeySection | None = parsed.master
    if section is not None:
        row.rounds = section.rounds
        row.hash_algorithm = algorithm_name(section.hash_algorithm)
        row.cipher_algorithm = algorithm_name(section.cipher_algorithm)
