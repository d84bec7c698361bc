"""How it is said which secret of a user is missing, and which were tried."""

from __future__ import annotations

from forensics.chain.credhist_told import History, told_history
from forensics.language import joined, sentence
from forensics.tables.secrets import MasterKeyRow, MissingSecret


def told_missing(row: MasterKeyRow, user: str) -> str:
    """Say which secret is missing of a user's master key, and what was tried; empty where none is known to be.

    Args:
        row: The master key.
        user: What to call its user.

    Returns:
        Parts of one sentence, without full stop.
    """
    option = "--password" if "nt_hash" not in row.opens_with else sentence("--password, or its NT hash by --nt-hash")
    if row.missing_secret and row.is_of_virtual_account:
        return sentence(
            "the secret of {user}, a virtual account, which has no password that anybody could give", user=user
        )
    ways = [_way(kind, user, option, row.domain_key_guid) for kind in row.missing_secret]
    return joined(filter(None, [joined(ways, ", or "), *(_tried(row, user) if ways else ())]), "; ")


def _way(kind: MissingSecret, user: str, option: str, key: str | None) -> str:
    """Say what one secret is."""
    if kind == "password":
        return sentence(
            "the password that {user} had when the master key was last protected ({option})", user=user, option=option
        )
    if kind == "older_password":
        return sentence(
            "an older password of {user}, of the time when the master key was last protected ({option})",
            user=user,
            option=option,
        )
    if kind == "domain_key":
        if key is None:
            return sentence("the DPAPI backup key of unknown GUID of the domain (--domain-backup-key)")
        return sentence("the DPAPI backup key {key} of the domain (--domain-backup-key)", key=key)
    return sentence("likely a secret that Windows has from the cloud (CloudAP), which cannot be given here")


def _tried(row: MasterKeyRow, user: str) -> list[str]:
    tried: list[str] = []
    if row.given_password == "todays":
        tried.append(sentence("the one given is today's, tested against SAM, and does not open it"))
    elif row.given_password == "cached":
        tried.append(sentence("the one given is that of a sign-in here (cached credentials), and does not open it"))
    elif row.given_password != "none":
        tried.append(sentence("what was given for {user} does not open it", user=user))
    if "domain_key" in row.missing_secret and row.domain_key == "does_not_open":
        tried.append(_other_keys(row))
    if row.credhist is not None and row.missing_secret != ["cloudap"]:
        tried.append(told_history(History(row.credhist, "", row.credhist_passwords, row.credhist_opened)))
    return tried


def _other_keys(row: MasterKeyRow) -> str:
    """Say which backup keys were tried, that one not among them."""
    if row.domain_key_from is not None:
        return sentence(
            "the backup key of that GUID in the directory of the domain controller {controller} does not open it",
            controller=row.domain_key_from,
        )
    if row.domain_key_guid in row.domain_keys_given:
        return sentence("a backup key whose file is named for that GUID was given, and does not open it")
    if row.domain_keys_given:
        return sentence(
            "the backup key given, named for {names}, does not open it: likely it is another one",
            names=", ".join(row.domain_keys_given),
        )
    return sentence("the backup key given does not open it: likely it is another one")
