"""Which secret opens a master key, and which one is missing where nothing did."""

from __future__ import annotations

from collections.abc import Container

from forensics.chain.prekeys import LOCAL_ACCOUNT, OF_PEOPLE, is_system
from forensics.collectors.evidence import MasterKeyEvidence
from forensics.tables.secrets import MasterKeyRow, MissingSecret, Opener

_OF_ENTRA = "S-1-12-1-"


def opens_with(item: MasterKeyEvidence, online: Container[str]) -> list[Opener]:
    """Return what opens a master key; empty where that is not known, as of one whose file could not be read.

    Args:
        item: The master key.
        online: SIDs of accounts that sign in as a Microsoft account.
    """
    sid, file = item.row.owner_sid, item.parsed
    if sid is None or file is None:
        return []
    if is_system(sid):
        return ["dpapi_system"]
    if sid.startswith(_OF_ENTRA):
        return ["cloudap"]
    if not sid.startswith(OF_PEOPLE):
        return []
    found: list[Opener] = ["password"] if file.flags & LOCAL_ACCOUNT else ["password", "nt_hash"]
    if file.domain is not None:
        found.append("domain_key")
    return [*found, "cloudap"] if sid in online else found


def missing_secret(row: MasterKeyRow) -> list[MissingSecret]:
    """Return what would open a user's master key that nothing opened; the columns before are filled."""
    was_cut_short = row.unlocked_by == "not_tried" and row.given_password != "none"
    if row.outcome != "present" or was_cut_short:
        return []
    password: MissingSecret = "older_password" if row.given_password in ("todays", "cached") else "password"
    kinds: dict[Opener, MissingSecret] = {"password": password, "domain_key": "domain_key", "cloudap": "cloudap"}
    return [kinds[opener] for opener in row.opens_with if opener in kinds]
