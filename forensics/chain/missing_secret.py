"""Which secret opens a master key, and which one is missing where nothing did."""

from __future__ import annotations

from collections.abc import Container

from forensics.chain.password_history import History
from forensics.chain.prekeys import LOCAL_ACCOUNT, OF_PEOPLE, is_system
from forensics.chain.tried_passwords import told_history
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


def told_missing(row: MasterKeyRow, user: str) -> str:
    """Say which secret is missing of a user's master key, and what was tried; empty where none is known to be.

    Args:
        row: The master key.
        user: What to call its user.

    Returns:
        Parts of one sentence, without full stop.
    """
    option = "--password" if "nt_hash" not in row.opens_with else "--password, or its NT hash by --nt-hash"
    values = {"user": user, "key": row.domain_key_guid or "of unknown GUID", "option": option}
    ways = [_WAYS[kind].format(**values) for kind in row.missing_secret]
    if not ways:
        return ""
    return f"{', or '.join(ways)}; {'; '.join(_tried(row, user))}".rstrip("; ")


_WAYS: dict[MissingSecret, str] = {
    "password": "the password that {user} had when the master key was last protected ({option})",
    "older_password": "an older password of {user}, of the time when the master key was last protected ({option})",
    "domain_key": "the DPAPI backup key {key} of the domain (--domain-backup-key)",
    "cloudap": "likely a secret that Windows has from the cloud (CloudAP), which cannot be given here",
}


def _tried(row: MasterKeyRow, user: str) -> list[str]:
    tried = []
    if row.given_password == "todays":
        tried.append("the one given is today's, tested against SAM, and does not open it")
    elif row.given_password == "cached":
        tried.append("the one given is that of a sign-in here (cached credentials), and does not open it")
    elif row.given_password != "none":
        tried.append(f"what was given for {user} does not open it")
    if "domain_key" in row.missing_secret and row.domain_key == "does_not_open":
        tried.append(_other_keys(row))
    if row.credhist is not None and row.missing_secret != ["cloudap"]:
        tried.append(told_history(History(row.credhist, "", row.credhist_passwords, row.credhist_opened)))
    return tried


def _other_keys(row: MasterKeyRow) -> str:
    """Say which backup keys were tried, that one not among them."""
    if row.domain_key_from is not None:
        where = f"in the directory of the domain controller {row.domain_key_from}"
        return f"the backup key of that GUID {where} does not open it"
    if row.domain_key_guid in row.domain_keys_given:
        return "a backup key whose file is named for that GUID was given, and does not open it"
    named = f", named for {', '.join(row.domain_keys_given)}," if row.domain_keys_given else ""
    return f"the backup key given{named} does not open it: likely it is another one"
