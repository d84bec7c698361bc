"""Tables ca_eklist and ca_eklist_entry: the folders in which a certification authority lists endorsement keys.

References:
    https://learn.microsoft.com/windows-server/identity/ad-ds/manage/component-updates/tpm-key-attestation: empty files,
    each named by the SHA-2 hash of a public endorsement key, without extension; only administrators write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field

from forensics.collectors.access_lists import read_access_list
from forensics.collectors.acl_summary import summarize_acl
from forensics.collectors.guard import guard
from forensics.collectors.system_drive import USUAL_DRIVE, system_drive
from forensics.disk.tree import Entry
from forensics.formats.access_check import ADMINISTRATORS, SYSTEM, Right, is_granted, system_sids
from forensics.formats.acl import ACCESS_ALLOWED, ACCESS_DENIED, INHERIT_ONLY, SecurityDescriptor
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.tables.authority import CaEkListEntryRow, CaEkListRow, CaRow, EntryFault
from forensics.tables.outcome import Outcome

MAX_ENTRIES = 50_000
"""Evidence: entries of all lists of one installation together."""

HASH_LENGTH = 64
_HEX = re.compile(r"[0-9a-f]*", re.IGNORECASE)
_DRIVE = re.compile(r"([A-Za-z]):[\\/]+(.*)", re.DOTALL)
_MAX_NAME = 255
"""Display: characters of a file name."""

_CREATOR_OWNER = "S-1-3-0"
_TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
_TRUSTED = frozenset({SYSTEM, ADMINISTRATORS, _TRUSTED_INSTALLER, _CREATOR_OWNER})
# Domain Admins, Enterprise Admins, and the machine's built-in Administrator.
_ADMINISTRATOR = re.compile(r"S-1-5-21-(?:\d+-){3}(?:500|512|519)")
# Add a file or folder, delete one, change the access list or take the folder; and the generic rights that hold these.
_CHANGES = 0x2 | 0x4 | 0x40 | 0x40000 | 0x80000 | 0x10000000 | 0x40000000
_LOCAL_SYSTEM = ("localsystem", ".\\localsystem", "nt authority\\system")


@dataclass(slots=True)
class EkLists:
    """The folders, and what is in them."""

    folders: list[CaEkListRow] = field(default_factory=list)
    entries: list[CaEkListEntryRow] = field(default_factory=list)


def collect_ek_lists(installation: Installation, authorities: Sequence[CaRow]) -> EkLists:
    """Read every folder that the authorities name and that lies on the drive of Windows."""
    found = EkLists()
    for authority in authorities:
        for configured in authority.ek_list_directories:
            folder = _folder(installation, authority, configured)
            found.folders.append(folder)
            if folder.outcome == "present":
                with guard(installation, folder.source_path):
                    found.entries += _entries(installation, folder, MAX_ENTRIES - len(found.entries))
    return found


def _folder(installation: Installation, authority: CaRow, configured: str) -> CaEkListRow:
    row = CaEkListRow(
        machine_id=installation.machine_id,
        ca=authority.name,
        configured=configured,
        source_path=f"{authority.source_path}!EndorsementKeyListDirectories",
        source_time=authority.source_time,
    )
    row.path, row.detail = _in_tree(installation, configured)
    if row.path is None:
        name = sentence("list of endorsement keys {configured}", configured=configured)
        not_here = Outcome("not_examined", row.detail)
        installation.coverage.tell("folder", name, not_here, f"{row.source_path} {configured}")
        return row
    folder = installation.listing(row.path)
    row.outcome = folder.outcome.state
    installation.coverage.tell("folder", f"list of endorsement keys {configured}", folder.outcome, row.path)
    if row.outcome != "present":
        return row
    with guard(installation, row.path):
        entry = installation.tree.entry(row.path)
        row.path, row.source_path, row.source_time = entry.path, entry.path, entry.modified
        security, _ = read_access_list(installation, entry)
        if security is not None:
            _add_access(row, security, authority.account)
    return row


def _in_tree(installation: Installation, configured: str) -> tuple[str | None, str | None]:
    """Return the path in the tree, or why there is none."""
    text = configured.strip().rstrip("\\/")
    lower = text.lower()
    if text.startswith(("\\\\", "//")):
        return None, sentence("a share of the network is not on this disk")
    for variable in ("%systemroot%", "%windir%"):
        if lower.startswith(f"{variable}\\"):
            return installation.in_windows(_slashes(text[len(variable) :])), None
    if lower.startswith("%systemdrive%\\"):
        return installation.on_drive(_slashes(text[len("%systemdrive%") :])), None
    drive = _DRIVE.match(text)
    if drive is None:
        return None, sentence("no full path of a local folder")
    if f"{drive[1].upper()}:" != (system_drive(installation) or USUAL_DRIVE):
        return None, sentence("drive {upper}: is not the drive of this Windows", upper=drive[1].upper())
    return installation.on_drive(_slashes(drive[2])), None


def _slashes(text: str) -> str:
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts)


def _entries(installation: Installation, folder: CaEkListRow, room: int) -> Iterator[CaEkListEntryRow]:
    assert folder.path is not None
    entries = installation.listing(folder.path).entries
    folder.entries, folder.well_formed, folder.complete = len(entries), 0, len(entries) <= room
    if not folder.complete:
        message = sentence(
            "{count} entries; at most {max_entries} of all lists are read", count=len(entries), max_entries=MAX_ENTRIES
        )
        installation.cut(
            "folder",
            f"list of endorsement keys {folder.configured}",
            folder.path,
            message,
        )
    for entry in entries[:room]:
        row = _entry(folder, entry)
        folder.well_formed += row.fault is None
        yield row


def _entry(folder: CaEkListRow, entry: Entry) -> CaEkListEntryRow:
    fault = _fault(entry)
    stem = entry.name.split(".", 1)[0]
    is_hash = len(stem) == HASH_LENGTH and _HEX.fullmatch(stem) is not None
    return CaEkListEntryRow(
        machine_id=folder.machine_id,
        ca=folder.ca,
        folder=folder.path or "",
        name=entry.name[:_MAX_NAME],
        ek_hash=stem.lower() if is_hash else None,
        size=entry.size,
        fault=fault,
        modified=entry.modified,
        source_path=entry.path,
        source_time=entry.modified,
    )


def _fault(entry: Entry) -> EntryFault | None:
    stem, dot, _ = entry.name.partition(".")
    if entry.is_dir:
        return "folder"
    if dot:
        return "extension"
    if _HEX.fullmatch(stem) is None:
        return "not_hex"
    if len(stem) != HASH_LENGTH:
        return "wrong_length"
    return "not_empty" if entry.size else None


def _add_access(row: CaEkListRow, security: SecurityDescriptor, account: str | None) -> None:
    row.owner, row.acl = security.owner, summarize_acl(security)
    if security.dacl is None:
        if security.null_dacl:
            row.writers, row.ca_can_read = ["S-1-1-0"], True
        return
    row.writers = _writers(security)
    if (account or "").lower() in _LOCAL_SYSTEM:
        row.ca_can_read = is_granted(security.dacl, system_sids(), Right.READ_DATA)


def _writers(security: SecurityDescriptor) -> list[str]:
    """Return whom the access list lets change the folder, administrators apart; the owner may always."""
    denied: dict[str, int] = {}
    writers: dict[str, None] = {}
    for ace in security.dacl or ():
        if ace.flags & INHERIT_ONLY or not ace.sid:
            continue
        if ace.type == ACCESS_DENIED:
            denied[ace.sid] = denied.get(ace.sid, 0) | ace.mask
        elif ace.type == ACCESS_ALLOWED and ace.mask & _CHANGES & ~denied.get(ace.sid, 0):
            writers[ace.sid] = None
    if security.owner:
        writers[security.owner] = None
    return [sid for sid in writers if sid not in _TRUSTED and not _ADMINISTRATOR.fullmatch(sid)]
