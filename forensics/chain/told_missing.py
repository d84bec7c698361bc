"""How it is said which secret of a user is missing, and which were tried."""

from __future__ import annotations

from forensics.chain.credhist_told import History, told_history
from forensics.tables.secrets import MasterKeyRow, MissingSecret


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
