"""What opened a user's master key, or which secret is missing."""

from __future__ import annotations

from forensics.chain.told_missing import told_missing
from forensics.language import sentence
from forensics.report.facts import Facts
from forensics.tables.secrets import MasterKeyRow, OpenedWith

OPENED_WITH: dict[OpenedWith, str] = {
    "given_password": sentence("opened with the password that was given"),
    "given_nt_hash": sentence("opened with the NT hash that was given"),
    "empty_password": sentence("opened with the empty password"),
    "tbal": sentence("opened with the password that Windows kept to sign its user on after a restart (TBAL)"),
    "credhist": sentence("opened with an older password, to which the file CREDHIST leads"),
    "domain_key": sentence("opened with the backup key of the domain"),
}


def secret_of_user(master_key: MasterKeyRow | None, facts: Facts) -> str:
    """Say of a user's master key what opened it or what is missing; where neither is known, what may open it."""
    if master_key is not None and master_key.opened_with is not None:
        return _opened(master_key, master_key.opened_with)
    missing = missing_of_user(master_key, facts)
    return sentence("missing: {secret}", secret=missing) if missing else _may_open(master_key)


def _opened(master_key: MasterKeyRow, by: OpenedWith) -> str:
    if by == "domain_key" and master_key.domain_key_from is not None:
        return sentence(
            "opened with the backup key of the domain, which the directory of the domain controller {path} gave",
            path=master_key.domain_key_from,
        )
    return OPENED_WITH[by]


def missing_of_user(master_key: MasterKeyRow | None, facts: Facts) -> str:
    """Say which secret of a user is missing, as parts of one sentence; empty where none is known to be."""
    if master_key is None or not master_key.missing_secret:
        return ""
    users = (u for u in facts.case.rows("user") if u.machine_id == master_key.machine_id)
    name = next((user.name for user in users if user.sid == master_key.owner_sid), None)
    return told_missing(master_key, name or master_key.owner_sid or sentence("its user"))


def _may_open(master_key: MasterKeyRow | None) -> str:
    """Name what may open a user's master key; one without domain section is no matter of any domain."""
    if master_key is None or master_key.has_domain_backup is None:
        return sentence("the owner's password, or a domain's backup key where the master key has a copy for it")
    if not master_key.has_domain_backup:
        return sentence("the owner's password; there is no copy for a domain")
    guid = master_key.domain_key_guid or sentence("(of unknown GUID)")
    if master_key.domain_key == "does_not_open":
        return sentence("the owner's password, or the domain's backup key {guid}, which was not given", guid=guid)
    return sentence("the owner's password, or the domain's backup key {guid}", guid=guid)
