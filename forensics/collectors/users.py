"""Table user: accounts with a profile, a local account, or a Protect folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from forensics.collectors.profiles import (
    PROFILE_LIST,
    SERVICE_PROFILES,
    SYSTEM_SID,
    Profile,
    folder_exists,
    sid_folders,
)
from forensics.collectors.registry_view import RegistryView
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation
from forensics.tables.machine import AccountKind, MachineRow, UserRow
from forensics.tables.outcome import State

ACCOUNT_NAMES = "SAM\\Domains\\Account\\Users\\Names"

_WELL_KNOWN = {SYSTEM_SID: "SYSTEM", **SERVICE_PROFILES}
# Service SIDs, IIS application pools, virtual machines, user mode drivers, window manager, font driver host.
_SERVICE_PREFIXES = ("S-1-5-80-", "S-1-5-82-", "S-1-5-83-", "S-1-5-84-", "S-1-5-90-", "S-1-5-96-")
_CLOUD_PREFIXES: dict[str, AccountKind] = {"S-1-12-1-": "entra_account", "S-1-11-96-": "microsoft_account"}
"""Accounts that neither this machine nor a domain keeps: Entra ID, and Microsoft accounts by their own SID."""


@dataclass(frozen=True, slots=True)
class _Account:
    """A local account as SAM names it."""

    name: str
    source_path: str
    source_time: datetime | None


def account_kind(sid: str, machine: MachineRow) -> AccountKind:
    """Return the ``kind`` column: whose authority made the SID."""
    if sid == SYSTEM_SID:
        return "system"
    if sid in SERVICE_PROFILES or sid.startswith(_SERVICE_PREFIXES):
        return "service"
    for start, kind in _CLOUD_PREFIXES.items():
        if sid.startswith(start):
            return kind
    prefix = sid.rpartition("-")[0]
    if prefix in (machine.machine_sid_sam, machine.machine_sid_policy):
        return "machine_account"
    return "domain_account" if prefix == machine.domain_sid else "unknown"


def collect_users(installation: Installation, machine: MachineRow, profiles: Sequence[Profile]) -> list[UserRow]:
    """Return one row a SID, from profiles, SAM, and Protect folders that hold the keys of somebody else."""
    accounts = _local_accounts(installation, machine)
    rows: dict[str, UserRow] = {}
    owned: dict[str, list[Profile]] = {}
    for profile in profiles:
        if profile.sid is not None:
            owned.setdefault(profile.sid, []).append(profile)
    for sid, own in owned.items():
        rows[sid] = _row(installation, machine, sid, own, accounts)
    for sid, path in _protect_folders(installation, profiles):
        if sid not in rows:
            account = accounts.get(sid)
            rows[sid] = UserRow(
                machine_id=installation.machine_id,
                sid=sid,
                name=account.name if account else None,
                kind=account_kind(sid, machine),
                profile_outcome=_no_profile(installation),
                source_path=path,
            )
    for sid, account in accounts.items():
        if sid not in rows:
            rows[sid] = UserRow(
                machine_id=installation.machine_id,
                sid=sid,
                name=account.name,
                kind=account_kind(sid, machine),
                profile_outcome=_no_profile(installation),
                source_path=account.source_path,
                source_time=account.source_time,
            )
    return list(rows.values())


def _row(
    installation: Installation, machine: MachineRow, sid: str, own: Sequence[Profile], accounts: dict[str, _Account]
) -> UserRow:
    """Make the row of a SID from the profile that is the user's own: a temporary one is nobody's for long."""
    account = accounts.get(sid)
    profile = min(own, key=lambda p: (p.temporary, not p.listed, p.set_aside))
    temporary = next((p for p in own if p.temporary and p is not profile), None)
    has_no_name = installation.kind == "profile" or profile.folder.upper() == sid or profile.temporary
    folder = None if has_no_name else profile.folder
    return UserRow(
        machine_id=installation.machine_id,
        sid=sid,
        name=account.name if account else profile.name or _WELL_KNOWN.get(sid, folder),
        profile_path=profile.path,
        profile_outcome=profile.outcome.state,
        temporary_profile=temporary.path if temporary else None,
        other_profiles=[p.path for p in own if p is not profile and p is not temporary],
        kind=account_kind(sid, machine),
        last_load=profile.last_load,
        source_path=profile.source_path,
        source_time=profile.source_time,
    )


def _no_profile(installation: Installation) -> State:
    return "absent" if RegistryView.of_machine(installation, "SOFTWARE").key(PROFILE_LIST) else "not_examined"


def _local_accounts(installation: Installation, machine: MachineRow) -> dict[str, _Account]:
    """Read the names SAM indexes; the type of each name's default value is the account's RID."""
    sam = RegistryView.of_machine(installation, "SAM")
    accounts: dict[str, _Account] = {}
    if machine.machine_sid is None:
        return accounts
    for key in sam.subkeys(ACCOUNT_NAMES):
        value = sam.value(key, "")
        if value is None:
            installation.problem(
                sam.where(key), "no_rid", sentence("the account name has no default value to hold its RID")
            )
            continue
        accounts[f"{machine.machine_sid}-{value.type}"] = _Account(key.name, sam.where(key, ""), key.timestamp)
    return accounts


def _protect_folders(installation: Installation, profiles: Sequence[Profile]) -> Iterator[tuple[str, str]]:
    for profile in profiles:
        path = f"{profile.roaming}/Microsoft/Protect"
        if not profile.elsewhere and folder_exists(installation, path):
            yield from ((e.name.upper(), e.path) for e in sid_folders(installation, path))
