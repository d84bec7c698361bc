"""Table folder_acl: who may create and list files where the machine's keys and master keys lie.

References:
    Microsoft KB278381: default permissions of MachineKeys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.access_lists import read_access_list
from forensics.collectors.acl_summary import summarize_acl
from forensics.collectors.evidence import KeyFolder
from forensics.collectors.guard import guard
from forensics.collectors.profiles import SYSTEM_SID, folder_exists
from forensics.formats.access_check import (
    AUTHENTICATED_USERS,
    EVERYONE,
    USERS,
    Right,
    Token,
    is_granted,
    system_sids,
)
from forensics.formats.acl import SecurityDescriptor
from forensics.formats.shut_out import what_shuts_out
from forensics.sources.installation import Installation
from forensics.tables.use import FolderAclRow, FolderKind, FolderScope

_PROTECT = f"System32/Microsoft/Protect/{SYSTEM_SID}"

_ANY_ACCOUNT = frozenset({EVERYONE, AUTHENTICATED_USERS, USERS})


def collect_folder_acls(installation: Installation, folders: Sequence[KeyFolder]) -> Iterator[FolderAclRow]:
    """Yield a row for each folder of machine, SYSTEM or service keys that is there, and for SYSTEM's master keys."""
    for folder in folders:
        if not folder.outcome.is_there:
            continue
        if folder.scope == "machine" or folder.scope == "system" or folder.scope == "service":
            yield _row(installation, folder.path, folder.kind, folder.scope, folder.owner_sid)
    for path in (_PROTECT, f"{_PROTECT}/User"):
        in_tree = installation.in_windows(path)
        if folder_exists(installation, in_tree):
            yield _row(installation, in_tree, "dpapi", "system", SYSTEM_SID)


def _row(
    installation: Installation, path: str, kind: FolderKind, scope: FolderScope, owner_sid: str | None
) -> FolderAclRow:
    row = FolderAclRow(
        machine_id=installation.machine_id, path=path, kind=kind, scope=scope, owner_sid=owner_sid, source_path=path
    )
    with guard(installation, path):
        entry = installation.tree.entry(path)
        row.path = row.source_path = entry.path
        row.source_time = entry.modified
        security, _ = read_access_list(installation, entry)
        if security is not None:
            _fill(row, security)
    return row


def _fill(row: FolderAclRow, security: SecurityDescriptor) -> None:
    row.owner = security.owner
    row.acl = summarize_acl(security)
    row.everyone_can_create = _granted(security, _ANY_ACCOUNT, Right.ADD_FILE)
    row.system_can_read = _granted(security, system_sids(), Right.READ_DATA)
    row.system_can_create = _granted(security, system_sids(), Right.ADD_FILE)
    system, everyone = [(SYSTEM_SID, [Token.of(system_sids())])], [(EVERYONE, [Token.of(_ANY_ACCOUNT)])]
    asked = [(system, Right.READ_DATA), (system, Right.ADD_FILE)]
    if row.kind == "capi" and row.scope == "machine":
        asked.append((everyone, Right.ADD_FILE))
    found = [what_shuts_out(security, readers, right) for readers, right in asked]
    row.denied_by = list(dict.fromkeys(sid for shut_out in found for sid in shut_out.denied_by))
    row.denial_inherited = any(shut_out.denial_inherited for shut_out in found)


def _granted(security: SecurityDescriptor, token: frozenset[str], right: Right) -> bool | None:
    if security.dacl is None:
        return True if security.null_dacl else None
    return is_granted(security.dacl, token, right)
