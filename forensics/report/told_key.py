"""What is told of one key where it is named: which it is, in which store, how long it is valid, where its files lie."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.case_tables import CaseTables
from forensics.language import _, listed, told
from forensics.report.facts import Facts, day, label
from forensics.report.key_history import loss_beside
from forensics.report.words import word
from forensics.tables.key_chain import KeyChainRow


def told_key(chain: KeyChainRow, facts: Facts, said: str = "") -> Iterator[str]:
    """Yield what is told of a key, in the spoken language: first which it is.

    Args:
        chain: Its chain.
        facts: The rows that it speaks of.
        said: What stands above, and is not said again.
    """
    if chain.thumbprint:
        yield named_certificate(facts.case, chain)
        yield _("thumbprint {thumbprint}", thumbprint=chain.thumbprint)
    else:
        yield _("{key_file}, which no certificate names", key_file=label(chain))
    if chain.key_file_path:
        yield _("key file {name}", name=facts.path(chain.machine_id, chain.key_file_path))
    if chain.broken_at in ("master_key", "secret"):
        yield _("master key {guid}", guid=chain.master_key_guid)
    if chain.recoverable_from and chain.recoverable_from != chain.key_file_path:
        yield facts.told_found(chain)
    if copy := facts.told_copy(chain):
        yield copy
    if loss := loss_beside(chain, said):
        yield _("the file that it needs {loss}", loss=loss)


def named_certificate(case: CaseTables, chain: KeyChainRow) -> str:
    """Name a certificate with its store and its last day, in the spoken language."""
    return listed([told(label(chain)), store_of(case, chain), validity(case, chain)])


def store_of(case: CaseTables, chain: KeyChainRow) -> str:
    """Say in which store a certificate is, and whose that is, in the spoken language."""
    store = chain.store or "?"
    if chain.store_scope == "machine":
        return _("store {store} of the computer", store=store)
    if chain.store_scope == "enterprise":
        return _("store {store} of the enterprise", store=store)
    if chain.store_scope == "policy":
        return _("store {store} set by policy", store=store)
    if chain.store_scope == "service":
        return _("store {store} of service {name}", store=store, name=_owner(case, chain))
    return _("store {store} of user {name}", store=store, name=_owner(case, chain))


def _owner(case: CaseTables, chain: KeyChainRow) -> str:
    users = (u for u in case.rows("user") if u.machine_id == chain.machine_id and u.sid == chain.owner_sid)
    name = next((u.name for u in users if u.name), None)
    return name or chain.owner_sid or word("unknown")


def validity(case: CaseTables, chain: KeyChainRow) -> str:
    """Say until when a certificate is valid, or since when it is not, in the spoken language."""
    if chain.is_request:
        return _("a request")
    if chain.not_after is None:
        return _("last day not read")
    if has_ended(case, chain):
        return _("expired {date}", date=day(chain.not_after))
    return _("valid until {date}", date=day(chain.not_after))


def has_ended(case: CaseTables, chain: KeyChainRow) -> bool:
    """Tell whether the last day of a certificate lies before the date of a case."""
    return chain.ends is not None and chain.ends < case.as_of
